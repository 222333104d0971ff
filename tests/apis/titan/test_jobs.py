"""What a job says of itself, and how it is made."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from envoy_plugin.apis.titan.jobs import MOST_KNOWN, Jobs
from envoy_plugin.apis.titan.refusals import Refused
from envoy_plugin.apis.titan.words import PublicId
from envoy_plugin.engine.verbs import Enqueue
from tests.apis.titan.site import SECOND, Site

DEFAULTS = {"delay": 0, "timeout": 60, "priority": 0, "max_retries": 3, "retries_delay": 60}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
MEBIBYTE = 1024 * 1024


async def post(site: Site, body: Any, **headers: str) -> tuple[int, Any]:
    reply = await site.ask("POST", "/jobs", json=body, headers=headers)
    return reply.status, reply.body


async def test_a_job_of_nothing_gets_every_default_and_no_null(site: Site) -> None:
    job = await site.enqueue()
    assert {name: job[name] for name in DEFAULTS} == DEFAULTS
    assert set(job) == {"id", "status", "created_at", *DEFAULTS}
    assert TIME.fullmatch(job["created_at"])


async def test_what_is_sent_comes_back(site: Site) -> None:
    sent = {"image": "iron/hello", "payload": "é\n\"木\u0000", "delay": 0, "timeout": 1, "priority": 2,
            "max_retries": 0, "retries_delay": 0}  # fmt: skip
    made = await site.enqueue(**sent)
    assert {name: made[name] for name in sent} == sent
    assert made["image_id"] == "iron/hello"
    assert await site.job(made["id"]) == made
    [taken] = await site.consume()
    assert taken == made | {"status": "running", "started_at": taken["started_at"]}


async def test_null_counts_as_left_out(site: Site) -> None:
    job = await site.enqueue(**dict.fromkeys([*DEFAULTS, "image", "payload", "status"]))
    assert {name: job[name] for name in DEFAULTS} == DEFAULTS
    assert "payload" not in job


async def test_jobs_come_back_in_the_order_in_which_they_were_posted(site: Site) -> None:
    status, body = await post(site, {"jobs": [{"payload": str(number)} for number in range(256)]})
    assert (status, [job["payload"] for job in body["jobs"]]) == (201, [str(number) for number in range(256)])
    assert [job["payload"] for job in await site.consume(3)] == ["0", "1", "2"]


async def test_no_jobs_are_no_fault(site: Site) -> None:
    assert await post(site, {"jobs": []}) == (201, {"jobs": []})
    assert await post(site, {"jobs": []}, **{"Idempotency-Key": "k"}) == (201, {"jobs": []})


BAD_JOBS: dict[str, list[object]] = {
    "image": [7, {}, "x" * 1025],
    "payload": [7, {}, ["x"], "x" * (MEBIBYTE + 1), "é" * (MEBIBYTE // 2 + 1)],
    "delay": [-1, 2**31, 0.5, "1", True, []],
    "timeout": [0, -1, 2**31, "60"],
    "priority": [-1, 3, "high"],
    "max_retries": [-1, 26, 1.5],
    "retries_delay": [-1, 2**31],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD_JOBS.items() for value in values])
async def test_one_bad_job_means_that_none_is_made(site: Site, name: str, value: object) -> None:
    status, body = await post(site, {"jobs": [{}, {name: value}]})
    assert (status, body["error"]["fields"]) == (400, f"jobs.1.{name}")
    assert body["error"]["message"].startswith("One or more of the jobs were invalid")
    assert await site.engine.redis.keys("*job:*") == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b"\xff", b'{"jobs":null}', b'{"jobs":{}}', b'{"jobs":[7]}',
                                  b'{"jobs":[{"payload":"\\ud800"}]}', b"[" * 10_000, b'{"jobs":[{"delay":NaN}]}',
                                  b'{"jobs":[' + b"{}," * 256 + b"{}]}"])  # fmt: skip
async def test_a_body_that_is_none_is_a_400_with_the_limit_or_the_place(site: Site, body: bytes) -> None:
    reply = await site.ask("POST", "/jobs", data=body, headers={"Content-Type": "application/json"})
    assert (reply.status, bool(reply.body["error"]["fields"])) == (400, True)
    assert await site.engine.redis.keys("*job:*") == []


async def test_too_many_jobs_are_told_the_limit(site: Site) -> None:
    _, body = await post(site, {"jobs": [{}] * 257})
    assert "256" in body["error"]["message"]


async def test_a_body_of_another_type_is_a_415_and_a_huge_one_a_413(site: Site) -> None:
    assert (await site.ask("POST", "/jobs", data={"jobs": "[]"})).status == 415
    huge = b'{"jobs":[{"payload":"' + b"x" * (16 * MEBIBYTE) + b'"}]}'
    reply = await site.ask("POST", "/jobs", data=huge, headers={"Content-Type": "application/json; charset=utf-8"})
    assert (reply.status, "16777216" in reply.message) == (413, True)


async def test_a_payload_of_one_mebibyte_goes_through(site: Site) -> None:
    payload = '"' * MEBIBYTE
    assert (await site.enqueue(payload=payload))["payload"] == payload
    assert (await site.consume())[0]["payload"] == payload


async def test_redis_holds_no_payload_image_or_reason_in_the_clear(site: Site, redis: Redis) -> None:
    await redis.config_set("rdbcompression", "no")
    made = await site.enqueue(image="canary-1", payload="canary-2", max_retries=0)
    await site.consume()
    await site.post(made["id"], "fail", details="canary-3", log="canary-4")
    dumps = [await redis.dump(key) async for key in redis.scan_iter()]
    assert len(dumps) > 4
    assert not any(b"canary" in dump for dump in dumps if isinstance(dump, bytes))


async def test_what_is_not_kept_any_more_reads_as_defaults(site: Site, redis: Redis) -> None:
    made = await site.enqueue(image="i", payload="p", timeout=5)
    await redis.delete(site.engine.keys.payload(made["id"].rpartition("-")[0]))
    shown = await site.job(made["id"])
    assert (shown["timeout"], "payload" in shown, "image" in shown) == (60, False, False)


async def test_a_delayed_job_is_queued_when_its_time_has_come(site: Site) -> None:
    made = await site.enqueue(delay=30)
    assert made["status"] == "delayed"
    await site.passes(29 * SECOND)
    assert await site.consume() == []
    site.clock.move(SECOND)
    assert [job["id"] for job in await site.consume()] == [made["id"]]


async def test_the_higher_priority_goes_first_then_the_older(site: Site) -> None:
    for number, priority in enumerate((0, 2, 1, 2, 0)):
        await site.enqueue(payload=str(number), priority=priority)
    assert [job["payload"] for job in await site.consume(2)] == ["1", "3"]
    assert [job["payload"] for job in await site.consume(100)] == ["2", "0", "4"]


async def test_jobs_of_other_queues_and_kinds_do_not_exist(site: Site) -> None:
    for queue, kind in (("events", "titan"), ("default", "event")):
        made = await site.engine.enqueue(Enqueue(queue=queue, kind=kind, payload=b"x"))
        for method, path in (("GET", ""), ("POST", "/cancel"), ("POST", "/retry"), ("GET", "/log")):
            assert (await site.ask(method, f"/job/{made.id}-1{path}")).status == 404
        assert (await site.ask("DELETE", f"/job/{made.id}-1")).status == 200
    assert (await site.ask("GET", "/jobs")).body == {"jobs": []}
    assert await site.engine.redis.zcard(site.engine.keys.index("available", "events")) == 1


async def test_every_answer_is_kept_by_nobody(site: Site) -> None:
    asked = [("POST", "/jobs"), ("GET", "/jobs/consume"), ("GET", "/job/x"), ("PUT", "/jobs"), ("GET", "/x")]
    replies = [await site.ask(method, path) for method, path in asked]
    assert [reply.headers["Cache-Control"] for reply in replies] == ["no-store"] * 5
    assert [reply.status for reply in replies] == [415, 200, 404, 405, 404]
    assert replies[3].headers["Allow"] == "GET,POST"


async def test_a_head_takes_no_job(site: Site) -> None:
    await site.enqueue()
    assert [(await site.ask("HEAD", path)).status for path in ("/jobs/consume", "/jobs")] == [405, 405]
    assert len(await site.consume()) == 1


async def test_no_answer_holds_null(site: Site) -> None:
    made = await site.enqueue(retries_delay=5)
    [taken] = await site.consume()
    failed = (await site.post(made["id"], "fail", reason="bad_exit")).job
    await site.passes(timedelta(seconds=5))
    again = (await site.ask("GET", "/jobs")).body
    assert "null" not in json.dumps([made, taken, failed, again])


async def test_what_is_known_of_jobs_is_bounded(site: Site) -> None:
    known = Jobs(site.engine)
    made = PublicId.parse((await site.enqueue())["id"])
    assert made is not None
    for number in range(MOST_KNOWN + 1):
        known.know(str(number))
    await known.check_ours(made)
    with pytest.raises(Refused):
        await known.check_ours(PublicId("0", 1))
