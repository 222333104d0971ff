"""Envelopes: jobs around others. On Redis, and on what `dev` runs on."""

from datetime import timedelta
from typing import Any, Final

import pytest

from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.queries import find_job, text_of
from envoy_plugin.engine.retries import REPORT_DEBT
from envoy_plugin.engine.states import State
from envoy_plugin.engine.sweeper import Keeping, retire, sweep
from envoy_plugin.engine.verbs import (
    Cancel,
    Delete,
    Fail,
    Hold,
    Note,
    PassDebt,
    Policy,
    Retry,
    Succeed,
    Verb,
)
from envoy_plugin.errors import CallRefused, JobNotFound, WrongState
from tests.engine.acting import MINUTE, begin, end, events_of, job, make, state_of, why_not
from tests.engine.clock import Clock
from tests.engine.picture import differences, take_picture

WEEK: Final = timedelta(days=7)


@pytest.fixture(params=["redis_url", "memory_redis_url"])
def engine_url(request: pytest.FixtureRequest) -> str:
    """Both servers."""
    return str(request.getfixturevalue(request.param))


async def surround(engine: Engine, *children: str, **facts: Any) -> None:
    """The envelope `e` with these children, in one call."""
    await engine.call([job("e", envelope=True), *(job(child, parent="e", **facts) for child in children)])


async def children_of(engine: Engine, job_id: str = "e") -> dict[str, str]:
    """The children with their states, as the envelope has them."""
    found = await engine.redis.hgetall(engine.keys.children(job_id))
    return {text_of(name): text_of(state) for name, state in found.items()}


async def alive(engine: Engine, job_id: str = "e") -> int:
    return (await find_job(engine, job_id)).alive


async def payload_goes(engine: Engine, job_id: str) -> bool:
    return bool(await engine.redis.ttl(engine.keys.payload(job_id)) > 0)


async def forget_all(engine: Engine, clock: Clock) -> None:
    """Let everything that has ended grow old, and forget what isn't needed."""
    clock.move(5 * WEEK)
    await retire(engine, Keeping())


async def test_an_envelope_runs_from_the_start_and_is_claimed_by_nobody(engine: Engine) -> None:
    made = await engine.enqueue(job("e", envelope=True))

    assert made.state == State.RUNNING
    assert await engine.claim("q", 1, who="w", lease=MINUTE) == []


async def test_an_envelope_has_no_lease_to_lose(engine: Engine, clock: Clock) -> None:
    await engine.enqueue(job("e", envelope=True, lease=MINUTE, limit=MINUTE))
    clock.move(52 * WEEK)

    await sweep(engine)

    assert await state_of(engine, "e") is State.RUNNING


async def test_an_envelope_knows_its_children_their_states_and_how_many_are_not_over(engine: Engine) -> None:
    await surround(engine, "a", "b", "c", retries=1)
    await begin(engine, "a")
    await end(engine, "b")
    await end(engine, "c", State.CANCELLED)

    assert await children_of(engine) == {"a": "running", "b": "succeeded", "c": "cancelled"}
    assert await alive(engine) == 1


async def test_a_child_that_is_tried_again_is_counted_again(engine: Engine) -> None:
    await surround(engine, "a", retries=1)
    await begin(engine, "a")
    await engine.run(Fail(id="a", reason="error"))
    assert await alive(engine) == 1
    await end(engine, "a", State.CANCELLED)
    assert await alive(engine) == 0

    await engine.retry("a")

    assert (await alive(engine), await children_of(engine)) == (1, {"a": "available"})


@pytest.mark.parametrize("verb", [Succeed(id="e"), Fail(id="e", reason="error"), Cancel(id="e", reason="operator")])
async def test_an_envelope_ends_only_when_no_child_is_left(engine: Engine, verb: Verb[State]) -> None:
    await surround(engine, "a", "b")
    await end(engine, "a")

    assert await why_not(engine, verb) == "children_left"
    await end(engine, "b")

    assert (await engine.run(verb)).ended


@pytest.mark.parametrize(("last", "state"), [(Succeed(id="b"), "succeeded"), (Fail(id="b", reason="error"), "failed")])
async def test_an_envelope_that_closes_ends_with_its_last_child(engine: Engine, last: Verb[State], state: str) -> None:
    await engine.call([job("e", envelope=True, closes=True), job("a", parent="e"), job("b", parent="e")])
    await end(engine, "a")
    await begin(engine, "b")

    assert await state_of(engine, "e") == "running"
    await engine.run(last)

    assert await state_of(engine, "e") == state
    assert (await find_job(engine, "e")).reason == (None if state == "succeeded" else "not_all_succeeded")


async def test_time_that_ends_the_last_child_closes_the_envelope_at_once(engine: Engine, clock: Clock) -> None:
    inner = job("inner", envelope=True, closes=True, parent="e")
    await engine.call([job("e", envelope=True, closes=True), inner, job("a", parent="inner", limit=MINUTE)])
    await begin(engine, "a")
    clock.move(MINUTE)
    await sweep(engine)

    assert [await state_of(engine, name) for name in ("a", "inner", "e")] == ["failed", "failed", "failed"]


