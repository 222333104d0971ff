"""Diagrams and job templates over HTTP: from a draft to a job that runs on it."""

from typing import Any

import pytest

from tests.apis.workflow_manager.site import Site


def step(step_id: str, *to: str) -> dict[str, Any]:
    """A step that a person does."""
    paths = [{"nextStep": one, "assignedType": "Unassigned", "points": [{"x": 1, "y": 2}]} for one in to]
    return {"id": step_id, "name": step_id.title(), "action": {"actionType": "Manual"}, "paths": paths, "shape": 3}


FLOW = {"diagramId": "flow", "diagramName": "Flow", "steps": [step("one", "two"), step("two")], "displayGrid": False}
TEMPLATE = {"jobTemplateId": "door", "jobTemplateName": "Door", "state": "Active", "diagramId": "flow"}


async def made(site: Site, **template: Any) -> None:
    """A diagram and a template."""
    assert (await site.ask("POST", "/diagrams", json={**FLOW, "active": True})).body == {"diagramId": "flow"}
    reply = await site.ask("POST", "/jobTemplates", json={**TEMPLATE, **template})
    assert reply.body == {"jobTemplateId": "door"}, reply


async def test_a_draft_may_have_faults_and_is_no_version(site: Site) -> None:
    reply = await site.ask("POST", "/diagrams", json={**FLOW, "steps": [step("one", "nowhere")]})
    assert reply.status == 200
    draft = (await site.ask("GET", "/diagrams/flow")).body
    assert (draft["diagramVersion"], draft["active"], draft["initialStepId"]) == (0, False, "one")
    assert (await site.ask("GET", "/diagrams/flow/0")).body == draft
    assert (await site.ask("GET", "/diagrams/flow/1")).status == 404
    active = await site.ask("POST", "/diagrams/flow", json={"diagram": {**draft, "active": True}})
    assert (active.status, active.error["type"]) == (400, "BadDiagram")
    assert len(active.error["details"]) == 1


async def test_each_active_diagram_is_the_next_version_and_the_first_one_stays(site: Site) -> None:
    await made(site)
    first = (await site.ask("GET", "/diagrams/flow")).body
    assert (first["steps"][0]["shape"], first["displayGrid"], first["annotations"]) == (3, False, [])
    changed = {**first, "diagramName": "Flow 2", "active": True}
    assert (await site.ask("POST", "/diagrams/flow", json={"diagram": changed})).body == {"success": True}
    assert (await site.ask("GET", "/diagrams/flow")).body["diagramVersion"] == 2
    assert (await site.ask("GET", "/diagrams/flow/1")).body["diagramName"] == "Flow"


async def test_a_draft_goes_with_the_version_that_comes_of_it_or_by_itself(site: Site) -> None:
    await made(site)
    for body in ({"deleteDraft": True, "diagram": {**FLOW, "active": True}}, {"deleteDraft": True}):
        assert (await site.ask("POST", "/diagrams/flow", json={"deleteDraft": True, "diagram": FLOW})).status == 200
        assert (await site.ask("GET", "/diagrams/flow/0")).status == 200
        assert (await site.ask("POST", "/diagrams/flow", json=body)).body == {"success": True}
        assert (await site.ask("GET", "/diagrams/flow/0")).status == 404
    await site.ask("POST", "/diagrams/flow", json={"diagram": FLOW})
    assert (await site.ask("DELETE", "/diagrams/flow/0")).body == {"success": True}
    assert (await site.ask("DELETE", "/diagrams/flow/0")).status == 404
    assert (await site.ask("POST", "/diagrams/flow", json={})).status == 400


async def test_versions_stay_and_a_diagram_goes_when_nothing_has_it(site: Site) -> None:
    await made(site)
    job_id = await site.job("door")
    assert (await site.ask("DELETE", "/diagrams/flow/1")).status == 400
    assert "Job template 'door'" in (await site.ask("DELETE", "/diagrams/flow")).error["message"]
    assert (await site.ask("DELETE", "/jobTemplates/door")).body == {"success": True}
    assert "There are jobs" in (await site.ask("DELETE", "/diagrams/flow")).error["message"]
    await site.ask("POST", "/jobs/manage", json={"type": "Delete", "jobIds": [job_id]})
    assert (await site.ask("DELETE", "/diagrams/flow")).body == {"success": True}
    assert [one["diagramId"] for one in (await site.ask("GET", "/diagrams")).body["diagrams"]] == ["visit"]


