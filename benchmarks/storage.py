"""A storage pipeline of 10 commands beside redis-py, in one run: `python benchmarks/storage.py [--quick] [--json]`."""

import argparse
import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from statistics import median

from loops import run
from redis.asyncio import Redis
from redis_server import PROGRAM_CORE, RedisServer, pin_this_process
from rounds import print_machine
from targets import Target, print_table, print_targets

from envoy_plugin.connection import connect_redis
from envoy_plugin.engine.keys import Keys
from envoy_plugin.envoy.redis_storage import RedisStorages
from envoy_plugin.envoy.storage import Storage
from envoy_plugin.envoy.storage_commands import Storable
from envoy_plugin.sealing import Sealer

AT_ONCE = 8  # pipelines under way
SLICE = 200  # pipelines between a change of contender
VALUE: Storable = {"badge": "B-17", "group": "Visitors", "door": 7}
KEYS = 5
TARGETS = {
    "storage_vs_pipeline": Target("a storage pipeline of 10 commands, against redis-py's in a transaction", 1.5, 2)
}
NAMES = {
    "storage": "ours: sealed, one script",
    "pipeline": "redis-py, MULTI: the same in the clear",
    "least": "redis-py, MULTI: in the clear, without order",
}

Work = Callable[[int], Awaitable[None]]


async def stored(storage: Storage, number: int) -> None:
    """Five values stored and five read by us."""
    pipeline = storage.pipeline()
    for key in range(KEYS):
        pipeline.set(f"key-{key}", VALUE).get(f"key-{(key + number) % KEYS}")
    results = await pipeline.execute()
    assert len(results) == 2 * KEYS


async def piped(redis: Redis, number: int) -> None:
    """The same with redis-py alone: all or nothing, in a hash, and a sorted set of its keys to list them in order."""
    async with redis.pipeline(transaction=True) as pipe:
        for key in range(KEYS):
            pipe.hset("bench", f"key-{key}", json.dumps(VALUE))
            pipe.zadd("bench:order", {f"key-{key}": 0})
            pipe.hget("bench", f"key-{(key + number) % KEYS}")
        answers = await pipe.execute()
    assert len([json.loads(answer) for answer in answers[2::3]]) == KEYS


async def piped_least(redis: Redis, number: int) -> None:
    """The least that stores and reads: without order."""
    async with redis.pipeline(transaction=True) as pipe:
        for key in range(KEYS):
            pipe.hset("bench", f"key-{key}", json.dumps(VALUE))
            pipe.hget("bench", f"key-{(key + number) % KEYS}")
        answers = await pipe.execute()
    assert len([json.loads(answer) for answer in answers[1::2]]) == KEYS


@dataclass(slots=True)
class Spent:
    """Seconds on the clock, and of this process' CPU."""

    wall: float = 0.0
    cpu: float = 0.0


async def measure_round(contenders: dict[str, Work], pipelines: int, at_once: int, first: int) -> dict[str, Spent]:
    """What each needs for a pipeline, in slices that alternate, begun by another contender each round."""
    names, spent = list(contenders), {name: Spent() for name in contenders}
    for number in range(0, pipelines, SLICE):
        for place in range(len(names)):
            name = names[(first + number // SLICE + place) % len(names)]
            start, cpu = time.perf_counter(), time.process_time()
            await asyncio.gather(*(repeat(contenders[name], SLICE // at_once) for _ in range(at_once)))
            spent[name].wall += (time.perf_counter() - start) / pipelines
            spent[name].cpu += (time.process_time() - cpu) / pipelines
    return spent


async def repeat(work: Work, times: int) -> None:
    """One after the other."""
    for number in range(times):
        await work(number)


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[dict[str, Work]]:
    """Every contender, with as many connections as pipelines are under way."""
    async with (
        connect_redis(url, retries=0, max_connections=AT_ONCE) as ours,
        Redis.from_url(url, max_connections=AT_ONCE) as theirs,
    ):
        storages = RedisStorages(ours, Sealer(["a-root-secret-of-some-length"]), keys_of=Keys("bench").storage)
        storage = storages.of_install("1001")
        yield {
            "storage": lambda number: stored(storage, number),
            "pipeline": lambda number: piped(theirs, number),
            "least": lambda number: piped_least(theirs, number),
        }


Rounds = list[dict[str, Spent]]


def ratio(rounds: Rounds, peer: str) -> float:
    """How many pipelines we run in the time of one of theirs: the median of the ratios of the same round."""
    return median(one[peer].wall / one["storage"].wall for one in rounds)


def row_of(name: str, found: dict[int, Rounds]) -> tuple[object, ...]:
    """One contender's medians: its rates, and its CPU when many are under way."""
    rates = [median(1 / one[name].wall for one in rounds) for rounds in found.values()]
    return (NAMES[name], *rates, median(1e6 * one[name].cpu for one in found[AT_ONCE]))


async def measure(arguments: argparse.Namespace) -> dict[str, float]:
    """Measure, print, and give the figures."""
    found: dict[int, Rounds] = {AT_ONCE: [], 1: []}
    with RedisServer.started() as server:
        print_machine(server.version)
        async with opened(server.url) as contenders:
            for number in range(-1, arguments.rounds):
                for at_once, rounds in found.items():
                    rounds.append(await measure_round(contenders, arguments.pipelines, at_once, number))
    found = {at_once: rounds[1:] for at_once, rounds in found.items()}  # the first warmed everything up
    figures = {
        "storage_vs_pipeline": ratio(found[AT_ONCE], "pipeline"),
        "storage_vs_least": ratio(found[AT_ONCE], "least"),
        "storage_vs_pipeline_one_at_a_time": ratio(found[1], "pipeline"),
        "storage_cpu_vs_pipeline": median(one["storage"].cpu / one["pipeline"].cpu for one in found[AT_ONCE]),
    }
    head = ("pipelines of 10 commands/s", f"{AT_ONCE} at once", "one at a time", "client CPU µs")
    print_table(head, [row_of(name, found) for name in NAMES])
    print_targets(TARGETS, figures)
    return figures


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer pipelines, in about 10 s")
    parser.add_argument("--json", action="store_true", help="the figures as one JSON object in the last line")
    parser.add_argument("--pipelines", type=int, help="a round's of each; default 5,000, quick: 1,000")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    arguments.pipelines = arguments.pipelines or (1000 if arguments.quick else 5000)
    pin_this_process(PROGRAM_CORE)
    figures = run(measure(arguments))
    if arguments.json:
        print(json.dumps({name: round(value, 4) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
