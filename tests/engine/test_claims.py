"""Claims, leases, limits and attempts, rule by rule. On Redis, and on what `dev` runs on."""

from datetime import timedelta
from typing import Any, Final

import pytest

from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.model import Claimed
from envoy_plugin.engine.queries import find_attempts, find_job
from envoy_plugin.engine.retries import Backoff
from envoy_plugin.engine.states import State
from envoy_plugin.engine.sweeper import MAX_CRASHES, sweep
from envoy_plugin.engine.verbs import Claim, Enqueue, Release, Succeed
from envoy_plugin.errors import LostLease, WrongState
from tests.engine.clock import Clock

SECOND: Final = timedelta(seconds=1)
LEASE: Final = 15 * SECOND


@pytest.fixture(params=["redis_url", "memory_redis_url"])
def engine_url(request: pytest.FixtureRequest) -> str:
    """Both servers."""
    return str(request.getfixturevalue(request.param))


async def held(engine: Engine, lease: timedelta | None = LEASE, **facts: Any) -> Claimed:
    """A new job, claimed."""
    made = await engine.enqueue(Enqueue(queue="q", kind="k", **facts))
    [job] = await engine.claim("q", 1, who="w", lease=lease)
    assert job.id == made.id
    return job


async def lose_lease(engine: Engine, clock: Clock) -> None:
    """Let the lease of whatever runs run out, and sweep."""
    clock.move(LEASE)
    await sweep(engine)


async def test_a_late_success_after_another_claim_is_refused(engine: Engine, clock: Clock) -> None:
    first = await held(engine)
    await lose_lease(engine, clock)
    [second] = await engine.claim("q", 1, who="other", lease=LEASE)

    with pytest.raises(LostLease) as refused:
        await engine.succeed(first)

    assert (refused.value.state, second.attempt, second.claim) == ("running", 1, 2)
    assert await engine.succeed(second) is State.SUCCEEDED


async def test_a_late_success_of_an_earlier_attempt_hears_how_that_attempt_ended(engine: Engine) -> None:
    first = await held(engine, retries=1)
    await engine.fail(first, reason="error", delay=timedelta())

    with pytest.raises(WrongState) as refused:
        await engine.succeed(first)

    assert refused.value.state == "failed"


async def test_a_released_attempt_keeps_its_number_and_spends_no_retry(engine: Engine) -> None:
    first = await held(engine, retries=2)

    assert await engine.release(first) is State.AVAILABLE

    [again] = await engine.claim("q", 1, who="w", lease=LEASE)
    assert (again.attempt, again.claim) == (1, 2)
    assert (await find_job(engine, first.id)).retries_left == 2


async def test_a_job_released_for_later_is_due_then(engine: Engine, clock: Clock) -> None:
    first = await held(engine)

    assert await engine.release(first, delay=60 * SECOND) is State.SCHEDULED

    clock.move(60 * SECOND - timedelta(milliseconds=1))
    assert await engine.claim("q", 1, who="w", lease=LEASE) == []
    clock.move(timedelta(milliseconds=1))
    assert len(await engine.claim("q", 1, who="w", lease=LEASE)) == 1


async def test_a_lease_ends_at_its_millisecond_and_not_before(engine: Engine, clock: Clock) -> None:
    job = await held(engine)
    clock.move(LEASE - timedelta(milliseconds=1))
    await sweep(engine)
    assert await engine.touch(job, LEASE) is State.RUNNING

    await lose_lease(engine, clock)

    assert (await find_job(engine, job.id)).state is State.AVAILABLE


async def test_a_touch_counts_from_now_and_leaves_no_trace_in_the_history(engine: Engine, clock: Clock) -> None:
    job = await held(engine)
    clock.move(10 * SECOND)
    await engine.touch(job, 5 * SECOND)

    clock.move(5 * SECOND)
    await sweep(engine)

    assert [row.event for row in (await find_job(engine, job.id)).history] == ["enqueued", "claimed", "lost"]


async def test_a_lost_lease_spends_no_retry_and_the_last_crash_fails_the_job(engine: Engine, clock: Clock) -> None:
    job = await held(engine, retries=3)
    for crashes in range(1, MAX_CRASHES):
        await lose_lease(engine, clock)
        assert (await find_job(engine, job.id)).crashes == crashes
        await engine.claim("q", 1, who="w", lease=LEASE)

    await lose_lease(engine, clock)

    ended = await find_job(engine, job.id)
    assert (ended.state, ended.reason, ended.attempt, ended.retries_left) == (State.FAILED, "crashed", 1, 3)


async def test_a_job_can_name_how_many_crashes_it_bears(engine: Engine, clock: Clock) -> None:
    job = await held(engine, max_crashes=1, retries=3)

    await lose_lease(engine, clock)

    assert (await find_job(engine, job.id)).reason == "crashed"


async def test_a_new_attempt_begins_without_crashes(engine: Engine, clock: Clock) -> None:
    job = await held(engine, retries=1)
    await lose_lease(engine, clock)
    [again] = await engine.claim("q", 1, who="w", lease=LEASE)

    await engine.fail(again, reason="error")

    assert (await find_job(engine, job.id)).crashes == 0


