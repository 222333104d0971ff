"""Fixtures of the framework's tests: a simulated Envoy, and a stage on which plugins are served."""

import io
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest
import structlog
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from envoy_plugin import Plugin
from envoy_plugin.logs import ACCESS_LOGGER, configure_logs
from envoy_plugin.simulator.platform import create_platform
from tests.envoy_server import CLIENT_ID, CLIENT_SECRET, SimulatedEnvoy
from tests.framework.served import Stage


@pytest.fixture
async def envoy() -> AsyncIterator[SimulatedEnvoy]:
    """A simulated Envoy that knows the plugin and install 1001."""
    app = create_platform(client_id=CLIENT_ID, client_secret=CLIENT_SECRET)
    async with TestServer(app) as server:
        yield SimulatedEnvoy(app=app, url=str(server.make_url("")).rstrip("/"))


@pytest.fixture
async def stage(redis_url: str, envoy: SimulatedEnvoy) -> AsyncIterator[Stage]:
    """`await stage.serve(plugin)`."""
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(ClientSession())
        yield Stage(redis_url, envoy, http, stack)


@pytest.fixture
def plugin() -> Plugin:
    """A plugin without handlers."""
    return Plugin("visitor-doors")


@pytest.fixture
def json_logs() -> bool:
    """Whether `logged` is JSON."""
    return True


@pytest.fixture
def logged(*, json_logs: bool) -> Iterator[io.StringIO]:
    """What the process logs at level debug, requests included; its logging is put back afterwards."""
    root, access = logging.getLogger(), logging.getLogger(ACCESS_LOGGER)
    levels, handlers = (root.level, access.level), root.handlers[:]
    stream = io.StringIO()
    configure_logs(level="debug", json=json_logs, access=True, stream=stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    access.setLevel(levels[1])
    structlog.reset_defaults()
