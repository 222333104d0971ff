"""Where diagrams and templates are kept: versions, drafts, and what is in a plugin's code."""

from dataclasses import replace

import pytest

from envoy_plugin.engine.engine import Engine
from envoy_plugin.errors import BadDiagram, NoTemplate, WorkflowError
from envoy_plugin.workflows.definitions import store as stored
from envoy_plugin.workflows.definitions.diagrams import Diagram, Step
from envoy_plugin.workflows.definitions.store import Store
from envoy_plugin.workflows.definitions.templates import OF_PLUGIN, Template
from envoy_plugin.workflows.running.create import NewWorkflow, create
from envoy_plugin.workflows.running.record import load
from tests.workflows.conftest import SEALER
from tests.workflows.stage import ITEM

DIAGRAM = Diagram(id="d", initial="a", steps=(Step.function("a", "f", then="b"), Step.manual("b")))
TEMPLATE = Template(id="t", name="Visit", diagram_id="d", properties={"priority": "High"}, look={"category": "x"})


@pytest.fixture
def store(engine: Engine) -> Store:
    """A store with nothing in it."""
    return Store(engine, SEALER.digest)


def fresh(store: Store) -> Store:
    """Another process' store over the same Redis."""
    return Store(store.engine, SEALER.digest)


async def test_each_saving_is_a_version_and_the_last_is_active(store: Store) -> None:
    assert (await store.save_diagram(ITEM, DIAGRAM)).version == 1
    second = await store.save_diagram(ITEM, replace(DIAGRAM, name="second"))
    other = fresh(store)
    assert await other.find_diagram(ITEM, "d") == second
    assert await other.find_diagram(ITEM, "d", 1) == replace(DIAGRAM, version=1)
    assert await other.find_diagram(ITEM, "d", 3) is None
    assert await other.find_diagram("another", "d") is None
    assert await other.list_diagrams(ITEM) == ["d"]


async def test_a_diagram_is_not_made_active_with_faults_in_it_and_a_draft_may_have_them(store: Store) -> None:
    faulty = replace(DIAGRAM, initial="z")
    with pytest.raises(BadDiagram):
        await store.save_diagram(ITEM, faulty)
    assert await store.save_draft(ITEM, faulty) == await fresh(store).find_diagram(ITEM, "d", 0)
    assert await store.find_diagram(ITEM, "d") is None
    assert [await store.delete_draft(ITEM, "d") for _ in range(2)] == [True, False]


async def test_the_functions_of_a_diagram_are_checked_where_they_are_known(engine: Engine) -> None:
    with pytest.raises(BadDiagram, match="wants the function 'f', which the plugin doesn't have; it has none"):
        await Store(engine, SEALER.digest, functions=[]).save_diagram(ITEM, DIAGRAM)


async def test_what_is_stored_is_sealed(store: Store) -> None:
    await store.save_diagram(ITEM, replace(DIAGRAM, name="secret-name"))
    await store.save_template(ITEM, replace(TEMPLATE, name="secret-name"))
    for key in await store.engine.redis.keys("*"):
        assert b"secret-name" not in (await store.engine.redis.dump(key) or b"")


async def test_a_diagram_can_be_deleted_and_workflows_on_it_say_so(store: Store) -> None:
    await store.save_diagram(ITEM, DIAGRAM)
    await store.save_template(ITEM, TEMPLATE)
    workflow = (await create(store, "t", NewWorkflow(item=ITEM))).id
    assert [await store.delete_diagram(ITEM, "d") for _ in range(2)] == [True, False]
    with pytest.raises(WorkflowError, match="The diagram 'd' of workflow"):
        await load(store, workflow)
    with pytest.raises(NoTemplate):
        await create(store, "t", NewWorkflow(item=ITEM))


async def test_a_diagram_that_is_made_again_is_none_that_another_process_remembers(store: Store) -> None:
    other = Store(store.engine, SEALER.digest)
    before = await store.save_diagram(ITEM, DIAGRAM)
    assert await other.find_diagram(ITEM, "d") == before
    await store.delete_diagram(ITEM, "d")
    after = await store.save_diagram(ITEM, replace(DIAGRAM, name="another"))
    assert await other.find_diagram(ITEM, "d") == after


async def test_templates_are_kept_listed_and_deleted(store: Store) -> None:
    await store.save_template(ITEM, TEMPLATE)
    own = Template.of("own", Step.manual("a"))
    other = Store(store.engine, SEALER.digest, own={"own": own})
    assert await other.find_template(ITEM, "t") == TEMPLATE
    assert await other.list_templates(ITEM) == [own, TEMPLATE]
    assert [await store.delete_template(ITEM, "t") for _ in range(2)] == [True, False]
    assert await store.list_templates(ITEM) == []


async def test_a_workflow_begins_with_what_its_template_says(store: Store) -> None:
    await store.save_diagram(ITEM, DIAGRAM)
    await store.save_template(ITEM, TEMPLATE)
    new = NewWorkflow(item=ITEM, created_by="ada", properties={"notes": "n"}, input=[1], event=b"{}")
    made = await load(store, (await create(store, "t", new)).id)
    properties = {"job_name": "Visit", "priority": "High", "notes": "n", "created_by": "ada", "owned_by": "ada"}
    assert (made.properties, made.input, made.fields["_event"]) == (properties, [1], "{}")
    assert (made.origin.template, made.origin.version, made.item) == ("t", 1, ITEM)


async def test_a_template_that_is_not_active_makes_nothing(store: Store) -> None:
    await store.save_diagram(ITEM, DIAGRAM)
    await store.save_template(ITEM, replace(TEMPLATE, state="Retired"))
    with pytest.raises(NoTemplate):
        await create(store, "t", NewWorkflow(item=ITEM))


async def test_two_releases_have_each_their_own_version_of_a_diagram_in_code(store: Store) -> None:
    old, new = Template.of("t", Step.manual("a")), Template.of("t", Step.manual("a"), Step.manual("b"))
    versions = []
    for template in (old, new, old, new):
        release = Store(store.engine, SEALER.digest, own={"t": template})
        versions.append((await load(release, (await create(release, "t", NewWorkflow(item=ITEM))).id)).origin)
    assert [(origin.item, origin.version) for origin in versions] == [(OF_PLUGIN, at) for at in (1, 2, 1, 2)]


async def test_what_is_remembered_is_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "MOST_CACHED", 1)
    for name in ("one", "two"):
        await store.save_diagram(ITEM, replace(DIAGRAM, name=name))
        await store.find_diagram(ITEM, "d")
    first, second = await store.find_diagram(ITEM, "d", 1), await store.find_diagram(ITEM, "d", 2)
    assert first is not None and first.name == "one"  # noqa: PT018 - the second part needs the first
    assert second is not None and second.name == "two"  # noqa: PT018 - the same


async def test_steps_that_nothing_leads_to_are_warned_of(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    await store.save_diagram(ITEM, replace(DIAGRAM, steps=(*DIAGRAM.steps, Step.manual("alone"))))
    assert "diagram.unreachable" in caplog.text
    assert "alone" in caplog.text