async def test_a_past_limit_is_a_timeout_however_often_the_lease_is_touched(engine: Engine, clock: Clock) -> None:
    job = await held(engine, limit=20 * SECOND)
    clock.move(10 * SECOND)
    await engine.touch(job, LEASE)

    clock.move(10 * SECOND)
    await sweep(engine)

    assert (await find_job(engine, job.id)).reason == "timeout"


async def test_a_timed_out_attempt_is_tried_again_while_retries_are_left(engine: Engine, clock: Clock) -> None:
    job = await held(engine, limit=5 * SECOND, retries=1)
    clock.move(5 * SECOND)
    await sweep(engine)

    [attempt] = await find_attempts(engine, job.id)
    assert (attempt.state, attempt.reason) == (State.FAILED, "timeout")
    assert (await find_job(engine, job.id)).state is State.SCHEDULED


async def test_a_limit_counts_from_each_claim(engine: Engine, clock: Clock) -> None:
    job = await held(engine, limit=20 * SECOND)
    clock.move(10 * SECOND)
    await engine.release(job)
    [again] = await engine.claim("q", 1, who="w", lease=60 * SECOND)

    clock.move(19 * SECOND)
    await sweep(engine)

    assert await engine.succeed(again) is State.SUCCEEDED


async def test_a_lost_lease_before_the_limit_is_a_crash(engine: Engine, clock: Clock) -> None:
    job = await held(engine, limit=20 * SECOND)

    await lose_lease(engine, clock)

    assert (await find_job(engine, job.id)).state is State.AVAILABLE


async def test_a_job_that_fails_on_a_lost_lease_is_a_timeout(engine: Engine, clock: Clock) -> None:
    job = await held(engine, fails_on_lost_lease=True)

    await lose_lease(engine, clock)

    ended = await find_job(engine, job.id)
    assert (ended.state, ended.reason, ended.crashes) == (State.FAILED, "timeout", 0)


async def test_the_lease_of_a_job_goes_before_that_of_its_claimer(engine: Engine, clock: Clock) -> None:
    job = await held(engine, lease=None)
    own = await engine.enqueue(Enqueue(queue="q", kind="k", lease=SECOND))
    await engine.claim("q", 1, who="w", lease=LEASE)

    clock.move(SECOND)
    await sweep(engine)

    assert (await find_job(engine, own.id)).state is State.AVAILABLE
    assert (await find_job(engine, job.id)).state is State.RUNNING


async def test_a_reason_that_is_never_retried_ends_the_job(engine: Engine) -> None:
    job = await held(engine, retries=5)

    assert await engine.fail(job, reason="rejected") is State.FAILED

    assert (await find_job(engine, job.id)).attempt == 1


async def test_a_backoff_grows_to_its_cap_and_varies_by_a_fifth(engine: Engine, clock: Clock) -> None:
    backoff = Backoff(base=5 * SECOND, factor=3, cap=30 * SECOND)
    job = await held(engine, retries=9, backoff=backoff)
    for nominal in (5, 15, 30, 30):
        await engine.fail(job, reason="error")
        due = (await find_job(engine, job.id)).due
        assert due is not None
        assert abs((due - clock.after(timedelta())).total_seconds() / nominal - 1) <= 0.2
        clock.move(36 * SECOND)
        [job] = await engine.claim("q", 1, who="w", lease=LEASE)


async def test_a_claim_promotes_what_is_due(engine: Engine, clock: Clock) -> None:
    await engine.enqueue(Enqueue(id="later", queue="q", kind="k", delay=SECOND))
    assert await engine.claim("q", 5, who="w", lease=LEASE) == []

    clock.move(SECOND)

    assert [job.id for job in await engine.claim("q", 5, who="w", lease=LEASE)] == ["later"]


async def test_a_job_for_a_moment_waits_for_it(engine: Engine, clock: Clock) -> None:
    made = await engine.enqueue(Enqueue(queue="q", kind="k", at=clock.after(SECOND)))

    assert made.state == State.SCHEDULED
    assert (await find_job(engine, made.id)).due == clock.after(SECOND)


async def test_priority_goes_before_age(engine: Engine, clock: Clock) -> None:
    for job_id, priority in (("old", 4), ("new", 4), ("last", 0), ("first", 9)):
        await engine.enqueue(Enqueue(id=job_id, queue="q", kind="k", priority=priority))
        clock.move(SECOND)

    jobs = await engine.claim("q", 3, who="w", lease=LEASE)

    assert [job.id for job in jobs] == ["first", "old", "new"]


async def test_what_was_tried_once_keeps_its_place_in_the_queue(engine: Engine, clock: Clock) -> None:
    job = await held(engine)
    clock.move(SECOND)
    await engine.enqueue(Enqueue(queue="q", kind="k"))

    _, [following] = await engine.call([Release.of(job), Claim(queue="q", n=1, who="w", lease=LEASE)])

    assert following.id == job.id


async def test_an_early_success_needs_no_claim_number(engine: Engine) -> None:
    job = await held(engine)

    assert await engine.run(Succeed(id=job.id)) is State.SUCCEEDED
