"""Fixtures of the workflows' tests: a store over an engine on a real Redis, with a clock that the test moves."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from envoy_plugin.engine.engine import Engine
from envoy_plugin.sealing import Sealer
from tests.engine.clock import Clock
from tests.workflows.office import Office
from tests.workflows.stage import Stage

SEALER = Sealer(["a-secret-of-some-length"])


@pytest.fixture
def clock() -> Clock:
    """The time of the engine."""
    return Clock()


@pytest.fixture
async def engine(redis_url: str, clock: Clock) -> AsyncIterator[Engine]:
    """An engine with nothing in it, which seals."""
    async with Redis.from_url(redis_url, protocol=2) as client:
        yield Engine(client, prefix="test", codec=SEALER, clock=clock)


@pytest.fixture
def stage(engine: Engine) -> Stage:
    """Workflows of one item, and those who do their steps."""
    return Stage(engine, SEALER.digest)


@pytest.fixture
def office(stage: Stage) -> Office:
    """Operators, and jobs of one item."""
    return Office(stage)