async def test_a_refused_call_closes_nothing(engine: Engine) -> None:
    await engine.call([job("e", envelope=True, closes=True), job("a", parent="e")])
    before = await take_picture(engine.redis)
    with pytest.raises(CallRefused):
        await engine.call([Cancel(id="a", reason="operator"), Cancel(id="nobody", reason="operator")])

    assert differences(before, await take_picture(engine.redis)) == []


async def test_of_an_envelope_that_is_being_cancelled_nothing_is_tried_again(engine: Engine) -> None:
    await engine.call([job("e", envelope=True, closes=True), job("a", parent="e", retries=2)])
    await begin(engine, "a")
    await engine.run(Hold(id="e", hold="closing"))
    await engine.run(Fail(id="a", reason="error"))

    assert [await state_of(engine, name) for name in ("a", "e")] == ["failed", "cancelled"]


def test_what_closes_is_an_envelope() -> None:
    with pytest.raises(ValueError, match="What closes by itself is an envelope"):
        job("a", closes=True)


async def test_closing_cancels_the_children_and_ends_the_envelope_in_one_call(engine: Engine) -> None:
    await surround(engine, "a", "b")
    await begin(engine, "a")
    close = [Cancel(id="a", reason="operator"), Cancel(id="b", reason="operator"), Succeed(id="e")]

    assert (await engine.call(close))[-1] is State.SUCCEEDED


async def test_a_close_that_forgets_a_child_changes_nothing(engine: Engine) -> None:
    await surround(engine, "a", "b")
    before = await take_picture(engine.redis)

    with pytest.raises(CallRefused) as refused:
        await engine.call([Cancel(id="a", reason="operator"), Succeed(id="e")])

    assert [str(error) for error in refused.value.refusals.values()] == [str(WrongState("e", "running"))]
    assert differences(before, await take_picture(engine.redis)) == []


async def test_no_child_comes_to_an_envelope_that_is_over(engine: Engine) -> None:
    await surround(engine, "a")
    await end(engine, "a", State.FAILED)
    await end(engine, "e")

    assert await why_not(engine, job("late", parent="e")) == "wrong_state"
    assert await why_not(engine, Retry(id="a")) == "envelope_over"


async def test_an_envelope_is_reopened_with_a_new_attempt_and_its_children_can_be_tried_again(engine: Engine) -> None:
    await surround(engine, "a")
    await end(engine, "a", State.FAILED)
    await end(engine, "e")

    reopened, again, _ = await engine.call([Retry(id="e"), Retry(id="a"), job("b", parent="e")])

    assert (reopened, again) == ((State.RUNNING, 2), (State.AVAILABLE, 2))
    assert (await alive(engine), await why_not(engine, Succeed(id="e"))) == (2, "children_left")


async def test_an_envelope_that_closes_is_open_again_while_a_child_is_tried_again(engine: Engine) -> None:
    await engine.call([job("e", envelope=True, closes=True), job("a", parent="e")])
    await end(engine, "a", State.FAILED)

    await engine.run(Retry(id="e"))
    assert await state_of(engine, "e") == "failed"
    await engine.call([Retry(id="e"), Retry(id="a")])
    assert await state_of(engine, "e") == "running"
    await end(engine, "a")
    assert await state_of(engine, "e") == "succeeded"


async def test_an_envelope_that_closes_opens_by_itself_for_a_child_that_is_tried_again(engine: Engine) -> None:
    await engine.call([job("e", envelope=True, closes=True), job("a", parent="e"), job("b", parent="e")])
    for name in ("a", "b"):
        await end(engine, name, State.FAILED)

    assert await engine.run(Retry(id="a")) == (State.AVAILABLE, 2)
    assert ((await find_job(engine, "e")).attempt, await alive(engine)) == (2, 1)
    await end(engine, "a")
    assert await state_of(engine, "e") == "failed"


async def test_a_child_is_not_tried_again_whose_envelope_cannot_be(engine: Engine) -> None:
    await engine.call([job("e", envelope=True, closes=True), job("a", parent="e", owes=REPORT_DEBT)])
    await end(engine, "a", State.FAILED)
    await engine.run(Delete(id="e", attempt=1))

    assert await why_not(engine, Retry(id="a")) == "envelope_over"
    assert await state_of(engine, "a") == "failed"


async def test_a_parent_must_be_an_envelope(engine: Engine) -> None:
    await make(engine, "j")

    assert await why_not(engine, job("child", parent="j")) == "no_envelope"
    with pytest.raises(JobNotFound) as refused:
        await engine.run(job("child", parent="nobody"))

    assert refused.value.job_id == "nobody"


@pytest.mark.parametrize("wait", [{"after": {"j": Policy.RUN}}, {"lane": "l"}, {"delay": MINUTE}])
def test_an_envelope_that_would_wait_is_refused(wait: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="open from the start"):
        job("e", envelope=True, **wait)


