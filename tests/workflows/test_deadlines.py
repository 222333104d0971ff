"""Steps that people have only so long for: what follows when their time is up, and when it isn't any more."""

from datetime import timedelta
from typing import Any

import pytest

from envoy_plugin.engine.states import State
from envoy_plugin.engine.sweeper import sweep
from envoy_plugin.errors import BadDiagram
from envoy_plugin.workflows.definitions.diagrams import Step
from envoy_plugin.workflows.definitions.templates import Template
from tests.engine.clock import Clock
from tests.workflows.stage import Stage

TEN: Any = timedelta(minutes=10)
HOST = Step.question(
    "host",
    "Shall they come up?",
    answers=["Yes", "No"],
    timeout=TEN,
    then={"badge": "answer == 'Yes'", "desk": "reason == 'timeout'"},
)
LATER = (Step.manual("badge"), Step.manual("desk", timeout=60, then="host"))


async def wait(stage: Stage, clock: Clock, span: timedelta = TEN) -> None:
    """Let time pass, and be done what is due then."""
    clock.move(span)
    await sweep(stage.engine)
    await stage.advance()


async def test_a_question_that_nobody_answers_in_time_goes_elsewhere(stage: Stage, clock: Clock) -> None:
    workflow = await stage.start(HOST, *LATER)
    await wait(stage, clock, TEN - timedelta(milliseconds=1))
    assert await stage.current(workflow) == ["host"]
    await wait(stage, clock, timedelta(milliseconds=1))
    late = await stage.load(workflow)
    assert (late.current, late.jobs["host"].state, late.jobs["host"].reason) == (["desk"], State.CANCELLED, "timeout")
    assert await stage.answer(workflow, "host", "Yes") == "StepNotCurrent"


async def test_what_was_answered_in_time_stays_answered(stage: Stage, clock: Clock) -> None:
    workflow = await stage.start(HOST, *LATER)
    await stage.answer(workflow, "host", "Yes")
    await wait(stage, clock)
    assert await stage.current(workflow) == ["badge"]


async def test_a_step_that_opens_again_has_its_time_again(stage: Stage, clock: Clock) -> None:
    workflow = await stage.start(HOST, *LATER)
    await wait(stage, clock)
    await stage.act("run", workflow, "desk")
    assert await stage.current(workflow) == ["host"]
    await wait(stage, clock, timedelta(minutes=9))
    assert await stage.current(workflow) == ["host"]
    await wait(stage, clock, timedelta(minutes=1))
    assert await stage.current(workflow) == ["desk"]


async def test_the_time_of_a_step_that_was_left_and_set_current_begins_anew(stage: Stage, clock: Clock) -> None:
    workflow = await stage.start(Step.manual("a", timeout=600, then={"b": "reason == 'timeout'"}), Step.manual("b"))
    await wait(stage, clock, timedelta(minutes=5))
    for step_id in ("b", "a"):
        await stage.set_current(workflow, step_id)
    await wait(stage, clock, timedelta(minutes=5))
    assert await stage.current(workflow) == ["a"]
    await wait(stage, clock, timedelta(minutes=5))
    assert await stage.current(workflow) == ["b"]


async def test_without_a_path_for_it_the_step_waits_on_and_says_why(stage: Stage, clock: Clock) -> None:
    workflow = await stage.start(Step.manual("a", timeout=60, then="b"), Step.manual("b"))
    for _ in range(2):
        await wait(stage, clock)
    late = await stage.load(workflow)
    assert (late.current, late.walk.stops, late.jobs["a"].attempt) == (["a"], {"a": "failed: timeout"}, 2)
    assert await stage.act("run", workflow) == "Success"


async def test_a_step_that_somebody_is_at_or_that_is_held_runs_out_of_time_too(stage: Stage, clock: Clock) -> None:
    then = {"late": "reason == 'timeout'"}
    workflow = await stage.start(
        Step.manual("first", then=["a", "b"]),
        Step.manual("a", timeout=60, proceeds=False, then=then),
        Step.manual("b", timeout=60, held=True, then=then),
        Step.manual("late", join="all"),
    )
    await stage.act("run", workflow)
    await stage.act("run", workflow, "a")
    await wait(stage, clock)
    assert await stage.current(workflow) == ["late"]


async def test_the_time_of_a_workflow_that_is_over_or_gone_is_nobodys(stage: Stage, clock: Clock) -> None:
    workflow = await stage.start(Step.manual("a", timeout=60))
    await stage.act("run", workflow)
    gone = await stage.start(Step.manual("a", timeout=60))
    await stage.engine.redis.delete(stage.engine.keys.of("described", gone))
    await wait(stage, clock)
    assert (await stage.load(workflow)).envelope.state is State.SUCCEEDED


def test_how_long_people_may_have_is_bounded() -> None:
    with pytest.raises(BadDiagram, match="The timeout of step 'a' must be a whole number from 0 to 2678400"):
        Template.of("t", Step.manual("a", timeout=timedelta(days=32)))


async def test_the_time_of_a_step_that_was_left_is_nobodys(stage: Stage, clock: Clock) -> None:
    then = {"c": "reason == 'timeout'"}
    workflow = await stage.start(Step.manual("a", timeout=60, then=then), Step.manual("b"), Step.manual("c"))
    await stage.set_current(workflow, "b")
    await wait(stage, clock)
    assert (await stage.current(workflow), (await stage.load(workflow)).jobs["a"].state) == (["b"], State.BLOCKED)
