"""Operators, by boto3's own client: jobs and executions."""

import asyncio
import json
from typing import Any

import pytest

from envoy_plugin.apis.iot_jobs.executions import find_execution
from envoy_plugin.apis.iot_jobs.presence import find_ended
from envoy_plugin.engine.queries import count_jobs, list_jobs
from envoy_plugin.engine.retries import REPORT_DEBT
from envoy_plugin.engine.states import State
from envoy_plugin.engine.verbs import ClaimJob, Enqueue, PassDebt
from tests.apis.iot_jobs.site import DOCUMENT, JOB, THING, Failure, Site, counts, listed

TWICE = {"criteriaList": [{"failureType": "FAILED", "numberOfRetries": 2}]}


async def test_a_job_is_created_described_and_its_document_read(site: Site) -> None:
    created = await site.create(description="Badges", minutes=5, jobExecutionsRetryConfig=TWICE)
    assert created == {"jobArn": site.arn(JOB, "job"), "jobId": JOB, "description": "Badges"}
    job = await site.job()
    assert (job["status"], job["targetSelection"], job["targets"]) == ("IN_PROGRESS", "SNAPSHOT", [site.arn()])
    assert (job["timeoutConfig"], job["jobExecutionsRetryConfig"]) == ({"inProgressTimeoutInMinutes": 5}, TWICE)
    assert job["createdAt"] == job["lastUpdatedAt"] == site.now
    assert (counts(job), "completedAt" in job) == ({"QueuedThings": 1}, False)
    assert (await site.operator("get_job_document", jobId=JOB))["document"] == DOCUMENT


async def test_a_job_for_several_things_is_over_when_all_of_them_are(site: Site) -> None:
    devices = [site.device, *[await site.add(name) for name in ("door", "kiosk")]]
    await site.create(JOB, *(device.thing for device in devices))
    await devices[0].update("SUCCEEDED")
    await devices[1].update("REJECTED")
    await devices[2].update("IN_PROGRESS")
    job = await site.job()
    assert (job["status"], counts(job)) == (
        "IN_PROGRESS", {"SucceededThings": 1, "RejectedThings": 1, "InProgressThings": 1},
    )  # fmt: skip
    await devices[2].update("FAILED")
    job = await site.job()
    assert (job["status"], counts(job)["FailedThings"]) == ("COMPLETED", 1)
    assert job["completedAt"] == site.now


async def test_a_job_exists_once(site: Site) -> None:
    await site.create()
    failure = await refused_create(site, document='{"other": 1}')
    assert (failure.code, failure.status, failure.kind) == (
        "ResourceAlreadyExistsException", 409, "ResourceAlreadyExistsException",
    )  # fmt: skip
    assert (await site.operator("get_job_document", jobId=JOB))["document"] == DOCUMENT
    assert (await count_jobs(site.engine))[State.AVAILABLE] == 1


async def test_a_job_that_exists_is_not_given_to_further_things(site: Site) -> None:
    door = await site.add("door")
    await site.create()
    failure = await refused_create(site, targets=[site.arn("door"), site.arn()])
    assert (failure.code, await door.start()) == ("ResourceAlreadyExistsException", None)


async def test_a_document_is_gone_a_day_after_the_jobs_end(site: Site) -> None:
    await site.create()
    await site.device.update("SUCCEEDED")
    for job in await list_jobs(site.engine):
        await site.engine.redis.delete(site.engine.keys.payload(job.id))
    failure = await site.operator.refused("get_job_document", jobId=JOB)
    assert (failure.code, failure.status) == ("ResourceNotFoundException", 404)
    assert failure.message == f"The document of job {JOB} isn't kept any more."
    assert ((await site.job())["status"], (await site.job())["targets"]) == ("COMPLETED", [site.arn()])


async def refused_create(site: Site, **said: Any) -> Failure:
    usual = {"jobId": JOB, "targets": [site.arn()], "document": DOCUMENT}
    return await site.operator.refused("create_job", **(usual | said))


async def test_of_many_that_create_it_at_once_one_does(site: Site) -> None:
    made = await asyncio.gather(
        *(site.create(document=json.dumps(number)) for number in range(8)), return_exceptions=True
    )
    assert len([one for one in made if isinstance(one, dict)]) == 1
    assert (await count_jobs(site.engine))[State.AVAILABLE] == 1


