"""Holds: gates that are opened by hand or at a time. On Redis, and on what `dev` runs on."""

from datetime import timedelta
from typing import Final

import pytest

from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.queries import find_job
from envoy_plugin.engine.states import State
from envoy_plugin.engine.sweeper import sweep
from envoy_plugin.engine.verbs import (
    Cancel,
    Claim,
    Enqueue,
    Fail,
    Hold,
    Promote,
    Release,
    Reschedule,
    Succeed,
    Unhold,
    Verb,
)
from envoy_plugin.errors import CallRefused, WrongState
from tests.engine.acting import MINUTE, begin, end, events_of, job, make, state_of, why_not
from tests.engine.clock import Clock
from tests.engine.picture import differences, take_picture


@pytest.fixture(params=["redis_url", "memory_redis_url"])
def engine_url(request: pytest.FixtureRequest) -> str:
    """Both servers."""
    return str(request.getfixturevalue(request.param))


async def holds_of(engine: Engine, job_id: str) -> set[str]:
    return set((await find_job(engine, job_id)).gates.holds)


async def test_a_held_job_waits_until_every_hold_is_opened(engine: Engine) -> None:
    await make(engine, "j", holds={"desk": None, "manager": None})
    assert await engine.claim("q", 1, who="w", lease=MINUTE) == []

    assert await engine.run(Unhold(id="j", hold="desk")) is State.BLOCKED
    assert await engine.run(Unhold(id="j", hold="manager")) is State.AVAILABLE

    assert [held.id for held in await engine.claim("q", 1, who="w", lease=MINUTE)] == ["j"]


@pytest.mark.parametrize("facts", [{}, {"delay": MINUTE}, {"holds": {"other": None}}])
async def test_whatever_waits_can_be_held_and_goes_back_to_its_wait(engine: Engine, facts: dict[str, object]) -> None:
    made = await engine.enqueue(job("j", **facts))

    assert await engine.run(Hold(id="j", hold="desk")) is State.BLOCKED

    assert await engine.run(Unhold(id="j", hold="desk")) == made.state
    assert await events_of(engine, "j") == ["enqueued", "held", "unheld"]


async def test_a_hold_is_shut_once_and_opened_once(engine: Engine) -> None:
    await make(engine, "j", holds={"desk": None})

    assert await why_not(engine, Hold(id="j", hold="desk")) == "held"
    assert await why_not(engine, Unhold(id="j", hold="other")) == "not_held"


async def test_a_hold_with_a_time_opens_by_itself_then_and_not_before(engine: Engine, clock: Clock) -> None:
    await make(engine, "j", holds={"night": clock.after(MINUTE)})
    assert (await find_job(engine, "j")).gates.holds == {"night": clock.after(MINUTE)}

    clock.move(MINUTE - timedelta(milliseconds=1))
    await sweep(engine)
    assert await state_of(engine, "j") is State.BLOCKED
    clock.move(timedelta(milliseconds=1))
    await sweep(engine)

    assert await state_of(engine, "j") is State.AVAILABLE
    assert "{test}:timers" not in await take_picture(engine.redis)


async def test_a_claim_opens_the_holds_whose_time_has_come(engine: Engine, clock: Clock) -> None:
    await make(engine, "j", holds={"night": clock.after(MINUTE)})
    clock.move(MINUTE)

    assert [held.id for held in await engine.claim("q", 5, who="w", lease=MINUTE)] == ["j"]


async def test_a_promote_that_finds_as_many_as_it_may_says_so(engine: Engine, clock: Clock) -> None:
    await make(engine, "a", "b", delay=MINUTE)
    await make(engine, "c", holds={"night": clock.after(MINUTE)})
    clock.move(MINUTE)

    assert await engine.run(Promote(limit=2)) == 2


async def test_a_hold_that_is_opened_by_hand_does_not_open_once_more(engine: Engine, clock: Clock) -> None:
    await make(engine, "j", holds={"night": clock.after(MINUTE)})
    await engine.run(Unhold(id="j", hold="night"))
    await engine.run(Hold(id="j", hold="night"))
    clock.move(MINUTE)

    await sweep(engine)

    assert await state_of(engine, "j") is State.BLOCKED


