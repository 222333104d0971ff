"""What an end owes, retries, unique keys and retention, rule by rule. On Redis, and on what `dev` runs on."""

from datetime import timedelta
from typing import Final

import pytest

from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.queries import find_attempts, find_job
from envoy_plugin.engine.retries import REPORT_DEBT, FollowUp
from envoy_plugin.engine.states import State
from envoy_plugin.engine.sweeper import Keeping, retire
from envoy_plugin.engine.verbs import Cancel, Enqueue, Retire, Retry, Unique
from envoy_plugin.errors import JobNotFound, WrongState
from tests.engine.clock import Clock
from tests.engine.picture import take_picture

MINUTE: Final = timedelta(minutes=1)
WEEK: Final = timedelta(days=7)


@pytest.fixture(params=["redis_url", "memory_redis_url"])
def engine_url(request: pytest.FixtureRequest) -> str:
    """Both servers."""
    return str(request.getfixturevalue(request.param))


def debtor(job_id: str = "j") -> Enqueue:
    return Enqueue(id=job_id, queue="q", kind="k", payload=b"{}", install="1001", owes=REPORT_DEBT)


async def owe(engine: Engine, job_id: str = "j") -> None:
    """A job that was cancelled, and whose report waits."""
    await engine.call([debtor(job_id), Cancel(id=job_id, reason="operator")])


async def report(engine: Engine) -> None:
    """Send the next report."""
    [job] = await engine.claim("report", 1, who="w", lease=MINUTE)
    await engine.succeed(job)


async def test_the_end_of_a_job_that_owes_enqueues_its_report(engine: Engine) -> None:
    await owe(engine)

    follow_up = await find_job(engine, "j.1")

    assert (follow_up.state, follow_up.kind, follow_up.queue) == (State.AVAILABLE, "report", "report")
    assert (follow_up.install, follow_up.retries_left) == ("1001", 29)
    assert FollowUp.parse(follow_up.id) == FollowUp(job_id="j", attempt=1)


async def test_an_attempt_that_will_be_tried_again_reports_nothing(engine: Engine) -> None:
    await engine.enqueue(Enqueue(id="j", queue="q", kind="k", retries=1, owes=REPORT_DEBT))
    [job] = await engine.claim("q", 1, who="w", lease=MINUTE)

    await engine.fail(job, reason="error")

    with pytest.raises(JobNotFound):
        await find_job(engine, "j.1")


async def test_a_retry_supersedes_the_report_that_is_not_over(engine: Engine) -> None:
    await owe(engine)

    assert await engine.retry("j") == (State.AVAILABLE, 2)

    superseded = await find_job(engine, "j.1")
    assert (superseded.state, superseded.reason) == (State.CANCELLED, "superseded")


async def test_only_the_report_of_the_latest_end_can_be_tried_again(engine: Engine) -> None:
    await owe(engine)
    await engine.call([Retry(id="j"), Cancel(id="j", reason="operator"), Cancel(id="j.2", reason="operator")])

    with pytest.raises(WrongState) as refused:
        await engine.retry("j.1")

    assert refused.value.why == "superseded"
    assert await engine.retry("j.2") == (State.AVAILABLE, 2)


async def test_the_payload_goes_a_day_after_the_report_and_not_before(engine: Engine) -> None:
    await owe(engine)
    assert await engine.redis.pttl(engine.keys.payload("j")) == -1

    await report(engine)

    day = timedelta(hours=24).total_seconds()
    assert day - 60 < await engine.redis.ttl(engine.keys.payload("j")) <= day


async def test_a_retry_keeps_the_payload_again(engine: Engine) -> None:
    await owe(engine)
    await report(engine)

    await engine.retry("j")

    assert await engine.redis.pttl(engine.keys.payload("j")) == -1


async def test_a_failed_job_keeps_its_payload(engine: Engine) -> None:
    await engine.enqueue(Enqueue(id="j", queue="q", kind="k", payload=b"{}"))
    [job] = await engine.claim("q", 1, who="w", lease=MINUTE)

    await engine.fail(job, reason="error")

    assert await engine.redis.pttl(engine.keys.payload("j")) == -1


async def test_a_retry_is_refused_when_the_payload_is_gone(engine: Engine) -> None:
    await engine.call([Enqueue(id="j", queue="q", kind="k", payload=b"{}"), Cancel(id="j", reason="operator")])
    await engine.redis.delete(engine.keys.payload("j"))

    with pytest.raises(WrongState) as refused:
        await engine.retry("j")

    assert (refused.value.why, refused.value.state) == ("payload_gone", "cancelled")


async def test_a_retry_may_set_the_retries_that_are_left(engine: Engine) -> None:
    await engine.call([Enqueue(id="j", queue="q", kind="k"), Cancel(id="j", reason="operator")])

    await engine.retry("j", retries=2)

    assert (await find_job(engine, "j")).retries_left == 2
    assert [attempt.reason for attempt in await find_attempts(engine, "j")] == ["operator"]


async def test_enqueueing_the_same_id_twice_makes_one_job(engine: Engine) -> None:
    first = await engine.enqueue(Enqueue(id="j", queue="q", kind="k", payload=b"1"))
    second = await engine.enqueue(Enqueue(id="j", queue="q", kind="k", payload=b"2"))

    [claimed] = await engine.claim("q", 5, who="w", lease=MINUTE)
    assert (first.created, second.created, claimed.payload) == (True, False, b"1")


