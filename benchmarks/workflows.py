"""A filtered page of 100,000 jobs beside what Redis alone needs for it: `python benchmarks/workflows.py [--json]`."""

import argparse
import json
import os
import platform
import time
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Any

from loops import run
from redis.asyncio import Redis
from redis_server import PROGRAM_CORE, RedisServer, pin_this_process
from targets import Target, print_table, print_targets

from envoy_plugin.connection import connect_redis
from envoy_plugin.engine.engine import Engine
from envoy_plugin.sealing import Sealer
from envoy_plugin.workflows.create import NewWorkflow, plan_workflow
from envoy_plugin.workflows.diagrams import Step
from envoy_plugin.workflows.manager import JobsManager
from envoy_plugin.workflows.models import JobStatisticsDetails, Query
from envoy_plugin.workflows.store import Store
from envoy_plugin.workflows.summary import tag_of
from envoy_plugin.workflows.templates import Template

ITEM = "1001"
PAGE = 50
EACH = 100  # jobs of one person
AT_ONCE = 60  # jobs that are made in one call
VISIT = Template.of("visit", Step.manual("sign"), name="Visit")
FIELDS = ("jobId", "jobName", "jobStatus", "priority")
FILTERS = {
    "one tag": "closed = 0",
    "one person": "assignedType='User' AND closed=0 AND assignedTo='user-1'",
    "two that cut": "jobStatus = 'Waiting' AND priority = 'High'",
    "a list": "priority IN ('High', 'Low') AND jobStatus = 'Waiting'",
}
TARGETS = {
    f"page_{name.replace(' ', '_')}": Target(f"a page, {name}, against ZRANGE and 50 HGETALL", 5, 2, at_most=True)
    for name in FILTERS
}


async def fill(store: Store, jobs: int) -> None:
    """Make the jobs: a tenth waits, a third is urgent, each person has as many."""
    plans: list[Any] = []
    for number in range(jobs):
        facts = {
            "job_name": f"Visit {number}",
            "job_status": "Waiting" if number % 10 == 0 else "Arrived",
            "priority": ("High", "Medium", "Low")[number // 10 % 3],
        }
        new = NewWorkflow(
            item=ITEM, created_by="ada", assigned=f"user:user-{number % (jobs // EACH)}", properties=facts
        )
        plans += (await plan_workflow(store, VISIT, new)).verbs
        if len(plans) >= 3 * AT_ONCE:
            await store.engine.call(plans)
            plans = []
    if plans:
        await store.engine.call(plans)


async def bare(redis: Redis, engine: Engine, tag: str) -> None:
    """What the page is measured against: the ids, then all that is kept with each."""
    ids: Any = await redis.zrange(engine.keys.tag(tag), "+", "-", desc=True, bylex=True, offset=0, num=PAGE)
    async with redis.pipeline(transaction=False) as pipe:
        for job_id in ids:
            pipe.hgetall(engine.keys.described(job_id.decode()))
        found = await pipe.execute()
    assert len(found) == PAGE
    assert all(found)


async def page(manager: JobsManager, clause: str) -> None:
    """A page by us."""
    result = await manager.query_jobs(Query(q=clause, fields=FIELDS, num=PAGE))
    assert result.results


async def seconds(work: Callable[[], Awaitable[object]], times: int) -> float:
    """How long one takes, of so many one after the other."""
    start = time.perf_counter()
    for _ in range(times):
        await work()
    return (time.perf_counter() - start) / times


async def measure(arguments: argparse.Namespace) -> dict[str, float]:
    """Measure, print, and give the figures."""
    sealer = Sealer(["a-root-secret-of-some-length"])
    with RedisServer.started() as server:
        print(f"{os.cpu_count()} cores, Python {platform.python_version()}, Redis {server.version}")
        async with connect_redis(server.url, retries=0, max_connections=4) as redis:
            engine = Engine(redis, prefix="bench", codec=sealer)
            store = Store(engine, sealer.digest, own={"visit": VISIT})
            start = time.perf_counter()
            await fill(store, arguments.jobs)
            print(f"{arguments.jobs} jobs in {time.perf_counter() - start:.0f} s, {server.memory() >> 20} MiB in Redis")
            return await compare(arguments, engine, JobsManager(store, item=ITEM), tag_of(store, ITEM, ("closed", "0")))


async def compare(arguments: argparse.Namespace, engine: Engine, manager: JobsManager, tag: str) -> dict[str, float]:
    """Every filter beside the same page in bare commands, in turns."""
    rounds: list[dict[str, float]] = []
    for _ in range(arguments.rounds + 1):
        row = {"bare": await seconds(lambda: bare(engine.redis, engine, tag), arguments.pages)}
        for name, clause in FILTERS.items():
            row[name] = await seconds(lambda clause=clause: page(manager, clause), arguments.pages)  # type: ignore[misc]
        rounds.append(row)
    rounds = rounds[1:]  # the first warmed everything up
    print_table(("a page of 50", "ms"), [(name, median(1e3 * one[name] for one in rounds)) for name in rounds[0]])
    figures = {f"page_{name.replace(' ', '_')}": median(one[name] / one["bare"] for one in rounds) for name in FILTERS}
    counted = await seconds(lambda: manager.calculate_job_statistics(JobStatisticsDetails(q="closed = 0")), 10)
    print(f"counting the open jobs: {1e3 * counted:.2f} ms")
    print_targets(TARGETS, figures)
    return figures


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="the figures as one JSON object in the last line")
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--pages", type=int, default=50, help="a round's of each")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    pin_this_process(PROGRAM_CORE)
    figures = run(measure(arguments))
    if arguments.json:
        print(json.dumps({name: round(value, 4) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
