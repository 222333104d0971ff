"""Deleting attempts, and the job with its last. On Redis, and on what `dev` runs on."""

from datetime import timedelta
from typing import Any, Final

import pytest

from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.queries import find_attempts, find_details, find_job, find_log, find_record
from envoy_plugin.engine.retries import REPORT_DEBT
from envoy_plugin.engine.states import State
from envoy_plugin.engine.sweeper import Keeping, retire, sweep
from envoy_plugin.engine.verbs import (
    Cancel,
    ClaimJob,
    Delete,
    Describe,
    Expect,
    Fail,
    Hold,
    Listing,
    Policy,
    Retry,
    Succeed,
    Unique,
    Verb,
)
from envoy_plugin.errors import JobNotFound
from tests.engine.acting import begin, end, job, make, state_of, why_not
from tests.engine.clock import Clock
from tests.engine.picture import take_picture

NOTHING: Final = {"queues", "wake:q", "wake:report", "wake:events"}
"""What may be left: the names of queues, and tokens."""


@pytest.fixture(params=["redis_url", "memory_redis_url"])
def engine_url(request: pytest.FixtureRequest) -> str:
    """Both servers."""
    return str(request.getfixturevalue(request.param))


async def try_often(engine: Engine, attempts: int, job_id: str = "j", **facts: Any) -> None:
    """A job that has failed so many times, each attempt with an outcome, details and a log."""
    await make(engine, job_id, payload=b"{}", retries=attempts - 1, **facts)
    for n in range(1, attempts + 1):
        await begin(engine, job_id)
        log = await engine.store_blob(b"log %d" % n)
        said: dict[str, Any] = {"outcome": b"outcome %d" % n, "details": b"details %d" % n, "log": log}
        await engine.run(Fail(id=job_id, reason="error", delay=timedelta(), **said))


async def numbers(engine: Engine) -> list[int]:
    """The earlier attempts that can be read."""
    return [attempt.number for attempt in await find_attempts(engine, "j")]


async def left(engine: Engine) -> set[str]:
    """Whatever is left in Redis."""
    keys = {key.removeprefix(engine.keys.namespace) for key in await take_picture(engine.redis)}
    return keys - NOTHING


async def is_gone(engine: Engine, verb: Verb[Any]) -> bool:
    """Whether `verb` finds nothing."""
    with pytest.raises(JobNotFound):
        await engine.run(verb)
    return True


async def test_an_earlier_attempt_goes_with_all_that_it_said(engine: Engine) -> None:
    await try_often(engine, 3)

    assert await engine.run(Delete(id="j", attempt=1)) is False

    assert await numbers(engine) == [2]
    assert (await find_record(engine, "j", 1)).outcome is None
    assert (await find_details(engine, "j", 1), await find_log(engine, "j", 1)) == (None, None)
    assert (await find_details(engine, "j", 2), await find_log(engine, "j", 2)) == (b"details 2", b"log 2")
    assert len([key for key in await left(engine) if key.startswith("blob:")]) == 2


async def test_an_attempt_that_was_deleted_is_not_found(engine: Engine) -> None:
    await try_often(engine, 2)
    await engine.run(Delete(id="j", attempt=1))

    assert await is_gone(engine, Expect(id="j", attempt=1))
    assert await is_gone(engine, Delete(id="j", attempt=1))
    assert await is_gone(engine, Delete(id="j", attempt=3))


@pytest.mark.parametrize(
    "verb",
    [
        Expect(id="j"),
        Retry(id="j"),
        Succeed(id="j"),
        Cancel(id="j", reason="operator"),
        ClaimJob(id="j", who="w"),
        Hold(id="j", hold="x"),
        Describe(id="j", tags=["t"]),
        Delete(id="j", attempt=2),
    ],
)
async def test_deleting_the_latest_attempt_hides_it_and_earlier_ones_stay_readable(
    engine: Engine, verb: Verb[Any]
) -> None:
    await try_often(engine, 2)

    assert await engine.run(Delete(id="j", attempt=2)) is False

    assert await is_gone(engine, verb)
    assert (await numbers(engine), (await find_job(engine, "j")).deleted) == ([1], True)
    assert await why_not(engine, Expect(id="j", attempt=1)) == "wrong_state"


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 2, 1), (2, 3, 1)])
async def test_the_job_goes_with_its_last_attempt(engine: Engine, order: tuple[int, ...]) -> None:
    await try_often(engine, 3, unique=Unique(key="key", kept=True), lane="door")
    await engine.run(Describe(id="j", fields={"name": b"1"}, tags=["red"]))

    assert [await engine.run(Delete(id="j", attempt=number)) for number in order] == [False, False, True]

    assert await left(engine) == set()


async def test_all_attempts_can_be_deleted_in_one_call(engine: Engine) -> None:
    await try_often(engine, 2)

    assert await engine.call([Delete(id="j", attempt=1), Delete(id="j", attempt=2)]) == [False, True]

    assert await left(engine) == set()


async def test_a_job_can_end_and_be_deleted_in_one_call(engine: Engine) -> None:
    await make(engine, "j", payload=b"{}")
    await begin(engine, "j")

    assert await engine.call([Succeed(id="j", outcome=b"done"), Delete(id="j", attempt=1)]) == [State.SUCCEEDED, True]

    assert await left(engine) == set()


