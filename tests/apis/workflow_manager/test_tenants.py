"""Every id of another item, install or API is unknown, as one that nobody has ever given."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from envoy_plugin.engine.queries import text_of
from envoy_plugin.engine.verbs import Enqueue
from envoy_plugin.workflows.manager import JobsManager
from envoy_plugin.workflows.models import JobAttachmentDetails
from tests.apis.workflow_manager.site import Site

WHO = {"assignedType": "Unassigned"}
PLACE = {"location": None}


async def of_another_item(site: Site) -> str:
    """A job of an install."""
    return (await JobsManager(site.store, item="1001").create_jobs("visit")).job_ids[0]


async def a_step(site: Site) -> str:
    """The engine's job of a step."""
    job_id = await site.job()
    (first, *_) = await site.engine.redis.hkeys(site.engine.keys.children(job_id))
    return text_of(first)


def job_of(kind: str, queue: str) -> Callable[[Site], Awaitable[str]]:
    """A job of another API."""

    async def enqueue(site: Site) -> str:
        return (await site.engine.enqueue(Enqueue(kind=kind, queue=queue, payload=b""))).id

    return enqueue


async def an_envelope(site: Site) -> str:
    """A job of devices, which has executions in it."""
    return (await site.engine.enqueue(Enqueue(kind="device", queue="things", envelope=True))).id


STRANGERS: dict[str, Callable[[Site], Awaitable[str]]] = {
    "another item": of_another_item,
    "a step": a_step,
    "a pull-worker": job_of("titan", "default"),
    "a device": job_of("device", "thing:printer"),
    "an event": job_of("event", "events"),
    "an envelope of devices": an_envelope,
}
CALLS: list[tuple[str, str, Any]] = [
    ("GET", "/jobs/{}", None),
    ("POST", "/jobs/{}/update", {"jobName": "x"}),
    ("GET", "/jobs/{}/diagram", None),
    ("GET", "/jobs/{}/history", None),
    ("GET", "/jobs/{}/location", None),
    ("PUT", "/jobs/{}/location", PLACE),
    ("GET", "/jobs/{}/comments", None),
    ("POST", "/jobs/{}/comments", {"comment": "x"}),
    ("GET", "/jobs/{}/attachments", None),
    ("POST", "/jobs/{}/attachmentslinked", {"attachments": [{"url": "https://a.example"}]}),
    ("GET", "/jobs/{}/attachments/x", None),
    ("POST", "/jobs/{}/attachments/x", {"alias": "x"}),
    ("DELETE", "/jobs/{}/attachments/x", None),
    ("POST", "/jobs/{}/sign", WHO),
    ("POST", "/jobs/{}/currentStep", WHO),
    *(("POST", "/jobs/{}/action", {"type": kind, "stepIds": ["sign"]})
      for kind in ("Run", "Stop", "Finish", "RefreshStatus", "SetCurrentStep", "Hold", "ReleaseHold")),
    *(("POST", "/jobs/manage", {"type": kind, "jobIds": ["{}"]}) for kind in ("Close", "Reopen", "Delete", "Upgrade")),
    ("POST", "/jobs/job-1/action", {"type": "Hold", "stepIds": ["sign"], "dependentJobId": "{}"}),
    ("POST", "/jobs/job-1/update", {"parentJob": "{}"}),
    ("POST", "/jobTemplates/visit/job", {"parentJob": "{}"}),
]  # fmt: skip


def named(value: Any, job_id: str) -> Any:
    """With this id in its place."""
    if isinstance(value, dict):
        return {name: named(one, job_id) for name, one in value.items()}
    if isinstance(value, list):
        return [named(one, job_id) for one in value]
    return value.replace("{}", job_id) if isinstance(value, str) else value


@pytest.mark.parametrize("who", STRANGERS)
async def test_a_job_of_somebody_else_is_no_job_to_any_call(site: Site, who: str) -> None:
    await site.job(jobId="job-1")
    stranger = await STRANGERS[who](site)
    before = await site.everything()
    for method, path, body in CALLS:
        reply = await site.ask(method, named(path, stranger), json=named(body, stranger))
        assert (reply.status, reply.error["type"]) == (404, "JobNotFound"), (method, path, body)
    assert await site.everything() == before


async def test_an_upload_to_a_job_of_somebody_else_keeps_nothing(site: Site) -> None:
    stranger = await of_another_item(site)
    before = await site.everything()
    assert (await site.attach(stranger)).status == 404
    assert await site.everything() == before


async def test_searching_and_counting_see_the_items_own_jobs_alone(site: Site) -> None:
    await of_another_item(site)
    own = await site.job()
    for body in ({"q": "closed=0", "fields": ["jobId"]}, {"search": "visit", "fields": ["jobId"]}):
        assert (await site.ask("POST", "/jobs/search", json=body)).body["results"] == [[own]]
    assert (await site.ask("POST", "/jobs/statistics", json={})).body == {"total": 1}


async def test_what_is_configured_for_another_item_is_unknown(site: Site) -> None:
    both = site.token(items=["default", "1001"])
    diagram = {"diagramId": "theirs", "active": True, "steps": [{"id": "one"}]}
    await site.ask("POST", "/workflow/1001/diagrams", json=diagram, token=both)
    template = {"jobTemplateId": "theirs", "state": "Active", "diagramId": "theirs"}
    assert (await site.ask("POST", "/workflow/1001/jobTemplates", json=template, token=both)).status == 200
    for method, path in (("GET", "/diagrams/theirs"), ("GET", "/jobTemplates/theirs"), ("DELETE", "/diagrams/theirs")):
        assert (await site.ask(method, path, token=both)).status == 404
    assert (await site.ask("POST", "/jobTemplates/theirs/job", json={}, token=both)).status == 404
    assert (await site.ask("POST", "/workflow/1001/jobTemplates/theirs/job", json={}, token=both)).status == 200


async def test_an_attachment_is_found_in_its_own_job_alone(site: Site) -> None:
    job_id, other = await site.job(), await site.job()
    link = JobAttachmentDetails(job_id=job_id, attachment=b"x", file_name="x")
    attachment_id = (await site.plugin.add_attachment(link)).attachment_id
    assert (await site.ask("GET", f"/jobs/{other}/attachments/{attachment_id}")).status == 404
    assert (await site.ask("GET", f"/jobs/{job_id}/attachments/{attachment_id}")).content == b"x"
