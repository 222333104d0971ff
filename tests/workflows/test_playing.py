"""Workflows from their first step to their last, on a real engine."""

from datetime import timedelta

import pytest

from envoy_plugin.engine.queries import find_job, find_record
from envoy_plugin.engine.states import State
from envoy_plugin.engine.sweeper import sweep
from envoy_plugin.engine.verbs import Fail, Succeed
from envoy_plugin.errors import NoTemplate
from envoy_plugin.workflows.definitions.diagrams import Diagram, Path, Step
from envoy_plugin.workflows.definitions.templates import Template
from envoy_plugin.workflows.running import draft as drafts
from envoy_plugin.workflows.running.create import NewWorkflow, create, find_by_key
from envoy_plugin.workflows.running.flow import Standing
from tests.engine.clock import Clock
from tests.workflows.stage import ADA, BOB, ITEM, Stage, add_thing, remove_thing


async def test_steps_of_our_worker_follow_each_other_and_the_workflow_ends(stage: Stage) -> None:
    workflow = await stage.start(Step.function("a", "f", then="b"), Step.function("b", "g"), Step.manual("never"))
    await stage.do()
    assert await stage.current(workflow) == ["b"]
    await stage.do()
    ended = await stage.load(workflow)
    assert (ended.envelope.state, ended.current, ended.percent) == (State.SUCCEEDED, [], 100)
    assert ended.jobs["never"].state is State.CANCELLED
    assert await stage.advance() == 0


async def test_a_workflow_that_does_not_close_stays_open_without_a_current_step(stage: Stage) -> None:
    workflow = await stage.start(Step.function("a", "f"), closes=False, final_status="Done")
    await stage.do()
    ended = await stage.load(workflow)
    assert (ended.envelope.state, ended.current, ended.properties["job_status"]) == (State.RUNNING, [], "Done")


async def test_what_a_function_returned_decides_where_it_goes(stage: Stage) -> None:
    then = {"yes": "result.granted", "no": "not result.granted"}
    steps = Step.function("a", "f", then=then), Step.manual("yes"), Step.manual("no")
    first, second = await stage.start(*steps), await stage.start(*steps)
    await stage.do({"granted": True})
    await stage.do({"granted": False})
    assert (await stage.current(first), await stage.current(second)) == (["yes"], ["no"])


async def test_a_manual_step_is_somebodys_and_running_it_finishes_it(stage: Stage) -> None:
    workflow = await stage.start(
        Step.manual("a", assigned="group:front-desk", then="b"), Step.manual("b", proceeds=False)
    )
    assert await stage.act("run", workflow, by=BOB) == "AssignedToDifferentUser"
    assert await stage.act("run", workflow, by=ADA) == "Success"
    after = await stage.load(workflow)
    assert (after.current, after.jobs["b"].assignee, after.walk.doers) == (["b"], "user:ada", {"a": "user:ada"})
    assert await stage.act("finish", workflow) == "NoStartedStep"
    assert [await stage.act(word, workflow) for word in ("run", "run", "stop")] == [
        "Success",
        "AlreadyExecuting",
        "Success",
    ]
    assert [await stage.act(word, workflow) for word in ("stop", "finish", "run")] == [
        "NotRunning",
        "Success",
        "JobClosed",
    ]


async def test_a_step_that_failed_waits_for_somebody_who_runs_it_again(stage: Stage) -> None:
    workflow = await stage.start(Step.function("a", "f", retries=0, then="b"), Step.manual("b"))
    await stage.fail()
    assert await stage.current(workflow) == []
    assert await stage.advance() == 1
    waiting = await stage.load(workflow)
    assert (waiting.current, waiting.walk.stops) == (["a"], {"a": "failed: error"})
    assert await stage.act("run", workflow) == "Success"
    await stage.do()
    assert (await stage.load(workflow)).walk.stops == {}
    assert await stage.current(workflow) == ["b"]


async def test_an_end_is_followed_once_however_often_it_is_looked_at(stage: Stage) -> None:
    workflow = await stage.start(Step.function("a", "f", then="a", retries=0))
    for _ in range(3):
        await stage.do()
    await stage.fail("rejected")
    held = await stage.claim("advance")
    assert (await find_job(stage.engine, held.id)).id.endswith(".4")
    assert await stage.current(workflow) == []


