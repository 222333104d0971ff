"""What the real Python client stumbles over, one trap after the other."""

import re
from typing import Any

import pytest

from tests.apis.workflow_manager.site import Site

STEP = {"id": "one", "name": "One", "action": {"actionType": "Manual"}, "paths": []}
RESERVED_STEPS = ["update", "action", "comments", "attachments", "attachmentslinked", "currentStep"]
RESERVED_STEPS += ["location", "diagram", "history"]
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.mark.parametrize("word", RESERVED_STEPS)
async def test_1_no_step_can_be_called_as_a_path(site: Site, word: str) -> None:
    diagram = {"diagramName": "d", "active": True, "steps": [{**STEP, "id": word}]}
    reply = await site.ask("POST", "/diagrams", json=diagram)
    assert (reply.status, reply.error["type"]) == (400, "BadDiagram")


@pytest.mark.parametrize("word", ["search", "statistics", "manage"])
async def test_1_no_job_can_be_called_as_a_path(site: Site, word: str) -> None:
    reply = await site.ask("POST", "/jobTemplates/visit/job", json={"jobId": word})
    assert (reply.status, reply.error["type"]) == (400, "BadProperty")
    reply = await site.ask("GET", f"/jobs/{word}")
    assert (reply.status, reply.headers["Allow"]) == (405, "POST")


async def test_1_paths_of_a_job_go_before_its_steps(site: Site) -> None:
    job_id = await site.job()
    for word, allowed in (("location", "GET, PUT"), ("diagram", "GET"), ("history", "GET")):
        reply = await site.ask("POST", f"/jobs/{job_id}/{word}", json={"assignedType": "Unassigned"})
        assert (reply.status, reply.headers["Allow"]) == (405, allowed)
    assert (await site.ask("POST", f"/jobs/{job_id}/sign", json={"assignedType": "Unassigned"})).status == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/nowhere"), ("PATCH", "/jobTemplates"), ("GET", "/jobs/none"), ("POST", "/jobs/search")],
)
async def test_2_every_refusal_is_an_error_at_the_top_of_a_json_object(site: Site, method: str, path: str) -> None:
    reply = await site.ask(method, path, data=b"{" if method == "POST" else None)
    assert reply.headers["Content-Type"] == "application/json"
    assert reply.body.keys() == {"error"}
    assert reply.error.keys() == {"message", "type", "details", "code"}
    assert (reply.error["code"], reply.status >= 400) == (reply.status, True)


async def test_3_no_answer_that_says_more_has_success(site: Site) -> None:
    diagram = await site.ask("POST", "/diagrams", json={"diagramName": "d", "active": True, "steps": [STEP]})
    template = await site.ask("POST", "/jobTemplates", json={"jobTemplateName": "t", "state": "Draft"})
    created = await site.ask("POST", "/jobTemplates/visit/job", json={})
    job_id = created.body["jobIds"][0]
    found = await site.ask("POST", "/jobs/search", json={"q": "closed=0"})
    counted = await site.ask("POST", "/jobs/statistics", json={"groupBy": "jobStatus"})
    history = await site.ask("GET", f"/jobs/{job_id}/history")
    bodies = [reply.body for reply in (diagram, template, created, found, counted, history)]
    assert [set(body) for body in bodies] == [
        {"diagramId"},
        {"jobTemplateId"},
        {"jobIds", "autoExecuted"},
        {"q", "fields", "results", "start", "nextStart", "num"},
        {"total", "groupBy", "groupedValues"},
        {"jobHistory"},
    ]


@pytest.mark.parametrize("name", ["a.json", "a.html", "a.txt", "a.svg"])
async def test_4_an_attachment_never_looks_like_json_or_text(site: Site, name: str) -> None:
    job_id = await site.job()
    added = await site.attach(job_id, b'{"success":true}', name)
    reply = await site.ask("GET", f"/jobs/{job_id}/attachments/{added.body['attachmentId']}?f=json")
    assert reply.headers["Content-Type"] == "application/octet-stream"
    assert reply.headers["Content-Disposition"] == f"attachment; filename=\"{name}\"; filename*=UTF-8''{name}"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"


