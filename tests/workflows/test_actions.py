"""What people may do with steps, and what they are told where they may not."""

from datetime import timedelta

import pytest

from envoy_plugin.engine.queries import find_record
from envoy_plugin.engine.states import State
from envoy_plugin.engine.verbs import Cancel, Claim, Fail, Resume, Succeed
from envoy_plugin.errors import JobNotFound, NoThing, WorkflowError
from envoy_plugin.workflows.definitions.diagrams import Step
from envoy_plugin.workflows.operating import steps
from envoy_plugin.workflows.responses import Actor
from envoy_plugin.workflows.running.create import NewWorkflow, create
from tests.engine.clock import Clock
from tests.workflows.stage import ADA, BOB, ITEM, Stage, add_thing

WORDS = ("run", "finish", "stop", "refresh")
LATER = timedelta(minutes=1)


async def each(stage: Stage, workflow: str, *step_ids: str) -> list[str]:
    """What run, finish, stop and refresh answer, one after the other."""
    return [await stage.act(word, workflow, *step_ids) for word in WORDS]


async def test_nothing_is_done_to_a_closed_workflow_or_to_a_step_that_is_not_there(stage: Stage) -> None:
    closed = await stage.start(Step.manual("a"))
    await stage.act("run", closed)
    assert await each(stage, closed) == ["JobClosed"] * 4
    assert await each(stage, await stage.start(Step.manual("a")), "b") == ["StepNotInDiagram"] * 4


async def test_only_current_steps_are_acted_on(stage: Stage) -> None:
    workflow = await stage.start(Step.manual("a", then="b"), Step.manual("b"), closes=False)
    assert await each(stage, workflow, "b") == ["StepNotCurrent"] * 4
    await stage.act("run", workflow)
    await stage.act("run", workflow)
    assert await each(stage, workflow) == await each(stage, workflow, "b") == ["NoActiveStep"] * 4


async def test_somebody_elses_step_is_left_alone_unless_they_override(stage: Stage) -> None:
    workflow = await stage.start(Step.manual("a", assigned="user:ada", proceeds=False))
    assert [await stage.act(word, workflow, by=BOB) for word in WORDS] == ["AssignedToDifferentUser"] * 4
    chief = Actor(user="chief", overrides=True)
    assert await stage.act("run", workflow, by=chief) == "Success"
    assert (await stage.load(workflow)).walk.doers == {"a": "user:chief"}


@pytest.mark.parametrize("how", ["hold", "until", "after"])
async def test_a_held_step_waits_until_it_is_released(stage: Stage, clock: Clock, how: str) -> None:
    other = await stage.start(Step.manual("x"), template="other")
    holds = {"a": clock.after(LATER) if how == "until" else None} if how != "after" else {}
    after = {"a": [other]} if how == "after" else {}
    workflow = await stage.start(Step.manual("a", can_skip=True), new=NewWorkflow(item=ITEM, holds=holds, after=after))
    assert await each(stage, workflow) == ["Held", "Held", "NotRunning", "NotRunning"]
    if how == "until":
        clock.move(LATER)
    elif how == "after":
        await stage.act("run", other)
    else:
        await stage.release(workflow, "a")
    assert await stage.act("run", workflow) == "Success"


async def test_a_step_that_is_held_from_the_start_runs_by_itself_when_it_is_released(stage: Stage) -> None:
    workflow = await stage.start(Step.function("a", "f", held=True))
    assert await stage.engine.run(Claim(queue="steps", n=1, who="w", lease=None)) == []
    assert await stage.act("run", workflow) == "Held"
    await stage.release(workflow, "a")
    await stage.do()
    assert (await stage.load(workflow)).closed


async def test_a_step_of_code_is_run_and_stopped_and_run_again(stage: Stage) -> None:
    workflow = await stage.start(Step.function("a", "f", automatic=False))
    assert await each(stage, workflow) == ["Success", "NoStartedStep", "Success", "NotRunning"]
    await stage.act("run", workflow)
    held = await stage.claim("steps")
    assert await stage.act("run", workflow) == "AlreadyExecuting"
    assert await stage.act("stop", workflow) == "Success"
    stopped = await stage.load(workflow)
    assert (stopped.current, stopped.jobs["a"].attempt, stopped.jobs["a"].state) == (["a"], 2, State.BLOCKED)
    assert [await stage.act(word, workflow) for word in ("finish", "run", "refresh")] == [
        "NoStartedStep",
        "Success",
        "Success",
    ]
    assert held.id == (await stage.claim("steps")).id
    assert await stage.act("finish", workflow) == "Success"


async def test_what_waits_for_its_next_try_is_tried_at_once_when_it_is_refreshed(stage: Stage) -> None:
    workflow = await stage.start(Step.function("a", "f"))
    await stage.fail()
    assert (await stage.load(workflow)).jobs["a"].state is State.SCHEDULED
    assert await stage.act("refresh", workflow) == "Success"
    await stage.do()
    assert (await stage.load(workflow)).closed


