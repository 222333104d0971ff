"""Every operation on a job in every state: the table of the state machine, over HTTP."""

from collections.abc import Awaitable, Callable

import pytest

from tests.apis.titan import site as making
from tests.apis.titan.site import Reply, Site

STATES: dict[str, tuple[Callable[[Site], Awaitable[str]], str]] = {
    "delayed": (making.delayed, "delayed"),
    "blocked": (making.blocked, "delayed"),
    "queued": (making.queued, "queued"),
    "running": (making.running, "running"),
    "succeeded": (making.succeeded, "succeeded"),
    "failed": (making.failed, "failed"),
    "failed and retried": (making.failed_and_retried, "failed"),
    "timed out": (making.timed_out, "failed"),
    "cancelled": (making.cancelled, "cancelled"),
    "cancelled while running": (making.cancelled_while_running, "cancelled"),
}
NOWHERE = {"unknown": making.unknown, "another attempt": making.another_attempt, "no id": making.no_id}
OVER = set(STATES) - {"delayed", "blocked", "queued", "running"}

OPERATIONS: dict[str, tuple[str, str, set[str], int]] = {
    "get": ("GET", "", set(STATES), 409),
    "touch": ("POST", "/touch", {"running"}, 409),
    "success": ("POST", "/success", {"running"}, 409),
    "fail": ("POST", "/fail", {"running"}, 409),
    "cancel": ("POST", "/cancel", set(STATES) - OVER, 409),
    "retry": ("POST", "/retry", OVER - {"failed and retried"}, 409),
    "delete": ("DELETE", "", OVER, 409),
    "log": ("GET", "/log", {"succeeded", "failed", "failed and retried"}, 0),
}
"""Method, path, where it is granted, and what it is elsewhere."""
EMPTY = {"touch", "delete"}
ENDS = {"success": "succeeded", "fail": "failed", "cancel": "cancelled"}
LOGLESS = {"timed out", "cancelled", "cancelled while running"}


async def ask(site: Site, operation: str, job_id: str) -> Reply:
    method, path, _, _ = OPERATIONS[operation]
    return await site.ask(method, f"/job/{job_id}{path}")


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("state", STATES)
async def test_an_operation_is_granted_or_refused_as_the_table_says(site: Site, operation: str, state: str) -> None:
    make, status = STATES[state]
    job_id = await make(site)
    before = await site.history(job_id)
    reply = await ask(site, operation, job_id)
    if state in OPERATIONS[operation][2]:
        check_granted(reply, operation, job_id, status)
    else:
        check_refused(reply, operation, state, {"id": job_id, "status": status})
        assert await site.history(job_id) == before
        assert (await site.job(job_id))["status"] == status


def check_granted(reply: Reply, operation: str, job_id: str, status: str) -> None:
    assert reply.status == 200
    if operation in EMPTY:
        assert reply.content == b""
    elif operation == "log":
        assert reply.headers["Content-Type"].startswith("text/plain")
    elif operation == "retry":
        assert (reply.job["status"], reply.job["retry_of"]) == ("queued", job_id)
        assert reply.job["id"] == job_id.replace("-1", "-2")
    else:
        assert (reply.job["id"], reply.job["status"]) == (job_id, ENDS.get(operation, status))


def check_refused(reply: Reply, operation: str, state: str, id_status: dict[str, str]) -> None:
    if operation == "log":
        assert reply.status == (404 if state in LOGLESS else 428)
    else:
        assert reply.status == 409
        told = {name: value for name, value in reply.body.items() if name != "error"}
        assert told == ({} if operation == "cancel" else id_status)
    assert reply.message


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("where", NOWHERE)
async def test_a_job_that_there_is_not_is_a_404_and_deleted_already(site: Site, operation: str, where: str) -> None:
    job_id = await NOWHERE[where](site)
    reply = await ask(site, operation, job_id)
    if operation == "delete":
        assert (reply.status, reply.content) == (200, b"")
    else:
        assert (reply.status, reply.body) == (404, {"error": {"message": "Job does not exist."}})


@pytest.mark.parametrize("state", STATES)
async def test_only_what_is_queued_is_handed_out(site: Site, state: str) -> None:
    job_id = await STATES[state][0](site)
    assert job_id not in [job["id"] for job in await site.consume(100) if state != "queued"]
    assert (await site.job(job_id))["status"] == ("running" if state == "queued" else STATES[state][1])


@pytest.mark.parametrize("state", STATES)
async def test_a_deleted_job_is_gone_with_its_log(site: Site, state: str) -> None:
    job_id = await STATES[state][0](site)
    if state in OVER:
        await site.ask("DELETE", f"/job/{job_id}")
        assert [(await ask(site, name, job_id)).status for name in ("get", "log", "retry")] == [404] * 3
        assert (await site.ask("DELETE", f"/job/{job_id}")).status == 200
    listed = (await site.ask("GET", "/jobs?status=succeeded,failed,cancelled")).body["jobs"]
    assert job_id not in [job["id"] for job in listed]
