"""On a real Redis Cluster of three nodes: a few tests of the engine; with `--cluster` all of them run on one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

import pytest
import redis as redis_py

from envoy_plugin.connection import call_once, connect_redis
from envoy_plugin.engine.attempts import find_lives
from envoy_plugin.engine.batching import Batcher
from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.listings import Filter, find_jobs
from envoy_plugin.engine.queries import count_jobs, find_job, find_record
from envoy_plugin.engine.states import State
from envoy_plugin.engine.sweeper import Keeping, retire, sweep
from envoy_plugin.engine.verbs import Enqueue, Listing
from envoy_plugin.engine.waiting import listening
from tests.engine.clock import Clock
from tests.engine.conftest import PREFIX, engine_at
from tests.engine.whole_life import live
from tests.redis_server import RedisCluster

LEASE: Final = timedelta(seconds=15)


@pytest.fixture
def cluster(shared_cluster: RedisCluster) -> RedisCluster:
    """Three nodes with nothing in them."""
    for node in shared_cluster.nodes:
        with redis_py.Redis.from_url(node.url) as client:
            client.flushall()
            client.script_flush()
    return shared_cluster


@asynccontextmanager
async def connected(cluster: RedisCluster, clock: Clock) -> AsyncIterator[Engine]:
    """An engine as a process of ours has it, whose URL names a node that hasn't its keys."""
    async with connect_redis(cluster.stranger_to(PREFIX).url) as client:
        yield Engine(client, prefix=PREFIX, clock=clock)


@pytest.fixture(params=["ours", "redis-py's"])
async def engine(request: pytest.FixtureRequest, cluster: RedisCluster, clock: Clock) -> AsyncIterator[Engine]:
    """An engine by our client, and by redis-py's for clusters."""
    opened = connected(cluster, clock) if request.param == "ours" else engine_at("", clock, cluster)
    async with opened as engine:
        yield engine


def sizes(cluster: RedisCluster) -> dict[int, int]:
    """How many keys each node has, by its port."""
    found = {}
    for node in cluster.nodes:
        with redis_py.Redis.from_url(node.url) as client:
            found[node.port] = int(client.dbsize())
    return found


async def test_a_life_with_everything_in_it_is_on_one_node_alone(
    engine: Engine, clock: Clock, cluster: RedisCluster
) -> None:
    await live(engine, clock)
    there = sizes(cluster)
    assert there.pop(cluster.owner_of(PREFIX).port) > 30
    assert list(there.values()) == [0, 0]


async def test_jobs_are_read_listed_and_counted(engine: Engine) -> None:
    made = await engine.call([Enqueue(queue="q", kind="k", payload=b"{}", listed=[Listing.KIND]) for _ in range(3)])
    page = await find_jobs(engine, Filter(kind="k"), limit=2)
    assert ([job.id for job in page.jobs], page.cursor is not None) == ([made[2].id, made[1].id], True)
    assert (await find_record(engine, made[0].id, 1)).payload == b"{}"
    assert [life.payload if life else None for life in await find_lives(engine, [(made[0].id, 1)])] == [b"{}"]
    assert (await count_jobs(engine))[State.AVAILABLE] == 3


async def test_a_waiting_claim_wakes(engine: Engine) -> None:
    batcher = Batcher(engine)
    async with listening(engine.redis, engine.keys, ["q"]) as alarm:
        await batcher.run(Enqueue(queue="q", kind="k"))
        await alarm.wait("q", at_most=timedelta(seconds=30))
    assert len(await engine.claim("q", 5, who="w", lease=LEASE)) == 1


async def test_scripts_that_were_forgotten_are_given_again(engine: Engine, cluster: RedisCluster) -> None:
    await engine.enqueue(Enqueue(queue="q", kind="k"))
    with redis_py.Redis.from_url(cluster.owner_of(PREFIX).url) as client:
        client.script_flush()
    assert len(await engine.claim("q", 5, who="w", lease=LEASE)) == 1


async def test_a_killed_worker_is_noticed_and_what_was_kept_long_enough_goes(engine: Engine, clock: Clock) -> None:
    made = await engine.enqueue(Enqueue(queue="q", kind="k"))
    await engine.claim("q", 1, who="w", lease=LEASE)
    clock.move(LEASE)
    await sweep(engine)
    assert (await find_job(engine, made.id)).state is State.AVAILABLE
    await engine.cancel(made.id, reason="operator")
    clock.move(timedelta(days=8))
    await retire(engine, Keeping())
    assert sum((await count_jobs(engine)).values()) == 0


async def test_what_may_run_once_alone_runs_once(cluster: RedisCluster) -> None:
    async with connect_redis(cluster.stranger_to(PREFIX).url) as client:
        assert await call_once(client, "INCR", f"{{{PREFIX}}}:count") == 1
        assert await client.get(f"{{{PREFIX}}}:count") == b"1"


async def test_a_node_that_was_started_again_is_found_again(cluster: RedisCluster) -> None:
    owner = cluster.owner_of(PREFIX)
    async with connect_redis(cluster.stranger_to(PREFIX).url) as client:
        await client.set(f"{{{PREFIX}}}:key", "1")
        owner.kill()
        with pytest.raises(redis_py.ConnectionError):
            await client.get(f"{{{PREFIX}}}:key")
        owner.start()
        cluster.wait()
        assert await client.get(f"{{{PREFIX}}}:key") is None
