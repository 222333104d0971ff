"""Every refusal over HTTP: its status, its type, and that nothing has changed."""

from dataclasses import replace
from http import HTTPStatus
from typing import Any

import pytest
from redis.asyncio import Redis

from envoy_plugin import errors
from envoy_plugin.apis.workflow_manager.errors import STATUSES, refusal_of
from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.keys import SCHEMA
from envoy_plugin.errors import CallRefused, DependencyCycle, EngineError, VersionMismatch, WorkflowError
from envoy_plugin.sealing import Sealer
from tests.apis.workflow_manager.site import FORM, SETTINGS, Site, form, make_store, serving

Request = tuple[str, str, Any]
ACTION = "/jobs/{job}/action"
WHO = {"assignedType": "User", "assignedTo": "bob"}
GEOMETRY = {"geometryType": "Multipoint", "geometry": "{}"}

ILL: dict[str, tuple[Request, int, str]] = {
    "no JSON": (("POST", "/jobs/search", b"{"), 400, "BadRequest"),
    "no object": (("POST", "/jobs/search", b"[]"), 400, "BadRequest"),
    "nested too deep": (("POST", "/jobs/search", b'{"q":' * 100_000), 400, "BadRequest"),
    "a lone surrogate": (("POST", "/jobs/search", b'{"q":"\\ud800"}'), 400, "BadRequest"),
    "too large": (("POST", "/jobs/search", b" " * (1024 * 1024 + 1)), 413, "TooLarge"),
    "a number that is none": (("POST", "/jobs/search", {"q": "closed=0", "num": "ten"}), 400, "BadRequest"),
    "no q and no search": (("POST", "/jobs/search", {}), 400, "BadQuery"),
    "a where-clause that is none": (("POST", "/jobs/search", {"q": "DROP TABLE jobs"}), 400, "BadQuery"),
    "a page that is too large": (("POST", "/jobs/search", {"q": "closed=0", "num": 10**9}), 400, "BadQuery"),
    "a page behind all that is counted": (
        ("POST", "/jobs/search", {"q": "closed=0", "start": 10**30}),
        400,
        "BadQuery",
    ),
    "an extent that is none": (("POST", "/jobs/search", {"q": "closed=0", "spatialExtent": "1"}), 400, "BadLocation"),
    "a field that there isn't": (("POST", "/jobs/statistics", {"groupBy": "color"}), 400, "BadQuery"),
    "no template": (("POST", "/jobTemplates/none/job", {}), 404, "NoTemplate"),
    "no job to make": (("POST", "/jobTemplates/visit/job", {"numberOfJobs": 0}), 400, "BadProperty"),
    "too many jobs": (("POST", "/jobTemplates/visit/job", {"numberOfJobs": 10_000}), 400, "TooLarge"),
    "an id that is taken": (("POST", "/jobTemplates/visit/job", {"jobId": "{job}"}), 400, "JobRefused"),
    "due before it begins": (
        ("POST", "/jobTemplates/visit/job", {"startDate": "2030-01-02T00:00:00Z", "dueDate": "2030-01-01T00:00:00Z"}),
        400,
        "BadProperty",
    ),
    "a date without an offset": (("POST", "/jobTemplates/visit/job", {"startDate": "2030-01-02"}), 400, "BadRequest"),
    "an epoch": (("POST", "/jobTemplates/visit/job", {"startDate": 1_900_000_000_000}), 400, "BadRequest"),
    "nobody's type": (("POST", "/jobTemplates/visit/job", {"assignedType": "Robot"}), 400, "BadProperty"),
    "no parent": (("POST", "/jobTemplates/visit/job", {"parentJob": "a000000000000000"}), 404, "JobNotFound"),
    "no place": (("POST", "/jobTemplates/visit/job", {"location": GEOMETRY}), 400, "BadLocation"),
    "an identifier that is none": (
        ("POST", "/jobs/{job}/update", {"extendedProperties": [{"identifier": "x"}]}),
        400,
        "BadProperty",
    ),
    "a table without a name": (("POST", "/jobs/{job}/update", {"extendedProperties": [{}]}), 400, "BadRequest"),
    "no such row": (
        ("POST", "/jobs/{job}/update", {"relatedProperties": {"deletes": [{"tableName": "t", "ids": ["x"]}]}}),
        400,
        "BadProperty",
    ),
    "a geodatabase": (("POST", "/jobs/{job}/update", {"versions": [{"versionName": "x"}]}), 400, "BadRequest"),
    "no job": (("GET", "/jobs/none", None), 404, "JobNotFound"),
    "no answer to a question": (("GET", "/jobs/{job}?holds=perhaps", None), 400, "BadRequest"),
    "no jobs": (("POST", "/jobs/manage", {"type": "Close", "jobIds": []}), 400, "BadRequest"),
    "one of two": (("POST", "/jobs/manage", {"type": "Close", "jobIds": ["{job}", "none"]}), 404, "JobNotFound"),
    "something else to do": (("POST", "/jobs/manage", {"type": "Explode", "jobIds": ["{job}"]}), 400, "BadRequest"),
    "open already": (("POST", "/jobs/manage", {"type": "Reopen", "jobIds": ["{job}"]}), 400, "JobRefused"),
    "an action that is none": (("POST", ACTION, {"type": "Jump"}), 400, "BadRequest"),
    "no action": (("POST", ACTION, {}), 400, "BadRequest"),
    "two current steps": (("POST", ACTION, {"type": "SetCurrentStep", "stepIds": ["a", "b"]}), 400, "BadRequest"),
    "a webhook": (("POST", ACTION, {"type": "Hold", "webhookConnectionId": "w"}), 400, "BadRequest"),
    "a webhook no more": (("POST", ACTION, {"type": "ReleaseHold", "webhookConnectionId": "w"}), 400, "BadRequest"),
    "a webhook and a job": (
        ("POST", ACTION, {"type": "Hold", "dependentJobId": "{job}", "webhookDependencyDetails": {}}),
        400,
        "BadRequest",
    ),
    "a step of no job": (("POST", ACTION, {"type": "Hold", "dependentStepId": "sign"}), 400, "BadRequest"),
    "a time and a job": (
        ("POST", ACTION, {"type": "Hold", "dependentJobId": "x", "holdScheduledRelease": "2040-01-01T00:00:00Z"}),
        400,
        "BadRequest",
    ),
    "waiting for itself": (
        ("POST", ACTION, {"type": "Hold", "stepIds": ["sign"], "dependentJobId": "{job}", "dependentStepId": "sign"}),
        400,
        "DependencyCycle",
    ),
    "waiting for none": (("POST", ACTION, {"type": "Hold", "dependentJobId": "none"}), 404, "JobNotFound"),
    "a step that isn't current": (("POST", "/jobs/{job}/host", WHO), 400, "JobRefused"),
    "a step that isn't there": (("POST", "/jobs/{job}/nowhere", WHO), 400, "JobRefused"),
    "nobody": (("POST", "/jobs/{job}/sign", {"assignedType": "User", "assignedTo": ""}), 400, "BadProperty"),
    "no type": (("POST", "/jobs/{job}/currentStep", {"assignedTo": "bob"}), 400, "BadRequest"),
    "an empty comment": (("POST", "/jobs/{job}/comments", {"comment": " "}), 400, "BadProperty"),
    "no comment": (("POST", "/jobs/{job}/comments", {"comment": None}), 400, "BadRequest"),
    "a curve": (
        ("PUT", "/jobs/{job}/location", {"location": {"geometryType": "Polyline", "geometry": '{"curvePaths":[]}'}}),
        400,
        "BadLocation",
    ),
    "no attachment": (("GET", "/jobs/{job}/attachments/none", None), 404, "NoAttachment"),
    "no attachment to change": (("POST", "/jobs/{job}/attachments/none", b"alias=x"), 404, "NoAttachment"),
    "no attachment to delete": (("DELETE", "/jobs/{job}/attachments/none", None), 404, "NoAttachment"),
    "a form with too many fields": (("POST", "/jobs/{job}/attachments/x", b"a=1&" * 40), 400, "BadRequest"),
    "a form in no language": (("POST", "/jobs/{job}/attachments/x", b"\xff=\xff"), 400, "BadRequest"),
    "no form": (("POST", "/jobs/{job}/attachments", {}), 415, "UnsupportedMediaType"),
    "a script": (
        ("POST", "/jobs/{job}/attachmentslinked", {"attachments": [{"url": "javascript:alert(1)"}]}),
        400,
        "BadProperty",
    ),
    "one link of two": (
        ("POST", "/jobs/{job}/attachmentslinked", {"attachments": [{"url": "https://a.example"}, {"url": "ftp://b"}]}),
        400,
        "BadProperty",
    ),
    "no links": (("POST", "/jobs/{job}/attachmentslinked", {"attachments": []}), 400, "BadRequest"),
    "no diagram": (("GET", "/diagrams/none", None), 404, "NotFound"),
    "no version": (("GET", "/diagrams/visit/one", None), 404, "NotFound"),
    "no such version": (("GET", "/diagrams/visit/99", None), 404, "NotFound"),
    "no steps": (("POST", "/diagrams", {"diagramName": "d", "active": True}), 400, "BadDiagram"),
    "no diagram's id": (("POST", "/diagrams", {"diagramId": "a/b"}), 400, "BadRequest"),
    "a diagram's id of dots": (("POST", "/diagrams", {"diagramId": ".."}), 400, "BadRequest"),
    "a template's id of dots": (("POST", "/jobTemplates", {"jobTemplateId": "."}), 400, "BadRequest"),
    "a job's id of dots": (("POST", "/jobTemplates/visit/job", {"jobId": ".."}), 400, "BadProperty"),
    "a step's id of dots": (("POST", "/diagrams", {"active": True, "steps": [{"id": ".."}]}), 400, "BadDiagram"),
    "a diagram in code again": (("POST", "/diagrams", {"diagramId": "visit", "steps": []}), 400, "BadRequest"),
    "a diagram in code": (("POST", "/diagrams/visit", {"diagram": {"steps": []}}), 400, "BadRequest"),
    "a diagram in code, gone": (("DELETE", "/diagrams/visit", None), 400, "BadRequest"),
    "no diagram to change": (("POST", "/diagrams/none", {"diagram": {"steps": []}}), 404, "NotFound"),
    "a template in code": (("PUT", "/jobTemplates/visit", {"state": "Retired"}), 400, "BadRequest"),
    "a template in code, gone": (("DELETE", "/jobTemplates/visit", None), 400, "BadRequest"),
    "a template in code again": (("POST", "/jobTemplates", {"jobTemplateId": "visit"}), 400, "BadRequest"),
    "no template to read": (("GET", "/jobTemplates/none", None), 404, "NotFound"),
    "no template to change": (("PUT", "/jobTemplates/none", {}), 404, "NotFound"),
    "a state that is none": (("POST", "/jobTemplates", {"state": "Resting"}), 400, "BadRequest"),
    "active without a diagram": (("POST", "/jobTemplates", {"state": "Active", "diagramId": "x"}), 400, "BadRequest"),
    "a specific date that is none": (
        ("POST", "/jobTemplates", {"jobStartDateType": "SpecificDate", "defaultStartDate": "soon"}),
        400,
        "BadRequest",
    ),
    "a method that is none": (("PATCH", "/jobs/{job}", None), 405, "MethodNotAllowed"),
    "a path that is none": (("GET", "/jobs/{job}/nothing/at/all", None), 404, "NotFound"),
    "an empty word": (("GET", "/jobs/", None), 404, "NotFound"),
}


