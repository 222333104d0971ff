"""What the real Python client of ArcGIS Workflow Manager does, told as one JSON document.

`python arcgis_client.py URL TOKEN [RECORD]`, by an interpreter that has `arcgis`. The client is proprietary: it is no
dependency of anything here. It signs in at a portal of a few answers in this process, over plain HTTP on loopback,
which the client itself takes for https. `RECORD` is a directory for what was sent.
"""

import json
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from arcgis.gis import GIS
from arcgis.gis.workflowmanager import WorkflowManager
from requests.adapters import HTTPAdapter

ITEM = "default"
RECORD = 3
PATIENCE = 20


class Loopback(HTTPAdapter):  # type: ignore[misc,unused-ignore]  # it has no types
    """Sends what is meant for https://127.0.0.1 over plain HTTP, and nothing anywhere else."""

    def send(self, request: Any, *args: Any, **options: Any) -> Any:
        """See `HTTPAdapter`."""
        assert urlsplit(request.url).hostname == "127.0.0.1", request.url
        request.url = request.url.replace("https://", "http://", 1)
        if len(sys.argv) > RECORD:
            self.record(request)
        return super().send(request, *args, **options)

    def record(self, request: Any) -> None:
        """Keep a request as it is sent, by its number."""
        directory = Path(sys.argv[RECORD])
        body = request.body or b""
        lines = [f"{request.method} {request.path_url} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in request.headers.items()]
        number = len(list(directory.iterdir()))
        head = "\n".join(lines).encode() + b"\n\n"
        (directory / f"{number:03}.http").write_bytes(head + (body if isinstance(body, bytes) else body.encode()))


class Portal(BaseHTTPRequestHandler):
    """What the client asks of a portal before it asks Workflow Manager anything."""

    server_url = ""

    def answer(self) -> None:
        """Answer by the end of the path; what isn't known is an empty object."""
        path = urlsplit(self.path).path.rstrip("/")
        length = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(length)
        user = {"username": "ada", "fullName": "Ada", "privileges": [], "role": "org_admin", "id": "ada"}
        answers = {
            "/portals/self": {
                "id": "workflow", "name": "doors", "portalName": "doors", "portalMode": "multitenant",
                "isPortal": False, "currentVersion": "2025.1", "user": user,
                "portalHostname": "127.0.0.1", "helperServices": {"workflowManager": {"url": self.server_url}},
                "allSSL": False, "urlKey": "", "customBaseUrl": "", "supportsHostedServices": False,
            },
            "/info": {"currentVersion": "2025.1", "authInfo": {"isTokenBasedSecurity": True}},
            "/community/users/ada": user,
            "/community/self": user,
            "/portals/self/roles": {"roles": []},
            f"/content/items/{ITEM}": {"id": ITEM, "type": "Workflow", "title": "doors", "owner": "ada"},
        }  # fmt: skip
        told = next((told for end, told in answers.items() if path.endswith(end)), {})
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer  # noqa: N815 - the names that the server looks for

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class Item:
    """All that the client reads of an item."""

    def __init__(self, gis: GIS) -> None:
        self.id, self._gis = ITEM, gis


def sign_in(url: str, token: str) -> WorkflowManager:
    """The client, with a token of ours."""
    Portal.server_url = url
    portal = ThreadingHTTPServer(("127.0.0.1", 0), Portal)
    threading.Thread(target=portal.serve_forever, daemon=True).start()
    address = f"https://127.0.0.1:{portal.server_port}/portal"
    gis = GIS(
        address,
        token=token,
        verify_cert=False,
        adapter={f"{scheme}://127.0.0.1": Loopback() for scheme in ("http", "https")},
    )
    return WorkflowManager(Item(gis))


STEPS = [
    {
        "id": "s-signin", "name": "Visitor signs in", "automatic": False, "proceedNext": False, "canSkip": True,
        "position": "0,0,100,50", "shape": 3, "action": {"actionType": "Manual"},
        "paths": [{"nextStep": "s-host", "assignedType": "Unassigned", "points": [], "ports": ["BOTTOM", "TOP"],
                   "notifications": []}],
    },
    {
        "id": "s-host", "name": "Tell the host", "automatic": False, "proceedNext": True, "canSkip": True,
        "position": "0,75,100,50", "shape": 3, "action": {"actionType": "Manual"}, "paths": [],
    },
]  # fmt: skip
PLACE = {"geometryType": "Multipoint", "geometry": json.dumps({"points": [[-111.3, 52.68]]})}


def configure(wm: WorkflowManager) -> tuple[str, str, dict[str, Any]]:
    """A diagram and a template, made, changed and read."""
    diagram_id = wm.create_diagram("visit", STEPS, display_grid=True, active=True)
    template_id = wm.create_job_template("Visit", "High", diagram_id=diagram_id, state="Active")
    template = wm.job_template(template_id)
    told = {
        "diagrams": [one.diagram_name for one in wm.diagrams if one.diagram_id == diagram_id],
        "version": wm.diagram_version(diagram_id, 1).diagram_version,
        "initial": wm.diagram(diagram_id).initial_step_id,
        "updated": wm.update_diagram({**vars_of(wm.diagram(diagram_id)), "active": True}),
        "template": [template.job_template_name, template.default_priority_name, template.state],
        "changed": wm.update_job_template({"job_template_id": template_id, "description": "a visit"}),
        "templates": template_id in [one.job_template_id for one in wm.job_templates],
    }
    return template_id, diagram_id, told


def vars_of(thing: Any) -> dict[str, Any]:
    """What the client has read of something."""
    return {name: value for name, value in vars(thing).items() if not name.startswith("_") and value is not None}


def use(wm: WorkflowManager, template_id: str) -> dict[str, Any]:
    """A job through its life, by every method of the client that the API serves."""
    jobs = wm.jobs
    job_id = jobs.create(template_id, name="A visit", location=PLACE, job_id="visit-1")[0]
    other, third = jobs.create(template_id, count=2)
    job = jobs.get(job_id)
    told = {
        "job": [job.job_id, job.job_name, job.priority, job.closed, job.current_steps[0]["stepId"]],
        "location": job.location.geometry_type,
        "set_location": jobs.set_job_location(job_id, PLACE),
        "update": jobs.update(job_id, {"description": "changed", "priority": "Low"}),
        "described": [jobs.get(job_id).description, jobs.get(job_id).priority],
        "extended": jobs.update(job_id, {"extended_properties": [{"identifier": "visit.badge", "value": "B-17"}]}),
        "extended_properties": jobs.get(job_id).extended_properties,
        "diagram": jobs.diagram(job_id).diagram_name,
        "search": jobs.search(query="jobName='A visit'", fields=["jobId", "jobName"])["results"],
        "words": jobs.search(search_string="visit", fields=["jobId"], num=5)["next_start"],
        "statistics": jobs.statistics(query="closed=0", group_by="priority"),
        "assign": job.update_step("s-signin", "User", "ada"),
        "assign_current": job.update_step("currentStep", "Group", "front-desk"),
        "hold": job.add_hold(["s-host"]),
        "release": job.release_hold(["s-host"]),
        "depend": job.add_hold(["s-host"], dependent_job_id=other),
        "undepend": job.release_hold(["s-host"], dependent_job_id=other),
        "set_current": job.set_current_step("s-host"),
        "comment": len(job.add_comment("hello")) > 0,
        "comments": [one["comment"] for one in job.comments],
        "history": [row["action"] for row in job.history["job_history"]][:2],
    }
    return told | keep(jobs, job) | end(jobs, [job_id, other, third])


def keep(jobs: Any, job: Any) -> dict[str, Any]:
    """A file and a link, kept with a job."""
    path = Path(tempfile.mkdtemp()) / "nda.txt"
    path.write_text("signed")
    added = job.add_attachment(str(path), alias="lost on the way")
    told = {
        "attachment": added["alias"],
        "renamed": job.update_attachment(added["id"], "Badge 2"),
        "linked": job.add_linked_attachment([{"url": "https://example.com/nda", "alias": "nda"}])[0]["alias"],
        "attachments": sorted(one["alias"] for one in job.attachments),
        "body": Path(job.get_attachment(added["id"])).read_text(),
    }
    return told | {"deleted_attachment": jobs.delete_attachment(job.job_id, added["id"])}


def end(jobs: Any, ids: list[str]) -> dict[str, Any]:
    """Jobs that are closed, opened again, upgraded and deleted, and what is said of one that isn't there."""
    told = {"close": jobs.close(ids), "reopen": jobs.reopen(ids), "upgrade": jobs.upgrade(ids)}
    told["version"] = jobs.get(ids[0]).diagram_version
    told["delete"] = jobs.delete(ids)
    try:
        jobs.get(ids[0])
    except Exception as error:  # noqa: BLE001 - the client raises nothing narrower
        told["refused"] = str(error)
    return told


def execute(wm: WorkflowManager, template_id: str) -> list[str]:
    """What the websocket tells of steps that are run, stopped and finished: of each execution, what ended it."""
    job = wm.jobs.get(wm.jobs.create(template_id)[0])
    ends = []
    for act, step_id in ((job.run, "s-signin"), (job.stop, "s-signin"), (job.run, "s-signin"), (job.finish, "s-signin"),
                         (job.run, "s-host")):  # fmt: skip
        execution = act([step_id])
        execution.result(timeout=PATIENCE)
        ends.append(execution.messages[-1].msg_type.name)
    wm.jobs.delete([job.job_id])
    return ends


def main(url: str, token: str) -> None:
    """Drive the API, and print what came of it."""
    wm = sign_in(url, token)
    template_id, diagram_id, configured = configure(wm)
    used = use(wm, template_id)
    executed = execute(wm, template_id)
    removed = [wm.delete_job_template(template_id), wm.delete_diagram(diagram_id)]
    sys.stdout.write(json.dumps({"configure": configured, "use": used, "execute": executed, "remove": removed}))


if __name__ == "__main__":
    main(*sys.argv[1:3])
