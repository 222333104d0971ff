"""Two processes, which share nothing but Redis: what one does the other reads, is told of, and decides by."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from envoy_plugin.engine.engine import Engine
from envoy_plugin.workflows.definitions.diagrams import Step
from envoy_plugin.workflows.definitions.store import Store
from envoy_plugin.workflows.manager import JobsManager
from envoy_plugin.workflows.models import (
    ExtendedProperty,
    JobAttachmentDetails,
    JobDependencyDetails,
    JobHistoryAction,
    JobHoldDetails,
    UpdateJobOverrides,
)
from envoy_plugin.workflows.notifications import NotificationManager, StepInfoResponse
from tests.engine.clock import Clock
from tests.workflows.conftest import SEALER
from tests.workflows.ear import Ear
from tests.workflows.office import Office
from tests.workflows.stage import ITEM


@pytest.fixture
async def elsewhere(redis_url: str, clock: Clock, office: Office) -> AsyncIterator[Store]:
    """The store of another process of the same plugin."""
    async with Redis.from_url(redis_url, protocol=2) as client:
        engine = Engine(client, prefix="test", codec=SEALER, clock=clock)
        yield Store(engine, SEALER.digest, own=office.stage.templates)


async def test_two_operators_who_change_different_fields_at_the_same_instant_both_have(
    office: Office, elsewhere: Store
) -> None:
    job_id, there = await office.job(by=office.chief("bob")), JobsManager(elsewhere, item=ITEM)
    mine = [ExtendedProperty(identifier="visitor.name", value="Ada")]
    theirs = [ExtendedProperty(identifier="visitor.host", value="Eve")]
    await asyncio.gather(
        office.update(job_id, priority="High", extended_properties=mine),
        there.update_job(job_id, UpdateJobOverrides(job_status="Here", extended_properties=theirs)),
        office.plugin.set_job_location(job_id, {"type": "Point", "coordinates": [1, 2]}),
        there.add_job_comment(job_id, "hello"),
        office.plugin.add_attachment(JobAttachmentDetails(job_id=job_id, attachment=b"x")),
    )
    job = await there.get_job(job_id, ext_props=True)
    [table] = job.extended_properties or ()
    assert (job.priority, job.job_status, job.has_location) == ("High", "Here", True)
    assert {one.property_name: one.value for one in table.properties} == {"name": "Ada", "host": "Eve"}
    assert (len(await there.get_job_comments(job_id)), len(await there.get_attachments(job_id))) == (1, 1)


async def test_of_two_who_change_one_field_at_the_same_instant_both_are_in_the_history(
    office: Office, elsewhere: Store
) -> None:
    job_id, there = await office.job(), JobsManager(elsewhere, item=ITEM)
    await asyncio.gather(
        *(office.update(job_id, priority=word) for word in ("High", "Low")),
        there.update_job(job_id, UpdateJobOverrides(priority="None")),
        there.update_job(job_id, UpdateJobOverrides(priority="None")),
    )
    updated = [row for row in await there.get_job_history(job_id) if row.action is JobHistoryAction.UPDATED]
    assert len(updated) in {3, 4}  # whoever says what is so already has changed nothing
    assert (await there.get_job(job_id)).priority in {"High", "Low", "None"}


async def test_of_two_who_close_one_job_at_the_same_instant_one_is_told_that_it_is_closed(
    office: Office, elsewhere: Store
) -> None:
    job_id, there = await office.job(), JobsManager(elsewhere, item=ITEM)
    closing = [office.plugin.close_jobs([job_id]), there.close_jobs([job_id])]
    answers = await asyncio.gather(*closing, return_exceptions=True)
    assert sorted(map(str, answers)) == [f"Job {job_id!r} doesn't take this: it is closed.", "True"]


async def test_two_dependencies_that_close_a_circle_at_the_same_instant_are_not_both_made(
    office: Office, elsewhere: Store
) -> None:
    first, second = await office.job(job_id="first"), await office.job(job_id="second")
    one = JobDependencyDetails(job_id=first, step_ids=["only"], dependent_job_id=second, dependent_step_id="only")
    two = JobDependencyDetails(job_id=second, step_ids=["only"], dependent_job_id=first, dependent_step_id="only")
    there = JobsManager(elsewhere, item=ITEM)
    answers = await asyncio.gather(office.plugin.add_dependency(one), there.add_dependency(two), return_exceptions=True)
    [circle] = [str(answer) for answer in answers if isinstance(answer, Exception)]
    assert {"first/only", "second/only"} <= {*circle.removesuffix(".").split()}


async def test_what_one_process_does_is_told_in_the_other_and_answered_from_there(
    office: Office, elsewhere: Store
) -> None:
    office.define("visit", Step.manual("sign", then="host"), Step.question("host", "Well?", answers=["Yes"]))
    here, there = Ear(NotificationManager(office.stage.store, item=ITEM)), NotificationManager(elsewhere, item=ITEM)
    job_id, manager = await office.job("visit"), JobsManager(elsewhere, item=ITEM)
    await here.manager.subscribe_to_job(job_id, here)
    await manager.add_holds(JobHoldDetails(job_id=job_id))
    await manager.release_holds(JobHoldDetails(job_id=job_id))
    await manager.start_steps(job_id)
    assert await here.next() == "StepHeld StepHoldReleased StepFinished StepStarted StepInfoRequired"
    asked = here.heard[-1].message
    answer = StepInfoResponse(job_id=job_id, step_id=asked["step_id"], question_response="Yes")
    assert (await there.send(answer)).success
    assert await here.next() == "StepFinished JobUpdated"
    assert (await there.send(answer)).step_responses[0].status == "JobClosed"
