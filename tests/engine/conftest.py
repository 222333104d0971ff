"""Fixtures of the engine's tests: an engine on a real Redis, with a clock that the test moves."""

from collections.abc import AsyncIterator, Iterator

import pytest
import redis as redis_py
from redis.asyncio import Redis

from envoy_plugin.engine.engine import Engine
from envoy_plugin.memory_redis import memory_redis
from tests.engine.clock import Clock

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


@pytest.fixture
def engine_url(redis_url: str) -> str:
    """Where the engine keeps its jobs; modules that run on both servers put their own in its place."""
    return redis_url


@pytest.fixture
def clock() -> Clock:
    """The time of the engine."""
    return Clock()


@pytest.fixture
async def engine(engine_url: str, clock: Clock) -> AsyncIterator[Engine]:
    """An engine with nothing in it."""
    async with Redis.from_url(engine_url, protocol=2) as client:
        yield Engine(client, prefix=PREFIX, clock=clock)
