"""Several who act on one workflow at the same instant: nothing is lost, and nothing happens twice."""

import asyncio
from typing import Any

import pytest

from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.queries import find_job
from envoy_plugin.engine.states import State
from envoy_plugin.engine.verbs import Describe, Enqueue, Succeed
from envoy_plugin.errors import CallRefused, WrongState
from envoy_plugin.workflows.definitions.diagrams import Step
from envoy_plugin.workflows.definitions.templates import OF_PLUGIN
from envoy_plugin.workflows.operating import steps
from envoy_plugin.workflows.running.advance import CONTENDED, UNREADABLE, end_step, follow_up
from envoy_plugin.workflows.running.create import NewWorkflow, create
from tests.workflows.stage import ADA, ITEM, Stage

BRANCHES = [str(at) for at in range(6)]


class Busy:
    """Changes a workflow just before each call that would, so that every decision is from yesterday."""

    def __init__(self, engine: Engine, workflow: str, monkeypatch: pytest.MonkeyPatch) -> None:
        real = engine.call

        async def call(verbs: Any, *rest: Any) -> list[Any]:
            if any(isinstance(verb, Describe) and verb.version for verb in verbs):
                await real([Describe(id=workflow, fields={"x": b""}, drop=["x"])])
            return await real(verbs, *rest)

        monkeypatch.setattr(engine, "call", call)


async def begin_branches(stage: Stage) -> str:
    """A workflow with parallel branches that join in one step."""
    branches = [Step.function(branch, "f", then="last") for branch in BRANCHES]
    return await stage.start(Step.function("first", "f", then=BRANCHES), *branches, Step.manual("last", join="all"))


async def test_branches_that_end_at_the_same_instant_open_their_join_once(stage: Stage) -> None:
    workflow = await begin_branches(stage)
    await stage.do()
    await asyncio.gather(*(stage.do() for _ in BRANCHES))
    await stage.advance()
    joined = await stage.load(workflow)
    assert (joined.current, joined.jobs["last"].attempt) == (["last"], 1)


async def test_follow_ups_at_the_same_instant_do_the_same(stage: Stage) -> None:
    workflow = await begin_branches(stage)
    await stage.do()
    for held in await stage.engine.claim("steps", 10, who="w", lease=None):
        await stage.engine.run(Succeed.of(held))
    ends = await stage.engine.claim("advance", 10, who="w", lease=None)
    await asyncio.gather(*(follow_up(stage.store, held) for held in ends))
    assert await stage.current(workflow) == ["last"]


async def test_two_people_at_once_finish_a_step_once(stage: Stage) -> None:
    workflow = await stage.start(Step.manual("a", then="b"), Step.manual("b", proceeds=False))
    answers = await asyncio.gather(*(steps.run(stage.store, workflow, ["a"], actor=ADA) for _ in range(4)))
    assert sorted(answer.step_responses[0].status for answer in answers) == ["StepNotCurrent"] * 3 + ["Success"]


async def test_who_is_always_too_late_gives_up_and_nothing_is_lost(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    workflow = await stage.start(Step.function("a", "f", then="b"), Step.manual("b"), Step.manual("c"))
    held = await stage.claim("steps")
    Busy(stage.engine, workflow, monkeypatch)
    assert not await end_step(stage.store, Succeed.of(held), {})
    with pytest.raises(CallRefused):
        await steps.finish(stage.store, workflow, ["a"])
    await stage.engine.run(Succeed.of(held))
    [end] = await stage.engine.claim("advance", 1, who="w", lease=None)
    refused = await follow_up(stage.store, end)
    assert getattr(refused, "reason", None) == CONTENDED
    monkeypatch.undo()
    assert await follow_up(stage.store, end) is None
    assert await stage.current(workflow) == ["b"]


async def test_the_end_of_a_step_that_is_somebody_elses_by_now_is_refused(stage: Stage) -> None:
    workflow = await stage.start(Step.function("a", "f", then="b"), Step.manual("b"))
    held = await stage.claim("steps")
    await stage.act("stop", workflow)
    with pytest.raises(WrongState):
        await end_step(stage.store, Succeed.of(held), {})
    assert await stage.current(workflow) == ["a"]


async def test_a_job_that_is_no_step_is_left_to_others(stage: Stage) -> None:
    await stage.engine.enqueue(Enqueue(queue="steps", kind="step"))
    assert not await end_step(stage.store, Succeed.of(await stage.claim("steps")), {})


async def test_a_follow_up_whose_step_has_gone_on_has_nothing_to_do(stage: Stage) -> None:
    workflow = await stage.start(Step.function("a", "f", retries=0, then="b"), Step.manual("b"))
    await stage.fail()
    [end] = await stage.engine.claim("advance", 1, who="w", lease=None)
    assert await follow_up(stage.store, end) is None
    for _ in range(2):
        assert isinstance(await follow_up(stage.store, end), Succeed)
    assert (await find_job(stage.engine, end.id)).state is State.SUCCEEDED
    assert await stage.current(workflow) == ["a"]


async def test_a_follow_up_of_a_workflow_whose_diagram_is_gone_fails(stage: Stage) -> None:
    await stage.start(Step.function("a", "f", retries=0))
    await stage.fail()
    await stage.store.delete_diagram(OF_PLUGIN, "t")
    [end] = await stage.engine.claim("advance", 1, who="w", lease=None)
    assert getattr(await follow_up(stage.store, end), "reason", None) == UNREADABLE


async def test_the_same_key_at_the_same_instant_is_one_workflow(stage: Stage) -> None:
    await stage.start(Step.manual("a"))
    new = NewWorkflow(item=ITEM, key="visit")
    made = await asyncio.gather(*(create(stage.store, "t", new) for _ in range(4)))
    assert len({one.id for one in made}) == 1
    assert sorted(one.created for one in made) == [False, False, False, True]