async def test_envelopes_can_be_around_envelopes(engine: Engine) -> None:
    await engine.call([job("e", envelope=True), job("inner", envelope=True, parent="e"), job("a", parent="inner")])
    assert (await alive(engine), await children_of(engine)) == (1, {"inner": "running"})
    assert await why_not(engine, Succeed(id="inner")) == "children_left"

    await end(engine, "a")
    await end(engine, "inner")

    assert (await alive(engine), await children_of(engine)) == (0, {"inner": "succeeded"})


@pytest.mark.parametrize("ends", [State.SUCCEEDED, State.FAILED])
async def test_a_job_can_wait_for_an_envelope(engine: Engine, ends: State) -> None:
    await surround(engine, "a")
    await engine.enqueue(job("down", after={"e": Policy.RUN}))
    await end(engine, "a")
    assert await state_of(engine, "down") is State.BLOCKED

    await end(engine, "e", ends)

    assert await state_of(engine, "down") is State.AVAILABLE


async def test_an_envelope_can_owe_a_report(engine: Engine) -> None:
    await engine.enqueue(job("e", envelope=True, owes=REPORT_DEBT))

    await end(engine, "e")

    assert await state_of(engine, "e.1") is State.AVAILABLE


async def test_a_hold_on_an_envelope_is_recorded_and_blocks_nothing(engine: Engine) -> None:
    await engine.enqueue(job("e", envelope=True, holds={"desk": None}))

    assert await state_of(engine, "e") is State.RUNNING
    assert set((await find_job(engine, "e")).gates.holds) == {"desk"}


async def test_what_is_noted_of_an_envelope_leaves_one_row(engine: Engine) -> None:
    await engine.enqueue(job("e", envelope=True))

    await engine.call([Note(id="e", content=b"1"), Note(id="e", content=b"2")])

    assert await events_of(engine, "e") == ["enqueued", "noted"]


async def test_children_are_kept_as_long_as_their_envelope(engine: Engine, clock: Clock) -> None:
    await surround(engine, "a", payload=b"{}")
    await end(engine, "a")
    assert not await payload_goes(engine, "a")
    await forget_all(engine, clock)
    assert await state_of(engine, "a") is State.SUCCEEDED

    await end(engine, "e")

    assert await payload_goes(engine, "a")
    await forget_all(engine, clock)
    with pytest.raises(JobNotFound):
        await find_job(engine, "a")


async def test_a_child_that_failed_keeps_its_payload(engine: Engine) -> None:
    await surround(engine, "a", payload=b"{}")
    await end(engine, "a", State.FAILED)

    await end(engine, "e")

    assert not await payload_goes(engine, "a")


async def test_an_envelope_that_is_reopened_keeps_the_payloads_of_its_children_again(engine: Engine) -> None:
    await surround(engine, "a", payload=b"{}")
    await end(engine, "a")
    await end(engine, "e")

    await engine.retry("e")

    assert not await payload_goes(engine, "a")
    assert await engine.retry("a") == (State.AVAILABLE, 2)


async def test_the_payload_of_a_child_waits_for_its_report_and_for_its_envelope(engine: Engine) -> None:
    await surround(engine, "a", "b", payload=b"{}", owes=REPORT_DEBT)
    await end(engine, "a")
    await end(engine, "a.1")
    await end(engine, "b")
    assert not await payload_goes(engine, "a")

    await end(engine, "e")
    assert (await payload_goes(engine, "a"), await payload_goes(engine, "b")) == (True, False)
    await end(engine, "b.1")

    assert await payload_goes(engine, "b")


async def test_the_payload_of_a_child_waits_for_the_report_of_its_heir(engine: Engine) -> None:
    await surround(engine, "a", payload=b"{}", owes=REPORT_DEBT)
    await make(engine, "heir")
    await begin(engine, "a")
    await engine.call([PassDebt(id="a", heir="heir"), Succeed(id="a"), Succeed(id="e")])
    assert not await payload_goes(engine, "a")

    await end(engine, "heir")
    await end(engine, "heir.1")

    assert await payload_goes(engine, "a")


async def test_a_child_of_this_call_is_kept_no_longer_than_its_envelope(engine: Engine) -> None:
    child = job("a", parent="e", payload=b"{}", skippable=True)

    await engine.call([job("e", envelope=True), child, Succeed(id="a"), Succeed(id="e")])

    assert await payload_goes(engine, "a")


async def test_an_envelope_is_forgotten_after_its_children_and_leaves_nothing(engine: Engine, clock: Clock) -> None:
    await surround(engine, "a", "b", payload=b"{}")
    for job_id, ends in (("a", State.FAILED), ("b", State.SUCCEEDED), ("e", State.SUCCEEDED)):
        await end(engine, job_id, ends)

    for _ in range(3):
        await forget_all(engine, clock)

    left = {key.removeprefix(engine.keys.namespace) for key in await take_picture(engine.redis)}
    assert left <= {"queues", "wake:q"}
