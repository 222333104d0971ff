"""Devices, operators and time at once: each answer is of one moment, and of those who decide one is first."""

import asyncio
import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError

from envoy_plugin.apis.iot_jobs import data_plane, executions
from envoy_plugin.apis.iot_jobs.executions import Execution, find_pending, load_execution
from envoy_plugin.engine.engine import Engine, Mode
from envoy_plugin.engine.model import Job
from envoy_plugin.engine.queries import load_jobs
from envoy_plugin.engine.states import Reason
from envoy_plugin.engine.verbs import Cancel, ClaimJob, Hold, Resume, Verb
from tests.apis.iot_jobs.site import JOB, THING, Site

JOB_PATH = f"/things/{THING}/jobs/{JOB}"


async def test_of_many_at_once_one_starts_and_one_ends_it(site: Site) -> None:
    await site.create()
    started = await asyncio.gather(*(site.device.start() for _ in range(10)))
    assert {(each["jobId"], each["versionNumber"]) for each in started} == {(JOB, 2)}
    said = {"status": "SUCCEEDED", "expectedVersion": 2}
    replies = await asyncio.gather(*(site.send("POST", JOB_PATH, json.dumps(said).encode()) for _ in range(10)))
    assert sorted(reply.status for reply in replies) == [200] + [400] * 9
    assert (await site.execution())["versionNumber"] == 3


async def test_of_many_updates_of_one_version_one_counts(site: Site) -> None:
    await site.create()
    await site.device.start()
    said = b'{"status": "IN_PROGRESS", "expectedVersion": 2}'
    replies = await asyncio.gather(*(site.send("POST", JOB_PATH, said) for _ in range(10)))
    assert sorted(reply.status for reply in replies) == [200] + [400] * 9
    assert (await site.device.describe())["versionNumber"] == 3


async def test_of_ends_by_devices_and_by_an_operator_at_once_one_holds(site: Site) -> None:
    await site.create()
    await site.device.start()
    said: dict[str, Any] = {"thingName": THING, "jobId": JOB, "expectedVersion": 2}
    by_operator = site.operator("cancel_job_execution", force=True, **said)
    by_devices = [site.device.update(status, expectedVersion=2) for status in ("SUCCEEDED", "FAILED", "REJECTED")]
    ends = await asyncio.gather(by_operator, *by_devices, return_exceptions=True)
    refused = [end.response["Error"]["Code"] for end in ends if isinstance(end, ClientError)]
    assert len(refused) == 3
    assert set(refused) <= {"InvalidRequestException", "VersionConflictException"}
    ended = await site.execution()
    assert (ended["status"] in {"CANCELED", "SUCCEEDED", "FAILED", "REJECTED"}, ended["versionNumber"]) == (True, 3)


async def test_of_many_updates_at_once_each_counts(site: Site) -> None:
    await site.create()
    await site.device.start()
    replies = await asyncio.gather(*(site.send("POST", JOB_PATH, b'{"status": "IN_PROGRESS"}') for _ in range(30)))
    accepted = [reply for reply in replies if reply.status == 200]
    assert (await site.device.describe())["versionNumber"] == 2 + len(accepted)
    assert {reply.error for reply in replies} <= {None, "ServiceUnavailableException"}


async def test_what_is_just_being_started_is_pending_all_the_while(site: Site) -> None:
    async def look(turns: int) -> int:
        for _ in range(turns):
            await asyncio.sleep(0)
        return len(await find_pending(site.engine, THING, 10))

    for number in range(10):
        await site.create(f"job-{number}")
        start = site.engine.run(Resume(queue=f"thing:{THING}", who="other"))
        seen = await asyncio.gather(look(0), look(1), start, look(2), look(4))
        assert [seen[0], seen[1], *seen[3:]] == [1] * 4
        await site.device.update("SUCCEEDED", f"job-{number}")


