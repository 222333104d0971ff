"""Waiting for work: tokens, listeners and alarms. Here Redis' own clock counts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Final

from redis.asyncio import Redis

from envoy_plugin.connection import connect_redis
from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.model import Claimed
from envoy_plugin.engine.verbs import Enqueue, Promote
from envoy_plugin.engine.waiting import Alarm, listening
from envoy_plugin.settings import TlsVerify
from tests.engine.waiting_for import until
from tests.redis_server import RedisServers

LEASE: Final = timedelta(seconds=15)
LONG: Final = timedelta(seconds=60)
SHORT: Final = timedelta(milliseconds=100)


@asynccontextmanager
async def process(url: str) -> AsyncIterator[tuple[Engine, Alarm]]:
    """An engine with connections of its own, and its alarm."""
    async with connect_redis(url, tls_verify=TlsVerify.AUTO) as redis:
        engine = Engine(redis, prefix="test")
        async with listening(redis, engine.keys, ["q", "other"]) as alarm:
            yield engine, alarm


async def next_job(engine: Engine, alarm: Alarm, at_most: timedelta = LONG) -> Claimed:
    """Claim, and wait, and claim again, until there is one."""
    while not (jobs := await engine.claim("q", 1, who="w", lease=LEASE)):
        await alarm.wait("q", at_most=at_most)
    return jobs[0]


async def blocked_listeners(redis: Redis) -> int:
    """How many connections wait for a token."""
    return int((await redis.info("clients"))["blocked_clients"])


async def listeners_wait(redis: Redis, n: int = 1) -> None:
    async def enough() -> bool:
        return await blocked_listeners(redis) == n

    await until(enough)


async def test_a_waiting_claim_wakes_long_before_its_time(redis_url: str, redis: Redis) -> None:
    async with process(redis_url) as (engine, alarm):
        waiting = asyncio.create_task(next_job(engine, alarm))
        await listeners_wait(redis)
        begin = asyncio.get_running_loop().time()

        made = await engine.enqueue(Enqueue(queue="q", kind="k"))

        assert (await waiting).id == made.id
        assert asyncio.get_running_loop().time() - begin < 0.5


async def test_one_token_wakes_as_many_processes_as_there_are_jobs(redis_url: str, redis: Redis) -> None:
    async with AsyncExitStack() as processes, asyncio.timeout(5):
        waiting = []
        for _ in range(5):
            engine, alarm = await processes.enter_async_context(process(redis_url))
            waiting.append(asyncio.create_task(next_job(engine, alarm)))
        await listeners_wait(redis, 5)

        made = await engine.call([Enqueue(queue="q", kind="k") for _ in range(5)])

        assert {job.id for job in await asyncio.gather(*waiting)} == {job.id for job in made}


async def test_one_listener_wakes_all_waiters_of_its_process(redis_url: str, redis: Redis) -> None:
    async with process(redis_url) as (engine, alarm), asyncio.timeout(5):
        waiting = [asyncio.create_task(next_job(engine, alarm)) for _ in range(3)]
        await listeners_wait(redis)

        await engine.call([Enqueue(queue="q", kind="k") for _ in range(3)])

        assert len({job.id for job in await asyncio.gather(*waiting)}) == 3


async def test_a_process_listens_for_all_its_queues_on_one_connection(redis_url: str, redis: Redis) -> None:
    async with process(redis_url) as (engine, alarm), asyncio.timeout(5):
        one = asyncio.create_task(alarm.wait("q", at_most=LONG))
        await listeners_wait(redis)
        other = asyncio.create_task(alarm.wait("other", at_most=LONG))

        await engine.enqueue(Enqueue(queue="other", kind="k"))
        await other
        await listeners_wait(redis)
        await engine.enqueue(Enqueue(queue="q", kind="k"))

        await one
        assert [key async for key in redis.scan_iter("*bell*")] == []


async def test_a_token_that_was_lost_costs_no_more_than_the_longest_wait(redis: Redis) -> None:
    engine, deaf = Engine(redis, prefix="test"), Alarm(["q"])
    assert await engine.claim("q", 1, who="w", lease=LEASE) == []
    made = await engine.enqueue(Enqueue(queue="q", kind="k"))

    async with asyncio.timeout(5):
        await deaf.wait("q", at_most=SHORT)
        job = await next_job(engine, deaf, SHORT)

    assert job.id == made.id


async def test_what_becomes_due_wakes_a_waiter_too(redis_url: str, redis: Redis) -> None:
    async with process(redis_url) as (engine, alarm), asyncio.timeout(5):
        made = await engine.enqueue(Enqueue(queue="q", kind="k", delay=timedelta(milliseconds=20)))
        waiting = asyncio.create_task(next_job(engine, alarm))

        async def promoted() -> bool:
            return await engine.run(Promote(limit=10)) > 0 or waiting.done()

        await until(promoted)

        assert (await waiting).id == made.id


async def test_a_queue_keeps_one_token_at_most(redis: Redis) -> None:
    engine = Engine(redis, prefix="test")

    for _ in range(3):
        await engine.enqueue(Enqueue(queue="q", kind="k"))

    assert await redis.llen(engine.keys.wake("q")) == 1


async def test_an_alarm_rings_for_its_queue_alone(redis_url: str, redis: Redis) -> None:
    async with process(redis_url) as (engine, alarm):
        waiting = asyncio.create_task(alarm.wait("other", at_most=LONG))
        await listeners_wait(redis)
        await engine.enqueue(Enqueue(queue="q", kind="k"))

        await asyncio.wait_for(alarm.wait("q", at_most=LONG), 5)

        assert not waiting.done()
        waiting.cancel()


async def test_nobody_takes_the_token_while_nobody_waits(redis_url: str, redis: Redis) -> None:
    async with process(redis_url) as (engine, alarm):
        await engine.enqueue(Enqueue(queue="q", kind="k"))
        await alarm.wait("other", at_most=SHORT)

        assert await redis.llen(engine.keys.wake("q")) == 1


async def test_a_ring_before_the_wait_is_not_missed() -> None:
    alarm = Alarm(["q"])

    alarm.ring("q")

    async with asyncio.timeout(5):
        await alarm.wait("q", at_most=LONG)


async def test_a_wait_without_a_ring_ends(redis_url: str) -> None:
    async with asyncio.timeout(5):
        await Alarm(["q"]).wait("q", at_most=SHORT)


async def test_a_listener_goes_on_when_redis_is_back(redis_server: RedisServers) -> None:
    server = redis_server()
    async with AsyncExitStack() as stack, asyncio.timeout(15):
        redis, unsteady = [
            await stack.enter_async_context(connect_redis(server.url, tls_verify=TlsVerify.AUTO, retries=retries))
            for retries in (5, 0)
        ]
        engine = Engine(redis, prefix="test")
        alarm = await stack.enter_async_context(listening(unsteady, engine.keys, ["q"]))
        waiting = asyncio.create_task(next_job(engine, alarm))
        await listeners_wait(redis)
        server.kill()
        server.start()
        await listeners_wait(redis)
        made = await engine.enqueue(Enqueue(queue="q", kind="k"))

        assert (await waiting).id == made.id
