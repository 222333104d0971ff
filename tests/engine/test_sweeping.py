"""Sweeping: by several processes at once, in the background, and while Redis is away."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta
from typing import Any, Final

import pytest
from redis.asyncio import Redis

from envoy_plugin.connection import connect_redis
from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.queries import count_jobs, find_job
from envoy_plugin.engine.states import State
from envoy_plugin.engine.sweeper import BATCH, Keeping, retire, sweep, sweep_for_ever, sweeping
from envoy_plugin.engine.verbs import Cancel, Enqueue
from envoy_plugin.settings import TlsVerify
from tests.engine.clock import Clock
from tests.engine.waiting_for import until
from tests.redis_server import RedisServers

LEASE: Final = timedelta(seconds=15)
OFTEN: Final = timedelta(milliseconds=10)


@asynccontextmanager
async def background(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Runs beside the block, and is still running at its end."""
    task = asyncio.create_task(work)
    try:
        yield
        assert not task.done()
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_several_processes_that_sweep_at_once_count_each_crash_once(redis_url: str, clock: Clock) -> None:
    async with AsyncExitStack() as stack:
        engines = [
            Engine(await stack.enter_async_context(Redis.from_url(redis_url)), prefix="test", clock=clock)
            for _ in range(6)
        ]
        made = await engines[0].call([Enqueue(queue="q", kind="k") for _ in range(50)])
        await engines[0].claim("q", 50, who="w", lease=LEASE)
        clock.move(LEASE)

        await asyncio.gather(*(sweep(engine) for engine in engines))

        jobs = [await find_job(engines[0], job.id) for job in made]
    assert {(job.state, job.crashes, job.version) for job in jobs} == {(State.AVAILABLE, 1, 3)}


async def test_a_full_sweep_says_that_there_may_be_more(engine: Engine, clock: Clock) -> None:
    await engine.call([Enqueue(queue="q", kind="k", delay=LEASE) for _ in range(BATCH + 1)])
    clock.move(LEASE)

    assert [await sweep(engine), await sweep(engine)] == [True, False]
    assert (await count_jobs(engine))[State.AVAILABLE] == BATCH + 1


async def test_retiring_goes_on_while_there_is_more(engine: Engine, clock: Clock) -> None:
    await engine.call([Enqueue(id=f"j{n}", queue="q", kind="k") for n in range(BATCH + 1)])
    await engine.call([Cancel(id=f"j{n}", reason="operator") for n in range(BATCH + 1)])
    clock.move(timedelta(days=7))

    assert [await retire(engine, Keeping()), await retire(engine, Keeping())] == [True, False]
    assert sum((await count_jobs(engine)).values()) == 0


async def test_sweeping_in_the_background_promotes_expires_and_retires(engine: Engine, clock: Clock) -> None:
    await engine.call([Enqueue(id="old", queue="q", kind="k"), Cancel(id="old", reason="operator")])
    await engine.call([Enqueue(id="due", queue="q", kind="k", delay=LEASE)])
    clock.move(timedelta(days=7))

    async def done() -> bool:
        counts = await count_jobs(engine)
        return counts[State.CANCELLED] == 0 and counts[State.AVAILABLE] == 1

    async with sweeping(engine, Keeping()):
        await until(done)


async def test_the_sweeper_outlives_an_absence_of_redis_and_says_so(
    redis_server: RedisServers, caplog: pytest.LogCaptureFixture
) -> None:
    async def complained() -> bool:
        return "sweep.failed" in caplog.text

    server = redis_server()
    async with connect_redis(server.url, tls_verify=TlsVerify.AUTO, retries=0) as redis:
        engine = Engine(redis, prefix="test")
        async with background(sweep_for_ever(engine, Keeping(), every=OFTEN)):
            server.kill()
            await until(complained)
            server.start()
            await engine.enqueue(Enqueue(queue="q", kind="k", delay=OFTEN))

            assert await redis.blpop([engine.keys.wake("q")], timeout=2) is not None


async def test_after_an_absence_of_redis_live_workers_touch_their_leases_before_any_ends(
    redis_server: RedisServers, caplog: pytest.LogCaptureFixture, clock: Clock
) -> None:
    async def complained() -> bool:
        return "sweep.failed" in caplog.text

    server = redis_server(appendonly="yes", appendfsync="always")
    async with connect_redis(server.url, tls_verify=TlsVerify.AUTO, retries=0) as redis:
        engine = Engine(redis, prefix="test", clock=clock)
        await engine.call([Enqueue(id=job_id, queue="q", kind="k") for job_id in ("died", "lives")])
        _, lives = await engine.claim("q", 2, who="w", lease=LEASE)
        async with background(sweep_for_ever(engine, Keeping(), every=timedelta(milliseconds=200))):
            server.kill()
            await until(complained)
            clock.move(2 * LEASE)
            server.start()
            await until(lambda: has_had_a_turn(redis))
            await engine.touch(lives, LEASE)

            await until(lambda: has_crashed(engine, "died"))

        assert (await find_job(engine, "lives")).crashes == 0


async def has_had_a_turn(redis: Redis) -> bool:
    """Whether the sweeper has asked this server anything."""
    stats = await redis.info("commandstats")
    return not {"cmdstat_time", "cmdstat_eval", "cmdstat_evalsha"}.isdisjoint(stats)


async def has_crashed(engine: Engine, job_id: str) -> bool:
    return (await find_job(engine, job_id)).crashes == 1