async def test_an_attempt_that_is_not_over_is_not_deleted_but_those_before_it_are(engine: Engine) -> None:
    await try_often(engine, 2)
    await engine.retry("j")
    await begin(engine, "j")

    assert await why_not(engine, Delete(id="j", attempt=3)) == "wrong_state"
    await engine.call([Delete(id="j", attempt=1), Delete(id="j", attempt=2)])

    assert (await numbers(engine), await state_of(engine, "j")) == ([], State.RUNNING)
    await end(engine, "j")
    assert await engine.run(Delete(id="j", attempt=3)) is True


async def test_an_unknown_job_has_no_attempts_to_delete(engine: Engine) -> None:
    assert await is_gone(engine, Delete(id="nobody", attempt=1))


async def test_a_job_that_somebody_waits_for_goes_when_nobody_does(engine: Engine, clock: Clock) -> None:
    await try_often(engine, 1)
    await engine.enqueue(job("down", after={"j": Policy.HOLD}))
    assert await engine.run(Delete(id="j", attempt=1)) is False
    await retire(engine, Keeping())
    assert (await find_job(engine, "j")).deleted

    await engine.cancel("down", reason="operator")
    clock.move(timedelta(hours=1))
    await retire(engine, Keeping())

    assert await is_gone(engine, Expect(id="j"))
    assert not [key for key in await left(engine) if key.partition(":")[2] == "j"]
    assert dict((await find_job(engine, "down")).gates.upstreams) == {}


async def test_a_deleted_job_keeps_what_its_report_tells_until_it_is_told(engine: Engine, clock: Clock) -> None:
    await try_often(engine, 1, owes=REPORT_DEBT)
    assert await engine.run(Delete(id="j", attempt=1)) is False
    assert (await find_record(engine, "j", 1)).outcome == b"outcome 1"

    await end(engine, "j.1")
    await retire(engine, Keeping())
    clock.move(timedelta(days=7))
    await retire(engine, Keeping())

    assert await left(engine) == set()


async def test_a_child_that_is_deleted_is_its_envelopes_no_more(engine: Engine, clock: Clock) -> None:
    await engine.enqueue(job("e", envelope=True))
    await try_often(engine, 1, parent="e")
    await engine.run(Delete(id="j", attempt=1))
    assert await engine.redis.hkeys(engine.keys.children("e")) == [b"j"]

    await end(engine, "e")
    assert await engine.run(Delete(id="e", attempt=1)) is False
    for _ in range(2):
        clock.move(timedelta(hours=1))
        await retire(engine, Keeping())

    assert await left(engine) == set()


async def test_a_whole_envelope_can_be_deleted_in_one_call(engine: Engine) -> None:
    await engine.call([job("e", envelope=True), *(job(child, parent="e", payload=b"{}") for child in "ab")])
    ends = [Cancel(id=job_id, reason="operator") for job_id in ("a", "b", "e")]
    forgets = [Delete(id=job_id, attempt=1) for job_id in ("a", "b", "e")]

    assert (await engine.call([*ends, *forgets]))[3:] == [True, True, True]

    assert await left(engine) == set()


async def test_the_latest_attempt_of_what_an_open_envelope_may_try_again_stays(engine: Engine) -> None:
    await engine.call([job("e", envelope=True), job("j", parent="e", owes=REPORT_DEBT, retries=1)])
    for _ in range(2):
        await begin(engine, "j")
        await engine.run(Fail(id="j", reason="error", delay=timedelta()))

    assert await why_not(engine, Delete(id="j", attempt=2)) == "envelope_open"

    assert await engine.run(Delete(id="j", attempt=1)) is False
    await engine.run(Cancel(id="j.2", reason="operator"))
    assert await why_not(engine, Delete(id="j", attempt=2)) == "envelope_open"
    await end(engine, "e")
    assert await engine.run(Delete(id="j", attempt=2)) is True


async def test_jobs_with_everything_leave_nothing_when_they_are_forgotten(engine: Engine, clock: Clock) -> None:
    soon = clock.after(timedelta(days=1))
    said: dict[str, Any] = {"payload": b"{}", "lane": "door", "install": "1001", "listed": list(Listing)}
    waits: dict[str, Any] = {"after": {"up": Policy.HOLD}, "holds": {"night": soon}, "unique": Unique(key="k")}
    await engine.call([job("e", envelope=True), job("up"), job("first", parent="e", queue="events", **said)])
    await engine.call([job("last", parent="e", queue="thing:door", owes=REPORT_DEBT, **said, **waits)])
    await engine.run(Describe(id="last", fields={"name": b"1"}, tags=["red"]))
    for job_id in ("up", "first"):
        await end(engine, job_id)
    clock.move(timedelta(days=1))
    await sweep(engine)
    for job_id in ("last", "last.1", "e"):
        await end(engine, job_id)
    await engine.claim("events", 1, who="w", lease=None)

    for _ in range(3):
        clock.move(timedelta(days=8))
        await retire(engine, Keeping())

    assert await left(engine) == set()
