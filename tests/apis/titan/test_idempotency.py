"""A request that comes again with its Idempotency-Key."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from tests.apis.titan.site import Reply, Site

KEY = {"Idempotency-Key": "order 66"}


async def post(site: Site, *jobs: dict[str, Any], key: str = KEY["Idempotency-Key"]) -> Reply:
    return await site.ask("POST", "/jobs", json={"jobs": list(jobs)}, headers={"Idempotency-Key": key})


async def made(site: Site) -> int:
    return len(await site.engine.redis.keys("{doors}:job:*"))


async def test_the_same_request_makes_its_jobs_once(site: Site) -> None:
    replies = [await post(site, {"payload": "a"}, {"payload": "b"}) for _ in range(3)]
    assert [reply.status for reply in replies] == [201] * 3
    assert replies[0].body == replies[1].body == replies[2].body
    assert await made(site) == 2


async def test_at_the_same_instant_too(site: Site) -> None:
    replies = await asyncio.gather(*(post(site, {"payload": "a"}, {}) for _ in range(16)))
    assert {reply.content for reply in replies} == {replies[0].content}
    assert await made(site) == 2


async def test_defaults_make_no_difference(site: Site) -> None:
    first, second = await post(site, {}), await post(site, {"priority": 0, "max_retries": 3, "other": 1})
    assert first.body == second.body


@pytest.mark.parametrize("jobs", [[{"payload": "b"}], [{"payload": "a"}] * 2, []])
async def test_another_body_with_the_same_key_is_refused_and_makes_nothing(site: Site, jobs: list[Any]) -> None:
    await post(site, {"payload": "a"})
    reply = await post(site, *jobs)
    if jobs:
        assert (reply.status, reply.body["error"]["fields"]) == (422, "Idempotency-Key")
    assert await made(site) == 1


async def test_two_bodies_at_the_same_instant_make_the_jobs_of_one(site: Site) -> None:
    replies = await asyncio.gather(*(post(site, *[{}] * count) for count in (1, 2, 3, 4)))
    granted = [reply for reply in replies if reply.status == 201]
    assert [reply.status for reply in replies].count(422) == 3
    assert await made(site) == len(granted[0].body["jobs"])


async def test_other_keys_and_no_key_make_other_jobs(site: Site) -> None:
    await post(site, {})
    await post(site, {}, key="other")
    await site.enqueue()
    assert await made(site) == 3


async def test_the_key_is_good_while_the_job_runs_and_a_day_from_its_making(site: Site) -> None:
    first = (await post(site, {"max_retries": 0})).body["jobs"][0]["id"]
    await site.consume()
    await site.post(first, "success")
    again = (await post(site, {"max_retries": 0})).body["jobs"][0]
    assert (again["id"], again["status"]) == (first, "succeeded")
    life = await site.engine.redis.pttl((await site.engine.redis.keys("*unique:*"))[0])
    assert timedelta(hours=23) < timedelta(milliseconds=life) <= timedelta(hours=24)


async def test_when_nothing_is_left_of_the_first_request_it_is_made_again(site: Site) -> None:
    first = (await post(site, {})).body["jobs"][0]["id"]
    await site.ask("POST", f"/job/{first}/cancel")
    await site.ask("DELETE", f"/job/{first}")
    assert (await post(site, {})).body["jobs"][0]["id"] != first


async def test_a_job_whose_payload_is_gone_counts_as_the_same(site: Site) -> None:
    first = (await post(site, {})).body["jobs"][0]["id"]
    await site.engine.redis.delete(site.engine.keys.payload(first[:-2]))
    assert (await post(site, {"payload": "x"})).body["jobs"][0]["id"] == first


async def test_with_a_key_a_request_has_one_job_less(site: Site) -> None:
    assert len((await post(site, *[{}] * 255)).body["jobs"]) == 255
    reply = await post(site, *[{}] * 256, key="other")
    assert (reply.status, "255" in reply.message, await made(site)) == (400, True, 255)


@pytest.mark.parametrize("key", ["", "x" * 256, "é"])
async def test_a_key_that_cannot_be_is_a_400(site: Site, key: str) -> None:
    reply = await post(site, {}, key=key)
    assert (reply.status, reply.body["error"]["fields"], await made(site)) == (400, "Idempotency-Key", 0)


async def test_a_key_that_stays_held_by_a_job_that_is_gone_is_a_503(site: Site) -> None:
    await post(site, {})
    job_key = (await site.engine.redis.keys("{doors}:job:*"))[0]
    await site.engine.redis.delete(job_key)
    reply = await post(site, {})
    assert (reply.status, reply.headers["Retry-After"]) == (503, "1")
