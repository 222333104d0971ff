"""Jobs over HTTP, as far as neither samples nor traps nor refusals have shown them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from envoy_plugin.apis.workflow_manager.tokens import LIFE, OperatorRefused, OperatorTokens
from tests.apis.workflow_manager.site import SETTINGS, Site

POLYGON = {"rings": [[[0, 0], [0, 1], [1, 1], [0, 0]]]}


async def told(site: Site, job_id: str) -> Any:
    """A job, with all that can be had."""
    return (await site.ask("GET", f"/jobs/{job_id}?extProps=true&holds=true")).body


async def change(site: Site, job_id: str, **body: Any) -> None:
    """Change what is said of a job."""
    reply = await site.ask("POST", f"/jobs/{job_id}/update", json=body)
    assert reply.body == {"success": True}, reply


async def test_several_jobs_are_made_at_once(site: Site) -> None:
    reply = await site.ask("POST", "/jobTemplates/visit/job", json={"numberOfJobs": 3})
    assert len(set(reply.body["jobIds"])) == 3
    assert (await site.ask("POST", "/jobs/statistics", json={})).body == {"total": 3}


async def test_a_job_has_what_it_was_made_with(site: Site) -> None:
    job_id = await site.job(
        location={"geometryType": "Polygon", "geometry": POLYGON},
        assignedType="User",
        assignedTo="bob",
        parentJob=await site.job(jobId="parent"),
        relatedProperties=[{"tableName": "t", "entries": [{"properties": [{"propertyName": "p", "value": 7}]}]}],
        extendedProperties=[{"tableName": "e", "properties": [{"propertyName": "q", "value": True}]}],
    )
    job = await told(site, job_id)
    assert (job["parentJob"], job["hasLocation"], job["currentSteps"][0]["assignedTo"]) == ("parent", 1, "bob")
    assert job["extendedProperties"] == [{"tableName": "e", "properties": [{"propertyName": "q", "value": "true"}]}]
    (table,) = job["relatedProperties"]
    assert table["entries"][0]["properties"] == [{"propertyName": "p", "value": "7"}]
    place = (await site.ask("GET", f"/jobs/{job_id}/location")).body
    assert (place["geometryType"], '"rings"' in place["geometry"]) == ("Polygon", True)


async def test_null_takes_a_value_away_and_what_is_not_named_stays(site: Site) -> None:
    job_id = await site.job(description="d", notes="n", dueDate="2030-01-01T00:00:00Z", priority="High")
    await change(site, job_id, notes=None, dueDate="", priority=None, jobName="")
    job = await told(site, job_id)
    assert (job["description"], job["priority"], job["jobName"]) == ("d", "High", "Visit")
    assert not {"notes", "dueDate"} & job.keys()


async def test_rows_are_added_changed_and_deleted(site: Site) -> None:
    job_id = await site.job()
    row = {"properties": [{"propertyName": "what", "value": "laptop"}]}
    await change(site, job_id, relatedProperties={"adds": [{"tableName": "t", "entries": [row, row]}]})
    (first, second) = (await told(site, job_id))["relatedProperties"][0]["entries"]
    new = {"id": first["id"], "properties": [{"propertyName": "what", "value": None}]}
    updates = [{"tableName": "t", "entries": [new]}]
    deletes = [{"tableName": "t", "ids": [second["id"]]}]
    await change(site, job_id, relatedProperties={"updates": updates, "deletes": deletes})
    (left,) = (await told(site, job_id))["relatedProperties"][0]["entries"]
    assert (left["id"], left["properties"]) == (first["id"], [{"propertyName": "what", "value": None}])
    await change(site, job_id, relatedProperties=[{"tableName": "t", "entries": []}])
    assert (await told(site, job_id))["relatedProperties"] != []


async def test_a_visit_goes_from_start_to_end(site: Site) -> None:
    job_id = await site.job()
    done = await site.act(job_id, "Run")
    assert [(one["stepId"], one["status"]) for one in done["stepResponses"]] == [("sign", "Success")]
    assert [one["stepId"] for one in (await told(site, job_id))["currentSteps"]] == ["badge"]
    assert (await site.act(job_id, "SetCurrentStep", stepIds=["host"]))["success"] is False
    rows = (await site.ask("GET", f"/jobs/{job_id}/history")).body["jobHistory"]
    assert [row["action"] for row in rows] == ["Created", "Activated", "Finished", "Activated"]


async def test_closed_jobs_are_opened_again(site: Site) -> None:
    ids = [await site.job(), await site.job()]
    for kind, closed in (("Close", True), ("Reopen", False)):
        reply = await site.ask("POST", "/jobs/manage", json={"type": kind, "jobIds": ids})
        assert reply.body == {"success": True}
        assert [(await told(site, job_id))["closed"] for job_id in ids] == [closed, closed]


async def test_history_tells_how_long_a_step_took(site: Site) -> None:
    step = {"id": "one", "action": {"actionType": "Manual"}, "proceedNext": False}
    await site.ask("POST", "/diagrams", json={"diagramId": "d", "active": True, "steps": [step]})
    await site.ask("POST", "/jobTemplates", json={"jobTemplateId": "t", "state": "Active", "diagramId": "d"})
    job_id = await site.job("t")
    for kind in ("Run", "Finish"):
        assert (await site.act(job_id, kind))["success"] is True
    rows = (await site.ask("GET", f"/jobs/{job_id}/history")).body["jobHistory"]
    (finished,) = [row for row in rows if row["action"] == "Finished"]
    assert (finished["durationSeconds"], finished["startDate"]) == (0.0, finished["endDate"])


async def test_moments_are_texts_with_an_offset_within_the_years(site: Site) -> None:
    for moment in (7, "1900000000", "2030-01-01T00:00:00", "0001-01-01T00:00:00+14:00", "soon"):
        reply = await site.ask("POST", "/jobTemplates/visit/job", json={"dueDate": moment})
        assert (reply.status, [fault.partition(":")[0] for fault in reply.error["details"]]) == (400, ["dueDate"])


async def test_words_of_a_query_may_be_in_any_order(site: Site) -> None:
    for name in ("b", "a"):
        await site.job(jobName=name)
    for order, names in (("Asc", ["a", "b"]), ("Desc", ["b", "a"]), (None, ["a", "b"])):
        sort = [{"field": "jobName", "sortOrder": order}]
        body = {"q": "closed=0", "fields": ["jobName"], "sortFields": sort, "num": 1}
        first = (await site.ask("POST", "/jobs/search", json=body)).body
        second = (await site.ask("POST", "/jobs/search", json={**body, "start": first["nextStart"]})).body
        assert [row[0] for row in first["results"] + second["results"]] == names
        assert (first["nextStart"], second["nextStart"]) == (1, -1)


async def test_a_query_may_ask_for_the_user_who_asks(site: Site) -> None:
    mine = await site.job(assignedType="User", assignedTo="ada")
    await site.job(assignedType="User", assignedTo="bob")
    q = "\"assignedType='User' AND closed=0 AND assignedTo='\" + $currentUser + \"'\""
    assert (await site.ask("POST", "/jobs/search", json={"q": q, "fields": ["jobId"]})).body["results"] == [[mine]]


@pytest.mark.parametrize("life", [timedelta(), timedelta(days=31)])
def test_a_token_lives_neither_for_ever_nor_not_at_all(life: timedelta) -> None:
    with pytest.raises(OperatorRefused, match="lives for a second"):
        OperatorTokens(SETTINGS.root_secrets).mint("ada", items=["default"], life=life)


def test_a_token_is_for_an_item() -> None:
    with pytest.raises(OperatorRefused, match="at least one item"):
        OperatorTokens(SETTINGS.root_secrets).mint("ada", items=[])
    operator, _ = OperatorTokens(SETTINGS.root_secrets).mint("ada", items=["default"])
    assert operator.exp - operator.issued == LIFE
    assert abs(operator.issued - datetime.now(UTC)) < timedelta(minutes=1)
