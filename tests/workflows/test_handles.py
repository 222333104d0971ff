"""What a plugin's functions do with a workflow at hand."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from envoy_plugin.engine.verbs import Describe
from envoy_plugin.errors import BadProperty, CallRefused, JobNotFound, TooLarge, WorkflowError
from envoy_plugin.workflows.definitions.diagrams import Step
from envoy_plugin.workflows.definitions.templates import Template
from envoy_plugin.workflows.handles import WorkflowHandle, Workflows
from envoy_plugin.workflows.manager import JobsManager
from envoy_plugin.workflows.running.work import execution_id, fill
from tests.engine.clock import Clock
from tests.workflows.stage import ITEM, Stage

STEPS = (
    Step.function("a", "f", then="q"),
    Step.question("q", "Well?", answers=["Yes", "No"], then="m"),
    Step.manual("m", proceeds=False),
)


@pytest.fixture
def workflows(stage: Stage) -> Workflows:
    """Those of one install, with one template."""
    stage.templates["t"] = Template.of("t", *STEPS)
    return Workflows.for_item(stage.store, ITEM)


async def test_what_steps_have_said_can_be_read_and_steps_be_acted_on(stage: Stage, workflows: Workflows) -> None:
    visit = await workflows.start("t", input=[1])
    assert (await visit.result("a"), await visit.answered("q"), visit.input) == (None, None, [1])
    await stage.do({"n": 1})
    assert await visit.answer("q", "Yes", comment="Let them in") == "Success"
    assert [await visit.finish("m"), await visit.run("m"), await visit.finish("m")] == [
        "NoStartedStep",
        "Success",
        "Success",
    ]
    assert (await visit.result("a"), await visit.answered("q")) == ({"n": 1}, "Yes")
    assert (await visit.read()).closed


async def test_a_step_that_is_open_again_still_tells_what_it_said_last(stage: Stage, workflows: Workflows) -> None:
    stage.templates["t"] = Template.of("t", Step.function("a", "f", then="a"))
    visit = await workflows.start("t")
    await stage.do({"n": 1})
    assert await visit.result("a") == {"n": 1}


async def test_a_step_is_held_once_and_released_once(workflows: Workflows, clock: Clock) -> None:
    visit = await workflows.start("t", holds={"m": clock.after(timedelta(hours=1))})
    assert [await visit.hold("q"), await visit.hold("q"), await visit.hold("m")] == [True, False, False]
    assert [await visit.release("q"), await visit.release("q"), await visit.release("m")] == [True, False, True]
    with pytest.raises(WorkflowError, match="no step 'x'"):
        await visit.hold("x")
    for never in (clock.after(timedelta()).replace(tzinfo=None), datetime.max.replace(tzinfo=UTC)):
        with pytest.raises(BadProperty, match="until"):
            await visit.hold("a", until=never)
        with pytest.raises(BadProperty, match="holds"):
            await workflows.start("t", holds={"a": never})


async def test_what_code_holds_and_says_is_in_the_history(stage: Stage, workflows: Workflows) -> None:
    visit = await workflows.start("t")
    assert [await visit.hold("m"), await visit.release("m")] == [True, True]
    await visit.say(job_status="At the door")
    jobs = JobsManager(stage.store, item=ITEM)
    [hold] = (await jobs.get_job(visit.id, holds=True)).holds or ()
    assert (hold.step_id, hold.set_by, hold.released_by) == ("m", "", "")
    rows = [row.action for row in await jobs.get_job_history(visit.id)]
    assert rows[2:] == ["Held", "HoldReleased", "Reactivated", "Updated"]


async def test_a_workflow_waits_for_another_or_for_one_of_its_steps(stage: Stage, workflows: Workflows) -> None:
    first = await workflows.start("t", key="first")
    second = await workflows.start("t", key="second", after={"a": first, "q": (first, "a")})
    jobs = (await second.read()).jobs
    steps = (await first.read()).steps
    assert jobs["a"].gates.upstreams == {first.id: "hold"}
    assert jobs["q"].gates.upstreams == {steps["a"]: "hold"}
    with pytest.raises(WorkflowError, match="no step 'x'"):
        await workflows.start("t", after={"a": (first, "x")})


async def test_properties_are_said_and_others_stay(workflows: Workflows) -> None:
    visit = await workflows.start("t", owner="ada", priority="High")
    await visit.say(job_status="At the door")
    said = (await visit.read()).properties
    assert (said["job_status"], said["priority"], said["owned_by"]) == ("At the door", "High", "ada")


async def test_who_says_something_while_others_do_tries_again_and_gives_up_in_the_end(
    stage: Stage, workflows: Workflows, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit, real, others = await workflows.start("t"), stage.engine.call, [3]

    async def call(verbs: Any, *rest: Any) -> list[Any]:
        if others[0] and any(isinstance(verb, Describe) and verb.version for verb in verbs):
            others[0] -= 1
            await real([Describe(id=visit.id)])
        return await real(verbs, *rest)

    monkeypatch.setattr(stage.engine, "call", call)
    await visit.say(notes="said")
    others[0] = 100
    with pytest.raises(CallRefused):
        await visit.say(notes="never")
    assert (await visit.read()).properties["notes"] == "said"


async def test_a_key_finds_the_workflow_of_this_install_alone(stage: Stage, workflows: Workflows) -> None:
    visit = await workflows.start("t", key="k", input={"n": 1})
    found = await workflows.find("k")
    assert isinstance(found, WorkflowHandle)
    assert (found.id, found.created, found.input) == (visit.id, False, {"n": 1})
    assert await Workflows.for_item(stage.store, "another").find("k") is None
    with pytest.raises(JobNotFound):
        await WorkflowHandle(id=visit.id, item="another", store=stage.store).current()


async def test_who_finds_a_workflow_has_what_it_was_started_with(workflows: Workflows, clock: Clock) -> None:
    at = clock.after(timedelta())
    first = await workflows.start("t", key="visit-1", input={"at": at, 1: (2,)})
    again = await workflows.start("t", key="visit-1", input="something else")
    found = await workflows.find("visit-1")
    assert found is not None
    assert (again.created, again.id, again.input) == (False, first.id, first.input)
    assert found.input == first.input == {"at": at.isoformat().replace("+00:00", "Z"), "1": [2]}


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"input": object()}, "input can't be this: it is no JSON"),
        ({"input": "\ud800"}, "input can't be this: it is no JSON"),
        ({"input": "x" * 262_143}, "input of 262145 is over the limit of 262144"),
        ({"key": "x" * 513}, "key can't be this"),
        ({"key": "\ud800"}, "key can't be this"),
        ({"owner": "a\nb"}, "owner can't be this"),
        ({"owner": None}, "owner can't be this"),
        ({"owner": "\ud800"}, "owner can't be this"),
        ({"_walk": 1}, "_walk can't be this: a property has a name like job_status"),
        ({"comment:1": 1}, "comment:1 can't be this"),
        ({"end_date": None}, "end_date can't be this"),
        ({"due_date": "tomorrow"}, "due_date can't be this: it is a moment with an offset"),
        ({"job_status": 7}, "job_status can't be this"),
        ({"x": "x" * 65_536}, "x of 65544 is over the limit of 65536"),
        ({"holds": ["a"]}, "holds can't be this: it is a dict, by the ids of steps"),
        ({"after": ["a"]}, "after can't be this: it is a dict, by the ids of steps"),
        ({"after": {"a": None}}, "after can't be this: it is a workflow, or one with the id of a step"),
        ({"after": {"a": (None, "a")}}, "after can't be this: it is a workflow, or one with the id of a step"),
    ],
)
async def test_what_can_not_be_kept_or_read_later_is_refused_when_it_is_said(
    workflows: Workflows, said: dict[str, Any], why: str
) -> None:
    with pytest.raises((BadProperty, TooLarge), match=why):
        await workflows.start("t", **said)
    if not said.keys() & {"input", "key", "owner", "holds", "after"}:
        with pytest.raises((BadProperty, TooLarge), match=why):
            await (await workflows.start("t")).say(**said)


def test_a_document_is_filled_with_what_the_workflow_was_given() -> None:
    given = {"name": "Ada", "tags": ["x"], "n": 0}
    document = {
        "to": "{input.name}",
        "text": "Dear {input.name}{input.title}, {input.tags} {input.n}",
        "all": ["{input}", "{input.none.at.all}", 7, None],
        "other": "{output.name} {",
    }
    assert fill(document, given) == {
        "to": "Ada",
        "text": 'Dear Ada, ["x"] 0',
        "all": [given, None, 7, None],
        "other": "{output.name} {",
    }


def test_a_device_knows_its_step_by_an_id_that_it_can_have() -> None:
    assert execution_id("a" * 16, "badge") == f"{'a' * 16}-badge"
    odd = execution_id("a" * 16, "badge 7/b")
    assert len(odd) == 33
    assert odd != execution_id("a" * 16, "badge 8/b")