async def test_a_step_that_may_be_skipped_is_finished_whatever_it_waits_for(stage: Stage) -> None:
    for automatic in (True, False):
        workflow = await stage.start(Step.function("a", "f", can_skip=True, automatic=automatic))
        assert await stage.act("finish", workflow) == "Success"
    retried = await stage.start(Step.function("a", "f", can_skip=True))
    await stage.fail()
    assert await stage.act("finish", retried) == "Success"


async def test_a_question_is_asked_answered_and_decides(stage: Stage) -> None:
    then = {"in": "answer == 'Yes'", "out": "answer == 'No'"}
    ask = Step.question("q", "Shall they come in?", answers=["Yes", "No", "Perhaps"], then=then)
    workflow = await stage.start(ask, Step.manual("in"), Step.manual("out"))
    assert await each(stage, workflow) == ["WaitingForInfo", "WaitingForInfo", "Success", "NotRunning"]
    assert await stage.answer(workflow, "q", "Yes") == "NoStartedStep"
    assert await stage.act("finish", workflow) == "NoStartedStep"
    assert await stage.act("run", workflow) == "Success"
    assert [await stage.answer(workflow, "q", said) for said in ("Maybe", "Perhaps", "No")] == [
        "WaitingForInfo",
        "NoMatchingPaths",
        "Success",
    ]
    after = await stage.load(workflow)
    record = await find_record(stage.engine, after.jobs["q"].id, 1)
    assert (after.current, record.outcome) == (["out"], b'{"answer":"No"}')


async def test_only_people_answer_and_not_while_it_is_held(stage: Stage) -> None:
    workflow = await stage.start(Step.function("a", "f"))
    assert await stage.answer(workflow, "a", "Yes") == "NotRunning"
    held = await stage.start(Step.question("q", "Well?", answers=["Yes"], held=True))
    assert await stage.answer(held, "q", "Yes") == "Held"


async def test_a_manual_step_that_runs_can_be_answered_too(stage: Stage) -> None:
    workflow = await stage.start(Step.manual("a", proceeds=False))
    await stage.act("run", workflow)
    assert await stage.answer(workflow, "a", "done") == "Success"


async def test_a_step_that_does_not_proceed_waits_to_be_finished(stage: Stage) -> None:
    workflow = await stage.start(
        Step.function("a", "f", proceeds=False, then={"b": "result.go"}), Step.manual("b"), template="one"
    )
    await stage.do({"go": False})
    assert (await stage.current(workflow), await stage.advance()) == (["a"], 0)
    assert await stage.act("finish", workflow) == "NoMatchingPaths"
    assert await stage.act("run", workflow) == "Success"
    await stage.do({"go": True})
    assert await stage.act("finish", workflow) == "Success"
    assert await stage.current(workflow) == ["b"]


async def test_an_answer_to_a_question_that_does_not_proceed_waits_to_be_finished(stage: Stage) -> None:
    ask = Step.question("q", "Well?", answers=["Yes"], proceeds=False, then={"b": "answer == 'Yes'"})
    workflow = await stage.start(ask, Step.manual("b"))
    assert await stage.answer(workflow, "q", "Yes") == "Success"
    assert (await stage.current(workflow), await stage.act("stop", workflow)) == (["q"], "NotRunning")
    assert await stage.act("finish", workflow) == "Success"
    assert await stage.current(workflow) == ["b"]


async def test_one_step_is_set_current_and_the_others_are_left(stage: Stage) -> None:
    workflow = await stage.start(
        Step.manual("a", then=["b", "c"]), Step.manual("b"), Step.manual("c", proceeds=False), Step.manual("d")
    )
    await stage.act("run", workflow)
    assert await stage.set_current(workflow, "d") == "Success"
    assert await stage.current(workflow) == ["d"]
    assert await stage.set_current(workflow, "a") == "Success"
    assert (await stage.load(workflow)).jobs["a"].attempt == 2
    await stage.act("run", workflow)
    assert await stage.set_current(workflow, "c") == "Success"
    await stage.act("run", workflow)
    assert await stage.set_current(workflow, "a") == "AlreadyExecuting"
    assert await stage.set_current(workflow, "nowhere") == "StepNotInDiagram"


async def test_an_end_that_nobody_has_followed_leads_nowhere_once_another_step_was_set_current(stage: Stage) -> None:
    workflow = await stage.start(Step.function("a", "f", retries=0, then="b"), Step.manual("b"), Step.manual("c"))
    held = await stage.claim("steps")
    await stage.engine.run(Succeed.of(held))
    assert await stage.set_current(workflow, "c") == "Success"
    await stage.advance()
    assert await stage.current(workflow) == ["c"]


