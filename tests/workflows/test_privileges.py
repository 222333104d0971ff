"""What a user may do: every method that changes something, without the privilege that it takes, and with it alone."""

import contextlib
import inspect
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from envoy_plugin.errors import BadProperty, JobRefused, NoAttachment, NotAllowed
from envoy_plugin.workflows.definitions.diagrams import Step
from envoy_plugin.workflows.manager import JobsManager
from envoy_plugin.workflows.models import (
    CreateJobOverrides,
    ExtendedProperty,
    JobAttachmentDetails,
    JobDependencyDetails,
    JobHistoryAction,
    JobHoldDetails,
    Query,
    RelatedEntry,
    RelatedTable,
    RelatedUpdates,
    UpdateJobOverrides,
)
from tests.workflows.office import Office
from tests.workflows.stage import ITEM

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
ROWS = RelatedTable(table_name="t", entries=[RelatedEntry(properties=())])
Call = Callable[[JobsManager, str], Awaitable[Any]]


def change(**updates: Any) -> Call:
    """Changes what is said of a job."""
    return lambda manager, job_id: manager.update_job(job_id, UpdateJobOverrides(**updates))


def attachment(job_id: str) -> JobAttachmentDetails:
    """A new attachment."""
    return JobAttachmentDetails(job_id=job_id, attachment=b"x", alias="x")


def renamed(job_id: str) -> JobAttachmentDetails:
    """An attachment that there isn't, under another name."""
    return JobAttachmentDetails(job_id=job_id, attachment_id="x", alias="x")


def linked(job_id: str) -> JobAttachmentDetails:
    """A link."""
    return JobAttachmentDetails(job_id=job_id, url="https://example.com", alias="x")


def waits(job_id: str) -> JobDependencyDetails:
    """One step waits for another."""
    return JobDependencyDetails(job_id=job_id, step_ids=["badge"], dependent_job_id=job_id, dependent_step_id="sign")


