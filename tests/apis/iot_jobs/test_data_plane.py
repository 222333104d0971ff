"""Devices, by boto3's own client: every operation, in order, and what it says."""

import json
from typing import Any

import pytest

from tests.apis.iot_jobs.site import DOCUMENT, JOB, THING, Site

NEXT = "$next"
JOB_PATH = f"/things/{THING}/jobs/{JOB}"


async def test_a_device_takes_its_work_and_says_how_it_ended(site: Site) -> None:
    await site.create()
    started = await site.device.start(statusDetails={"step": "heating"})
    assert (started["jobId"], started["thingName"], started["jobDocument"]) == (JOB, THING, DOCUMENT)
    assert (started["status"], started["versionNumber"], started["executionNumber"]) == ("IN_PROGRESS", 2, 1)
    assert started["statusDetails"] == {"step": "heating"}
    assert await site.device.update("SUCCEEDED", expectedVersion=2, statusDetails={"badge": "B-1"}) == {}
    ended = await site.execution()
    assert (ended["status"], ended["statusDetails"]["detailsMap"]) == ("SUCCEEDED", {"badge": "B-1"})
    assert (await site.job())["status"] == "COMPLETED"


async def test_nothing_to_do_is_said_without_an_execution(site: Site) -> None:
    assert await site.device.pending() == {"inProgressJobs": [], "queuedJobs": []}
    assert await site.device.start() is None
    assert await site.device.describe(NEXT) is None


async def test_what_is_in_progress_comes_first_then_what_was_created_first(site: Site) -> None:
    for number in range(3):
        await site.create(f"job-{number}")
    await site.device.update("IN_PROGRESS", "job-2")
    pending = await site.device.pending()
    assert [row["jobId"] for row in pending["inProgressJobs"]] == ["job-2"]
    assert [row["jobId"] for row in pending["queuedJobs"]] == ["job-0", "job-1"]
    assert (await site.device.describe(NEXT))["jobId"] == "job-2"
    await site.device.update("IN_PROGRESS", "job-1")
    assert (await site.device.start())["jobId"] == "job-1"


async def test_what_is_in_progress_is_in_the_order_of_creation_whenever_it_was_started_or_ends(site: Site) -> None:
    for number in range(3):
        await site.create(f"job-{number}")
    for number, minutes in ((2, 5), (0, 10), (1, 1)):
        await site.device.update("IN_PROGRESS", f"job-{number}", stepTimeoutInMinutes=minutes)
        site.clock.move(site.second)
    rows = (await site.device.pending())["inProgressJobs"]
    assert [row["jobId"] for row in rows] == ["job-0", "job-1", "job-2"]
    assert rows[0]["startedAt"] > rows[2]["startedAt"] > rows[0]["queuedAt"] - 1
    assert (await site.device.describe(NEXT))["jobId"] == (await site.device.start())["jobId"] == "job-0"


async def test_ten_pending_ones_are_shown(site: Site) -> None:
    for number in range(12):
        await site.create(f"job-{number:02}")
    for number in range(4):
        await site.device.update("IN_PROGRESS", f"job-{number + 8:02}")
    pending = await site.device.pending()
    assert [row["jobId"] for row in pending["inProgressJobs"]] == ["job-08", "job-09", "job-10", "job-11"]
    assert [row["jobId"] for row in pending["queuedJobs"]] == [f"job-{number:02}" for number in range(6)]


async def test_looking_starts_nothing(site: Site) -> None:
    await site.create()
    for job in (NEXT, JOB):
        seen = await site.device.describe(job)
        assert (seen["status"], seen["versionNumber"], seen["jobDocument"]) == ("QUEUED", 1, DOCUMENT)
        assert "startedAt" not in seen
        assert "statusDetails" not in seen
        assert "jobDocument" not in await site.device.describe(job, includeJobDocument=False)


async def test_a_device_that_restarted_is_handed_the_same_again(site: Site) -> None:
    await site.create()
    first = await site.device.start(statusDetails={"step": "1"})
    site.clock.move(site.second)
    assert await site.device.start(statusDetails={"step": "2"}) == first


async def test_every_accepted_update_counts_the_version_up(site: Site) -> None:
    await site.create()
    assert (await site.device.describe())["versionNumber"] == 1
    await site.device.update("IN_PROGRESS", expectedVersion=1)
    for version in (2, 3):
        answered = await site.device.update("IN_PROGRESS", expectedVersion=version, includeJobExecutionState=True)
        assert answered["executionState"]["versionNumber"] == version + 1
    await site.device.update("FAILED", expectedVersion=4)
    assert (await site.execution())["versionNumber"] == 5