LEFT_OUT: dict[str, Any] = {
    "documentSource": "https://example.com/document.json",
    "jobExecutionsRolloutConfig": {"maximumPerMinute": 10},
    "abortConfig": {"criteriaList": []},
    "schedulingConfig": {"startTime": "2026-01-01T00:00"},
    "presignedUrlConfig": {"roleArn": "arn:aws:iam::000000000000:role/x"},
    "namespaceId": "x",
    "jobTemplateArn": "arn:aws:iot:x",
    "documentParameters": {"a": "b"},
    "destinationPackageVersions": ["arn:aws:iot:x"],
    "tags": [{"Key": "a", "Value": "b"}],
    "targetSelection": "CONTINUOUS",
}


@pytest.mark.parametrize("name", LEFT_OUT)
async def test_what_is_left_out_is_refused_by_name(site: Site, name: str) -> None:
    failure = await refused_create(site, **{name: LEFT_OUT[name]})
    assert (failure.code, failure.status) == ("InvalidRequestException", 400)
    assert failure.message.startswith(name)


@pytest.mark.parametrize(
    "said",
    [
        {"document": "no JSON"},
        {"document": json.dumps("x" * 32768)},
        {"targets": []},
        {"targets": ["arn:aws:iot:us-east-1:000000000000:thinggroup/all"]},
        {"targets": ["arn:aws:iot:eu-west-1:000000000000:thing/printer"]},
        {"targets": [THING]},
        {"targets": ["arn:aws:iot:us-east-1:000000000000:thing/a b"]},
        {"targets": ["arn:aws:iot:us-east-1:000000000000:thing/printer"] * 101},
        {"description": "a\nb"},
        {"description": "x" * 2029},
        {"timeoutConfig": {"inProgressTimeoutInMinutes": 0}},
        {"timeoutConfig": {"inProgressTimeoutInMinutes": 10081}},
        {"jobId": "x" * 65},
    ],
    ids=lambda said: next(iter(said)),
)
async def test_a_job_that_makes_no_sense_is_refused(site: Site, said: dict[str, Any]) -> None:
    failure = await refused_create(site, **said)
    assert (failure.code, failure.status) == ("InvalidRequestException", 400)


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ({"targets": {}}, "targets: Input should be a valid list"),
        ({"targets": []}, "targets: should have at least 1 item after validation, not 0"),
        ({"timeoutConfig": []}, "timeoutConfig: Input should be a valid object"),
    ],
)
async def test_what_is_wrong_is_said_in_the_words_of_json(site: Site, said: dict[str, Any], fault: str) -> None:
    body = json.dumps({"targets": [site.arn()], "document": "{}", **said}).encode()
    reply = await site.send("PUT", f"/jobs/{JOB}", body, key=site.operator_key, service="iot")
    assert (reply.error, reply.body["message"]) == ("InvalidRequestException", fault)


async def test_a_target_that_is_not_there_is_not_found(site: Site) -> None:
    failure = await refused_create(site, targets=[site.arn(), site.arn("nowhere")])
    assert (failure.code, failure.message) == ("ResourceNotFoundException", "Thing nowhere cannot be found.")


async def test_the_same_target_twice_is_one_execution(site: Site) -> None:
    await site.create(JOB, THING, THING)
    assert counts(await site.job()) == {"QueuedThings": 1}


@pytest.mark.parametrize("operation", ["describe_job", "get_job_document", "cancel_job", "delete_job"])
async def test_a_job_that_is_not_there_is_not_found(site: Site, operation: str) -> None:
    failure = await site.operator.refused(operation, jobId=JOB)
    assert (failure.code, failure.status) == ("ResourceNotFoundException", 404)