def filled(value: Any, job_id: str) -> Any:
    """With the job's id in place of `{job}`."""
    if isinstance(value, str):
        return value.replace("{job}", job_id)
    if isinstance(value, dict):
        return {name: filled(one, job_id) for name, one in value.items()}
    return [filled(one, job_id) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize("what", ILL)
async def test_what_cannot_be_is_refused_and_changes_nothing(site: Site, what: str) -> None:
    (method, path, body), status, kind = ILL[what]
    job_id = await site.job(jobId="job-1")
    before = await site.everything()
    sent = {"data": body} if isinstance(body, bytes) else {"json": filled(body, job_id)}
    reply = await site.ask(method, filled(path, job_id), **sent)
    assert (reply.status, reply.error["type"], reply.error["code"]) == (status, kind, status)
    assert await site.everything() == before


CHANGES: dict[str, tuple[str, Request]] = {
    "create": ("jobCreate", ("POST", "/jobTemplates/visit/job", {})),
    "close": ("jobClose", ("POST", "/jobs/manage", {"type": "Close", "jobIds": ["{job}"]})),
    "reopen": ("jobReopenClosed", ("POST", "/jobs/manage", {"type": "Reopen", "jobIds": ["{job}"]})),
    "delete": ("jobDelete", ("POST", "/jobs/manage", {"type": "Delete", "jobIds": ["{job}"]})),
    "upgrade": ("jobUpgrade", ("POST", "/jobs/manage", {"type": "Upgrade", "jobIds": ["{job}"]})),
    "rename": ("jobUpdateName", ("POST", "/jobs/{job}/update", {"jobName": "x"})),
    "set current": ("workflowSetStepCurrent", ("POST", ACTION, {"type": "SetCurrentStep", "stepIds": ["host"]})),
    "hold": ("jobUpdateHolds", ("POST", ACTION, {"type": "Hold"})),
    "wait": ("jobUpdateHolds", ("POST", ACTION, {"type": "Hold", "dependentJobId": "none"})),
    "wait no more": ("jobUpdateHolds", ("POST", ACTION, {"type": "ReleaseHold", "dependentJobId": "none"})),
    "assign": ("jobAssignAny", ("POST", "/jobs/{job}/sign", WHO)),
    "assign current": ("jobAssignAny", ("POST", "/jobs/{job}/currentStep", WHO)),
    "place": ("jobUpdateLocation", ("PUT", "/jobs/{job}/location", {"location": None})),
    "link": ("jobUpdateAttachments", ("POST", "/jobs/{job}/attachmentslinked", {"attachments": [{"url": "http://a"}]})),
    "unlink": ("jobUpdateAttachments", ("DELETE", "/jobs/{job}/attachments/x", None)),
    "make a diagram": ("adminAdvanced", ("POST", "/diagrams", {"steps": []})),
    "change a diagram": ("adminAdvanced", ("POST", "/diagrams/visit", {"diagram": {}})),
    "delete a diagram": ("adminAdvanced", ("DELETE", "/diagrams/visit", None)),
    "delete a draft": ("adminAdvanced", ("DELETE", "/diagrams/visit/0", None)),
    "make a template": ("adminBasic", ("POST", "/jobTemplates", {})),
    "change a template": ("adminBasic", ("PUT", "/jobTemplates/visit", {})),
    "delete a template": ("adminBasic", ("DELETE", "/jobTemplates/visit", None)),
}


@pytest.mark.parametrize("what", CHANGES)
async def test_whoever_lacks_the_privilege_is_refused_by_its_name(site: Site, what: str) -> None:
    privilege, (method, path, body) = CHANGES[what]
    job_id = await site.job()
    others = site.token("jobUpdateNotes", "jobForceStop")
    before = await site.everything()
    reply = await site.ask(method, filled(path, job_id), json=filled(body, job_id), token=others)
    assert (reply.status, reply.error["type"], reply.error["details"]) == (403, "NotAllowed", [privilege])
    assert await site.everything() == before


async def test_whoever_has_nothing_to_do_with_a_job_is_told_of_no_privilege(site: Site) -> None:
    job_id, carl = await site.job(), site.token("jobUpdateName", user="carl")
    reply = await site.ask("POST", f"/jobs/{job_id}/update", json={"jobName": "x"}, token=carl)
    assert (reply.status, reply.error["type"], reply.error["details"]) == (403, "NotAllowed", [])


async def test_an_upload_takes_its_privilege_before_its_bytes_are_kept(site: Site) -> None:
    path, before = f"/jobs/{await site.job()}/attachments", await site.everything()
    token = site.token("jobClose")
    reply = await site.ask("POST", path, data=form(b"x", "a.txt"), headers=FORM, token=token)
    assert (reply.status, reply.error["details"]) == (403, ["jobUpdateAttachments"])
    assert await site.everything() == before


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PATCH", "TRACE"])
async def test_other_methods_are_told_what_is_allowed(site: Site, method: str) -> None:
    reply = await site.ask(method, "/jobTemplates", token=None)
    assert (reply.status, reply.headers["Allow"]) == (405, "GET, POST")
    assert "Access-Control-Allow-Origin" not in reply.headers


async def test_a_body_in_another_encoding_than_it_says_is_refused(site: Site) -> None:
    reply = await site.ask("POST", "/jobs/search", data=b"no gzip", headers={"Content-Encoding": "gzip"})
    assert (reply.status, reply.error["message"]) == (400, "The body can't be read.")


async def test_the_org_alone_is_no_path(site: Site) -> None:
    assert (await site.ask("GET", "/workflow/", token=None)).status == 404


async def test_steps_that_refuse_are_a_200(site: Site) -> None:
    job_id = await site.job()
    assert await site.act(job_id, "Stop", stepIds=["sign"]) == {
        "success": False,
        "stepResponses": [{"stepId": "sign", "status": "NotRunning", "statusDescription": "It is not running."}],
    }


def subclasses(kind: type[Exception]) -> set[type[Exception]]:
    """A class and all that are derived from it, in our tree."""
    found = {kind}.union(*(subclasses(one) for one in kind.__subclasses__()))
    return {one for one in found if one.__module__ == errors.__name__}


def test_every_error_of_workflows_and_of_the_engine_has_its_status() -> None:
    known = {kind: next(STATUSES[one] for one in kind.__mro__ if one in STATUSES) for kind in
             subclasses(WorkflowError) | subclasses(EngineError)}  # fmt: skip
    assert {kind.__name__ for kind, status in known.items() if status == HTTPStatus.NOT_FOUND} == {
        "JobNotFound", "NoAttachment", "NoTemplate",
    }  # fmt: skip
    assert set(known.values()) == set(STATUSES.values())


def test_of_a_refused_call_the_first_refusal_is_told() -> None:
    refused = refusal_of(CallRefused({1: VersionMismatch("a1", "running"), 2: DependencyCycle(["a", "b"])}))
    assert (refused.status, refused.kind) == (409, "StateError")
    assert refusal_of(DependencyCycle(["a", "b"])).details == ("a", "b")


async def test_keys_of_a_newer_release_are_a_503(site: Site, redis: Redis) -> None:
    await redis.set("{doors}:schema", SCHEMA + 1)
    reply = await site.ask("GET", "/workflow/checkStatus", token=None)
    assert (reply.status, reply.error["type"], reply.headers["Retry-After"]) == (503, "Unavailable", "1")


async def test_without_redis_it_is_a_503(site: Site) -> None:
    async with Redis.from_url("redis://127.0.0.1:9/0", protocol=2) as nobody:
        engine = Engine(nobody, prefix="doors", codec=Sealer(SETTINGS.root_secrets))
        async with serving(engine, make_store(engine)) as url:
            reply = await replace(site, url=url).ask("GET", "/jobTemplates")
    assert (reply.status, reply.error["message"]) == (503, "Not available now. Try again.")


async def test_healthy_is_told_to_anybody(site: Site) -> None:
    reply = await site.ask("GET", "/workflow/checkStatus", token=None)
    assert (reply.status, reply.body) == (200, {"status": "ok"})
    assert (await site.ask("POST", "/workflow/checkStatus", token=None)).headers["Allow"] == "GET"
