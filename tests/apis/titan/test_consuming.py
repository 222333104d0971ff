"""Waiting for jobs, and leaving while one waits."""

import asyncio
from contextlib import suppress
from datetime import timedelta

import pytest
from redis.asyncio import Redis

from envoy_plugin.apis.titan.consuming import Consumer
from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.queries import find_job
from envoy_plugin.engine.states import State
from envoy_plugin.engine.verbs import Fail
from envoy_plugin.engine.waiting import listening
from envoy_plugin.sealing import Sealer
from tests.apis.titan.site import Site
from tests.framework.served import eventually


async def waiting(site: Site) -> bool:
    """Whether somebody waits at the process's one listener."""
    clients = await site.engine.redis.client_list()
    return any(client["cmd"] == "blpop" for client in clients)


async def test_who_waits_is_served_as_soon_as_there_is_a_job(site: Site) -> None:
    consuming = asyncio.create_task(site.consume(wait=20))
    await eventually(lambda: waiting(site))
    made = await site.enqueue()
    assert [job["id"] for job in await asyncio.wait_for(consuming, 1)] == [made["id"]]


async def test_many_who_wait_get_a_job_each(site: Site) -> None:
    consuming = [asyncio.create_task(site.consume(wait=20)) for _ in range(8)]
    await eventually(lambda: waiting(site))
    reply = await site.ask("POST", "/jobs", json={"jobs": [{}] * 8})
    taken = [jobs[0]["id"] for jobs in await asyncio.wait_for(asyncio.gather(*consuming), 5)]
    assert sorted(taken) == sorted(job["id"] for job in reply.body["jobs"])


async def test_who_waits_in_vain_gets_nothing(site: Site) -> None:
    assert await site.consume(wait=1) == []


async def test_who_has_left_takes_no_job(site: Site) -> None:
    consuming = asyncio.create_task(site.consume(wait=20))
    await eventually(lambda: waiting(site))
    consuming.cancel()
    with suppress(asyncio.CancelledError):
        await consuming
    made = await site.enqueue()
    assert (await site.job(made["id"]))["status"] == "queued"
    assert [job["id"] for job in await site.consume(wait=1)] == [made["id"]]


async def test_what_nobody_of_ours_can_open_is_handed_to_nobody(site: Site, redis: Redis) -> None:
    other = Engine(redis, prefix="doors", codec=Sealer(["another root secret"]), clock=site.clock)
    made = [await site.enqueue(max_retries=0) for _ in range(2)]
    key = site.engine.keys.payload(made[0]["id"][:-2])
    await redis.set(key, other.seal(b"unreadable"))
    assert [job["id"] for job in await site.consume(2)] == [made[1]["id"]]
    shown = await site.job(made[0]["id"])
    assert (shown["status"], shown["reason"]) == ("failed", "bad_exit")


async def test_a_failure_of_other_making_is_a_bad_exit(site: Site) -> None:
    made = await site.enqueue(max_retries=0)
    await site.consume()
    await site.engine.run(Fail(id=made["id"][:-2], reason="error"))
    assert (await site.job(made["id"]))["reason"] == "bad_exit"


@pytest.mark.parametrize("queries", [["n=2&wait=1", "n=2&wait=1"]])
async def test_nothing_is_handed_out_twice(site: Site, queries: list[str]) -> None:
    await site.ask("POST", "/jobs", json={"jobs": [{}] * 3})
    replies = await asyncio.gather(*(site.ask("GET", f"/jobs/consume?{query}") for query in queries))
    taken = [job["id"] for reply in replies for job in reply.body["jobs"]]
    assert len(taken) == len(set(taken)) == 3


async def test_who_leaves_while_the_engine_answers_gives_the_jobs_back(site: Site) -> None:
    made = await site.enqueue()
    looks = iter([False, True])
    async with listening(site.engine.redis, site.engine.keys, ["default"]) as alarm:
        consumer = Consumer(engine=site.engine, alarm=alarm, is_stopping=lambda: False)
        assert await consumer.take(1, "w", wait=timedelta(), has_left=lambda: next(looks)) == []
    job = await find_job(site.engine, made["id"][:-2])
    assert (job.state, job.attempt, job.history[-1].event) == (State.AVAILABLE, 1, "released")
    assert [job["id"] for job in await site.consume()] == [made["id"]]


async def test_a_process_that_stops_hands_nothing_out(site: Site) -> None:
    await site.enqueue()
    async with listening(site.engine.redis, site.engine.keys, ["default"]) as alarm:
        consumer = Consumer(engine=site.engine, alarm=alarm, is_stopping=lambda: True)
        assert await consumer.take(1, "w", wait=timedelta(seconds=20), has_left=lambda: False) == []
    assert len(await site.consume()) == 1


async def test_what_times_out_while_it_is_handed_out_is_handed_to_nobody(site: Site) -> None:
    """The next attempt is somebody else's: it must not be shown to who had the last one."""
    await site.enqueue(timeout=1, retries_delay=0)
    [held] = await site.engine.claim("default", 1, who="w", lease=None)
    async with listening(site.engine.redis, site.engine.keys, ["default"]) as alarm:
        consumer = Consumer(engine=site.engine, alarm=alarm, is_stopping=lambda: False)
        assert len(await consumer.shown([held])) == 1
        await site.passes(timedelta(seconds=1))
        assert await consumer.shown([held]) == []
    assert [job["id"] for job in await site.consume()] == [f"{held.id}-2"]
