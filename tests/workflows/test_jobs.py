"""Jobs: made, read, changed, closed, opened again, deleted, and moved to another version of their diagram."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.queries import text_of
from envoy_plugin.engine.verbs import Cancel
from envoy_plugin.errors import BadProperty, JobNotFound, JobRefused, NotAllowed, NoTemplate, TooLarge, WorkflowError
from envoy_plugin.workflows.definitions.diagrams import Diagram, Path, Step
from envoy_plugin.workflows.definitions.templates import Template
from envoy_plugin.workflows.location import Location
from envoy_plugin.workflows.manager import JobsManager
from envoy_plugin.workflows.models import (
    CreateJobOverrides,
    ExtendedProperty,
    JobDependencyDetails,
    JobHistoryAction,
    JobHoldDetails,
    JobProperty,
    RelatedDeletes,
    RelatedEntry,
    RelatedTable,
    RelatedUpdates,
    UpdateJobOverrides,
)
from envoy_plugin.workflows.operating.privileges import Privilege
from envoy_plugin.workflows.running.record import load
from tests.workflows.office import Office
from tests.workflows.stage import ITEM, add_thing

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
HOME = Location.from_degrees(52.68, -111.3)


def entry(**values: str) -> RelatedEntry:
    """A row of a table."""
    return RelatedEntry(properties=[JobProperty(property_name=name, value=value) for name, value in values.items()])


async def test_a_job_is_made_from_a_template_with_what_goes_before_it(office: Office) -> None:
    ada = office.chief()
    job_id = await office.job("visit", ada, job_name="Ada's", due_date=NOON, priority="High", notes="n", location=HOME)
    job = await ada.get_job(job_id)
    assert (job.job_name, job.due_date, job.priority, job.notes) == ("Ada's", NOON, "High", "n")
    assert (job.created_by, job.owned_by, job.job_template_name) == ("ada", "ada", "Visit")
    assert (job.closed, job.has_location, job.percent_complete, job.started_date) == (False, True, 0, None)
    assert [(step.step_id, step.step_name) for step in job.current_steps] == [("sign", "Sign in")]
    assert (job.holds, job.extended_properties, job.diagram_version) == (None, None, 1)


async def test_several_jobs_are_made_and_the_first_25_begin_by_themselves(office: Office) -> None:
    office.define("auto", Step.function("a", "f"))
    made = await office.plugin.create_jobs("auto", CreateJobOverrides(number_of_jobs=30))
    assert made.auto_executed
    assert len(set(made.job_ids)) == 30
    assert len(await office.stage.engine.claim("steps", 50, who="w", lease=None)) == 25


async def test_a_first_step_that_is_somebody_elses_does_not_begin_by_itself(office: Office) -> None:
    office.define("auto", Step.function("a", "f"))
    for_bob = CreateJobOverrides(assigned_type="User", assigned_to="bob")
    assert not (await office.chief().create_jobs("auto", for_bob)).auto_executed
    for_me = CreateJobOverrides(assigned_type="User", assigned_to="JobCreator($job)")
    assert (await office.chief().create_jobs("auto", for_me)).auto_executed


async def test_a_job_can_have_an_id_of_its_makers(office: Office) -> None:
    assert await office.job("visit", job_id="visit-7") == "visit-7"
    assert (await office.plugin.get_job("visit-7")).job_id == "visit-7"
    with pytest.raises(JobRefused, match="one of this id"):
        await office.job("visit", job_id="visit-7")
    await office.plugin.delete_jobs(["visit-7"])
    assert await office.job("visit", job_id="visit-7") == "visit-7"


BAD: dict[str, tuple[dict[str, Any], type[Exception]]] = {
    "none": ({"number_of_jobs": 0}, BadProperty),
    "too many": ({"number_of_jobs": 201}, TooLarge),
    "more than a call": ({"number_of_jobs": 60}, TooLarge),
    "one id for two": ({"number_of_jobs": 2, "job_id": "x"}, BadProperty),
    "a reserved id": ({"job_id": "search"}, BadProperty),
    "an id like ours": ({"job_id": "a" + 15 * "0"}, BadProperty),
    "a strange id": ({"job_id": "a/b"}, BadProperty),
    "another type": ({"assigned_type": "Robot"}, BadProperty),
    "nobody": ({"assigned_type": "User"}, BadProperty),
    "due before start": ({"start_date": NOON, "due_date": NOON - timedelta(1)}, BadProperty),
    "the end of time": ({"due_date": datetime.max.replace(tzinfo=timezone(-timedelta(hours=12)))}, BadProperty),
    "no offset": ({"due_date": datetime(2026, 1, 1)}, BadProperty),  # noqa: DTZ001 - that is what is refused
    "a long name": ({"job_name": "x" * 257}, BadProperty),
    "an empty name": ({"job_name": ""}, BadProperty),
    "a blank owner": ({"owned_by": " "}, BadProperty),
    "an owner of two lines": ({"owned_by": "a\nb"}, BadProperty),
    "an assignee of two lines": ({"assigned_type": "User", "assigned_to": "a\nb"}, BadProperty),
    "a blank assignee": ({"assigned_type": "Group", "assigned_to": "  "}, BadProperty),
    "a long assignee": ({"assigned_type": "User", "assigned_to": "x" * 257}, BadProperty),
    "a strange table": ({"extended_properties": [ExtendedProperty(identifier="x", value="1")]}, BadProperty),
    "a large table": ({"extended_properties": [ExtendedProperty(identifier="a.b", value="1" * 70_000)]}, BadProperty),
    "no parent": ({"parent_job": "nobody"}, JobNotFound),
}


@pytest.mark.parametrize("why", BAD)
async def test_a_job_that_can_not_be_is_not_made(office: Office, why: str) -> None:
    overrides, error = BAD[why]
    with pytest.raises(error):
        await office.plugin.create_jobs("visit", CreateJobOverrides(**overrides))
    assert await office.stage.engine.redis.zcard(office.stage.engine.keys.index("blocked")) == 0


async def test_a_template_that_is_missing_or_retired_makes_no_job(office: Office) -> None:
    retired = replace(office.stage.templates["visit"], id="old", state="Retired")
    office.stage.templates["old"] = retired
    for template_id in ("old", "none"):
        with pytest.raises(NoTemplate):
            await office.job(template_id)


async def test_a_due_date_goes_with_the_start_that_the_template_gives(office: Office) -> None:
    dated = replace(office.stage.templates["visit"], id="dated", properties={"start_date": NOON.isoformat()})
    office.stage.templates["dated"] = dated
    with pytest.raises(BadProperty, match="before"):
        await office.job("dated", due_date=NOON - timedelta(1))
    assert (await office.plugin.get_job(await office.job("dated", due_date=NOON))).start_date == NOON


async def test_an_open_question_does_not_run(office: Office) -> None:
    office.define("ask", Step.question("a", "Well?", answers=["Yes"], then="b"), Step.manual("b", then="a"))
    job_id = await office.job("ask")
    await office.update(job_id, priority="High")
    for step_id in ("b", "a"):
        assert (await office.plugin.set_current_step(job_id, step_id)).success
        assert await office.stage.current(job_id) == [step_id]
    assert await office.stage.answer(job_id, "a", "Yes") == "Success"
    assert (await office.plugin.start_steps(job_id)).success
    assert await office.plugin.close_jobs([job_id])


async def test_a_step_that_waits_to_be_finished_is_not_current_in_a_closed_job(office: Office) -> None:
    office.define("done", Step.function("a", "f", proceeds=False))
    job_id = await office.job("done")
    await office.stage.do()
    assert [step.step_id for step in (await office.plugin.get_job(job_id)).current_steps] == ["a"]
    await office.plugin.close_jobs([job_id])
    assert (await office.plugin.get_job(job_id)).current_steps == ()


async def test_a_template_without_a_name_gives_jobs_a_name_of_their_own(office: Office) -> None:
    office.stage.templates["bare"] = replace(office.stage.templates["visit"], id="bare", name="")
    job_id = await office.job("bare")
    assert (await office.plugin.get_job(job_id)).job_name == f"JOB_{job_id}"


async def test_jobs_of_another_item_are_unknown(office: Office) -> None:
    job_id = await office.job()
    other = JobsManager(office.stage.store, item="other")
    for call in (other.get_job(job_id), other.start_steps(job_id), other.close_jobs([job_id]), other.get_job("x")):
        with pytest.raises(JobNotFound):
            await call


async def test_tables_are_kept_changed_and_taken_away(office: Office) -> None:
    extended = [ExtendedProperty(identifier="visitor.name", value="Ada")]
    related = [RelatedTable(table_name="things", entries=[entry(name="bag"), entry(name="dog")])]
    job_id = await office.job(extended_properties=extended, related_properties=related)
    job = await office.plugin.get_job(job_id, ext_props=True)
    [table] = job.related_properties or ()
    bag, dog = table.entries
    assert bag.created_date is not None
    changed = replace(entry(color="red"), id=bag.id)
    updates = RelatedUpdates(
        adds=[RelatedTable(table_name="cars", entries=[entry(plate="X")])],
        updates=[RelatedTable(table_name="things", entries=[changed])],
        deletes=[RelatedDeletes(table_name="things", ids=[dog.id])],
    )
    await office.update(
        job_id,
        related_properties=updates,
        extended_properties=[ExtendedProperty(identifier="visitor.age", value="36")],
    )
    after = await office.plugin.get_job(job_id, ext_props=True)
    tables = {one.table_name: [e.properties for e in one.entries] for one in after.related_properties or ()}
    assert tables == {
        "things": [(*entry(name="bag", color="red").properties,)],
        "cars": [(*entry(plate="X").properties,)],
    }
    assert [(one.table_name, one.properties) for one in after.extended_properties or ()] == [
        ("visitor", tuple(entry(name="Ada", age="36").properties))
    ]
    with pytest.raises(BadProperty, match="no row"):
        await office.update(
            job_id, related_properties=RelatedUpdates(deletes=[RelatedDeletes(table_name="x", ids=["1"])])
        )


@pytest.mark.parametrize(("table", "name"), [("", "p"), ("t", "")])
async def test_tables_and_their_properties_have_names(office: Office, table: str, name: str) -> None:
    rows = [RelatedTable(table_name=table, entries=[entry(**{name: "x"})])]
    with pytest.raises(BadProperty, match="has a name"):
        await office.job(related_properties=rows)
    with pytest.raises(BadProperty, match="has a name"):
        await office.update(await office.job(), related_properties=RelatedUpdates(adds=rows))


async def test_only_what_differs_is_changed_and_takes_a_privilege(office: Office) -> None:
    job_id = await office.job(by=office.chief(), priority="Low", notes="n")
    ada = office.by("ada", "jobUpdatePriority")
    await office.update(job_id, ada, priority="High", notes="n", job_name="one")
    await office.update(job_id, ada, priority="High")
    assert (await ada.get_job(job_id)).priority == "High"
    with pytest.raises(NotAllowed, match="jobUpdateNotes"):
        await office.update(job_id, ada, notes=None)
    assert [row.action for row in await ada.get_job_history(job_id)] == ["Created", "Activated", "Updated"]


async def test_a_job_is_changed_by_its_owner_or_by_whoever_has_a_step(office: Office) -> None:
    job_id = await office.job(by=office.chief("bob"), assigned_type="Group", assigned_to="front-desk")
    await office.update(job_id, office.chief("ada"), notes="from the group")
    await office.update(job_id, office.chief("bob"), notes="from the owner")
    stranger = JobsManager(office.stage.store, item=ITEM, user="eve", privileges=frozenset(Privilege))
    with pytest.raises(NotAllowed, match="owner"):
        await office.update(job_id, stranger, notes="from a stranger")


async def test_a_job_whose_step_runs_is_changed_by_that_step_alone(office: Office) -> None:
    job_id = await office.job()
    await office.plugin.start_steps(job_id)
    for allowed in (None, "another"):
        with pytest.raises(JobRefused, match=r"'only' is running, .* by naming it"):
            await office.plugin.update_job(job_id, UpdateJobOverrides(priority="High"), allowed)
    await office.update(job_id, notes="at any time")
    assert await office.plugin.update_job(job_id, UpdateJobOverrides(priority="High"), "only")
    for refused in (office.plugin.close_jobs, office.plugin.delete_jobs, office.plugin.upgrade_jobs):
        with pytest.raises(JobRefused, match="running"):
            await refused([job_id])


async def test_a_moment_is_told_in_milliseconds_and_who_sends_it_back_has_changed_nothing(office: Office) -> None:
    job_id = await office.job()
    await office.update(job_id, due_date=NOON + timedelta(microseconds=123_456))
    due = (await office.plugin.get_job(job_id)).due_date
    assert due == NOON + timedelta(milliseconds=123)
    await office.update(job_id, due_date=due)
    assert [row.action for row in await office.plugin.get_job_history(job_id)].count(JobHistoryAction.UPDATED) == 1


async def test_a_due_date_goes_with_what_is_there(office: Office) -> None:
    job_id = await office.job(start_date=NOON)
    with pytest.raises(BadProperty, match="before"):
        await office.update(job_id, due_date=NOON - timedelta(1))
    await office.update(job_id, start_date=None, due_date=NOON - timedelta(1))
    assert (await office.plugin.get_job(job_id)).start_date is None


async def test_a_parent_is_named_by_its_own_id_and_nobody_is_their_own(office: Office) -> None:
    parent = await office.job("visit", job_id="parent")
    engine_id = await office.plugin._scope.resolve(parent)
    for job_id in (await office.job(parent_job=engine_id), await office.job()):
        await office.update(job_id, parent_job=engine_id)
        assert (await office.plugin.get_job(job_id)).parent_job == "parent"
    for own in (parent, engine_id):
        with pytest.raises(BadProperty, match="its own parent"):
            await office.update(parent, parent_job=own)
    with pytest.raises(JobNotFound):
        await office.update(parent, parent_job="nobody")


async def test_a_closed_job_takes_nothing_until_it_is_opened_again(office: Office) -> None:
    job_id = await office.job("visit", by=office.chief())
    await office.plugin.close_jobs([job_id])
    closed = await office.plugin.get_job(job_id)
    assert (closed.closed, closed.current_steps, closed.end_date is None) == (True, (), False)
    assert set((await office.statuses(job_id)).values()) == {"JobClosed"}
    for refused in (
        office.plugin.close_jobs([job_id]),
        office.update(job_id, notes="x"),
        office.plugin.upgrade_jobs([job_id]),
        office.plugin.set_job_location(job_id, HOME),
        office.plugin.assign_step(job_id, "sign", "bob", "User"),
    ):
        with pytest.raises(JobRefused, match="closed"):
            await refused
    await office.plugin.reopen_jobs([job_id])
    opened = await office.plugin.get_job(job_id)
    assert ([step.step_id for step in opened.current_steps], opened.closed, opened.end_date) == (["sign"], False, None)
    with pytest.raises(JobRefused, match="open"):
        await office.plugin.reopen_jobs([job_id])


async def test_a_job_whose_step_has_lost_what_it_was_to_do_stays_closed_and_says_so(office: Office) -> None:
    office.define("pulled", Step.titan("a", payload="p", automatic=False))
    job_id = await office.job("pulled", job_id="visit-7")
    await office.plugin.close_jobs([job_id])
    workflow = await office.stage.load(await office.plugin._scope.resolve(job_id))
    await office.stage.engine.redis.delete(office.stage.engine.keys.payload(workflow.steps["a"]))
    with pytest.raises(JobRefused, match=r"'visit-7' .* what its step 'a' was to do is no longer kept"):
        await office.plugin.reopen_jobs([job_id])
    assert (await office.plugin.get_job(job_id)).closed


async def test_a_job_that_was_opened_again_goes_on_to_its_end(office: Office) -> None:
    job_id = await office.job("visit")
    await office.plugin.close_jobs([job_id])
    await office.stage.advance()
    await office.plugin.reopen_jobs([job_id])
    await office.plugin.start_steps(job_id)
    await office.stage.do()
    await office.stage.answer(job_id, "host", "Yes")
    job = await office.plugin.get_job(job_id)
    assert (job.closed, job.percent_complete, job.end_date is None, job.started_date is None) == (
        True,
        100,
        False,
        False,
    )


async def test_a_job_without_current_steps_gets_one_again(office: Office) -> None:
    job_id = await office.job("visit")
    await office.plugin.start_steps(job_id)
    await office.stage.do()
    await office.stage.answer(job_id, "host", "Yes")
    await office.plugin.reopen_jobs([job_id])
    assert (await office.plugin.get_job(job_id)).current_steps == ()
    await office.plugin.add_job_comment(job_id, "it stays open")
    assert not (await office.plugin.get_job(job_id)).closed
    assert (await office.plugin.set_current_step(job_id, "badge")).success
    assert [step.step_id for step in (await office.plugin.get_job(job_id)).current_steps] == ["badge"]


async def test_what_is_done_to_several_jobs_is_done_to_all_or_to_none(office: Office) -> None:
    jobs = [await office.job() for _ in range(3)]
    await office.plugin.start_steps(jobs[2])
    with pytest.raises(JobRefused):
        await office.plugin.close_jobs(jobs)
    assert [(await office.plugin.get_job(job_id)).closed for job_id in jobs] == [False] * 3
    await office.plugin.stop_steps(jobs[2])
    await office.plugin.close_jobs([*jobs, jobs[0]])
    assert [(await office.plugin.get_job(job_id)).closed for job_id in jobs] == [True] * 3
    with pytest.raises(TooLarge, match="200"):
        await office.plugin.reopen_jobs([str(number) for number in range(201)])
    many = (await office.plugin.create_jobs("visit", CreateJobOverrides(number_of_jobs=40))).job_ids
    with pytest.raises(TooLarge, match="256"):
        await office.plugin.delete_jobs([*many, *[await office.job("visit") for _ in range(30)]])


@pytest.mark.parametrize("state", ["open", "closed"])
async def test_a_deleted_job_leaves_nothing(office: Office, engine: Engine, state: str) -> None:
    before = set(await engine.redis.keys())
    job_id = await office.job("visit", notes="secret", location=HOME)
    if state == "closed":
        await office.plugin.close_jobs([job_id])
    await office.plugin.delete_jobs([job_id])
    with pytest.raises(JobNotFound):
        await office.plugin.get_job(job_id)
    left = {text_of(key).partition(":")[2] for key in set(await engine.redis.keys()) - before}
    assert not [key for key in left if job_id in key or key.startswith(("described", "tag", "payload"))]


def version_of(*steps: Step) -> Diagram:
    """A diagram whose first step is `a`."""
    return Diagram(id="d", initial="a", steps=steps)


async def stored(office: Office, *steps: Step) -> None:
    """Make a template with a stored diagram, or a new version of the diagram."""
    await office.stage.store.save_diagram(ITEM, version_of(*steps))
    await office.stage.store.save_template(ITEM, Template(id="stored", name="Stored", diagram_id="d"))


async def test_a_job_goes_on_by_the_latest_version_of_its_diagram(office: Office) -> None:
    await stored(office, Step.manual("a", then="b"), Step.function("b", "f"), Step.manual("gone"))
    job_id = await office.job("stored")
    await stored(office, Step.manual("a", then="b"), Step.function("b", "g", then="c"), Step.manual("c"))
    await office.plugin.upgrade_jobs([job_id])
    assert (await office.plugin.get_job(job_id)).diagram_version == 2
    assert set((await office.stage.load(job_id)).jobs) == {"a", "b", "c"}
    await office.plugin.start_steps(job_id)
    await office.stage.do()
    assert (await office.stage.current(job_id)) == ["c"]
    await office.plugin.upgrade_jobs([job_id])
    assert [row.action for row in await office.plugin.get_job_history(job_id)].count(JobHistoryAction.UPGRADED) == 1


async def test_a_current_step_that_is_another_in_the_latest_version_waits_to_be_started(office: Office) -> None:
    await stored(office, Step.manual("a", assigned="user:ada"))
    job_id = await office.job("stored")
    await stored(office, Step.question("a", "Well?", answers=["Yes"]))
    await office.plugin.upgrade_jobs([job_id])
    [step] = (await office.plugin.get_job(job_id)).current_steps
    assert (step.step_id, step.assigned_to) == ("a", "ada")
    assert (await office.plugin.start_steps(job_id)).success
    assert await office.stage.answer(job_id, "a", "Yes") == "Success"


async def test_what_held_a_step_holds_it_in_the_latest_version_too(office: Office) -> None:
    await stored(office, Step.manual("a", then="b"), Step.function("b", "f"))
    job_id, other = await office.job("stored"), await office.job()
    until = datetime(2040, 1, 1, tzinfo=UTC)
    await office.plugin.add_holds(JobHoldDetails(job_id=job_id, step_ids=["b"], scheduled_release=until))
    await office.plugin.add_dependency(JobDependencyDetails(job_id=job_id, step_ids=["b"], dependent_job_id=other))
    before = (await office.plugin.get_job(job_id, holds=True)).holds
    await stored(office, Step.manual("a", then="b"), Step.function("b", "g", then="c"), Step.manual("c", held=True))
    await office.plugin.upgrade_jobs([job_id])
    held = (await office.plugin.get_job(job_id, holds=True)).holds or ()
    assert held[:2] == before
    assert [one.step_id for one in held[2:]] == ["c"]
    await office.plugin.start_steps(job_id)
    assert (await office.plugin.start_steps(job_id)).step_responses[0].status == "Held"


async def test_a_step_for_which_others_wait_is_not_replaced(office: Office) -> None:
    await stored(office, Step.manual("a", then="b"), Step.function("b", "f"))
    job_id, other = await office.job("stored"), await office.job("visit")
    waits = JobDependencyDetails(job_id=other, step_ids=["host"], dependent_job_id=job_id, dependent_step_id="b")
    await office.plugin.add_dependency(waits)
    await stored(office, Step.manual("a", then="b"), Step.function("b", "g"))
    with pytest.raises(JobRefused, match="others wait for step 'b'"):
        await office.plugin.upgrade_jobs([job_id])
    await office.plugin.close_jobs([other])
    assert await office.plugin.upgrade_jobs([job_id])


async def test_a_version_that_a_job_can_not_move_to_is_refused(office: Office) -> None:
    await add_thing(office.stage.engine)
    printer = Step.device("p", thing="printer", document="{}")
    await stored(office, Step.manual("a", then="p"), printer)
    job_id = await office.job("stored")
    other = replace(printer, args={**printer.args, "document": "[]"})
    await stored(office, Step.manual("a", then="p"), other)
    with pytest.raises(JobRefused, match="device"):
        await office.plugin.upgrade_jobs([job_id])
    await office.stage.store.save_diagram(
        ITEM, Diagram(id="d", initial="z", steps=(Step(id="z", paths=(Path(to="z"),)),))
    )
    with pytest.raises(JobRefused, match="'a' isn't in"):
        await office.plugin.upgrade_jobs([job_id])
    await office.stage.store.delete_diagram(ITEM, "d")
    with pytest.raises(WorkflowError, match="gone"):
        await office.plugin.upgrade_jobs([job_id])


async def test_a_job_that_has_changed_meanwhile_is_decided_again(office: Office) -> None:
    job_id = await office.job()
    await asyncio.gather(*(office.plugin.add_job_comment(job_id, f"{number}") for number in range(4)))
    assert len(await office.plugin.get_job_comments(job_id)) == 4
    assert (await load(office.stage.store, job_id)).envelope.version > 4


async def test_what_a_worker_has_begun_and_an_operator_of_the_engine_has_ended_has_dates(office: Office) -> None:
    office.define("code", Step.function("a", "f"))
    job_id = await office.job("code")
    await office.stage.claim("steps")
    assert (await office.plugin.get_job(job_id)).started_date is not None
    workflow = await office.stage.load(job_id)
    await office.stage.engine.call([Cancel(id=one, reason="operator") for one in (workflow.steps["a"], job_id)])
    job = await office.plugin.get_job(job_id)
    assert (job.closed, job.end_date is None) == (True, False)


async def test_a_diagram_that_has_no_active_version_upgrades_nothing(office: Office) -> None:
    await stored(office, Step.manual("a"))
    job_id = await office.job("stored")
    key = office.stage.engine.keys.diagram(ITEM, "d")
    await office.stage.engine.redis.hdel(key, "active")
    with pytest.raises(JobRefused, match="no active version"):
        await office.plugin.upgrade_jobs([job_id])
