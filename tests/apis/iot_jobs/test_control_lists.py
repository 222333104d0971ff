"""Operators, by boto3's own client: lists of jobs and executions, page by page."""

from typing import Any

import pytest

from envoy_plugin.engine.verbs import Enqueue, Listing, Unique
from tests.apis.iot_jobs.site import JOB, THING, Site, listed


async def test_executions_are_listed_by_job_and_by_thing_page_by_page(site: Site) -> None:
    for number in range(5):
        await site.create(f"job-{number}")
    await site.device.update("SUCCEEDED", "job-1")
    await site.device.update("REJECTED", "job-3")
    await site.device.update("FAILED", "job-0")
    by_thing = await listed(site, "list_job_executions_for_thing", thingName=THING, maxResults=2)
    assert [row["jobId"] for row in by_thing] == [f"job-{number}" for number in reversed(range(5))]
    rejected = await listed(site, "list_job_executions_for_thing", thingName=THING, status="REJECTED")
    assert [row["jobId"] for row in rejected] == ["job-3"]
    queued = await listed(site, "list_job_executions_for_thing", thingName=THING, status="QUEUED", maxResults=1)
    assert [row["jobId"] for row in queued] == ["job-4", "job-2"]
    [one] = await listed(site, "list_job_executions_for_thing", thingName=THING, jobId="job-1")
    assert one["jobExecutionSummary"]["status"] == "SUCCEEDED"
    [row] = await listed(site, "list_job_executions_for_job", jobId="job-2")
    assert (row["thingArn"], row["jobExecutionSummary"]["executionNumber"]) == (site.arn(), 1)


async def test_a_thing_is_listed_once_however_often_it_tried(site: Site) -> None:
    retries = {"criteriaList": [{"failureType": "FAILED", "numberOfRetries": 2}]}
    await site.create(jobExecutionsRetryConfig=retries)
    await site.device.update("FAILED")
    for operation, said in (("list_job_executions_for_job", {"jobId": JOB}),
                            ("list_job_executions_for_thing", {"thingName": THING})):  # fmt: skip
        [row] = await listed(site, operation, **said)
        summary = row["jobExecutionSummary"]
        assert (summary["status"], summary["executionNumber"], summary["retryAttempt"]) == ("QUEUED", 2, 1)


async def test_jobs_are_listed_the_newest_first_and_by_status(site: Site) -> None:
    for number in range(4):
        await site.create(f"job-{number}")
    await site.device.update("SUCCEEDED", "job-1")
    await site.operator("cancel_job", jobId="job-2")
    assert [row["jobId"] for row in await listed(site, "list_jobs", maxResults=2)] == [
        "job-3",
        "job-2",
        "job-1",
        "job-0",
    ]
    for status, ids in (("IN_PROGRESS", ["job-3", "job-0"]), ("COMPLETED", ["job-1"]), ("CANCELED", ["job-2"]),
                        ("SCHEDULED", []), ("DELETION_IN_PROGRESS", [])):  # fmt: skip
        assert [row["jobId"] for row in await listed(site, "list_jobs", status=status)] == ids
    assert await listed(site, "list_jobs", targetSelection="CONTINUOUS") == []


@pytest.mark.parametrize(
    "said",
    [{"maxResults": 0}, {"maxResults": 251}, {"nextToken": "canary"}, {"status": "BOGUS"}, {"thingGroupName": "x"}],
)
async def test_a_list_that_makes_no_sense_is_refused(site: Site, said: dict[str, Any]) -> None:
    assert (await site.operator.refused("list_jobs", **said)).code == "InvalidRequestException"


LISTS = {
    "list_things": {},
    "list_jobs": {},
    "list_job_executions_for_job": {"jobId": "job-1"},
    "list_job_executions_for_thing": {"thingName": THING},
}


@pytest.mark.parametrize("name", LISTS)
async def test_a_token_is_good_for_its_own_list_alone(site: Site, name: str) -> None:
    await site.add("door")
    for job in ("job-1", "job-2"):
        await site.create(job, THING, "door")
    said = {"list_job_executions_for_job": {"jobId": "job-2"}, "list_job_executions_for_thing": {"thingName": "door"}}
    token = (await site.operator(name, maxResults=1, **LISTS[name]))["nextToken"]
    assert (await site.operator.refused(name, nextToken=token.partition(".")[0] + ".", **LISTS[name])).status == 400
    others = LISTS | said if name in said else {each: how for each, how in LISTS.items() if each != name}
    for other, how in others.items():
        failure = await site.operator.refused(other, nextToken=token, **how)
        assert (failure.code, failure.message) == ("InvalidRequestException", "nextToken is not one of this list.")


async def test_a_token_is_good_for_its_own_status_alone(site: Site) -> None:
    for job in ("job-1", "job-2"):
        await site.create(job)
        await site.operator("cancel_job", jobId=job)
    token = (await site.operator("list_jobs", maxResults=1, status="CANCELED"))["nextToken"]
    assert (await site.operator.refused("list_jobs", nextToken=token)).code == "InvalidRequestException"


async def test_what_a_thing_had_to_do_is_listed_after_its_end_and_of_no_thing_nothing(site: Site) -> None:
    await site.create()
    for said in ({"jobId": "other"}, {"status": "FAILED"}):
        assert await listed(site, "list_job_executions_for_thing", thingName=THING, **said) == []
    await site.operator("delete_thing", thingName=THING)
    [removed] = await listed(site, "list_job_executions_for_thing", thingName=THING)
    assert removed["jobExecutionSummary"]["status"] == "REMOVED"
    assert await listed(site, "list_job_executions_for_thing", thingName=THING, status="FAILED") == []
    for said in ({}, {"jobId": JOB}, {"status": "QUEUED"}):
        failure = await site.operator.refused("list_job_executions_for_thing", thingName="nowhere", **said)
        assert (failure.code, failure.message) == ("ResourceNotFoundException", "Thing nowhere cannot be found.")


async def test_a_step_of_a_workflow_is_an_execution_without_a_job(site: Site) -> None:
    unique = Unique(key=f"iot:W-1:{THING}", kept=True)
    listed_by = (Listing.QUEUE,)
    await site.engine.run(
        Enqueue(queue=f"thing:{THING}", kind="device", payload=b"{}", unique=unique, skippable=True, listed=listed_by)
    )
    [row] = await listed(site, "list_job_executions_for_thing", thingName=THING)
    assert (row["jobId"], (await site.execution("W-1"))["status"]) == ("W-1", "QUEUED")
    assert (await site.operator.refused("describe_job", jobId="W-1")).code == "ResourceNotFoundException"
    assert await listed(site, "list_jobs") == []
    await site.operator("cancel_job_execution", thingName=THING, jobId="W-1")
    assert (await site.execution("W-1"))["status"] == "CANCELED"