async def test_the_same_key_is_the_same_workflow(stage: Stage) -> None:
    first = await stage.start(Step.manual("a"), new=NewWorkflow(item=ITEM, key="visit-1"))
    again = await create(stage.store, "t", NewWorkflow(item=ITEM, key="visit-1"))
    other = await create(stage.store, "t", NewWorkflow(item="other", key="visit-1"))
    assert (again.id, again.created, other.created) == (first, False, True)
    assert await find_by_key(stage.engine, ITEM, "visit-1") == first


async def test_there_must_be_a_template(stage: Stage) -> None:
    with pytest.raises(NoTemplate):
        await create(stage.store, "none", NewWorkflow(item=ITEM))


async def test_a_join_that_was_over_before_waits_again_for_those_that_can_still_come(stage: Stage) -> None:
    workflow = await stage.start(
        Step.manual("a", then=["b", "c"]),
        Step.manual("b", then="join"),
        Step.question("c", "Well?", answers=["join", "leave"], then={"join": "answer == 'join'", "left": ""}),
        Step.manual("join", join="all", then="a"),
        Step.manual("left"),
    )
    for step_id in ("a", "b"):
        await stage.act("run", workflow, step_id)
    await stage.answer(workflow, "c", "join")
    for step_id in ("join", "left", "a", "b"):
        await stage.act("run", workflow, step_id)
    assert (await stage.load(workflow)).standings["join"] is Standing.JOINING
    await stage.answer(workflow, "c", "leave")
    assert await stage.current(workflow) == ["join", "left"]


async def test_a_loop_can_give_a_step_back_to_whoever_did_it(stage: Stage) -> None:
    first = Step.manual("a", assigned="last_run_by", then=["b"])
    workflow = await stage.start(first, Step.manual("b", assigned="unassigned", then="a"))
    await stage.act("run", workflow, by=BOB)
    await stage.act("run", workflow, by=ADA)
    assert (await stage.load(workflow)).jobs["a"].assignee == "user:bob"


async def test_a_workflow_has_failed_where_its_last_step_has_decided_so(stage: Stage) -> None:
    workflow = await stage.start(Step.function("a", "f"))
    await stage.fail("rejected")
    await stage.advance()
    assert (await stage.load(workflow)).envelope.state is State.FAILED


async def test_conditions_know_the_workflow_by_what_it_is_called_in_queries_and_by_its_own_properties(
    stage: Stage,
) -> None:
    asked = ["job.status == 'Late' and job.priority == 'High'", "job.ownedBy == 'ada' and job.room == 7"]
    then = dict(zip(("b", "c"), asked, strict=True)) | {"d": "job.job_status == 'Late'", "e": "job.status == 'Early'"}
    new = NewWorkflow(item=ITEM, owned_by="ada", properties={"priority": "High", "room": 7})
    others = [Step.manual(step_id) for step_id in "bcde"]
    workflow = await stage.start(Step.manual("a", then=then), *others, new=new)
    await stage.handle(workflow).say(job_status="Late")
    await stage.act("run", workflow)
    assert await stage.current(workflow) == ["b", "c", "d"]


async def test_a_device_has_only_so_long(stage: Stage, clock: Clock) -> None:
    await add_thing(stage.engine)
    workflow = await stage.start(Step.device("a", thing="printer", document="d", timeout=60))
    await stage.claim("thing:printer")
    clock.move(timedelta(seconds=60))
    await sweep(stage.engine)
    await stage.advance()
    assert (await stage.load(workflow)).walk.stops == {"a": "failed: timeout"}


async def test_a_step_that_waits_for_finish_and_has_failed_waits_for_a_new_try(stage: Stage) -> None:
    workflow = await stage.start(Step.function("a", "f", retries=0, proceeds=False, then="b"), Step.manual("b"))
    await stage.fail()
    await stage.advance()
    assert (await stage.load(workflow)).walk.stops == {"a": "failed: error"}


