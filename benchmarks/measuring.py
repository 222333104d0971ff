"""What is measured of a contender in one round."""

import asyncio
import time
from collections.abc import Awaitable
from dataclasses import dataclass

from contenders import PAYLOAD_BYTES, Arrivals, Contender
from redis.asyncio import Redis
from redis_server import RedisServer

WARM_UP = 200  # jobs drained before anything is measured
SETTLE = 0.05  # seconds until what follows a handler's end is in Redis, too
SLICE = 250  # calls between a change from SET to enqueue and back


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """`jobs` from enqueue to end: rates per second, the rest per job."""

    drained: float
    enqueued: float
    cpu_us: float
    commands: float
    queued_bytes: float  # beyond the payload
    ended_bytes: float  # payload included


async def life(contender: Contender, server: RedisServer, jobs: int) -> Life:
    """Enqueue all, then drain all with one worker; disconnected in between, to weigh what Redis holds."""
    await warmed(contender, server)
    await contender.close()
    empty = server.memory()
    await contender.open(server.url)
    before = server.spent()
    enqueue_seconds = await timed(contender.enqueue(jobs))
    enqueueing = server.spent().since(before)
    await contender.close()
    queued = server.memory()
    await contender.open(server.url)
    before = server.spent()
    drain_seconds = await drain(contender, jobs)
    draining = server.spent().since(before)
    await contender.close()
    return Life(
        drained=jobs / drain_seconds,
        enqueued=jobs / enqueue_seconds,
        cpu_us=(enqueueing.cpu_us + draining.cpu_us) / jobs,
        commands=(enqueueing.commands + draining.commands) / jobs,
        queued_bytes=(queued - empty) / jobs - PAYLOAD_BYTES,
        ended_bytes=(server.memory() - empty) / jobs,
    )


async def drain(contender: Contender, jobs: int) -> float:
    """Seconds from the worker's start until its handler has seen so many jobs."""
    arrivals = Arrivals()
    arrivals.expect(jobs)
    start = time.perf_counter()
    async with contender.working(arrivals):
        last = await arrivals.reached()
        await asyncio.sleep(SETTLE)
    return last - start


async def enqueue_against_set(contender: Contender, server: RedisServer, calls: int) -> tuple[float, float]:
    """Jobs enqueued one by one per second, and that as a share of bare SETs, in slices that alternate."""
    await warmed(contender, server)
    client = Redis.from_url(server.url)
    enqueueing = setting = 0.0
    for _ in range(0, calls, SLICE):
        setting += await timed(_set(client, SLICE))
        enqueueing += await timed(contender.enqueue_singly(SLICE))
    await client.aclose()
    await contender.close()
    return calls / enqueueing, setting / enqueueing


async def start_latencies(contender: Contender, server: RedisServer, samples: int) -> list[float]:
    """Milliseconds from the call of enqueue to the handler's start, the worker being idle."""
    await warmed(contender, server)
    arrivals, found = Arrivals(), []
    async with contender.working(arrivals):
        for _ in range(samples):
            await asyncio.sleep(0.01)
            arrivals.expect(1)
            start = time.perf_counter()
            await contender.enqueue_singly(1)
            found.append(1000 * (await arrivals.reached() - start))
        await asyncio.sleep(SETTLE)
    await contender.close()
    return found


async def warmed(contender: Contender, server: RedisServer) -> None:
    """Open on an empty Redis and drain some jobs to warm all up."""
    server.empty()
    await contender.open(server.url)
    await contender.enqueue(WARM_UP)
    await drain(contender, WARM_UP)


async def timed(work: Awaitable[None]) -> float:
    """Seconds that it takes."""
    start = time.perf_counter()
    await work
    return time.perf_counter() - start


async def _set(client: Redis, calls: int) -> None:
    for number in range(calls):
        await client.set(f"bench:set:{number}", "x" * PAYLOAD_BYTES)
