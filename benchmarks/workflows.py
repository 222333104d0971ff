"""A filtered page of 100,000 jobs beside what Redis alone needs for it: `python benchmarks/workflows.py [--json]`.

Then what no index tells: patterns, other orders, counts by a value.
"""

import argparse
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from itertools import cycle
from statistics import median
from typing import Any

from loops import run
from redis.asyncio import Redis
from redis_server import PROGRAM_CORE, RedisServer, pin_this_process
from rounds import print_machine
from targets import Target, print_table, print_targets

from envoy_plugin.connection import connect_redis
from envoy_plugin.engine.engine import Engine
from envoy_plugin.sealing import Sealer
from envoy_plugin.workflows.definitions.diagrams import Step
from envoy_plugin.workflows.definitions.store import Store
from envoy_plugin.workflows.definitions.templates import Template
from envoy_plugin.workflows.index.summary import tag_of
from envoy_plugin.workflows.manager import JobsManager
from envoy_plugin.workflows.models import JobStatisticsDetails, Query, SortField
from envoy_plugin.workflows.running.create import NewWorkflow, plan_workflow

Asked = dict[str, Any]

ITEM = "1001"
PAGE = 50
EACH = 100  # jobs of one person
AT_ONCE = 60  # jobs that are made in one call
VISIT = Template.of("visit", Step.manual("sign"), name="Visit")
FIELDS = ("jobId", "jobName", "jobStatus", "priority")
BY_NAME = (SortField(field="jobName"), SortField(field="priority", sort_order="Desc"))
PAGES: dict[str, Asked] = {
    "one tag": {"q": "closed = 0"},
    "one person": {"q": "assignedType='User' AND closed=0 AND assignedTo='user-{}'"},
    "one person sorted": {"q": "closed=0 AND assignedTo='user-{}'", "sort_fields": BY_NAME},
    "two that cut": {"q": "jobStatus = 'Waiting' AND priority = 'High'"},
    "a list": {"q": "priority IN ('High', 'Low') AND jobStatus = 'Waiting'"},
    "a tag and a date": {"q": "priority = 'High' AND createdDate > '2020-01-01'"},
    "a common word": {"search": "visit"},
    "two words": {"search": "visit {}"},
    "halfway in one tag": {"q": "closed = 0", "start": 0.5},
}
"""What is asked, by name: `{}` is another number each time, and `start` a share of all jobs."""
LOOKS: dict[str, Asked] = {
    "halfway in two that cut": {"q": "jobStatus = 'Waiting' AND priority = 'High'", "start": 1 / 60},
    "a pattern that a tenth fits, none of the newest": {"q": "closed = 0 AND jobName LIKE 'Visit 1%'"},
    "a pattern that one fits": {"q": "closed = 0 AND jobName LIKE 'Visit {}'"},
    "two tags that no job has both": {"q": "jobStatus = 'Left' AND ownedBy = 'grace'"},
    "a phrase, sorted": {"search": "'user 1{}'", "sort_fields": BY_NAME},
    "a third of all, sorted": {"q": "priority = 'High'", "sort_fields": BY_NAME},
    "all, sorted": {"q": "closed = 0", "sort_fields": BY_NAME},
}
COUNTS: dict[str, Asked] = {
    "one tag": {"q": "closed = 0"},
    "two that cut": {"q": "jobStatus = 'Waiting' AND priority = 'High'"},
    "a pattern": {"q": "jobName LIKE '%99'"},
    "a third of all, by status": {"q": "priority = 'High'", "group_by": "job_status"},
    "all, by priority": {"group_by": "priority"},
}
TARGETS = {
    f"page_{name.replace(' ', '_')}": Target(f"a page, {name}, against ZRANGE and 50 HGETALL", 5, 2, at_most=True)
    for name in PAGES
}


async def fill(store: Store, jobs: int) -> None:
    """Make the jobs: a tenth waits, a tenth has left, a third is urgent, each person has as many."""
    plans: list[Any] = []
    for number in range(jobs):
        facts = {
            "job_name": f"Visit {number}",
            "job_status": {0: "Waiting", 1: "Left"}.get(number % 10, "Arrived"),
            "owned_by": "ada" if number % 2 else "grace",
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


def asked_of(asked: Asked, number: int, jobs: int) -> Asked:
    """What is asked of so many jobs, the so-many-eth time."""
    texts = {name: value.format(number) for name, value in asked.items() if isinstance(value, str)}
    return asked | texts | ({"start": int(asked["start"] * jobs)} if "start" in asked else {})


async def page(manager: JobsManager, asked: Asked, numbers: Iterator[int], jobs: int) -> None:
    """A page by us; never the same person's, nor the same words, twice in a row."""
    await manager.query_jobs(Query(**asked_of(asked, next(numbers), jobs), fields=FIELDS, num=PAGE))


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
        print_machine(server.version)
        async with connect_redis(server.url, retries=0, max_connections=4) as redis:
            engine = Engine(redis, prefix="bench", codec=sealer)
            store = Store(engine, sealer.digest, own={"visit": VISIT})
            start = time.perf_counter()
            await fill(store, arguments.jobs)
            print(f"{arguments.jobs} jobs in {time.perf_counter() - start:.0f} s, {server.memory() >> 20} MiB in Redis")
            return await compare(arguments, engine, JobsManager(store, item=ITEM), tag_of(store, ITEM, ("closed", "0")))


async def compare(arguments: argparse.Namespace, engine: Engine, manager: JobsManager, tag: str) -> dict[str, float]:
    """Every filter beside the same page in bare commands, in turns; then what is looked at job by job."""
    numbers, rounds = cycle(range(arguments.jobs // EACH)), list[dict[str, float]]()
    for _ in range(arguments.rounds + 1):
        row = {"bare": await seconds(lambda: bare(engine.redis, engine, tag), arguments.pages)}
        for name, asked in PAGES.items():
            ask = partial(page, manager, asked, numbers, arguments.jobs)
            row[name] = await seconds(ask, arguments.pages)
        rounds.append(row)
    rounds = rounds[1:]  # the first warmed everything up
    print_table(("a page of 50", "ms"), [(name, median(1e3 * one[name] for one in rounds)) for name in rounds[0]])
    figures = {f"page_{name.replace(' ', '_')}": median(one[name] / one["bare"] for one in rounds) for name in PAGES}
    await look(arguments, manager, numbers)
    print_targets(TARGETS, figures)
    return figures


async def look(arguments: argparse.Namespace, manager: JobsManager, numbers: Iterator[int]) -> None:
    """What is looked at job by job, and what is counted: how long it takes."""
    asked = {name: partial(page, manager, one, numbers, arguments.jobs) for name, one in LOOKS.items()}
    took = [(name, 1e3 * await seconds(ask, arguments.rounds)) for name, ask in asked.items()]
    print_table(("a page that no index tells", "ms"), took)
    count = manager.calculate_job_statistics
    counts = {name: partial(count, JobStatisticsDetails(**one)) for name, one in COUNTS.items()}
    took = [(name, 1e3 * await seconds(ask, arguments.rounds)) for name, ask in counts.items()]
    print_table(("a count", "ms"), took)


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
