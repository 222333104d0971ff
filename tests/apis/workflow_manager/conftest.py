"""Fixtures of the operator API's tests."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession
from redis.asyncio import Redis

from envoy_plugin.engine.engine import Engine
from envoy_plugin.sealing import Sealer
from tests.apis.workflow_manager.site import SETTINGS, Site, make_store, serving
from tests.engine.clock import Clock


@pytest.fixture
async def site(redis: Redis) -> AsyncIterator[Site]:
    """The API, with no job in it."""
    engine = Engine(redis, prefix="doors", codec=Sealer(SETTINGS.root_secrets), clock=Clock())
    store = make_store(engine)
    async with serving(engine, store) as url, ClientSession() as http:
        yield Site(engine=engine, store=store, http=http, url=url)