async def test_5_an_alias_that_got_lost_is_the_files_name_until_it_is_changed(site: Site) -> None:
    job_id = await site.job()
    added = await site.attach(job_id, name="nda.pdf")
    assert added.body["alias"] == "nda.pdf"
    assert added.body["url"].rsplit("/", 1)[-1] == added.body["attachmentId"]
    path, kind = f"/jobs/{job_id}/attachments", {"Content-Type": "application/x-www-form-urlencoded"}
    changed = await site.ask("POST", f"{path}/{added.body['attachmentId']}", data=b"alias=Badge+2", headers=kind)
    assert changed.body == {"success": True}
    assert [one["alias"] for one in (await site.ask("GET", path)).body["attachments"]] == ["Badge 2"]


async def test_6_a_whole_job_comes_back_with_one_change_in_it(site: Site) -> None:
    job_id = await site.job(dueDate="2030-01-01T09:00:00.123456+01:00")
    told: dict[str, Any] = (await site.ask("GET", f"/jobs/{job_id}?extProps=true&holds=true")).body
    held = {**told["currentSteps"][0], "stepId": "host", "manualHold": True, "assignedTo": "eve"}
    sent = {**told, "closed": True, "currentSteps": [held], "holds": [{"stepId": "sign"}], "createdBy": "eve"}
    sent |= {"createdDate": "2000-01-01T00:00:00Z", "diagramId": "another", "jobName": "Renamed", "percentComplete": 99}
    only = site.token("jobUpdateName")
    reply = await site.ask("POST", f"/jobs/{job_id}/update", json=sent, token=only)
    assert (reply.status, reply.body) == (200, {"success": True})
    assert (await site.ask("GET", f"/jobs/{job_id}?extProps=true&holds=true")).body == {**told, "jobName": "Renamed"}


async def test_7_a_search_has_q_and_search_of_which_one_is_null(site: Site) -> None:
    job_id = await site.job(jobName="Ada comes")
    sent = {"num": 10, "displayNames": [], "start": 0, "sortFields": [], "fields": None}
    for asked in ({"q": "jobName='Ada comes'", "search": None}, {"q": None, "search": "comes"}):
        reply = await site.ask("POST", "/jobs/search", json={**sent, **asked})
        assert [field["name"] for field in reply.body["fields"]] == ["jobName", "priority", "dueDate", "currentStep"]
        assert reply.body["results"] == [["Ada comes", None, None, "Sign in"]]
    nothing = await site.ask("POST", "/jobs/search", json={**sent, "q": None, "search": None})
    assert (nothing.status, nothing.error["type"]) == (400, "BadQuery")
    assert job_id


async def test_8_every_moment_is_an_rfc_3339_text(site: Site) -> None:
    job_id = await site.job(startDate="2030-01-01T08:00:00+01:00", dueDate="2030-01-02T00:00:00Z")
    await site.act(job_id, "Hold", stepIds=["host"], holdScheduledRelease="2040-01-01T00:00:00.5Z")
    await site.ask("POST", f"/jobs/{job_id}/comments", json={"comment": "x"})
    await site.attach(job_id)
    job = (await site.ask("GET", f"/jobs/{job_id}?holds=true")).body
    assert (job["startDate"], job["dueDate"]) == ("2030-01-01T07:00:00.000Z", "2030-01-02T00:00:00.000Z")
    rows = (await site.ask("GET", f"/jobs/{job_id}/history")).body["jobHistory"]
    (comment,) = (await site.ask("GET", f"/jobs/{job_id}/comments")).body["jobComments"]
    (kept,) = (await site.ask("GET", f"/jobs/{job_id}/attachments")).body["attachments"]
    found = await site.ask("POST", "/jobs/search", json={"q": "closed=0", "fields": ["dueDate", "createdDate"]})
    counted = await site.ask("POST", "/jobs/statistics", json={"groupBy": "dueDate"})
    (hold,) = job["holds"]
    moments = [job["createdDate"], comment["lastModified"], kept["lastModified"], *found.body["results"][0]]
    moments += [
        hold["setDate"],
        hold["scheduledRelease"],
        *(row["date"] for row in rows),
        counted.body["groupedValues"][0]["value"],
    ]
    assert [moment for moment in moments if not RFC_3339.fullmatch(moment)] == []