async def test_a_hold_can_be_renewed_in_one_call(engine: Engine) -> None:
    await make(engine, "j", holds={"desk": None})

    await engine.call([Unhold(id="j", hold="desk"), Hold(id="j", hold="desk")])

    assert (await state_of(engine, "j"), await holds_of(engine, "j")) == (State.BLOCKED, {"desk"})
    assert await engine.run(Unhold(id="j", hold="desk")) is State.AVAILABLE


async def test_a_hold_that_is_put_off_in_the_call_that_promotes_stays_shut(engine: Engine, clock: Clock) -> None:
    await make(engine, "j", holds={"night": clock.after(MINUTE)})
    clock.move(MINUTE)
    later = Hold(id="j", hold="night", until=clock.after(MINUTE))

    await engine.call([Unhold(id="j", hold="night"), later, Promote(limit=10)])
    assert await state_of(engine, "j") is State.BLOCKED
    clock.move(MINUTE)
    await sweep(engine)

    assert await state_of(engine, "j") is State.AVAILABLE


@pytest.mark.parametrize("verb", [Release(id="j"), Fail(id="j", reason="error", delay=timedelta())])
async def test_a_hold_on_a_running_job_is_for_its_next_wait(engine: Engine, verb: Verb[State]) -> None:
    await make(engine, "j", retries=1)
    await begin(engine, "j")

    assert await engine.run(Hold(id="j", hold="desk")) is State.RUNNING

    assert await engine.run(verb) is State.BLOCKED


async def test_a_hold_that_a_running_job_has_can_be_opened_again(engine: Engine, clock: Clock) -> None:
    await make(engine, "j")
    await begin(engine, "j")
    await engine.call([Hold(id="j", hold="desk"), Hold(id="j", hold="night", until=clock.after(MINUTE))])

    assert await engine.run(Unhold(id="j", hold="desk")) is State.RUNNING
    clock.move(MINUTE)
    await sweep(engine)

    assert (await state_of(engine, "j"), await holds_of(engine, "j")) == (State.RUNNING, set())
    assert await engine.run(Release(id="j")) is State.AVAILABLE


async def test_a_running_job_can_be_given_back_into_a_hold(engine: Engine) -> None:
    await make(engine, "j", retries=2)
    held = await begin(engine, "j")

    assert await engine.run(Release.of(held, hold="run")) is State.BLOCKED

    job_now = await find_job(engine, "j")
    assert (set(job_now.gates.holds), job_now.attempt, job_now.retries_left) == ({"run"}, 1, 2)
    assert await engine.run(Unhold(id="j", hold="run")) is State.AVAILABLE


async def test_a_job_that_is_given_back_into_a_hold_that_it_has_is_held_once(engine: Engine) -> None:
    await make(engine, "j")
    await begin(engine, "j")
    await engine.run(Hold(id="j", hold="run"))

    await engine.run(Release(id="j", hold="run"))

    assert await engine.run(Unhold(id="j", hold="run")) is State.AVAILABLE


async def test_a_lost_lease_brings_a_held_job_back_to_its_hold(engine: Engine, clock: Clock) -> None:
    await make(engine, "j")
    await begin(engine, "j", lease=MINUTE)
    await engine.run(Hold(id="j", hold="desk"))
    clock.move(MINUTE)

    await sweep(engine)

    assert await state_of(engine, "j") is State.BLOCKED


async def test_a_retry_keeps_holds(engine: Engine) -> None:
    await make(engine, "j", holds={"desk": None})
    await end(engine, "j", State.CANCELLED)

    assert await engine.retry("j") == (State.BLOCKED, 2)