async def test_canceling_a_job_ends_what_is_queued_and_lets_the_rest_go_on(site: Site) -> None:
    door = await site.add("door")
    await site.create(JOB, THING, "door", jobExecutionsRetryConfig=TWICE)
    await site.device.start()
    await site.operator("cancel_job", jobId=JOB, reasonCode="NO_PAPER", comment="Empty")
    job = await site.job()
    assert (job["status"], job["reasonCode"], job["comment"], job["forceCanceled"]) == (
        "CANCELED",
        "NO_PAPER",
        "Empty",
        False,
    )
    assert counts(job) == {"CanceledThings": 1, "InProgressThings": 1}
    assert (await door.pending())["queuedJobs"] == []
    await site.device.update("SUCCEEDED")
    job = await site.job()
    assert (job["status"], counts(job)) == ("CANCELED", {"CanceledThings": 1, "SucceededThings": 1})
    assert (await count_jobs(site.engine))[State.RUNNING] == 0


async def test_a_canceled_job_is_not_tried_again(site: Site) -> None:
    await site.create(
        jobExecutionsRetryConfig={"criteriaList": [{"failureType": "ALL", "numberOfRetries": 2}]}, minutes=1
    )
    await site.device.start()
    await site.operator("cancel_job", jobId=JOB)
    await site.passes(minutes=1)
    assert await site.device.start() is None
    assert ((await site.execution())["status"], (await site.job())["status"]) == ("TIMED_OUT", "CANCELED")
    assert (await count_jobs(site.engine))[State.RUNNING] == 0


async def test_force_cancels_what_is_in_progress_too(site: Site) -> None:
    await site.create()
    await site.device.start(statusDetails={"step": "1"})
    await site.operator("cancel_job", jobId=JOB, force=True)
    job, ended = await site.job(), await site.execution()
    assert (job["status"], job["forceCanceled"]) == ("CANCELED", True)
    assert (ended["status"], ended["forceCanceled"], ended["versionNumber"]) == ("CANCELED", True, 3)
    assert ended["statusDetails"]["detailsMap"] == {"step": "1"}
    failure = await site.device.update_refused("SUCCEEDED")
    assert failure.code == "InvalidStateTransitionException"


async def test_a_job_that_is_over_cannot_be_canceled(site: Site) -> None:
    await site.create()
    await site.device.update("SUCCEEDED")
    failure = await site.operator.refused("cancel_job", jobId=JOB)
    assert (failure.code, failure.status) == ("InvalidRequestException", 400)


@pytest.mark.parametrize("said", [{"reasonCode": "lower"}, {"reasonCode": "X" * 129}, {"comment": "a\tb"}])
async def test_why_a_job_is_canceled_must_be_readable(site: Site, said: dict[str, str]) -> None:
    await site.create()
    assert (await site.operator.refused("cancel_job", jobId=JOB, **said)).code == "InvalidRequestException"


async def cancel(site: Site, **said: Any) -> Any:
    return await site.operator("cancel_job_execution", thingName=THING, jobId=JOB, **said)


async def cancel_refused(site: Site, **said: Any) -> Failure:
    return await site.operator.refused("cancel_job_execution", thingName=THING, jobId=JOB, **said)


async def test_an_execution_is_canceled_with_force_if_it_has_begun(site: Site) -> None:
    await site.create()
    await site.device.start()
    failure = await cancel_refused(site)
    assert (failure.code, failure.status) == ("InvalidStateTransitionException", 409)
    failure = await cancel_refused(site, force=True, expectedVersion=1)
    assert (failure.code, failure.status, failure.kind) == ("VersionConflictException", 409, "VersionConflictException")
    assert await cancel(site, force=True, expectedVersion=2, statusDetails={"by": "desk"}) == {}
    ended = await site.execution()
    assert (ended["status"], ended["statusDetails"]["detailsMap"]) == ("CANCELED", {"by": "desk"})
    assert (await site.job())["status"] == "COMPLETED"
    assert (await cancel_refused(site, force=True)).code == "InvalidStateTransitionException"


async def test_a_queued_execution_is_canceled_without_force(site: Site) -> None:
    await site.create()
    assert await cancel(site) == {}
    ended = await site.execution()
    assert (ended["status"], ended["versionNumber"], ended["forceCanceled"]) == ("CANCELED", 2, False)


async def test_at_most_ten_details_say_why_an_execution_was_canceled(site: Site) -> None:
    await site.create()
    assert (
        await cancel_refused(site, statusDetails={str(n): "x" for n in range(11)})
    ).code == "InvalidRequestException"


