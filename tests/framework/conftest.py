"""Fixtures of the framework's tests: a simulated Envoy, and a stage on which plugins are served."""

import io
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from envoy_plugin import Plugin
from envoy_plugin.logs import configure_logs
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
def logged(logging_as_before: None, *, json_logs: bool) -> io.StringIO:
    """What the process logs at level debug, requests included; its logging is put back afterwards."""
    stream = io.StringIO()
    configure_logs(level="debug", json=json_logs, access=True, stream=stream)
    return stream