async def test_what_is_in_code_can_be_read(site: Site) -> None:
    diagram = (await site.ask("GET", "/diagrams/visit")).body
    assert (diagram["diagramName"], diagram["active"], len(diagram["steps"])) == ("Visit", True, 3)
    job = (await site.ask("GET", f"/jobs/{await site.job()}")).body
    version = (await site.ask("GET", f"/diagrams/visit/{job['diagramVersion']}")).body
    assert version == {**diagram, "diagramVersion": 1}
    template = (await site.ask("GET", "/jobTemplates/visit")).body
    assert (template["jobTemplateName"], template["state"], template["diagramName"]) == ("Visit", "Active", "Visit")


async def test_a_job_begins_with_what_its_template_says(site: Site) -> None:
    await made(
        site,
        defaultJobName="A visit",
        defaultPriorityName="High",
        defaultDescription="d",
        defaultStatus="Expected",
        defaultAssignedType="Group",
        defaultAssignedTo="front-desk",
        jobStartDateType="SpecificDate",
        defaultStartDate="2030-01-01T00:00:00Z",
        defaultDueDate="2030-01-02T00:00:00Z",
    )
    job = (await site.ask("GET", f"/jobs/{await site.job('door')}")).body
    assert (job["jobName"], job["priority"], job["description"]) == ("A visit", "High", "d")
    assert (job["jobStatus"], job["startDate"][:10], job["dueDate"][:10]) == ("Expected", "2030-01-01", "2030-01-02")
    assert [one["assignedTo"] for one in job["currentSteps"]] == ["front-desk"]


async def test_dates_of_a_template_act_only_where_they_are_specific(site: Site) -> None:
    await made(site, defaultDueDate="2020-01-01T00:00:00Z", defaultStartDate="2021-01-01T00:00:00Z")
    assert "dueDate" not in (await site.ask("GET", f"/jobs/{await site.job('door')}")).body
    assert (await site.ask("GET", "/jobTemplates/door")).body["defaultDueDate"] == "2020-01-01T00:00:00Z"


async def test_what_a_change_of_a_template_does_not_name_stays(site: Site) -> None:
    await made(site, category="Visits", defaultPriorityName="High", closes=True, activities=[{"typeName": "CloseJob"}])
    before = (await site.ask("GET", "/jobTemplates/door")).body
    changed = {"description": "Through the door", "state": None, "closes": None, "defaultJobName": None}
    assert (await site.ask("PUT", "/jobTemplates/door", json=changed)).body == {"success": True}
    after = (await site.ask("GET", "/jobTemplates/door")).body
    moved = {"description": "Through the door", "lastUpdatedDate": after["lastUpdatedDate"]}
    assert after == {**before, **moved}
    assert (after["lastUpdatedBy"], after["category"], after["closes"]) == ("ada", "Visits", True)


async def test_a_retired_template_makes_no_jobs(site: Site) -> None:
    await made(site)
    await site.ask("PUT", "/jobTemplates/door", json={"state": "Retired"})
    reply = await site.ask("POST", "/jobTemplates/door/job", json={})
    assert (reply.status, reply.error["type"]) == (404, "NoTemplate")


@pytest.mark.parametrize("taken", ["/diagrams", "/jobTemplates"])
async def test_an_id_is_taken_once(site: Site, taken: str) -> None:
    await made(site)
    body = FLOW if taken == "/diagrams" else TEMPLATE
    assert (await site.ask("POST", taken, json=body)).status == 400


async def test_either_privilege_of_administrators_is_good_for_templates(site: Site) -> None:
    for number, privilege in enumerate(("adminBasic", "adminAdvanced")):
        body = {"jobTemplateId": f"t{number}"}
        assert (await site.ask("POST", "/jobTemplates", json=body, token=site.token(privilege))).status == 200
    assert (await site.ask("POST", "/diagrams", json=FLOW, token=site.token("adminBasic"))).status == 403
