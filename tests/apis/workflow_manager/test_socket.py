"""The websocket: what is told on it, every kind of message in the shape of the wire, and what may be said."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from envoy_plugin.apis.workflow_manager.frames import SENT
from envoy_plugin.engine.verbs import Fail
from envoy_plugin.workflows.definitions.diagrams import Step
from envoy_plugin.workflows.manager import JobsManager
from envoy_plugin.workflows.running.advance import follow_up
from envoy_plugin.workflows.running.create import find_by_key
from tests.apis.workflow_manager.site import Site, make_store
from tests.apis.workflow_manager.socket_site import Client, define, opened

KNOWN = """
CREATED ERROR JOBSTATE JOBUPDATED JOBCOMMENTUPDATED JOBATTACHMENTUPDATED JOBLOCATIONUPDATED
STEPSTARTED STEPPROGRESS STEPCANCELLED STEPPAUSED STEPSTOPPING STEPSTOPPED STEPWARNINGSTOPPED STEPFINISHED
STEPREASSIGNED STEPHELD STEPHOLDRELEASED STEPERROR STEPINFOREQUIRED STEPINFORMATION
EXPORTCOMPLETED EXPORTFAILED IMPORTCOMPLETED IMPORTFAILED
"""
"""The types that the Python client knows, whatever their case."""
STATE: dict[str, Any] = {
    "stepId": "sign",
    "stepName": "Sign in",
    "assignedType": "Unassigned",
    "assignedTo": None,
    "canSkip": False,
    "messageDetails": None,
}


@pytest.fixture
async def client(site: Site) -> AsyncIterator[Client]:
    """A socket of somebody who may do everything."""
    async with opened(site) as one:
        yield one


async def watched(site: Site, client: Client, template: str = "visit", *steps: Step) -> str:
    """A job that is subscribed to."""
    if steps:
        define(site, template, *steps)
    job_id = await site.job(template)
    await client.subscribe(job_id)
    return job_id


def test_only_types_are_sent_that_the_original_client_knows() -> None:
    assert {kind.upper() for kind in SENT} <= set(KNOWN.split())


async def test_a_job_that_is_subscribed_to_is_answered_at_once(site: Site, client: Client) -> None:
    job_id = await site.job()
    [frame] = await client.subscribe(job_id, senderId="me", token=site.token())
    state = frame["message"]
    assert (frame["msgType"], type(frame["timestamp"])) == ("JobState", int)
    assert (state["jobId"], state["senderId"], state["diagramVersion"]) == (job_id, "me", 1)
    assert (state["jobTemplateName"], state["percentComplete"], state["jobStatus"]) == ("Visit", 0, "")
    assert state["stepStates"] == [STATE]


async def test_a_visit_is_told_from_its_first_step_to_an_answer_over_the_socket(site: Site, client: Client) -> None:
    job_id = await watched(site, client)
    assert (await site.act(job_id, "Run"))["success"]
    first, second = await client.next(), await client.next()
    assert (first["msgType"], first["message"]["stepIds"], second["msgType"]) == (
        "StepFinished",
        ["sign"],
        "StepStarted",
    )
    assert first["message"]["currentSteps"][0]["stepId"] == "badge"
    await site.plugin.start_steps(job_id)
    [held] = await site.engine.claim("steps", 1, who="w", lease=None)
    await site.engine.note(held, b'{"message":"printing","fraction":0.5}')
    assert (await client.until("StepProgress"))["msg"] == "printing"
    await site.engine.succeed(held)
    await advance(site)
    asked = await client.until("StepInfoRequired")
    assert (asked["question"], asked["questionResponses"][0]["value"]) == ("Shall they come in?", "Yes")
    await client.say("StepInfoResponse", message={"jobId": job_id, "stepId": "host", "questionResponse": "Yes"})
    assert (await client.until("StepFinished"))["stepIds"] == ["host"]


async def advance(site: Site) -> None:
    """Follow every end, as a worker does."""
    for one in await site.engine.claim("advance", 10, who="w", lease=None):
        await follow_up(site.store, one)


async def test_a_manual_step_is_started_paused_and_finished(site: Site, client: Client) -> None:
    job_id = await watched(site, client, "one", Step.manual("a", proceeds=False))
    await site.act(job_id, "Run")
    assert await client.kinds(1) == ["StepStarted"]
    asked = (await client.next())["message"]
    assert (asked["allowedActions"], asked["canComment"], asked["commentRequired"]) == (6, True, False)
    await client.say("StepInfoResponse", message={"jobId": job_id, "stepId": "a", "manualResponse": False})
    assert await client.kinds(1) == ["StepPaused"]
    await site.act(job_id, "Run")
    await client.say("StepInfoResponse", message={"jobId": job_id, "stepId": "a", "manualResponse": True})
    assert await client.kinds(3) == ["StepStarted", "StepInfoRequired", "StepFinished"]


async def test_code_that_is_stopped_fails_or_waits_to_be_finished_is_told(site: Site, client: Client) -> None:
    job_id = await watched(site, client, "one", Step.function("a", "print_badge", retries=0, proceeds=False))
    await site.act(job_id, "Stop")
    assert (await client.until("StepCancelled"))["stepId"] == "a"
    await site.act(job_id, "Run")
    [held] = await site.engine.claim("steps", 1, who="w", lease=None)
    await site.engine.run(Fail.of(held, reason="error"))
    await advance(site)
    assert (await client.until("StepError"))["msg"] == "failed: error"
    await site.act(job_id, "Run")
    [held] = await site.engine.claim("steps", 1, who="w", lease=None)
    await site.engine.succeed(held)
    assert (await client.until("StepStopped"))["msg"] == "It is done, and waits to be finished."


async def test_holds_dependencies_and_assignments_are_told(site: Site, client: Client) -> None:
    job_id, other = await watched(site, client), await site.job()
    until = "2999-01-01T00:00:00.000Z"
    await site.act(job_id, "Hold", stepIds=["sign"], holdScheduledRelease=until)
    await site.act(job_id, "Hold", stepIds=["badge"], dependentJobId=other)
    held, waits = (await client.next())["message"], (await client.next())["message"]
    facts = {"jobId": job_id, "stepIds": ["sign"], "setBy": "ada", "manual": True, "dependency": False}
    assert (held, waits["dependency"]) == ({**facts, "scheduledRelease": until}, True)
    await site.act(job_id, "ReleaseHold", stepIds=["sign"])
    assert await client.until("StepHoldReleased") == {"jobId": job_id, "stepIds": ["sign"]}
    for to in ("bob", None):
        body = {"assignedType": "User" if to else "Unassigned", "assignedTo": to}
        await site.ask("POST", f"/jobs/{job_id}/currentStep", json=body)
        assert await client.until("StepReassigned") == {"jobId": job_id, "stepId": "sign", **body}


async def test_properties_and_tables_that_change_are_told(site: Site, client: Client) -> None:
    job_id = await watched(site, client)
    tables = {
        "extendedProperties": [{"identifier": "visitor.name", "value": "Ada"}],
        "relatedProperties": {
            "adds": [{"tableName": "bags", "entries": [{"properties": [{"propertyName": "kg", "value": "3"}]}]}]
        },
    }
    await site.ask("POST", f"/jobs/{job_id}/update", json={"priority": "High", "jobName": "Visit 1", **tables})
    told = (await client.until("JobUpdated"))["properties"]
    plain = {one["propertyName"]: one["value"] for one in told["jobProperties"]}
    assert plain == {"priority": "High", "jobName": "Visit 1"}
    name = {"propertyName": "name", "value": "Ada"}
    assert told["extendedProperties"] == [{"tableName": "visitor", "properties": [name]}]
    assert told["relatedProperties"][0]["entries"][0]["properties"] == [{"propertyName": "kg", "value": "3"}]


async def test_comments_attachments_and_locations_are_told(site: Site, client: Client) -> None:
    job_id = await watched(site, client)
    await site.ask("POST", f"/jobs/{job_id}/comments", json={"comment": "hello"})
    [comment] = (await client.until("JobCommentUpdated"))["adds"]
    assert (comment["comment"], comment["lastModifiedBy"], comment["jobId"]) == ("hello", "ada", job_id)
    attached = (await site.attach(job_id)).body["url"].rpartition("/")[2]
    [added] = (await client.until("JobAttachmentUpdated"))["adds"]
    assert (added["id"], added["alias"]) == (attached, "nda.pdf")
    await site.ask("DELETE", f"/jobs/{job_id}/attachments/{attached}")
    assert (await client.until("JobAttachmentUpdated"))["deletes"] == [attached]
    await site.plugin.set_job_location(job_id, {"type": "Point", "coordinates": [1, 2]})
    assert await client.until("JobLocationUpdated") == {"jobId": job_id}


async def test_whoever_comes_late_is_told_what_a_step_asks(site: Site, client: Client) -> None:
    define(site, "asks", Step.question("q", "Now?", answers=["Yes"]))
    [frame] = await client.subscribe(await site.job("asks"))
    details = frame["message"]["stepStates"][0]["messageDetails"]
    assert (details["msgType"], details["message"]["question"]) == ("StepInfoRequired", "Now?")


async def test_what_another_process_has_changed_is_told_within_a_second(site: Site, client: Client) -> None:
    job_id = await watched(site, client)
    await JobsManager(make_store(site.engine), item="default").add_job_comment(job_id, "from elsewhere")
    assert (await client.until("JobCommentUpdated"))["adds"][0]["comment"] == "from elsewhere"


async def test_one_is_told_no_more_of_what_one_has_left(site: Site, client: Client) -> None:
    first, second, third = [await site.job() for _ in range(3)]
    await client.subscribe(first, second, third)
    await client.say("unsubscribe", jobIds=[first, "nobody"])
    await client.subscribe(third)
    for job_id in (first, second):
        await site.plugin.add_job_comment(job_id, "hello")
    assert (await client.until("JobCommentUpdated"))["jobId"] == second
    await client.say("unsubscribe", all=True)
    await client.say("nonsense")
    await client.until("Error")
    await site.plugin.add_job_comment(second, "not told")
    [frame] = await client.subscribe(second)
    assert frame["msgType"] == "JobState"


async def test_a_job_that_is_subscribed_to_twice_and_by_both_its_names_is_told_once(site: Site, client: Client) -> None:
    await site.job(jobId="visit-1")
    [frame] = await client.subscribe("visit-1")
    await client.subscribe("visit-1", await find_by_key(site.engine, "default", "visit-1") or "")
    await site.plugin.add_job_comment("visit-1", "one")
    await site.plugin.add_job_comment("visit-1", "two")
    told = [(await client.next())["message"]["adds"][0]["comment"] for _ in range(2)]
    assert (frame["message"]["jobId"], told) == ("visit-1", ["one", "two"])


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("no JSON", "The frame isn't JSON."),
        ("[]", "The frame isn't an object."),
        ("{}", "The frame's msgType is none that there is."),
        ('{"msgType":"subscribe"}', "jobIds: Field required."),
        ('{"msgType":"subscribe","jobIds":[1]}', "jobIds.0: Input should be a valid string."),
        ('{"msgType":"stepInfoResponse","message":{"jobId":"a"}}', "message.stepId: Field required."),
        ('{"msgType":"unsubscribe","jobIds":["\\ud800"]}', "The frame isn't JSON."),
    ],
)
async def test_a_frame_that_cannot_be_read_is_answered_with_what_is_wrong(
    client: Client, said: str, answer: str
) -> None:
    await client.ws.send_str(said)
    frame = await client.next()
    assert (frame["msgType"], frame["message"]["msg"], frame["message"]["type"]) == ("Error", answer, "BadRequest")


async def test_an_answer_that_a_step_does_not_take_is_refused_to_whoever_sent_it(site: Site, client: Client) -> None:
    define(site, "asks", Step.question("q", "Now?", answers=["Yes"], assigned="user:ada"))
    job_id = await watched(site, client, "asks")
    said = {"jobId": job_id, "stepId": "q", "questionResponse": "No"}
    await client.say("StepInfoResponse", message=said)
    told = await client.until("Error")
    assert (told["jobId"], told["stepId"], told["type"]) == (job_id, "q", "WaitingForInfo")
    await client.say("StepInfoResponse", message=said | {"jobId": "nobody"})
    assert (await client.until("Error"))["type"] == "JobNotFound"
    async with opened(site, site.token(user="bob")) as bob:
        await bob.say("StepInfoResponse", message=said | {"questionResponse": "Yes"})
        assert (await bob.until("Error"))["type"] == "AssignedToDifferentUser"


async def test_jobs_that_there_are_not_are_refused_and_the_others_told(site: Site, client: Client) -> None:
    job_id = await site.job()
    frames = await client.subscribe("nobody", job_id)
    assert [frame["msgType"] for frame in frames] == ["Error", "JobState"]
    assert (frames[0]["message"]["jobId"], frames[0]["message"]["type"]) == ("nobody", "JobNotFound")


async def test_what_is_sent_while_redis_fails_is_refused_and_the_socket_stays(site: Site, client: Client) -> None:
    job_id = await site.job()
    key = site.engine.keys.job(job_id)
    await site.engine.redis.rename(key, "kept")
    await site.engine.redis.set(key, "no hash")
    [frame] = await client.subscribe(job_id)
    assert (frame["msgType"], frame["message"]["type"]) == ("Error", "Unavailable")
    await site.engine.redis.rename("kept", key)
    [frame] = await client.subscribe(job_id)
    assert frame["msgType"] == "JobState"