async def test_a_job_is_deleted_when_it_is_over_or_by_force(site: Site) -> None:
    await site.create(jobExecutionsRetryConfig=TWICE)
    await site.device.update("FAILED")
    await site.device.start()
    failure = await site.operator.refused("delete_job", jobId=JOB)
    assert (failure.code, failure.status) == ("InvalidStateTransitionException", 409)
    await site.operator("delete_job", jobId=JOB, force=True)
    assert (await site.operator.refused("describe_job", jobId=JOB)).code == "ResourceNotFoundException"
    assert (await site.device.refused("describe_job_execution")).code == "ResourceNotFoundException"
    assert sum((await count_jobs(site.engine)).values()) == 0
    await site.create()
    assert (await site.device.start())["executionNumber"] == 1


async def test_a_deleted_job_is_gone_although_its_end_is_still_to_be_told(site: Site) -> None:
    await site.create()
    found = await find_execution(site.engine, THING, JOB)
    heir = Enqueue(queue="events", kind="entry_sign_in", owes=REPORT_DEBT, id="event")
    await site.engine.call([heir, ClaimJob(id="event", who="w"), PassDebt(id="event", heir=found.id)])
    await site.device.update("SUCCEEDED")
    await site.operator("delete_job", jobId=JOB)
    for operation in ("describe_job", "get_job_document", "list_job_executions_for_job", "cancel_job"):
        assert (await site.operator.refused(operation, jobId=JOB)).code == "ResourceNotFoundException"
    assert (await site.device.refused("describe_job_execution")).code == "ResourceNotFoundException"
    assert await listed(site, "list_jobs") == []


async def test_of_many_that_cancel_it_at_once_one_does(site: Site) -> None:
    await site.create()
    ends = await asyncio.gather(*(cancel(site) for _ in range(8)), return_exceptions=True)
    assert ends.count({}) == 1
    assert (await site.execution())["versionNumber"] == 2


async def delete(site: Site, number: int, **said: Any) -> Any:
    return await site.operator("delete_job_execution", thingName=THING, jobId=JOB, executionNumber=number, **said)


async def test_an_execution_is_deleted_by_its_number(site: Site) -> None:
    await site.create(jobExecutionsRetryConfig=TWICE)
    await site.device.update("FAILED")
    assert await delete(site, 1) == {}
    assert (await site.device.refused("describe_job_execution", executionNumber=1)).code == "ResourceNotFoundException"
    named = {"thingName": THING, "jobId": JOB}
    failure = await site.operator.refused("delete_job_execution", **named, executionNumber=2)
    assert (failure.code, failure.status) == ("InvalidStateTransitionException", 409)
    await delete(site, 2, force=True)
    assert (await site.device.refused("describe_job_execution")).code == "ResourceNotFoundException"
    failure = await site.operator.refused("delete_job_execution", **named, executionNumber=2)
    assert failure.code == "ResourceNotFoundException"


async def test_a_deleted_execution_is_counted_no_more_and_its_thing_stays_a_target(site: Site) -> None:
    await site.add("door")
    await site.create(JOB, THING, "door")
    await site.operator("delete_job_execution", thingName="door", jobId=JOB, executionNumber=1, force=True)
    job = await site.job()
    assert (job["status"], counts(job)) == ("IN_PROGRESS", {"QueuedThings": 1})
    assert job["targets"] == [site.arn(), site.arn("door")]
    assert len(await listed(site, "list_job_executions_for_job", jobId=JOB)) == 1
    assert await find_ended(site.engine, await site.registry.get("door"), 9) == []


@pytest.mark.parametrize(
    ("operation", "named"),
    [("delete_job", {}), ("delete_job_execution", {"thingName": THING, "executionNumber": 1})],
)
async def test_what_is_left_out_of_deletes_is_refused_by_name(
    site: Site, operation: str, named: dict[str, Any]
) -> None:
    await site.create()
    failure = await site.operator.refused(operation, jobId=JOB, force=True, namespaceId="x", **named)
    assert (failure.code, failure.message) == ("InvalidRequestException", "namespaceId: not supported here")