async def test_another_version_changes_nothing_and_tells_the_state(site: Site) -> None:
    await site.create()
    await site.device.start(statusDetails={"step": "1"})
    for version in (0, 1, 3):
        failure = await site.device.update_refused("SUCCEEDED", expectedVersion=version)
        assert (failure.code, failure.status) == (failure.kind, 400) == ("InvalidRequestException", 400)
        assert failure.message == f"Expected version {version} but found version 2"
    body = json.dumps({"status": "SUCCEEDED", "expectedVersion": 7}).encode()
    reply = await site.send("POST", JOB_PATH, body)
    state = {"status": "IN_PROGRESS", "statusDetails": {"step": "1"}, "versionNumber": 2}
    assert (reply.status, reply.error, reply.body["executionState"]) == (400, "InvalidRequestException", state)
    assert (await site.device.describe())["versionNumber"] == 2


async def test_what_is_over_is_over(site: Site) -> None:
    await site.create()
    await site.device.update("SUCCEEDED", statusDetails={"badge": "B-1"})
    seen = await site.device.refused("describe_job_execution")
    assert (seen.code, seen.status, seen.kind) == ("TerminalStateException", 410, "TerminalStateException")
    assert seen.message == "Job Execution has reached terminal state. It is neither IN_PROGRESS nor QUEUED"
    for status in ("IN_PROGRESS", "SUCCEEDED", "FAILED", "REJECTED"):
        failure = await site.device.update_refused(status)
        assert (failure.code, failure.status) == ("InvalidStateTransitionException", 409)
        assert failure.message == f"Job {JOB} for {THING} has already finished with status SUCCEEDED"
    reply = await site.send("POST", JOB_PATH, b'{"status": "FAILED"}')
    assert reply.body["executionState"]["status"] == "SUCCEEDED"
    assert await site.device.pending() == {"inProgressJobs": [], "queuedJobs": []}
    assert (await site.execution())["versionNumber"] == 2


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED", "REJECTED"])
@pytest.mark.parametrize("started", [True, False])
async def test_a_device_may_end_its_work_started_or_not(site: Site, status: str, *, started: bool) -> None:
    await site.create()
    if started:
        await site.device.start()
    answered = await site.device.update(status, includeJobExecutionState=True)
    assert answered["executionState"] == {"status": status, "statusDetails": {}, "versionNumber": 3 if started else 2}
    ended = await site.execution()
    assert (ended["status"], "startedAt" in ended) == (status, started)


@pytest.mark.parametrize("status", ["QUEUED", "TIMED_OUT", "REMOVED", "CANCELED"])
async def test_what_the_service_says_no_device_may_say(site: Site, status: str) -> None:
    await site.create()
    failure = await site.device.update_refused(status)
    assert (failure.code, failure.status) == ("InvalidStateTransitionException", 409)
    assert failure.message == f"The status of job execution cannot be changed to be {status}"
    reply = await site.send("POST", JOB_PATH, json.dumps({"status": status}).encode())
    assert reply.body["executionState"] == {"status": "QUEUED", "statusDetails": {}, "versionNumber": 1}
    assert (await site.device.update_refused(status, executionNumber=2)).code == "InvalidStateTransitionException"


async def test_details_stay_unless_they_are_given_and_then_all_are_replaced(site: Site) -> None:
    await site.create()
    await site.device.start(statusDetails={"a": "1", "b": "2"})
    kept = await site.device.update("IN_PROGRESS", includeJobExecutionState=True)
    assert kept["executionState"]["statusDetails"] == {"a": "1", "b": "2"}
    await site.device.update("IN_PROGRESS", statusDetails={"c": "3"})
    assert (await site.device.describe())["statusDetails"] == {"c": "3"}
    ended = await site.device.update("SUCCEEDED", statusDetails={}, includeJobExecutionState=True)
    assert ended["executionState"]["statusDetails"] == {}
    assert (await site.execution())["statusDetails"] == {"detailsMap": {}}


async def test_an_update_answers_what_was_asked_for(site: Site) -> None:
    await site.create()
    assert await site.device.update("IN_PROGRESS") == {}
    answered = await site.device.update("IN_PROGRESS", includeJobDocument=True, includeJobExecutionState=True)
    assert answered["jobDocument"] == DOCUMENT
    assert answered["executionState"] == {"status": "IN_PROGRESS", "statusDetails": {}, "versionNumber": 3}