TAKES: dict[str, tuple[str, Call]] = {
    "create_jobs": ("jobCreate", lambda manager, _: manager.create_jobs("visit")),
    "close_jobs": ("jobClose", lambda manager, job_id: manager.close_jobs([job_id])),
    "reopen_jobs": ("jobReopenClosed", lambda manager, job_id: manager.reopen_jobs([job_id])),
    "delete_jobs": ("jobDelete", lambda manager, job_id: manager.delete_jobs([job_id])),
    "upgrade_jobs": ("jobUpgrade", lambda manager, job_id: manager.upgrade_jobs([job_id])),
    "set_current_step": ("workflowSetStepCurrent", lambda manager, job_id: manager.set_current_step(job_id, "badge")),
    "assign_step": ("jobAssignAny", lambda manager, job_id: manager.assign_step(job_id, "sign", "bob", "User")),
    "assign_current_step": ("jobAssignAny", lambda manager, job_id: manager.assign_current_step(job_id, "g", "Group")),
    "add_holds": ("jobUpdateHolds", lambda manager, job_id: manager.add_holds(JobHoldDetails(job_id=job_id))),
    "release_holds": ("jobUpdateHolds", lambda manager, job_id: manager.release_holds(JobHoldDetails(job_id=job_id))),
    "add_dependency": ("jobUpdateHolds", lambda manager, job_id: manager.add_dependency(waits(job_id))),
    "release_dependency": ("jobUpdateHolds", lambda manager, job_id: manager.release_dependency(waits(job_id))),
    "set_job_location": ("jobUpdateLocation", lambda manager, job_id: manager.set_job_location(job_id, None)),
    "add_attachment": ("jobUpdateAttachments", lambda manager, job_id: manager.add_attachment(attachment(job_id))),
    "add_attachment_linked": (
        "jobUpdateAttachments",
        lambda manager, job_id: manager.add_attachment_linked(linked(job_id)),
    ),
    "update_attachment": (
        "jobUpdateAttachments",
        lambda manager, job_id: manager.update_attachment(renamed(job_id)),
    ),
    "delete_attachment": ("jobUpdateAttachments", lambda manager, job_id: manager.delete_attachment(job_id, "x")),
    "update_job notes": ("jobUpdateNotes", change(notes="x")),
    "update_job name": ("jobUpdateName", change(job_name="x")),
    "update_job owner": ("jobUpdateOwner", change(owned_by="bob")),
    "update_job status": ("jobUpdateStatus", change(job_status="x")),
    "update_job priority": ("jobUpdatePriority", change(priority="x")),
    "update_job description": ("jobUpdateDescription", change(description="x")),
    "update_job start": ("jobUpdateDate", change(start_date=NOON)),
    "update_job due": ("jobUpdateDate", change(due_date=NOON)),
    "update_job parent": ("jobUpdateParent", change(parent_job="parent")),
    "update_job extended": (
        "jobUpdateExtendedProperties",
        change(extended_properties=[ExtendedProperty(identifier="a.b", value="x")]),
    ),
    "update_job related": ("jobUpdateRelatedProperties", change(related_properties=RelatedUpdates(adds=[ROWS]))),
}
FREE: dict[str, Call] = {
    "get_job": lambda manager, job_id: manager.get_job(job_id),
    "get_job_comments": lambda manager, job_id: manager.get_job_comments(job_id),
    "add_job_comment": lambda manager, job_id: manager.add_job_comment(job_id, "x"),
    "get_job_history": lambda manager, job_id: manager.get_job_history(job_id),
    "get_job_diagram": lambda manager, job_id: manager.get_job_diagram(job_id),
    "get_job_location": lambda manager, job_id: manager.get_job_location(job_id),
    "get_attachments": lambda manager, job_id: manager.get_attachments(job_id),
    "get_attachment_body": lambda manager, job_id: manager.get_attachment_body(job_id, "x"),
    "get_attachment_url": lambda manager, job_id: manager.get_attachment_url(job_id, "x"),
    "start_steps": lambda manager, job_id: manager.start_steps(job_id),
    "stop_steps": lambda manager, job_id: manager.stop_steps(job_id),
    "finish_steps": lambda manager, job_id: manager.finish_steps(job_id),
    "refresh_steps": lambda manager, job_id: manager.refresh_steps(job_id),
}
OF_NO_JOB = {"query_jobs", "calculate_job_statistics", "create_jobs"}
METHODS = {name for name, _ in inspect.getmembers(JobsManager, inspect.iscoroutinefunction) if not name.startswith("_")}


def test_the_tables_have_every_method() -> None:
    assert {name.split()[0] for name in TAKES} | FREE.keys() | OF_NO_JOB == METHODS
    assert len(METHODS) == 33


@pytest.mark.parametrize("method", TAKES)
async def test_a_user_needs_the_privilege_and_no_other(office: Office, method: str) -> None:
    privilege, call = TAKES[method]
    await office.job(job_id="parent")
    job_id = await office.job("visit", office.chief())
    with pytest.raises(NotAllowed, match=privilege):
        await call(office.by("ada"), job_id)
    with contextlib.suppress(JobRefused, NoAttachment):  # what the job itself doesn't take
        await call(office.by("ada", privilege), job_id)


@pytest.mark.parametrize("method", sorted(FREE))
async def test_whoever_sees_the_item_may_read_and_do_steps(office: Office, method: str) -> None:
    job_id = await office.job("visit", office.chief())
    with contextlib.suppress(NoAttachment):
        await FREE[method](office.by("eve"), job_id)


@pytest.mark.parametrize("who", [{"user": ""}, {"user": " "}, {"groups": "desk"}, {"privileges": "jobClose"}])
async def test_whoever_is_nobody_or_one_text_for_several_is_refused(office: Office, who: dict[str, Any]) -> None:
    with pytest.raises(BadProperty, match=next(iter(who))):
        JobsManager(office.stage.store, item=ITEM, **{"user": "ada", **who})


async def test_everybody_may_look_for_jobs(office: Office) -> None:
    await office.job()
    assert len((await office.by("eve").query_jobs(Query(q="closed = 0"))).results) == 1
    assert (await office.by("eve").calculate_job_statistics()).total == 1


