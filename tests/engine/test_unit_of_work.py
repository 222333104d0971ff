"""A call of several verbs is one unit: a later verb sees what the earlier ones changed. Also on what `dev` runs on."""

from datetime import timedelta
from typing import Final

import pytest

from envoy_plugin.engine.engine import Engine, Mode
from envoy_plugin.engine.queries import find_attempts, find_job
from envoy_plugin.engine.retries import REPORT_DEBT
from envoy_plugin.engine.states import State
from envoy_plugin.engine.verbs import (
    Cancel,
    Claim,
    Enqueue,
    Expire,
    Fail,
    Note,
    Promote,
    Release,
    Retry,
    Succeed,
    Touch,
)
from envoy_plugin.errors import CallRefused, JobNotFound, TooLarge, WrongState
from tests.engine.clock import Clock
from tests.engine.picture import differences, take_picture

MINUTE: Final = timedelta(minutes=1)


@pytest.fixture(params=["redis_url", "memory_redis_url"])
def engine_url(request: pytest.FixtureRequest) -> str:
    """Both servers."""
    return str(request.getfixturevalue(request.param))


def take(n: int) -> Claim:
    return Claim(queue="q", n=n, who="w", lease=MINUTE)


async def test_a_job_can_be_claimed_in_the_call_that_made_it_and_has_its_payload(engine: Engine) -> None:
    await engine.enqueue(Enqueue(id="old", queue="q", kind="k", payload=b"first"))

    _, claimed = await engine.call([Enqueue(id="new", queue="q", kind="k", payload=b"second"), take(5)])

    assert [(job.id, job.payload) for job in claimed] == [("new", b"second"), ("old", b"first")]


async def test_an_attempt_can_fail_in_the_call_that_made_its_job(engine: Engine) -> None:
    await engine.call([Enqueue(id="j", queue="q", kind="k", retries=1), take(1), Fail(id="j", reason="error")])

    [attempt] = await find_attempts(engine, "j")
    assert attempt.state is State.FAILED
    assert attempt.created == attempt.ended


async def test_a_job_without_an_install_can_owe_a_report(engine: Engine) -> None:
    await engine.enqueue(Enqueue(id="j", queue="q", kind="k", owes=REPORT_DEBT))

    await engine.cancel("j", reason="operator")

    assert (await find_job(engine, "j.1")).install == "-"


async def test_a_claim_of_no_jobs_reads_none_and_changes_nothing(engine: Engine) -> None:
    await engine.enqueue(Enqueue(queue="q", kind="k"))
    await engine.redis.delete(engine.keys.wake("q"))
    before = await take_picture(engine.redis)

    assert await engine.claim("q", 0, who="w", lease=MINUTE) == []

    assert differences(before, await take_picture(engine.redis)) == []


async def test_what_a_report_keeps_stays_while_the_report_is_tried_again(engine: Engine) -> None:
    await engine.call([Enqueue(id="j", queue="q", kind="k", owes=REPORT_DEBT), Cancel(id="j", reason="operator")])
    [report] = await engine.claim("report", 1, who="w", lease=MINUTE)
    await engine.note(report, b"sent", memo="step")
    await engine.succeed(report)
    assert await engine.redis.pttl(engine.keys.blobs(report.id)) > 0

    await engine.retry(report.id)

    assert await engine.redis.pttl(engine.keys.blobs(report.id)) == -1


async def test_finishing_and_claiming_the_next_is_one_call(engine: Engine) -> None:
    await engine.call([Enqueue(id=job_id, queue="q", kind="k") for job_id in ("a", "b")])
    [held] = await engine.claim("q", 1, who="w", lease=MINUTE)

    ended, [following] = await engine.call([Succeed.of(held), take(1)], Mode.EACH)

    assert (ended, held.id, following.id) == (State.SUCCEEDED, "a", "b")


async def test_a_job_that_is_given_back_can_be_claimed_by_the_same_call(engine: Engine) -> None:
    await engine.enqueue(Enqueue(id="j", queue="q", kind="k"))
    [held] = await engine.claim("q", 1, who="w", lease=MINUTE)

    _, _, [again] = await engine.call([Fail.of(held, reason="error"), Retry(id="j"), take(1)])

    assert (again.id, again.attempt, again.claim) == ("j", 2, 2)


async def test_two_notes_in_one_call_leave_one_row(engine: Engine) -> None:
    await engine.enqueue(Enqueue(id="j", queue="q", kind="k"))
    [held] = await engine.claim("q", 1, who="w", lease=MINUTE)
    assert held.id == "j"

    assert await engine.call([Note(id=held.id, content=b"1"), Note(id=held.id, content=b"2")]) == [3, 4]

    assert [row.event for row in (await find_job(engine, "j")).history] == ["enqueued", "claimed", "noted"]


async def test_one_refusal_undoes_a_call_for_all_and_every_refused_item_is_named(engine: Engine) -> None:
    await engine.enqueue(Enqueue(id="j", queue="q", kind="k"))
    before = await take_picture(engine.redis)

    with pytest.raises(CallRefused) as refused:
        await engine.call([Cancel(id="j", reason="operator"), Succeed(id="j"), Succeed(id="nobody"), take(1)])

    assert {at: type(error) for at, error in refused.value.refusals.items()} == {1: WrongState, 2: JobNotFound}
    assert differences(before, await take_picture(engine.redis)) == []


async def test_a_call_for_each_leaves_out_only_what_is_refused(engine: Engine) -> None:
    await engine.enqueue(Enqueue(id="j", queue="q", kind="k"))

    first, refused, last = await engine.call(
        [Cancel(id="j", reason="operator"), Cancel(id="j", reason="operator"), Retry(id="j")], Mode.EACH
    )

    assert (first, last) == (State.CANCELLED, (State.AVAILABLE, 2))
    assert isinstance(refused, WrongState)


async def test_a_call_of_257_verbs_is_too_large_and_one_of_256_is_not(engine: Engine) -> None:
    verbs = [Enqueue(queue="q", kind="k") for _ in range(257)]

    with pytest.raises(TooLarge):
        await engine.call(verbs)

    assert len(await engine.call(verbs[:256])) == 256


async def test_a_call_of_nothing_answers_nothing(engine: Engine) -> None:
    assert await engine.call([]) == []


async def test_a_lease_that_is_extended_in_time_is_not_lost_in_the_same_call(engine: Engine, clock: Clock) -> None:
    await engine.enqueue(Enqueue(id="j", queue="q", kind="k"))
    await engine.claim("q", 1, who="w", lease=MINUTE)
    clock.move(MINUTE)

    await engine.call([Touch(id="j", lease=MINUTE), Expire(limit=10, max_crashes=5)])

    assert (await find_job(engine, "j")).state is State.RUNNING


async def test_a_job_that_was_due_and_is_put_off_is_not_promoted_by_the_same_call(engine: Engine, clock: Clock) -> None:
    await engine.enqueue(Enqueue(id="j", queue="q", kind="k", delay=MINUTE))
    clock.move(MINUTE)

    await engine.call([take(1), Release(id="j", delay=MINUTE), Promote(limit=10)])

    assert (await find_job(engine, "j")).state is State.SCHEDULED
