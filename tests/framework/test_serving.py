"""A process from its start to SIGTERM."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeAlias

import pytest
from redis.asyncio import Redis

from envoy_plugin import Done, Plugin
from envoy_plugin.engine.states import State
from envoy_plugin.errors import SchemaTooNew
from envoy_plugin.serving import Role, serve
from envoy_plugin.settings import Settings
from tests.framework.served import Served, Stage, a_webhook, settings_for
from tests.redis_server import free_port

Process: TypeAlias = "asyncio.Task[None]"
BOTH = (Role.WEB, Role.WORKER)


class Door:
    """A handler that a test holds open."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.opens = asyncio.Event()

    async def __call__(self) -> Done:
        self.began.set()
        await self.opens.wait()
        return Done("In")


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture
def plugin(door: Door) -> Plugin:
    """One inline and one background handler, both of which wait for the door."""
    plugin = Plugin("visitor-doors")

    @plugin.on("entry_sign_in")
    async def inline() -> Done:
        return await door()

    @plugin.on("entry_sign_out", background=True)
    async def background() -> Done:
        return await door()

    return plugin


@asynccontextmanager
async def started(
    plugin: Plugin, settings: Settings, roles: Collection[Role] = BOTH
) -> AsyncIterator[tuple[Process, int]]:
    """The process that serves, and its port (0: none); it must have ended by itself."""
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    process = asyncio.create_task(serve(plugin, settings, roles, ready=port.set_result))
    if Role.WEB in roles:
        first: list[asyncio.Future[Any]] = [port, process]
        await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
    yield process, port.result() if port.done() else 0
    await asyncio.wait_for(process, 10)


def tell(number: signal.Signals = signal.SIGTERM) -> None:
    """What a host does."""
    os.kill(os.getpid(), number)


async def client(stage: Stage, plugin: Plugin, port: int) -> Served:
    """How Envoy and an operator see the process on this port."""
    onlooker = await stage.serve(plugin, worker=False)
    return Served(runtime=onlooker.runtime, url=f"http://127.0.0.1:{port}", envoy=stage.envoy, http=stage.http)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_process_serves_until_it_is_told_to_stop(
    stage: Stage, plugin: Plugin, door: Door, number: signal.Signals
) -> None:
    door.opens.set()
    async with started(plugin, settings_for(stage.redis_url, stage.envoy)) as (process, port):
        served = await client(stage, plugin, port)
        await served.deliver(event="entry_sign_out")
        assert (await served.settled())["status_message"] == "In"
        assert not process.done()
        tell(number)


async def test_a_request_that_is_being_answered_is_answered(stage: Stage, plugin: Plugin, door: Door) -> None:
    settings = settings_for(stage.redis_url, stage.envoy, DRAIN_TIMEOUT="10")
    async with started(plugin, settings, [Role.WEB]) as (_, port):
        served = await client(stage, plugin, port)
        reply = asyncio.create_task(served.post(a_webhook().body))
        await door.began.wait()
        tell()
        tell()
        door.opens.set()
        assert (await reply).status == 200


async def test_what_runs_in_the_background_may_end(stage: Stage, plugin: Plugin, door: Door) -> None:
    settings = settings_for(stage.redis_url, stage.envoy, DRAIN_TIMEOUT="10")
    async with started(plugin, settings) as (_, port):
        served = await client(stage, plugin, port)
        await served.deliver(event="entry_sign_out")
        await door.began.wait()
        tell()
        door.opens.set()
    assert (await served.event_job()).state is State.SUCCEEDED


async def test_what_does_not_end_in_time_is_given_back(stage: Stage, plugin: Plugin, door: Door) -> None:
    async with started(plugin, settings_for(stage.redis_url, stage.envoy)) as (_, port):
        served = await client(stage, plugin, port)
        await served.deliver(event="entry_sign_out")
        await door.began.wait()
        tell()
    job = await served.event_job()
    assert (job.state, job.attempt, job.retries_left) == (State.AVAILABLE, 1, 5)


async def test_a_worker_alone_listens_on_no_port(stage: Stage, plugin: Plugin, door: Door) -> None:
    door.opens.set()
    web = await stage.serve(plugin, worker=False)
    async with started(plugin, settings_for(stage.redis_url, stage.envoy), [Role.WORKER]) as (_, port):
        await web.deliver(event="entry_sign_out")
        assert (await web.settled())["status_message"] == "In"
        assert port == 0
        tell()


async def test_a_port_that_is_taken_is_said(stage: Stage, plugin: Plugin) -> None:
    settings = settings_for(stage.redis_url, stage.envoy, PORT=str(free_port()))
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(started(plugin, settings))
        with pytest.raises(OSError, match="in use"):
            await serve(plugin, settings, BOTH)
        tell()


async def test_keys_of_a_newer_release_end_the_process(stage: Stage, plugin: Plugin, redis: Redis) -> None:
    await redis.set("{visitor-doors}:schema", 99)
    with pytest.raises(SchemaTooNew):
        await serve(plugin, settings_for(stage.redis_url, stage.envoy), BOTH)


async def test_signals_are_as_before_once_the_process_has_ended(stage: Stage, plugin: Plugin) -> None:
    before: list[Callable[..., object] | int | None] = [signal.getsignal(number) for number in signal.Signals]
    async with started(plugin, settings_for(stage.redis_url, stage.envoy)):
        tell()
    assert [signal.getsignal(number) for number in signal.Signals] == before


async def test_requests_are_logged_where_that_is_wanted(
    stage: Stage, plugin: Plugin, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    async with started(plugin, settings_for(stage.redis_url, stage.envoy, ACCESS_LOG="on")) as (_, port):
        for _ in range(2):  # on one connection: a request is logged before the next is read
            async with stage.http.get(f"http://127.0.0.1:{port}/healthz") as response:
                assert response.status == 200
        logged = [record.name for record in caplog.records].count("aiohttp.access")
        tell()
    assert logged >= 1
