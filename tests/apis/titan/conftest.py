"""Fixtures of the Titan API's tests."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession
from redis.asyncio import Redis

from envoy_plugin.engine.engine import Engine
from envoy_plugin.sealing import Sealer
from tests.apis.titan.site import Site, serving
from tests.engine.clock import Clock


@pytest.fixture
async def site(redis: Redis) -> AsyncIterator[Site]:
    """The API, open to this machine, with nothing in it."""
    clock = Clock()
    engine = Engine(redis, prefix="doors", codec=Sealer(["a root secret of a test"]), clock=clock)
    async with serving(engine) as url, ClientSession() as http:
        yield Site(engine=engine, clock=clock, http=http, url=url)
