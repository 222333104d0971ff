"""Attempts: time-outs, touches, retries by themselves and by force, ends that come too late, and logs.

The cases of Titan's own end-to-end tests are here by behaviour. Source: iron-io/functions @ 8936572, `tests/test.rb`.
"""

import pytest

from tests.apis.titan import site as making
from tests.apis.titan.site import SECOND, Site


async def test_a_failed_job_is_tried_again_under_a_new_id_after_its_delay(site: Site) -> None:
    made = await site.enqueue(payload="p", image="i", max_retries=2, retries_delay=5, priority=1, timeout=7)
    await site.consume()
    first = (await site.post(made["id"], "fail", reason="bad_exit", details="no luck")).job
    assert (first["status"], first["reason"], first["details"], first["max_retries"]) == (
        "failed", "bad_exit", "no luck", 2)  # fmt: skip
    second = await site.job(first["retry_id"])
    assert (second["status"], second["retry_of"], second["max_retries"]) == ("delayed", made["id"], 1)
    assert {name: second[name] for name in ("payload", "image", "priority", "timeout", "retries_delay")} == {
        "payload": "p", "image": "i", "priority": 1, "timeout": 7, "retries_delay": 5}  # fmt: skip
    await site.passes(4 * SECOND)
    assert await site.consume() == []
    await site.passes(SECOND)
    assert [job["id"] for job in await site.consume()] == [second["id"]]


async def test_the_chain_of_retries_ends(site: Site) -> None:
    job_id = (await site.enqueue(max_retries=2, retries_delay=0))["id"]
    for left in (2, 1, 0):
        [job] = await site.consume()
        assert (job["id"], job["max_retries"]) == (job_id, left)
        ended = (await site.post(job_id, "fail")).job
        job_id = ended.get("retry_id")
    assert (job_id, ended["reason"], await site.consume()) == (None, "bad_exit", [])
    assert [(await site.job(ended["id"].replace("-3", f"-{n}")))["status"] for n in (1, 2, 3)] == ["failed"] * 3


async def test_a_silent_worker_loses_the_job_as_a_time_out(site: Site) -> None:
    job_id = await making.running(site, timeout=10, max_retries=1, retries_delay=0)
    await site.passes(9 * SECOND)
    assert (await site.job(job_id))["status"] == "running"
    await site.passes(SECOND)
    job = await site.job(job_id)
    assert (job["status"], job["reason"], "details" in job) == ("failed", "timeout", False)
    assert [(await site.post(job_id, what)).status for what in ("success", "fail", "touch")] == [409] * 3
    assert [job["retry_of"] for job in await site.consume()] == [job_id]


async def test_a_touch_gives_a_whole_time_out_again(site: Site) -> None:
    job_id = await making.running(site, timeout=10)
    for _ in range(3):
        await site.passes(9 * SECOND)
        assert (await site.post(job_id, "touch")).content == b""
    await site.passes(9 * SECOND)
    assert (await site.job(job_id))["status"] == "running"
    await site.passes(SECOND)
    assert (await site.job(job_id))["reason"] == "timeout"


@pytest.mark.parametrize(("state", "left"), [("succeeded", 0), ("failed", 0), ("timed_out", 0), ("cancelled", 3)])
async def test_a_forced_retry_waits_for_nothing_and_keeps_the_retries_left(site: Site, state: str, left: int) -> None:
    again = (await site.post(await getattr(making, state)(site), "retry")).job
    assert (again["status"], again["max_retries"], again["retries_delay"]) == ("queued", left, 60)


async def test_only_the_latest_can_be_retried(site: Site) -> None:
    job_id = await making.succeeded(site)
    again = (await site.post(job_id, "retry")).job["id"]
    refused = await site.post(job_id, "retry")
    assert (refused.status, refused.body["id"], refused.body["status"]) == (409, job_id, "succeeded")
    await site.consume()
    await site.post(again, "success")
    assert (await site.post(again, "retry")).job["retry_of"] == again


async def test_a_job_whose_payload_is_gone_is_not_retried(site: Site) -> None:
    job_id = await making.succeeded(site)
    await site.engine.redis.delete(site.engine.keys.payload(job_id[:-2]))
    reply = await site.post(job_id, "retry")
    assert (reply.status, reply.message) == (409, "The job's payload is no longer kept.")


async def test_the_end_of_a_cancelled_job_changes_nothing(site: Site) -> None:
    job_id = await making.running(site, max_retries=3)
    cancelled = (await site.ask("POST", f"/job/{job_id}/cancel", data=b"enough")).job
    assert (cancelled["reason"], cancelled["details"], "completed_at" in cancelled) == (
        "client_request",
        "enough",
        True,
    )
    assert [(await site.post(job_id, what)).body["status"] for what in ("success", "fail")] == ["cancelled"] * 2
    assert await site.job(job_id) == cancelled
    assert "retry_id" not in cancelled