LEVELS = {
    "jobAssignAny": "eve ada bob-group front-desk nobody",
    "jobAssignGroup": "ada front-desk nobody",
    "jobAssignIndividual": "ada",
    "jobClose": "",
}
WHOM = {
    "eve": ("eve", "User"),
    "ada": ("ada", "User"),
    "bob-group": ("security", "Group"),
    "front-desk": ("front-desk", "Group"),
    "nobody": (None, "Unassigned"),
}


@pytest.mark.parametrize("privilege", LEVELS)
async def test_to_whom_a_step_may_be_assigned_depends_on_the_level(office: Office, privilege: str) -> None:
    ada, taken = office.by("ada", privilege, "jobCreate"), []
    job_id = await office.job("visit")
    for name, (whom, kind) in WHOM.items():
        for assign in (
            ada.assign_step(job_id, "sign", whom, kind),
            ada.assign_current_step(job_id, whom, kind),
            ada.create_jobs("visit", CreateJobOverrides(assigned_type=kind, assigned_to=whom)),
        ):
            with contextlib.suppress(NotAllowed):
                assert await assign
                taken.append(name)
    assert taken == [name for name in LEVELS[privilege].split() for _ in range(3)]


async def test_steps_that_can_not_be_assigned_say_why(office: Office) -> None:
    job_id = await office.job("visit")
    for step_id, why in (("x", "no such step"), ("badge", "not a current")):
        with pytest.raises(JobRefused, match=why):
            await office.plugin.assign_step(job_id, step_id, "bob", "User")
    for whom, kind in ((None, "User"), ("x", "Robot"), ("JobOwner($job)", "User")):
        with pytest.raises(BadProperty):
            await office.plugin.assign_step(job_id, "sign", whom, kind)
    await office.plugin.start_steps(one := await office.job())
    with pytest.raises(JobRefused, match="running"):
        await office.plugin.assign_current_step(one, "bob", "User")
    await office.plugin.finish_steps(one)
    with pytest.raises(JobRefused, match="no active step"):
        await office.plugin.assign_current_step(one, "bob", "User")


async def test_all_current_steps_are_assigned_or_none(office: Office) -> None:
    branches = [Step.manual(name, proceeds=False) for name in ("b", "c")]
    office.define("fork", Step.manual("a", then=["b", "c"]), *branches)
    job_id = await office.job("fork")
    await office.plugin.start_steps(job_id)
    assert await office.plugin.assign_current_step(job_id, "front-desk", "Group")
    await office.plugin.start_steps(job_id, ["c"])
    with pytest.raises(JobRefused, match="running"):
        await office.plugin.assign_current_step(job_id, "bob", "User")
    steps = (await office.plugin.get_job(job_id)).current_steps
    assert [(step.step_id, step.assigned_to) for step in steps] == [("b", "front-desk"), ("c", "front-desk")]


async def test_who_is_assigned_what_is_his_already_changes_nothing(office: Office) -> None:
    job_id = await office.job("visit")
    for _ in range(2):
        assert await office.plugin.assign_step(job_id, "sign", "bob", "User")
    assert [row.action for row in await office.plugin.get_job_history(job_id)].count(JobHistoryAction.REASSIGNED) == 1


async def test_a_step_that_is_named_twice_is_answered_once(office: Office) -> None:
    job_id = await office.job()
    for action in ("start_steps", "refresh_steps", "stop_steps", "start_steps", "finish_steps"):
        answer = await getattr(office.plugin, action)(job_id, ["only", "only"])
        assert [one.step_id for one in answer.step_responses] == ["only"]


async def test_somebody_elses_step_is_stopped_by_force_alone(office: Office) -> None:
    job_id = await office.job("one", assigned_type="User", assigned_to="bob")
    assert (await office.by("bob").start_steps(job_id)).success
    for action in ("stop_steps", "finish_steps", "start_steps", "refresh_steps"):
        [answer] = (await getattr(office.by("ada"), action)(job_id)).step_responses
        assert answer.status == "AssignedToDifferentUser"
    assert (await office.by("ada", "jobForceStop").stop_steps(job_id)).success
    assert not (await office.by("ada", "jobForceStop").start_steps(job_id)).success
