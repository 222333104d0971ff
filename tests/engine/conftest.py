"""Fixtures of the engine's tests: an engine on a real Redis, with a clock that the test moves."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import cast

import pytest
import redis as redis_py
from redis.asyncio import Redis
from redis.asyncio import RedisCluster as ClusterClient

from envoy_plugin.engine.engine import Engine
from envoy_plugin.memory_redis import memory_redis
from tests.engine.clock import Clock
from tests.redis_server import RedisCluster, RedisServer

PREFIX = "test"


@pytest.fixture(scope="session")
def shared_memory_redis() -> Iterator[str]:
    """The URL of fakeredis' TCP server, which `dev` runs on."""
    with memory_redis() as url:
        yield url


@pytest.fixture
def memory_redis_url(shared_memory_redis: str) -> str:
    """The same, empty."""
    with redis_py.Redis.from_url(shared_memory_redis, protocol=2) as client:
        client.flushall()
    return shared_memory_redis


@pytest.fixture(scope="session")
def shared_redis(request: pytest.FixtureRequest, shared_redis: RedisServer) -> RedisServer:
    """The server of the whole suite; with `--cluster`, the node that holds the engine's keys."""
    if not request.config.getoption("cluster"):
        return shared_redis
    cluster: RedisCluster = request.getfixturevalue("shared_cluster")
    return cluster.owner_of(PREFIX)


@pytest.fixture
def engine_url(redis_url: str) -> str:
    """Where the engine keeps its jobs; modules that run on both servers put their own in its place."""
    return redis_url


@pytest.fixture
def clock() -> Clock:
    """The time of the engine."""
    return Clock()


@asynccontextmanager
async def engine_at(url: str, clock: Clock, cluster: RedisCluster | None) -> AsyncIterator[Engine]:
    """An engine; on a cluster by redis-py's client for one, which first asks a node that doesn't hold its keys."""
    if cluster is None:
        client = Redis.from_url(url, protocol=2)
    else:
        client = cast("Redis", ClusterClient.from_url(cluster.stranger_to(PREFIX).url, protocol=2))
    async with client:
        yield Engine(client, prefix=PREFIX, clock=clock)


@pytest.fixture
async def engine(engine_url: str, clock: Clock, request: pytest.FixtureRequest) -> AsyncIterator[Engine]:
    """An engine with nothing in it."""
    is_real = request.config.getoption("cluster") and engine_url == request.getfixturevalue("shared_redis").url
    async with engine_at(engine_url, clock, request.getfixturevalue("shared_cluster") if is_real else None) as engine:
        yield engine