async def test_a_device_may_end_its_step_without_having_begun_it(stage: Stage) -> None:
    await add_thing(stage.engine)
    workflow = await stage.start(Step.device("a", thing="printer", document="d"))
    await stage.engine.run(Succeed(id=(await stage.load(workflow)).steps["a"]))
    await stage.advance()
    assert (await stage.load(workflow)).closed


async def test_a_loop_without_an_end_stops_and_goes_on_where_somebody_says_so(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drafts, "MOST_ROUNDS", 3)
    workflow = await stage.start(Step.function("a", "f", then="a"))
    for _ in range(4):
        await stage.do()
    looped = await stage.load(workflow)
    assert (looped.current, looped.walk.stops, looped.jobs["a"].attempt) == (["a"], {"a": "looped"}, 5)
    assert await stage.act("run", workflow) == "Success"
    await stage.do()
    assert (await stage.load(workflow)).walk.stops == {"a": "looped"}


async def begin_two_branches(stage: Stage) -> str:
    """A workflow of two branches, of which the first has failed; the second is still open."""
    workflow = await stage.start(
        Step.manual("a", then=["b", "c"]), Step.function("b", "f"), Step.manual("c", then="d"), Step.manual("d")
    )
    await stage.act("run", workflow)
    held = await stage.claim("steps")
    said = stage.engine.seal(b'{"status": "failed", "message": "The printer is on fire"}')
    await stage.engine.run(Fail.of(held, reason="rejected", outcome=said))
    await stage.advance()
    return workflow


async def test_a_workflow_has_failed_where_one_branch_has_also_if_another_ends_later(stage: Stage) -> None:
    workflow = await begin_two_branches(stage)
    for step_id in ("c", "d"):
        assert await stage.act("run", workflow, step_id) == "Success"
    ended = await find_record(stage.engine, workflow, 1)
    assert (ended.job.state, ended.job.reason) == (State.FAILED, "rejected")
    assert b"The printer is on fire" in (ended.outcome or b"")


async def test_a_branch_that_is_done_anew_and_ends_well_has_not_failed(stage: Stage) -> None:
    workflow = await begin_two_branches(stage)
    await stage.engine.retry((await stage.load(workflow)).steps["b"])
    await stage.do()
    for step_id in ("c", "d"):
        await stage.act("run", workflow, step_id)
    assert (await stage.load(workflow)).envelope.state is State.SUCCEEDED


@pytest.mark.parametrize("owner", [None, "another"])
async def test_no_step_is_sent_to_a_thing_that_is_gone_or_another_installs_by_now(
    stage: Stage, owner: str | None
) -> None:
    await add_thing(stage.engine, install=ITEM)
    workflow = await stage.start(Step.manual("a", then="b"), Step.device("b", thing="printer", document="d"))
    await (add_thing(stage.engine, install=owner) if owner else remove_thing(stage.engine))
    await stage.act("run", workflow)
    waiting = await stage.load(workflow)
    assert (waiting.current, waiting.walk.stops, waiting.jobs["b"].state) == (["b"], {"b": "no_thing"}, State.BLOCKED)
    assert await stage.act("run", workflow) == "Held"
    await add_thing(stage.engine, install=ITEM)
    assert await stage.act("run", workflow) == "Success"
    assert (await stage.load(workflow)).jobs["b"].state is State.AVAILABLE


async def test_the_path_that_is_taken_says_what_the_workflows_status_becomes(stage: Stage) -> None:
    paths = (Path(to="b", status="In Progress"),)
    diagram = Diagram(id="t", initial="a", steps=(Step(id="a", paths=paths), Step(id="b")))
    stage.templates["t"] = Template(id="t", diagram=diagram, properties={"job_status": "New"})
    workflow = (await create(stage.store, "t", NewWorkflow(item=ITEM))).id
    await stage.act("run", workflow)
    assert (await stage.load(workflow)).properties["job_status"] == "In Progress"


async def test_a_step_that_was_done_and_then_left_leads_nowhere(stage: Stage) -> None:
    workflow = await stage.start(Step.function("a", "f", proceeds=False, then="b"), Step.manual("b"), Step.manual("c"))
    await stage.do()
    assert await stage.set_current(workflow, "c") == "Success"
    assert await stage.advance() == 0
    left = await stage.load(workflow)
    assert (left.current, left.standings["a"]) == (["c"], Standing.OVER)