async def test_lists_show_what_they_say_although_it_changed_since_they_were_read(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        await site.create(f"job-{number}")
    ids = [execution.id for execution in await find_pending(site.engine, THING, 3)]

    async def load(*said: Any) -> list[Job]:
        await site.engine.call([Cancel(id=ids[0], reason=Reason.OPERATOR), ClaimJob(id=ids[2], who="other")])
        monkeypatch.undo()
        return await load_jobs(*said)

    monkeypatch.setattr(executions, "load_jobs", load)
    pending = await site.device.pending()
    assert [row["jobId"] for row in pending["inProgressJobs"]] == ["job-2"]
    assert [row["jobId"] for row in pending["queuedJobs"]] == ["job-1"]


@pytest.mark.parametrize("verb", [partial(Cancel, reason=Reason.OPERATOR), partial(Hold, hold="by-hand")])
async def test_what_ended_or_was_held_while_it_was_looked_at_is_not_the_next(
    site: Site, monkeypatch: pytest.MonkeyPatch, verb: Callable[..., Verb[Any]]
) -> None:
    for job in (JOB, "job-2"):
        await site.create(job)
    [holder, _] = await find_pending(site.engine, THING, 2)

    async def find(*said: Any) -> list[Execution]:
        found = await find_pending(*said)
        await site.engine.call([verb(id=holder.id)], Mode.EACH)
        return found

    monkeypatch.setattr(data_plane, "find_pending", find)
    assert (await site.device.describe("$next"))["jobId"] == "job-2"


async def test_what_ended_before_it_was_handed_over_is_not_started(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for job in (JOB, "job-2"):
        await site.create(job)

    async def load(engine: Engine, holder: str, **said: Any) -> Execution | None:
        monkeypatch.undo()
        await engine.call([Cancel(id=holder, reason=Reason.OPERATOR)])
        return await load_execution(engine, holder, **said)

    monkeypatch.setattr(data_plane, "load_execution", load)
    assert (await site.device.start())["jobId"] == "job-2"


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_whoever_is_overtaken_again_and_again_is_told_to_ask_once_more(
    site: Site, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    await site.create()

    async def load(*_: object, **__: object) -> None:
        return None

    monkeypatch.setattr(data_plane, "load_execution", load)
    reply = await site.send(method, f"/things/{THING}/jobs/$next")
    assert (reply.status, reply.error) == (503, "ServiceUnavailableException")


@pytest.mark.parametrize(("expected", "status", "version"), [(2, 400, 3), (None, 200, 4)])
async def test_an_update_that_was_overtaken_is_decided_anew(
    site: Site, monkeypatch: pytest.MonkeyPatch, expected: int | None, status: int, version: int
) -> None:
    await site.create()
    await site.device.start()

    async def call(*said: Any) -> Any:
        monkeypatch.undo()
        await site.device.update("IN_PROGRESS")
        return await site.engine.call(*said)

    monkeypatch.setattr(type(site.engine), "call", lambda _, *said: call(*said))
    said = {"status": "IN_PROGRESS", "expectedVersion": expected, "includeJobExecutionState": True}
    reply = await site.send("POST", JOB_PATH, json.dumps(said).encode())
    assert (reply.status, reply.body["executionState"]["versionNumber"]) == (status, version)


@pytest.mark.parametrize("status", ["QUEUED", "IN_PROGRESS"])
async def test_an_update_is_of_the_execution_that_it_found_whatever_comes_after_it(
    site: Site, monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    criteria = [{"failureType": "TIMED_OUT", "numberOfRetries": 1}]
    await site.create(minutes=1, jobExecutionsRetryConfig={"criteriaList": criteria})
    await site.device.start()

    async def call(*said: Any) -> Any:
        monkeypatch.undo()
        await site.passes(minutes=1)
        if status == "IN_PROGRESS":
            await site.engine.run(Resume(queue=f"thing:{THING}", who="other"))
        return await site.engine.call(*said)

    monkeypatch.setattr(type(site.engine), "call", lambda _, *said: call(*said))
    failure = await site.device.update_refused("SUCCEEDED")
    assert failure.message == f"Job {JOB} for {THING} has already finished with status TIMED_OUT"
    fresh = await site.device.describe()
    assert (fresh["executionNumber"], fresh["status"]) == (2, status)
