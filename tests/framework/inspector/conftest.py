"""Fixtures of the inspector's tests."""

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientSession, CookieJar
from aiohttp.test_utils import TestServer
from redis.asyncio import Redis
from yarl import URL

from envoy_plugin import Done, Entry, Link, Password, Plugin, Text
from envoy_plugin.inspector.access import Access
from envoy_plugin.inspector.application import create_inspector
from envoy_plugin.inspector.backstage import Backstage
from envoy_plugin.inspector.door import Door, door_session
from envoy_plugin.inspector.recording import Recorder
from envoy_plugin.inspector.replaying import Replayer
from envoy_plugin.inspector.views import Viewer
from envoy_plugin.logs import also_tell, get_logger
from envoy_plugin.simulator.control import SimulatedEnvoy as Control
from envoy_plugin.simulator.platform import JOBS
from tests.envoy_server import CLIENT_SECRET, SimulatedEnvoy
from tests.framework.inspector.inspected import TOKEN, Inspected
from tests.framework.served import Stage
from tests.redis_server import free_port

MOST_BODY = 64 * 1024
ATTACHMENTS = (Text("Door", "north"), Password("Code", "s3cret"), Link("Map", "Ground floor", "https://map.example/1"))

Inspect = Callable[..., Coroutine[Any, Any, Inspected]]


@pytest.fixture
def plugin() -> Plugin:
    """One that opens doors in the background, and closes them at once."""
    plugin = Plugin("visitor-doors")
    log = get_logger("doors")

    @plugin.on("entry_sign_in", background=True)
    async def open_door(entry: Entry) -> Done:
        log.info("door.opened", door="north")
        return Done("Door open", *ATTACHMENTS)

    @plugin.on("entry_sign_out")
    async def close_door(entry: Entry) -> Done:
        log.info("door.closed", door="north")
        return Done()

    return plugin


@asynccontextmanager
async def inspecting(target: str, redis: Redis, envoy: SimulatedEnvoy, envoy_url: str) -> AsyncIterator[Inspected]:
    async with AsyncExitStack() as stack:
        browser = await stack.enter_async_context(ClientSession(cookie_jar=CookieJar(unsafe=True)))
        passing = await stack.enter_async_context(door_session())
        recorder, port = Recorder(), free_port()
        backstage = Backstage(redis)
        backstage.open("visitor-doors")
        viewer = Viewer(recorder=recorder, envoy_jobs=envoy.app[JOBS], backstage=backstage)
        door = Door(passing, recorder, URL(target), most_body=MOST_BODY)
        url = URL(f"http://127.0.0.1:{port}")
        control = Control(session=browser, base_url=URL(envoy_url))
        replayer = Replayer(session=browser, recorder=recorder, door=url, envoy=control, secret=CLIENT_SECRET)
        app = create_inspector(door, access=Access(token=TOKEN, port=port), viewer=viewer, replayer=replayer)
        await stack.enter_async_context(TestServer(app, port=port))
        yield Inspected(url=str(url).rstrip("/"), browser=browser, recorder=recorder, door=door, envoy_url=envoy.url)


@pytest.fixture
async def inspect(redis: Redis, envoy: SimulatedEnvoy) -> AsyncIterator[Inspect]:
    """`await inspect(url)`: the inspector in front of whatever is at `url`."""
    async with AsyncExitStack() as stack:

        async def start(target: str, envoy_url: str = envoy.url) -> Inspected:
            return await stack.enter_async_context(inspecting(target, redis, envoy, envoy_url))

        yield start


@pytest.fixture
async def inspected(inspect: Inspect, stage: Stage, plugin: Plugin, logged: object) -> Inspected:
    """The inspector in front of the plugin, in a browser that has the token; its log lines are told."""
    served = await stage.serve(plugin)
    inspected = await inspect(served.url)
    also_tell(lambda line: inspected.recorder.read_line(line.encode()))
    await inspected.enter()
    return inspected
