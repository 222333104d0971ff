"""Whatever those do who know nothing of workflows, a workflow that isn't over can be gone on with."""

from dataclasses import replace
from datetime import timedelta

import pytest

from envoy_plugin.apis.iot_jobs.ending import delete_execution
from envoy_plugin.apis.iot_jobs.executions import load_execution
from envoy_plugin.engine.states import State
from envoy_plugin.engine.sweeper import Keeping, retire
from envoy_plugin.engine.verbs import Delete, Depend, Fail, Pause, Succeed, Undepend
from envoy_plugin.errors import ThingRefused, TooLarge, WrongState
from envoy_plugin.workflows.definitions import checks
from envoy_plugin.workflows.definitions.diagrams import Step
from envoy_plugin.workflows.definitions.templates import Template
from envoy_plugin.workflows.running.advance import follow_up
from envoy_plugin.workflows.running.create import NewWorkflow, create
from envoy_plugin.workflows.running.draft import Draft
from tests.engine.clock import Clock
from tests.workflows.office import Office
from tests.workflows.stage import ITEM, Stage, add_thing
from tests.workflows.test_documents import waiting_joins


async def test_an_end_whose_follow_up_was_cancelled_is_followed_by_whoever_acts_next(stage: Stage) -> None:
    workflow = await stage.start(Step.function("a", "f", then="b"), Step.manual("b", then="c"), Step.manual("c"))
    held = await stage.claim("steps")
    await stage.engine.run(Succeed.of(held))
    await stage.engine.cancel(f"{held.id}.1", reason="operator")
    assert await stage.current(workflow) == []
    assert await stage.act("run", workflow) == "Success"
    assert await stage.current(workflow) == ["c"]


async def test_ends_that_nobody_has_come_to_are_all_followed_before_somebody_acts(stage: Stage) -> None:
    branches = [Step.function(step_id, "f", then="join") for step_id in ("b", "c")]
    workflow = await stage.start(
        Step.function("a", "f", then=["b", "c"]), *branches, Step.manual("join", join="all"), Step.manual("d")
    )
    await stage.do()
    for held in await stage.engine.claim("steps", 2, who="test", lease=None):
        await stage.engine.run(Succeed.of(held))
    assert await stage.act("run", workflow, "join") == "Success"
    assert await stage.advance() == 2
    ended = await stage.load(workflow)
    assert (ended.envelope.state, ended.jobs["join"].attempt) == (State.SUCCEEDED, 1)


async def test_a_workflow_that_was_closed_and_is_retried_by_its_jobs_id_goes_on(stage: Stage) -> None:
    workflow = await stage.start(Step.function("a", "f", retries=0, then={"b": "result.x"}), Step.manual("b"))
    draft = Draft(stage.store, await stage.load(workflow))
    draft.close()
    await stage.engine.call(draft.call())
    await stage.engine.retry(workflow)
    assert await stage.act("run", workflow) == "Success"
    assert (await stage.load(workflow)).walk.stops == {"a": "failed: closed"}


async def test_a_step_that_a_pull_worker_has_failed_can_not_be_deleted_and_so_can_be_run_again(stage: Stage) -> None:
    workflow = await stage.start(Step.titan("a", payload="p", then="b"), Step.manual("b"))
    held = await stage.claim("default")
    await stage.engine.run(Fail.of(held, reason="bad_exit"))
    with pytest.raises(WrongState):
        await stage.engine.run(Delete(id=held.id, attempt=1))
    await stage.advance()
    assert await stage.act("run", workflow) == "Success"
    assert (await stage.claim("default")).attempt == 2


async def test_an_execution_that_a_workflow_may_send_again_can_not_be_deleted_even_with_force(stage: Stage) -> None:
    await add_thing(stage.engine)
    workflow = await stage.start(Step.device("a", thing="printer", document="d", then="b"), Step.manual("b"))
    found = await load_execution(stage.engine, (await stage.load(workflow)).steps["a"])
    assert found is not None
    with pytest.raises(ThingRefused, match="a step of a workflow that isn't over"):
        await delete_execution(stage.engine, found, force=True)
    assert (await stage.load(workflow)).jobs["a"].state is State.AVAILABLE


async def test_more_steps_than_go_into_one_call_are_all_acted_on(stage: Stage) -> None:
    ids = [str(at) for at in range(50)]
    branches = [Step.manual(step_id, then=f"after-{step_id}") for step_id in ids]
    ahead = [Step.manual(f"after-{step_id}") for step_id in ids]
    workflow = await stage.start(Step.manual("a", then=ids), *branches, *ahead)
    await stage.act("run", workflow)
    assert await stage.act("run", workflow) == " ".join(["Success"] * 50)
    assert await stage.current(workflow) == [step.id for step in ahead]