@pytest.mark.parametrize("operation", ["describe_job_execution", "update_job_execution"])
async def test_a_job_that_is_not_there_is_not_found(site: Site, operation: str) -> None:
    await site.create("other")
    said = {"status": "SUCCEEDED"} if operation.startswith("update") else {}
    failure = await site.device.refused(operation, **said)
    assert (failure.code, failure.status) == ("ResourceNotFoundException", 404)
    assert failure.message == f"Job {JOB} not found for {THING}"


async def test_a_thing_whose_name_has_colons_is_served(site: Site) -> None:
    await site.create(JOB, (await site.add("floor:1:printer")).thing)
    device = await site.add("floor:2:printer")
    await site.create("job-2", device.thing)
    assert [row["jobId"] for row in (await device.pending())["queuedJobs"]] == ["job-2"]
    assert (await device.start())["thingName"] == "floor:2:printer"
    assert (await device.describe(NEXT))["jobId"] == "job-2"
    await device.update("SUCCEEDED", "job-2")


@pytest.mark.parametrize("target", [f"/things/{THING}/jobs/$next", f"/things/{THING}/jobs/%24next"])
@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_the_dollar_may_be_encoded(site: Site, method: str, target: str) -> None:
    await site.create()
    reply = await site.send(method, target, b"{}" if method == "PUT" else b"")
    assert (reply.status, reply.body["execution"]["jobId"]) == (200, JOB)


async def test_times_are_whole_seconds_and_answers_are_named(site: Site) -> None:
    await site.create()
    began = site.clock.now // 1000
    site.clock.move(site.second)
    await site.send("PUT", f"/things/{THING}/jobs/$next")
    site.clock.move(site.second)
    await site.device.update("IN_PROGRESS")
    reply = await site.send("GET", JOB_PATH)
    execution = reply.body["execution"]
    assert [execution[name] - began for name in ("queuedAt", "startedAt", "lastUpdatedAt")] == [0, 1, 2]
    assert all(isinstance(execution[name], int) for name in ("queuedAt", "versionNumber", "executionNumber"))
    assert isinstance(execution["jobDocument"], str)
    assert reply.headers["Content-Type"] == "application/json"
    assert len(reply.headers["x-amzn-RequestId"]) == 36


async def test_members_that_are_null_or_unknown_count_as_absent(site: Site) -> None:
    await site.create()
    said = {"status": "SUCCEEDED", "canary": [1]} | dict.fromkeys(
        ["statusDetails", "stepTimeoutInMinutes", "expectedVersion", "executionNumber", "includeJobDocument",
         "includeJobExecutionState"])  # fmt: skip
    assert (await site.send("POST", JOB_PATH, json.dumps(said).encode())).body == {}
    assert (await site.send("GET", f"/things/{THING}/jobs?namespaceId=x")).status == 200


WRONG: dict[str, dict[str, Any]] = {
    "no status": {},
    "no such status": {"status": "BOGUS"},
    "the status of the documentation": {"status": "SUCCESS"},
    "details that are a list": {"status": "FAILED", "statusDetails": ["a"]},
    "a detail that is a number": {"status": "FAILED", "statusDetails": {"a": 1}},
    "a detail that is empty": {"status": "FAILED", "statusDetails": {"a": ""}},
    "a detail that is long": {"status": "FAILED", "statusDetails": {"a": "x" * 1025}},
    "a detail with a line feed": {"status": "FAILED", "statusDetails": {"a": "x\ny"}},
    "a detail with a joiner": {"status": "FAILED", "statusDetails": {"a": "x\u200dy"}},
    "a detail with what is for private use": {"status": "FAILED", "statusDetails": {"a": "\ue000"}},
    "a detail with what is no character": {"status": "FAILED", "statusDetails": {"a": "\uffff"}},
    "a detail's name with a blank": {"status": "FAILED", "statusDetails": {"a b": "x"}},
    "a detail's name with a line feed": {"status": "FAILED", "statusDetails": {"ab\n": "x"}},
    "a detail's name that is long": {"status": "FAILED", "statusDetails": {"a" * 129: "x"}},
    "too many details": {"status": "FAILED", "statusDetails": {str(number): "x" for number in range(101)}},
    "a step of no time": {"status": "IN_PROGRESS", "stepTimeoutInMinutes": 0},
    "a step of a negative time": {"status": "IN_PROGRESS", "stepTimeoutInMinutes": -2},
    "a step of over a week": {"status": "IN_PROGRESS", "stepTimeoutInMinutes": 10081},
    "a version as text": {"status": "FAILED", "expectedVersion": "1"},
    "a version with a fraction": {"status": "FAILED", "expectedVersion": 1.0},
    "a version beyond long": {"status": "FAILED", "expectedVersion": 2**63},
    "a flag as text": {"status": "FAILED", "includeJobDocument": "true"},
    "an execution number as text": {"status": "FAILED", "executionNumber": "1"},
}