async def test_a_step_is_assigned_while_it_does_not_run(stage: Stage) -> None:
    workflow = await stage.start(Step.manual("a", proceeds=False), Step.manual("b"))
    assert await stage.assign(workflow, "a", "user:bob") == "Success"
    assert (await stage.load(workflow)).jobs["a"].queue == "user:bob"
    assert await stage.act("run", workflow, by=BOB) == "Success"
    assert await stage.assign(workflow, "a", "user:ada") == "AlreadyExecuting"
    assert await stage.assign(workflow, "b", "user:ada") == "StepNotCurrent"


async def test_people_of_one_item_do_not_see_anothers(stage: Stage) -> None:
    workflow = await stage.start(Step.manual("a"))
    with pytest.raises(JobNotFound):
        await steps.run(stage.store, workflow, item="another")
    with pytest.raises(JobNotFound):
        await steps.run(stage.store, (await stage.load(workflow)).steps["a"])


async def test_several_steps_are_acted_on_in_one_call_and_each_is_answered(stage: Stage) -> None:
    workflow = await stage.start(
        Step.manual("a", then=["b", "c"]),
        Step.manual("b", then="d"),
        Step.manual("c", then="d"),
        Step.manual("d", join="all"),
    )
    await stage.act("run", workflow)
    assert await stage.act("run", workflow, "b", "a", "c", "d") == "Success StepNotCurrent Success StepNotCurrent"
    assert await stage.current(workflow) == ["d"]


async def test_a_step_that_was_cancelled_before_it_was_reached_opens_when_it_is(stage: Stage) -> None:
    workflow = await stage.start(Step.manual("a", then="b"), Step.manual("b"))
    await stage.engine.run(Cancel(id=(await stage.load(workflow)).steps["b"], reason="operator"))
    await stage.advance()
    assert await stage.current(workflow) == ["a"]
    await stage.act("run", workflow)
    assert await stage.current(workflow) == ["b"]


async def test_a_device_and_a_pull_worker_find_their_steps_as_their_apis_keep_them(stage: Stage) -> None:
    await add_thing(stage.engine)
    workflow = await stage.start(
        Step.device("badge", thing="printer", document={"name": "{input.name}"}, then={"job": "result.ok == 'yes'"}),
        Step.titan("job", payload="Hello {input.name}", image="mail"),
        new=NewWorkflow(item=ITEM, input={"name": "Ada"}),
    )
    [held] = await stage.engine.run(Resume(queue="thing:printer", who="key"))
    made = await stage.load(workflow)
    assert (held.kind, stage.engine.open(held.payload or b"")) == ("device", b'{"name":"Ada"}')
    assert made.jobs["badge"].unique == f"iot:{workflow}-badge:printer"
    await stage.engine.run(Succeed.of(held, details=stage.engine.seal(b'{"ok":"yes"}')))
    await stage.advance()
    claimed = await stage.claim("default")
    head, _, payload = stage.engine.open(claimed.payload or b"").partition(b"\n")
    assert (claimed.kind, payload, b'"image":"mail"' in head) == ("titan", b"Hello Ada", True)
    await stage.engine.run(Fail.of(claimed, reason="bad_exit", details=stage.engine.seal(b"no json")))
    await stage.advance()
    assert (await stage.load(workflow)).walk.stops == {"job": "failed: bad_exit"}


async def test_a_workflow_sends_nothing_to_another_installs_thing(stage: Stage) -> None:
    await add_thing(stage.engine, "theirs", install="another")
    for thing in ("theirs", "nobodys"):
        with pytest.raises(NoThing, match=f"for the thing '{thing}', which 'install-1' doesn't have") as refused:
            await stage.start(Step.device("badge", thing=thing, document="d"))
        assert (refused.value.step, refused.value.thing) == ("badge", thing)


async def test_the_first_step_of_a_workflow_can_be_left_to_somebody(stage: Stage) -> None:
    workflow = await stage.start(
        Step.function("a", "f"), assigned="creator", new=NewWorkflow(item=ITEM, runs=False, created_by="ada")
    )
    assert (await stage.load(workflow)).jobs["a"].assignee == "user:ada"
    assert await stage.act("run", workflow, by=BOB) == "AssignedToDifferentUser"
    assert await stage.act("run", workflow, by=ADA) == "Success"


async def test_holds_and_dependencies_name_steps_that_are_there(stage: Stage) -> None:
    with pytest.raises(WorkflowError, match="no step 'b'"):
        await stage.start(Step.manual("a"), new=NewWorkflow(item=ITEM, holds={"b": None}))
    with pytest.raises(JobNotFound):
        await create(stage.store, "t", NewWorkflow(item=ITEM, after={"a": ["nobody"]}))