async def test_a_held_key_answers_the_job_that_holds_it(engine: Engine) -> None:
    await engine.enqueue(Enqueue(id="first", queue="q", kind="k", unique=Unique(key="key")))
    [held] = await engine.claim("q", 1, who="w", lease=MINUTE)

    second = await engine.enqueue(Enqueue(queue="q", kind="k", unique=Unique(key="key")))

    assert (second.id, second.state, second.created) == (held.id, State.RUNNING, False)


async def test_a_key_is_free_when_its_job_is_over(engine: Engine) -> None:
    await engine.call(
        [Enqueue(id="first", queue="q", kind="k", unique=Unique(key="key")), Cancel(id="first", reason="operator")]
    )

    assert (await engine.enqueue(Enqueue(queue="q", kind="k", unique=Unique(key="key")))).created


async def test_a_key_for_a_window_is_held_until_its_end(engine: Engine, clock: Clock) -> None:
    window = Unique(key="key", until=clock.after(MINUTE))
    await engine.call([Enqueue(id="first", queue="q", kind="k", unique=window), Cancel(id="first", reason="operator")])

    assert not (await engine.enqueue(Enqueue(queue="q", kind="k", unique=window))).created
    assert await engine.redis.pttl(engine.keys.of("unique", "key")) > 0


async def test_a_kept_key_is_held_for_as_long_as_its_job_is_kept(engine: Engine, clock: Clock) -> None:
    kept = Unique(key="key", kept=True)
    await engine.call([Enqueue(id="first", queue="q", kind="k", unique=kept), Cancel(id="first", reason="operator")])
    assert (await engine.enqueue(Enqueue(queue="q", kind="k", unique=kept))).id == "first"

    clock.move(WEEK)
    await retire(engine, Keeping())

    assert (await engine.enqueue(Enqueue(queue="q", kind="k", unique=kept))).created


async def test_a_retry_is_refused_while_another_job_holds_the_key(engine: Engine) -> None:
    await engine.call(
        [Enqueue(id="first", queue="q", kind="k", unique=Unique(key="key")), Cancel(id="first", reason="operator")]
    )
    await engine.enqueue(Enqueue(queue="q", kind="k", unique=Unique(key="key")))

    with pytest.raises(WrongState) as refused:
        await engine.retry("first")

    assert refused.value.why == "key_taken"


async def test_a_job_is_kept_while_its_report_is_not_over(engine: Engine, clock: Clock) -> None:
    await owe(engine)
    clock.move(2 * WEEK)
    await retire(engine, Keeping())
    assert (await find_job(engine, "j")).state is State.CANCELLED

    await report(engine)
    clock.move(timedelta(hours=1))
    await retire(engine, Keeping())

    with pytest.raises(JobNotFound):
        await find_job(engine, "j")


async def test_a_failed_job_is_kept_longer(engine: Engine, clock: Clock) -> None:
    await engine.enqueue(Enqueue(id="j", queue="q", kind="k"))
    [job] = await engine.claim("q", 1, who="w", lease=MINUTE)
    await engine.fail(job, reason="error")
    clock.move(timedelta(days=29))
    await retire(engine, Keeping())
    assert (await find_job(engine, "j")).state is State.FAILED

    clock.move(timedelta(days=1))
    await retire(engine, Keeping())

    assert await engine.redis.keys(engine.keys.job("*")) == []


async def test_of_more_than_may_be_kept_the_oldest_go(engine: Engine, clock: Clock) -> None:
    for job_id in "abcd":
        await engine.call([Enqueue(id=job_id, queue="q", kind="k"), Cancel(id=job_id, reason="operator")])
        clock.move(MINUTE)

    await retire(engine, Keeping(most=2))

    assert await engine.redis.zrange(engine.keys.index("cancelled"), 0, -1) == [b"c", b"d"]


async def test_a_debtor_beyond_what_may_be_kept_stays_and_makes_room_for_the_others_to_go(
    engine: Engine, clock: Clock
) -> None:
    await owe(engine, "debtor")
    clock.move(MINUTE)
    await engine.call([Enqueue(id="plain", queue="q", kind="k"), Cancel(id="plain", reason="operator")])
    sparing = Retire(state=State.CANCELLED, age=WEEK, most=1, limit=100)

    for _ in range(2):
        clock.move(MINUTE)
        await engine.call([sparing])

    assert await engine.redis.zrange(engine.keys.index("cancelled"), 0, -1) == [b"debtor"]


async def test_a_job_that_is_forgotten_leaves_nothing(engine: Engine, clock: Clock) -> None:
    await engine.enqueue(Enqueue(id="j", queue="q", kind="k", payload=b"{}", retries=1, unique=Unique(key="key")))
    for _ in range(2):
        [job] = await engine.claim("q", 1, who="w", lease=MINUTE)
        await engine.note(job, b"half", memo="step")
        await engine.fail(job, reason="error", delay=timedelta(), outcome=b"no")
    clock.move(timedelta(days=30))

    await retire(engine, Keeping())

    left = {key.removeprefix(engine.keys.namespace) for key in await take_picture(engine.redis)}
    assert left <= {"queues", "wake:q"}
