"""Does a long queue slow the worker down? Two servers, one holding 1,000,000 jobs and one 25,000, drained in turns."""

import contextlib
from statistics import median

from contenders import Contender
from measuring import drain
from redis_server import RedisServer

SIZES = (1_000_000, 25_000)
DRAINED = 20_000


async def drained_at_backlogs(contender: Contender, rounds: int) -> float:
    """The rate at the long queue as a share of that at the short one, median of the rounds."""
    ratios = []
    with contextlib.ExitStack() as servers:
        long, short = (servers.enter_context(RedisServer.started()) for _ in SIZES)
        await fill(contender, long, SIZES[0])
        await fill(contender, short, SIZES[1])
        for number in range(rounds):
            order = (long, short) if number % 2 else (short, long)
            seconds = {server: await drain_and_refill(contender, server) for server in order}
            ratios.append(seconds[short] / seconds[long])
            print(f"backlog of 1 M against 25 k: {ratios[-1]:.2f}", flush=True)
    return median(ratios)


async def fill(contender: Contender, server: RedisServer, jobs: int) -> None:
    """Enqueue so many."""
    await contender.open(server.url)
    await contender.enqueue(jobs)
    await contender.close()


async def drain_and_refill(contender: Contender, server: RedisServer) -> float:
    """Seconds that it takes to drain 20,000."""
    await contender.open(server.url)
    seconds = await drain(contender, DRAINED)
    await contender.enqueue(DRAINED)
    await contender.close()
    return seconds
