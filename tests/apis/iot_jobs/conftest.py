"""Fixtures of the device API's tests: the API on a real port and a real Redis, and boto3's own clients."""

from collections.abc import AsyncIterator

import pytest

from envoy_plugin.connection import connect_redis
from envoy_plugin.engine.engine import Engine
from tests.apis.iot_jobs.site import Site, open_site
from tests.engine.clock import Clock

PREFIX = "test"


@pytest.fixture
def clock() -> Clock:
    """The time of the engine."""
    return Clock()


@pytest.fixture
async def engine(redis_url: str, clock: Clock) -> AsyncIterator[Engine]:
    """An engine with nothing in it, by a client as a process has it."""
    async with connect_redis(redis_url, max_connections=6) as client:
        yield Engine(client, prefix=PREFIX, clock=clock)


@pytest.fixture
async def site(engine: Engine, clock: Clock) -> AsyncIterator[Site]:
    """The API with one thing, `printer`, and an operator's key."""
    async with open_site(engine, clock) as site:
        yield site