async def test_an_end_opens_as_many_steps_as_a_diagram_lets_it(stage: Stage) -> None:
    stage.templates["t"] = Template(id="t", diagram=waiting_joins(57))
    workflow = (await create(stage.store, "t", NewWorkflow(item=ITEM))).id
    joins = {step_id: job for step_id, job in (await stage.load(workflow)).steps.items() if step_id.isdigit()}
    for job_id in joins.values():
        await stage.engine.cancel(job_id, reason="operator")  # so that each takes most verbs: it has to be retried
    for step_id in ("a", "b", "c", "last"):
        assert await stage.act("run", workflow, step_id) == "Success"
    assert await stage.current(workflow) == ["end", *joins]


async def test_a_step_with_another_job_since_an_upgrade_is_followed_from_its_first_end(office: Office) -> None:
    stage, titan = office.stage, Step.titan("a", payload="p", then="b")
    workflow = await stage.start(titan, Step.manual("b", then="a"))
    await stage.engine.run(Succeed.of(await stage.claim("default")))
    await stage.advance()
    await stage.start(replace(titan, can_skip=True), Step.manual("b", then="a"), new=NewWorkflow(item=ITEM, runs=False))
    await office.plugin.upgrade_jobs([workflow])
    await stage.act("run", workflow, "b")
    await stage.engine.run(Fail.of(await stage.claim("default"), reason="bad_exit"))
    await stage.advance()
    assert (await stage.load(workflow)).walk.stops == {"a": "failed: bad_exit"}


async def test_a_step_that_was_over_for_so_long_that_it_was_forgotten_can_be_reached_again(
    office: Office, clock: Clock
) -> None:
    stage = office.stage
    steps = Step.titan("a", payload="{input}", then="b"), Step.manual("b", then="a")
    workflow = await stage.start(*steps, new=NewWorkflow(item=ITEM, input="Ada", priority=7))
    first = await stage.claim("default")
    await stage.engine.run(Succeed.of(first))
    await stage.advance()
    clock.move(timedelta(days=8))
    await office.plugin.close_jobs([workflow])
    await retire(stage.engine, Keeping())
    await office.plugin.reopen_jobs([workflow])
    assert {*(await stage.load(workflow)).jobs} == {"b"}
    assert await stage.handle(workflow).result("a") is None
    assert await stage.act("run", workflow) == "Success"
    assert (await stage.load(workflow)).jobs["a"].priority == 7
    again = await stage.claim("default")
    assert stage.engine.open(again.payload or b"") == stage.engine.open(first.payload or b"")
    await stage.engine.run(Succeed.of(again))
    await stage.advance()
    assert await stage.current(workflow) == ["b"]


async def test_an_end_that_opens_too_much_is_refused_to_whoever_acts_and_changes_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "MOST_AT_ONCE", 999)  # as of a diagram that was made active before there was a bound
    stage.templates["t"] = Template(id="t", diagram=waiting_joins(100))
    workflow = (await create(stage.store, "t", NewWorkflow(item=ITEM))).id
    for step_id in ("a", "b", "c"):
        await stage.act("run", workflow, step_id)
    with pytest.raises(TooLarge):
        await stage.act("run", workflow)
    assert await stage.current(workflow) == ["last"]


async def follow(stage: Stage) -> str:
    """Why the next follow-up fails."""
    end = await follow_up(stage.store, await stage.claim("advance"))
    assert isinstance(end, Fail)
    return end.reason


async def test_a_follow_up_that_can_not_read_what_it_is_to_follow_comes_back(stage: Stage) -> None:
    await stage.start(Step.titan("a", payload="p", then="b"), Step.manual("b"))
    held = await stage.claim("default")
    await stage.engine.run(Succeed.of(held, outcome=b"sealed with another secret"))
    assert await follow(stage) == "unreadable"


async def test_a_follow_up_of_what_can_not_be_opened_says_so_and_comes_back(stage: Stage) -> None:
    workflow = await stage.start(Step.titan("a", payload="p", then="b"), Step.manual("b"))
    other = await stage.start(Step.manual("c"), template="other")
    a, c = (await stage.load(workflow)).steps["a"], (await stage.load(other)).steps["c"]
    await stage.engine.run(Depend(id=a, upstream=c))
    await stage.engine.cancel(a, reason="operator")
    await stage.engine.run(Depend(id=c, upstream=a))  # the new try of one would wait for the other, and that for it
    assert await follow(stage) == "refused"
    await stage.engine.run(Undepend(id=c, upstream=a))
    assert await stage.advance() == 0
    assert await stage.act("run", workflow) == "Held"


async def test_a_step_in_a_paused_queue_is_held_and_others_go_on(stage: Stage) -> None:
    workflow = await stage.start(
        Step.manual("a", then=["b", "c"]), Step.manual("b", assigned="group:front-desk"), Step.manual("c")
    )
    await stage.act("run", workflow)
    await stage.engine.run(Pause(queue="group:front-desk", why=b"lunch"))
    assert await stage.act("run", workflow) == "Held Success"
    assert await stage.current(workflow) == ["b"]
