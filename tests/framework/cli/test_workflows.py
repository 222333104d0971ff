"""`envoy-plugin workflows`: what there is, and how one stands, as a table, as JSON and drawn."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from redis.asyncio import Redis

from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.verbs import Fail
from envoy_plugin.errors import EnvoyPluginError
from envoy_plugin.workflows.definitions.diagrams import Diagram, Step
from envoy_plugin.workflows.definitions.store import Store
from envoy_plugin.workflows.definitions.templates import OF_PLUGIN, Template
from envoy_plugin.workflows.running.advance import follow_up
from envoy_plugin.workflows.running.create import NewWorkflow, create
from tests.framework.cli.here import PREFIX, Here

VISIT = Template.of(
    "visit",
    Step.function("access", "provision", name="Provision access", retries=0, then="desk"),
    Step.manual("desk", assigned="group:front-desk"),
)
PLUGIN = """
from envoy_plugin import Plugin, Step, Template

plugin = Plugin("shop-doors")
plugin.workflow(
    Template.of(
        "visit",
        Step.question("desk", "In?", answers=["Y"], name="At the desk", then={"in": "answer == 'Y'", "out": "else"}),
        Step.manual("in", then="out", assigned="group:front-desk"),
        Step.manual("out"),
    )
)
"""


@pytest.fixture
def here(redis: Redis, redis_url: str) -> Here:
    """A terminal, and an engine that seals as its settings do."""
    there = Here(Engine(redis, prefix=PREFIX), {"REDIS_URL": redis_url})
    return Here(Engine(redis, prefix=PREFIX, codec=there.sealer), there.settings)


async def start(here: Here) -> tuple[Store, str]:
    """A workflow at its first step."""
    store = Store(here.engine, here.sealer.digest, own={"visit": VISIT})
    made = await create(store, "visit", NewWorkflow(item="1001", input={"name": "Ada Lovelace"}))
    return store, made.id


async def test_workflows_are_listed_with_their_current_steps(here: Here) -> None:
    assert (await here.run("workflows", "list")).out == "No workflows.\n"
    _, workflow = await start(here)
    row = (await here.run("workflows", "list")).out.splitlines()[1].split()
    assert row == [workflow, "1001", "visit", "running", "0", "%", "access"]
    assert (await here.run("workflows", "list", "--install", "2002")).out == "No workflows.\n"
    (told,) = (await here.run("workflows", "list", "--json")).told["workflows"]
    assert (told["id"], told["state"], told["current"]) == (workflow, "running", ["access"])


async def test_a_workflow_is_shown_step_by_step_and_nothing_of_the_visitor(here: Here) -> None:
    store, workflow = await start(here)
    [held] = await here.engine.claim("steps", 1, who="w", lease=None)
    await here.engine.run(Fail.of(held, reason="timeout"))
    [end] = await here.engine.claim("advance", 1, who="w", lease=None)
    await follow_up(store, end)
    shown = await here.run("workflows", "show", workflow)
    told = (await here.run("workflows", "show", workflow, "--json")).told
    rows = [line.split("  ") for line in shown.out.splitlines()]
    assert rows[0] == ["visit", "running, 0 % done"]
    assert [cell.strip() for cell in rows[2] if cell] == [
        "access",
        "Provision access",
        "function",
        "stopped",
        "unassigned",
        "failed: timeout",
    ]
    assert [(step["id"], step["state"], step["attempt"]) for step in told["steps"]] == [
        ("access", "stopped", 2),
        ("desk", "idle", 1),
    ]
    assert [step["then"] for step in told["steps"]] == [[{"step": "desk", "when": None}], []]
    assert "Ada" not in shown.out + json.dumps(told)


async def test_of_a_steps_job_it_is_said_that_its_workflow_goes_on(here: Here) -> None:
    _, workflow = await start(here)
    [step, _] = (await here.run("workflows", "show", workflow, "--json")).told["steps"]
    shown = (await here.run("jobs", "show", step["job"])).out
    assert "What follows in the workflow\n  Owed at the job's end." in shown
    assert "Report to Envoy" not in shown


async def test_what_a_held_step_waits_for_is_said(here: Here) -> None:
    store, first = await start(here)
    until = datetime(2100, 1, 1, tzinfo=UTC)
    for facts, why in (
        ({"holds": {"access": None}}, "held"),
        ({"holds": {"access": until}}, "held until 2100-01-01T00:00:00.000Z"),
        ({"after": {"access": [first]}}, f"waits for job {first}"),
    ):
        made = await create(store, "visit", NewWorkflow(item="1001", **facts))
        [access, _] = (await here.run("workflows", "show", made.id, "--json")).told["steps"]
        assert (access["state"], access["why"]) == ("held", why)
    made = await create(store, "visit", NewWorkflow(item="1001", holds={"desk": None}))
    [_, desk] = (await here.run("workflows", "show", made.id, "--json")).told["steps"]
    assert (desk["state"], desk["why"]) == ("idle", None)


async def test_a_workflow_is_drawn_with_the_state_of_each_step(here: Here) -> None:
    _, workflow = await start(here)
    flowchart = (await here.run("workflows", "show", workflow, "--as", "mermaid")).out
    picture = (await here.run("workflows", "show", workflow, "--as", "svg")).out
    assert '    s0["Provision access<br/>function: queued"]:::queued\n' in flowchart
    assert picture.startswith("<svg ")
    assert "function: queued</text>" in picture


async def test_a_template_is_shown_that_the_plugin_or_an_install_has(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.joinpath("shop.py").write_text(PLUGIN)
    monkeypatch.chdir(tmp_path)
    own = await here.run("workflows", "show", "visit", "--app", "shop:plugin")
    assert [re.split("  +", line) for line in own.out.splitlines()[2:]] == [
        ["desk", "At the desk", "question", "-", "in if answer == 'Y'; out else"],
        ["in", "-", "manual", "group:front-desk", "out"],
        ["out", "-", "manual", "-", "-"],
    ]
    store = Store(here.engine, here.sealer.digest)
    await store.save_diagram("1001", Diagram(id="d", initial="a", steps=(Step.manual("a"),)))
    await store.save_template("1001", Template(id="theirs", diagram_id="d"))
    theirs = await here.run("workflows", "show", "theirs", "--install", "1001", "--as", "mermaid")
    assert theirs.out == 'flowchart TD\n    s0[/"a<br/>manual"/]\n'


ODD = 'plugin.workflow(Template.of("odd", Step.function("a", "fly", then="q"), Step.manual("lost"), {question}))'
ASKED = """Step.question("q", "In?", answers=["Yes", "No", 3], then={{"q": "answer == 'Yes'", "a": "{condition}"}})"""


@pytest.mark.parametrize(
    ("condition", "dead"),
    [
        ("input.x && answer > 2", []),
        ("answer > 2", ["The answer 'No' of step 'q' will be refused: no path is taken at it."]),
    ],
)
async def test_what_a_template_lacks_is_said_beside_its_drawing(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, condition: str, dead: list[str]
) -> None:
    name = f"odd{len(dead)}"
    lines = ODD.format(question=ASKED.format(condition=condition))
    tmp_path.joinpath(f"{name}.py").write_text(f"{PLUGIN}{lines}\n")
    monkeypatch.chdir(tmp_path)
    shown = await here.run("workflows", "show", "odd", "--as", "mermaid", "--app", f"{name}:plugin")
    assert shown.out.startswith("flowchart TD\n")
    assert shown.err.splitlines() == [
        "Step 'a' wants the function 'fly', which the plugin doesn't have; it has none.",
        "No path leads to step 'lost': only somebody who sets it current gets there.",
        *dead,
    ]


async def test_what_is_not_there_is_said_with_what_there_is(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.joinpath("shopping.py").write_text(PLUGIN)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(EnvoyPluginError, match=r"There is neither a workflow nor a template 'nothing'\.$"):
        await here.run("workflows", "show", "nothing")
    with pytest.raises(EnvoyPluginError, match=r"The plugin's own templates: visit\.$"):
        await here.run("workflows", "show", "nothing", "--app", "shopping:plugin")


async def test_workflows_whose_diagram_is_gone_are_left_out_of_the_list(here: Here) -> None:
    store, _ = await start(here)
    await store.delete_diagram(OF_PLUGIN, "visit")
    assert (await here.run("workflows", "list")).out == "No workflows.\n"