async def test_a_hold_whose_time_comes_after_the_end_is_open_for_the_retry(engine: Engine, clock: Clock) -> None:
    await make(engine, "j", holds={"night": clock.after(MINUTE)})
    await end(engine, "j", State.CANCELLED)
    clock.move(MINUTE)

    await sweep(engine)

    assert await events_of(engine, "j") == ["enqueued", "cancelled"]
    assert await engine.retry("j") == (State.AVAILABLE, 2)


async def test_what_is_held_can_be_rescheduled(engine: Engine, clock: Clock) -> None:
    await make(engine, "j", holds={"desk": None})

    assert await engine.run(Reschedule(id="j", at=clock.after(MINUTE))) is State.BLOCKED
    assert await engine.run(Unhold(id="j", hold="desk")) is State.SCHEDULED
    assert await engine.run(Reschedule(id="j")) is State.AVAILABLE
    assert await engine.run(Reschedule(id="j", at=clock.after(MINUTE))) is State.SCHEDULED


async def test_a_new_time_for_a_running_job_is_for_its_next_wait(engine: Engine, clock: Clock) -> None:
    await make(engine, "j")
    await begin(engine, "j", lease=MINUTE)

    assert await engine.run(Reschedule(id="j", at=clock.after(2 * MINUTE))) is State.RUNNING

    assert (await find_job(engine, "j")).due == clock.after(2 * MINUTE)


ENDS: Final[list[Verb[State]]] = [Succeed(id="j"), Fail(id="j", reason="error")]


@pytest.mark.parametrize("facts", [{}, {"holds": {"run": None}}])
@pytest.mark.parametrize("verb", ENDS)
async def test_a_skippable_job_can_be_ended_where_only_run_is_missing(
    engine: Engine, facts: dict[str, object], verb: Verb[State]
) -> None:
    await make(engine, "j", skippable=True, **facts)

    assert (await engine.run(verb)).ended


@pytest.mark.parametrize(
    "facts", [{"holds": {"desk": None}}, {"holds": {"run": None, "path": None}}, {"delay": MINUTE}, {"lane": "door"}]
)
@pytest.mark.parametrize("verb", ENDS)
async def test_a_skippable_job_that_waits_for_more_cannot_be_ended(
    engine: Engine, facts: dict[str, object], verb: Verb[State]
) -> None:
    await make(engine, "before", lane="door")
    made = await engine.enqueue(job("j", skippable=True, **facts))

    with pytest.raises(WrongState) as refused:
        await engine.run(verb)

    assert refused.value.state == made.state


async def test_a_job_that_is_not_skippable_cannot_be_ended_before_it_runs(engine: Engine) -> None:
    await make(engine, "j", holds={"run": None})

    assert await why_not(engine, Succeed(id="j")) == "wrong_state"
    await engine.run(Unhold(id="j", hold="run"))
    assert await why_not(engine, Succeed(id="j")) == "wrong_state"


async def test_a_current_step_is_finished_by_opening_run_and_succeeding(engine: Engine) -> None:
    await make(engine, "step", skippable=True, holds={"run": None})

    assert await engine.call([Unhold(id="step", hold="run"), Succeed(id="step")]) == [
        State.AVAILABLE,
        State.SUCCEEDED,
    ]


async def test_the_refusal_of_a_later_item_leaves_the_gate_as_it_was(engine: Engine) -> None:
    await make(engine, "j", holds={"desk": None})
    before = await take_picture(engine.redis)

    with pytest.raises(CallRefused):
        await engine.call([Unhold(id="j", hold="desk"), Cancel(id="nobody", reason="operator")])

    assert differences(before, await take_picture(engine.redis)) == []


async def test_a_job_can_be_held_and_claimed_by_nobody_in_the_call_that_makes_it(engine: Engine) -> None:
    made, _, claimed = await engine.call(
        [
            Enqueue(id="j", queue="q", kind="k"),
            Hold(id="j", hold="desk"),
            Claim(queue="q", n=1, who="w", lease=MINUTE),
        ]
    )

    assert (made.state, claimed) == (State.AVAILABLE, [])
    assert await state_of(engine, "j") is State.BLOCKED
