"""How the engine's costs grow: `python benchmarks/growth.py [--quick] [--rounds N] [--plot FILE]`.

With the backlog, with the number of workers, with dependents, and with what a job has beyond the least.
"""

import argparse
import contextlib
import logging
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from charts import draw
from contenders import payload
from loops import run
from ours import LEASE, QUEUE, Ours
from redis import Redis as BlockingRedis
from redis.asyncio import Redis
from redis_server import PROGRAM_CORE, RedisServer, Spent, pin_this_process, pinned
from targets import print_table

from envoy_plugin.engine.engine import Engine, Mode
from envoy_plugin.engine.retries import REPORT_DEBT
from envoy_plugin.engine.verbs import Claim, Enqueue, Listing, Policy, Succeed, Unique, Verb

SIZES, QUICK_SIZES = (1_000, 100_000, 1_000_000), (1_000, 10_000, 100_000)
DRAINED = 5_000
BATCH = 16
DEPENDENTS = 10
WORKERS = (1, 2, 3, 4)
WHEN = datetime(2100, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of one job: jobs a second, µs of Redis' main thread, commands in Redis."""

    rate: float
    cpu_us: float
    commands: float


def cost_of(spent: Spent, seconds: float, jobs: int) -> Cost:
    """What each of `jobs` cost."""
    return Cost(rate=jobs / seconds, cpu_us=spent.cpu_us / jobs, commands=spent.commands / jobs)


def middle(costs: list[Cost]) -> Cost:
    """The median of each figure."""
    cells = zip(*((cost.rate, cost.cpu_us, cost.commands) for cost in costs), strict=True)
    rate, cpu_us, commands = (median(cell) for cell in cells)
    return Cost(rate=rate, cpu_us=cpu_us, commands=commands)


async def drain(engine: Engine, jobs: int | None = None) -> None:
    """End so many jobs, or all there are, a batch a call: these have succeeded, give me the next."""
    claim = Claim(queue=QUEUE, n=BATCH, who="bench", lease=LEASE)
    ended = 0
    ends: list[Verb[Any]] = []
    while jobs is None or ended < jobs:
        held = (await engine.call([*ends, claim], Mode.EACH))[-1]
        ended += len(ends)
        ends = [Succeed.of(job) for job in held]
        if jobs is None and not ends:
            return


async def enqueue(engine: Engine, jobs: list[Enqueue]) -> None:
    """Up to 250 a call."""
    for first in range(0, len(jobs), 250):
        await engine.call(jobs[first : first + 250])


async def measured(server: RedisServer, work: Callable[[Engine], Any], jobs: int) -> Cost:
    """What `work` costs by job."""
    async with Redis.from_url(server.url) as client:
        engine = Engine(client, prefix="bench")
        before, start = server.spent(), time.perf_counter()
        await work(engine)
        return cost_of(server.spent().since(before), time.perf_counter() - start, jobs)


async def by_backlog(sizes: tuple[int, ...], rounds: int) -> dict[str, Cost]:
    """What the work of a job costs while so many others wait, the servers taking turns."""
    costs: dict[str, list[Cost]] = {f"{size:,}": [] for size in sizes}
    ours = Ours(batch=BATCH, in_flight=1)
    with contextlib.ExitStack() as servers:
        held = {f"{size:,}": servers.enter_context(RedisServer.started()) for size in sizes}
        for size, server in zip(sizes, held.values(), strict=True):
            await ours.open(server.url)
            await ours.enqueue(size + DRAINED)
            await ours.close()
        for number in range(rounds):
            for name, server in sorted(held.items(), reverse=bool(number % 2)):
                costs[name].append(await measured(server, partial(drain, jobs=DRAINED), DRAINED))
                await ours.open(server.url)
                await ours.enqueue(DRAINED)
                await ours.close()
    return {name: middle(rows) for name, rows in costs.items()}


def by_workers(rounds: int) -> dict[str, Cost]:
    """What the work of a job costs, and the rate of all, with so many processes on one queue."""
    costs: dict[str, list[Cost]] = {str(count): [] for count in WORKERS}
    for _ in range(rounds):
        for count in WORKERS:
            with RedisServer.started() as server:
                costs[str(count)].append(_crowd(server, count))
    return {name: middle(rows) for name, rows in costs.items()}


def _crowd(server: RedisServer, count: int) -> Cost:
    jobs = DRAINED * count
    run(_fill(server.url, jobs))
    gate = BlockingRedis.from_url(server.url)
    command = pinned([sys.executable, __file__, "--drain", server.url], PROGRAM_CORE)
    processes = [subprocess.Popen(command) for _ in range(count)]
    while gate.get("ready") != str(count).encode():
        time.sleep(0.01)
    before, start = server.spent(), time.perf_counter()
    gate.rpush("go", *range(count))
    for process in processes:
        process.wait(120)
    seconds = time.perf_counter() - start
    gate.close()
    return cost_of(server.spent().since(before), seconds, jobs)


async def _fill(url: str, jobs: int) -> None:
    ours = Ours(batch=BATCH, in_flight=1)
    await ours.open(url)
    await ours.enqueue(jobs)
    await ours.close()


async def drain_when_told(url: str) -> None:
    """One process of several: say that it is ready, wait for the word, and work until nothing is left."""
    async with Redis.from_url(url) as client:
        await client.incr("ready")
        await client.blpop(["go"])
        await drain(Engine(client, prefix="bench"))


def plain(number: int, **facts: Any) -> Enqueue:
    """A job with a payload of 100 bytes."""
    return Enqueue(queue=QUEUE, kind="noop", payload=payload(number).encode(), **facts)


async def _lives(engine: Engine, make: Callable[[int], Enqueue]) -> None:
    await enqueue(engine, [make(number) for number in range(DRAINED)])
    await drain(engine, DRAINED)


async def _fans(engine: Engine) -> None:
    for _ in range(DRAINED // (DEPENDENTS + 1)):
        first = plain(0)
        await engine.call([first, *(plain(n, after={first.id: Policy.HOLD}) for n in range(DEPENDENTS))])
    await drain(engine, DRAINED // (DEPENDENTS + 1) * (DEPENDENTS + 1))


async def _children(engine: Engine) -> None:
    for _ in range(DRAINED // 100):
        envelope = Enqueue(queue="fleet", kind="fleet", envelope=True)
        await engine.call([envelope, *(plain(n, parent=envelope.id) for n in range(100))])
    await drain(engine, DRAINED)


FEATURES: dict[str, Callable[[Engine], Any]] = {
    "plain": partial(_lives, make=plain),
    "with a limit": partial(_lives, make=lambda n: plain(n, limit=timedelta(minutes=5))),
    "with a unique key": partial(_lives, make=lambda n: plain(n, unique=Unique(key=f"k{n}"))),
    "listed by kind and install": partial(
        _lives, make=lambda n: plain(n, install="1001", listed=(Listing.KIND, Listing.INSTALL))
    ),
    "that owes a report": partial(_lives, make=lambda n: plain(n, owes=REPORT_DEBT)),
    "in a lane with 99 others": partial(_lives, make=lambda n: plain(n, lane=f"door-{n % 50}")),
    "child of an envelope": _children,
    "one of 10 dependents": _fans,
}


async def by_feature(rounds: int) -> dict[str, Cost]:
    """What the whole life of a job costs that has one thing more than a plain one."""
    costs: dict[str, list[Cost]] = {name: [] for name in FEATURES}
    with RedisServer.started() as server:
        for number in range(rounds + 1):
            for name, work in FEATURES.items():
                server.empty()
                cost = await measured(server, work, DRAINED)
                if number:  # the first round loads the scripts
                    costs[name].append(cost)
    return {name: middle(rows) for name, rows in costs.items()}


def show(title: str, costs: dict[str, Cost]) -> None:
    """A table, each row beside the first."""
    first = next(iter(costs.values()))
    rows = [
        (name, cost.rate, cost.rate / first.rate, cost.cpu_us, cost.cpu_us / first.cpu_us, cost.commands)
        for name, cost in costs.items()
    ]
    print_table((title, "jobs/s", "of the first", "Redis µs", "of the first", "commands"), rows)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="backlogs of up to 100,000")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--plot", type=Path, help="write a chart (SVG) of the costs there")
    parser.add_argument("--drain", metavar="URL", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    if arguments.drain:
        return run(drain_when_told(arguments.drain))
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}")
    workers = by_workers(arguments.rounds)
    pin_this_process(PROGRAM_CORE)
    backlogs = run(by_backlog(QUICK_SIZES if arguments.quick else SIZES, arguments.rounds))
    features = run(by_feature(arguments.rounds))
    tables = {"jobs waiting": backlogs, "workers": workers, "a job": features}
    for title, costs in tables.items():
        show(title, costs)
    if arguments.plot:
        draw(
            {title: {name: cost.cpu_us for name, cost in costs.items()} for title, costs in tables.items()},
            arguments.plot,
        )
    return None


if __name__ == "__main__":
    main()