@pytest.mark.parametrize("reason", ["timeout", "killed", "bad_exit"])
async def test_a_worker_says_why_it_failed(site: Site, reason: str) -> None:
    job_id = await making.running(site)
    assert (await site.post(job_id, "fail", reason=reason)).job["reason"] == reason
    assert (await site.ask("GET", f"/job/{job_id}/log")).status == 200


@pytest.mark.parametrize("reason", ["client_request", "Killed", "x", b"\xff"])
async def test_another_reason_is_a_400_and_the_job_goes_on(site: Site, reason: str | bytes) -> None:
    job_id = await making.running(site)
    reply = await site.post(job_id, "fail", reason=reason)
    assert (reply.status, reply.body["error"]["fields"]) == (400, "reason")
    assert (await site.job(job_id))["status"] == "running"


async def test_details_are_bounded(site: Site) -> None:
    job_id = await making.running(site)
    assert (await site.post(job_id, "fail", details="x" * 16385)).body["error"]["fields"] == "details"
    assert (await site.ask("POST", f"/job/{job_id}/cancel", data=b"x" * 16385)).status == 413
    assert (await site.post(job_id, "fail", details="x" * 16384)).job["details"] == "x" * 16384


@pytest.mark.parametrize("what", ["success", "fail"])
async def test_a_log_comes_back_byte_by_byte(site: Site, what: str) -> None:
    job_id = await making.running(site)
    log = bytes(range(256)) + b"\r\n--b--\r\n"
    await site.post(job_id, what, log=log)
    reply = await site.ask("GET", f"/job/{job_id}/log")
    assert (reply.status, reply.content) == (200, log)
    assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert reply.headers["Content-Disposition"] == f'attachment; filename="{job_id}.log"'
    assert reply.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("what", ["success", "fail"])
async def test_no_log_is_an_empty_one(site: Site, what: str) -> None:
    job_id = await making.running(site)
    await site.post(job_id, what)
    reply = await site.ask("GET", f"/job/{job_id}/log")
    assert (reply.status, reply.content) == (200, b"")


async def test_of_a_long_log_the_end_is_kept(site: Site) -> None:
    job_id = await making.running(site)
    await site.post(job_id, "success", log=b"begin" + b"x" * 1024 * 1024 + b"end")
    content = (await site.ask("GET", f"/job/{job_id}/log")).content
    assert (len(content), content[-3:], b"begin" in content) == (1024 * 1024, b"end", False)


async def test_a_log_can_be_read_while_the_job_runs_and_is_kept_if_it_times_out(site: Site) -> None:
    job_id = await making.running(site, timeout=10)
    path = f"/job/{job_id}/log"
    assert (await site.ask("GET", path)).status == 428
    await site.passes(9 * SECOND)
    assert (await site.post(job_id, "touch", log=b"so far")).status == 200
    assert (await site.ask("GET", path)).content == b"so far"
    await site.post(job_id, "touch", log=b"so far, and further")
    await site.passes(10 * SECOND)
    assert (await site.job(job_id))["reason"] == "timeout"
    assert (await site.ask("GET", path)).content == b"so far, and further"


async def test_the_last_log_goes_before_the_earlier_ones(site: Site) -> None:
    job_id = await making.running(site)
    await site.post(job_id, "touch", log=b"so far")
    await site.post(job_id, "success", log=b"all of it")
    assert (await site.ask("GET", f"/job/{job_id}/log")).content == b"all of it"


async def test_each_attempt_has_its_own_log(site: Site) -> None:
    job_id = await making.failed_and_retried(site)
    await site.passes(60 * SECOND)
    [again] = await site.consume()
    await site.post(again["id"], "success", log=b"at last")
    logs = [(await site.ask("GET", f"/job/{name}/log")).content for name in (job_id, again["id"])]
    assert logs == [b"at first", b"at last"]
    await site.ask("DELETE", f"/job/{job_id}")
    assert (await site.job(again["id"]))["retry_of"] == job_id


async def test_a_log_that_is_no_longer_kept_is_a_404(site: Site) -> None:
    job_id = await making.succeeded(site)
    await site.engine.redis.delete(site.engine.keys.payload(job_id[:-2]), *await site.engine.redis.keys("*blob:*"))
    assert (await site.ask("GET", f"/job/{job_id}/log")).status == 404
