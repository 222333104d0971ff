"""Fixtures of the acceptance tests: everything runs as a process of its own, as it does at a customer's."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientSession, ClientTimeout, TCPConnector

from envoy_plugin.connection import connect_redis
from envoy_plugin.engine.engine import Engine
from tests.acceptance.processes import PREFIX, Site
from tests.redis_server import RedisServers

PLUGINS = Path(__file__).with_name("plugins")


@pytest.fixture
async def site(tmp_path: Path, redis_server: RedisServers) -> AsyncIterator[Site]:
    """A Redis that loses nothing, and nothing else yet; whatever the test starts is killed when it ends."""
    shutil.copytree(PLUGINS, tmp_path, dirs_exist_ok=True)
    redis = redis_server(appendonly="yes", appendfsync="always")
    async with ClientSession(connector=TCPConnector(limit=0), timeout=ClientTimeout(total=60)) as session:
        site = Site(directory=tmp_path, cwd=tmp_path, redis=redis, session=session)
        try:
            yield site
        finally:
            site.end()


@pytest.fixture
async def engine(site: Site) -> AsyncIterator[Engine]:
    """The jobs of the site's plugin, to look at, also after Redis was away."""
    async with connect_redis(site.redis.url) as client:
        yield Engine(client, prefix=PREFIX)