@pytest.mark.parametrize("said", WRONG.values(), ids=WRONG)
async def test_an_update_that_makes_no_sense_changes_nothing(site: Site, said: dict[str, Any]) -> None:
    await site.create()
    reply = await site.send("POST", JOB_PATH, json.dumps(said).encode())
    assert (reply.status, reply.error) == (400, "InvalidRequestException")
    assert set(reply.body) == {"message"}
    assert (await site.device.describe())["versionNumber"] == 1


async def test_what_is_wrong_is_said_without_what_was_said(site: Site) -> None:
    await site.create()
    said = {"status": "FAILED", "statusDetails": {"Ada L": "", "b": "x\n"}}
    reply = await site.send("POST", JOB_PATH, json.dumps(said).encode())
    assert reply.body["message"].split("; ") == [
        "statusDetails: a key: String should match pattern '[a-zA-Z0-9:_-]{1,128}'",
        "statusDetails: String should have at least 1 character",
        "statusDetails.b: must have no control, format, private or unassigned characters",
    ]


async def test_the_longest_names_details_and_steps_are_taken(site: Site) -> None:
    device, job = await site.add("t" * 128), "j" * 64
    await site.create(job, device.thing)
    details = {f"{number:0128}": "x" for number in range(99)} | {"long": "\U0001f5a8" * 1024}
    await device.start(stepTimeoutInMinutes=10_080)
    await device.update("IN_PROGRESS", job, statusDetails=details, stepTimeoutInMinutes=10_080)
    assert (await device.describe(job))["statusDetails"] == details
    device.thing += "t"
    assert (await device.refused("describe_job_execution", job)).code == "InvalidRequestException"


@pytest.mark.parametrize("body", [b"[]", b"null", b"{", b'{"status": NaN}', b"\xff", b"1"])
async def test_a_body_that_is_no_object_is_refused(site: Site, body: bytes) -> None:
    await site.create()
    for method, path in (("POST", JOB_PATH), ("PUT", f"/things/{THING}/jobs/$next")):
        reply = await site.send(method, path, body)
        assert (reply.status, reply.error) == (400, "InvalidRequestException")


@pytest.mark.parametrize("step", [0, -1, 10081])
async def test_a_start_with_no_usable_step_time_starts_nothing(site: Site, step: int) -> None:
    await site.create()
    start = "start_next_pending_job_execution"
    failure = await site.device.client.refused(start, thingName=THING, stepTimeoutInMinutes=step)
    assert failure.code == "InvalidRequestException"
    assert (await site.device.describe())["status"] == "QUEUED"


@pytest.mark.parametrize(
    "query",
    [
        "includeJobDocument=yes",
        "includeJobDocument=",
        "executionNumber=x",
        "executionNumber=1.0",
        "executionNumber=1&executionNumber=2",
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(site: Site, query: str) -> None:
    await site.create()
    reply = await site.send("GET", f"{JOB_PATH}?{query}")
    assert (reply.status, reply.error) == (400, "InvalidRequestException")


@pytest.mark.parametrize(
    ("method", "target", "error"),
    [
        ("POST", f"/things/{THING}/jobs/$next", "InvalidRequestException"),
        ("GET", f"/things/{THING}/jobs/{'x' * 65}", "InvalidRequestException"),
        ("GET", f"/things/{THING}/jobs/a%20b", "InvalidRequestException"),
        ("PUT", JOB_PATH, "UnknownOperationException"),
        ("DELETE", JOB_PATH, "UnknownOperationException"),
        ("GET", f"{JOB_PATH}/more", "UnknownOperationException"),
        ("GET", "/jobs", "UnknownOperationException"),
        ("POST", "/command-executions", "UnknownOperationException"),
        ("GET", f"/things/{THING}/jobs/", "InvalidRequestException"),
    ],
)
async def test_what_is_no_operation_is_never_answered_200(site: Site, method: str, target: str, error: str) -> None:
    reply = await site.send(method, target)
    assert (reply.status, reply.error) == (404 if error.startswith("Unknown") else 400, error)
