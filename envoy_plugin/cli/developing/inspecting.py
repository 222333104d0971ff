"""The inspector inside `dev`: it listens on the plugin's port, and hears what the plugin logs."""

import asyncio
import json
import os
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Final

from aiohttp import ClientSession, web
from yarl import URL

from envoy_plugin.cli.developing.scene import Scene
from envoy_plugin.cli.developing.telling import PREFIX
from envoy_plugin.cli.developing.token import kept_token
from envoy_plugin.cli.ports import LOOPBACK, free_port
from envoy_plugin.connection import connect_redis
from envoy_plugin.inspector.access import Access
from envoy_plugin.inspector.application import create_inspector
from envoy_plugin.inspector.backstage import Backstage
from envoy_plugin.inspector.door import Door, door_session
from envoy_plugin.inspector.recording import Recorder
from envoy_plugin.inspector.replaying import Replayer
from envoy_plugin.inspector.views import Viewer
from envoy_plugin.logs import get_logger
from envoy_plugin.settings import Settings
from envoy_plugin.simulator.control import SimulatedEnvoy
from envoy_plugin.simulator.jobs import Jobs

LONGEST_LINE: Final = 1024 * 1024
SHUTDOWN_SECONDS: Final = 1
REDIS_RETRIES: Final = 0

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """The plugin listens on `plugin_port`, writes its lines to `lines`, and `door` is told when it starts and ends."""

    door: Door
    plugin_port: int
    lines: int = field(repr=False)


@asynccontextmanager
async def inspecting(settings: Settings, scene: Scene, envoy_jobs: Jobs) -> AsyncIterator[Inspection]:
    """Listen on the scene's plugin port, and pass on to another what isn't the inspector's.

    Raises:
        OSError: the port is taken.
    """
    async with AsyncExitStack() as stack:
        redis = connect_redis(
            scene.redis_url, tls_verify=settings.tls_verify, client_name="envoy-plugin dev", retries=REDIS_RETRIES
        )
        stack.push_async_callback(redis.aclose)
        viewer = Viewer(recorder=Recorder(), envoy_jobs=envoy_jobs, backstage=Backstage(redis))
        plugin_port = free_port()
        passing = await stack.enter_async_context(door_session())
        target = URL(f"http://{LOOPBACK}:{plugin_port}")
        door = Door(passing, viewer.recorder, target, most_body=settings.max_body)
        replayer = await _replayer(settings, scene, viewer.recorder, stack)
        access = Access(token=scene.token, port=scene.plugin_port)
        await _listen(create_inspector(door, access=access, viewer=viewer, replayer=replayer), scene, stack)
        if not stack.enter_context(kept_token(scene.plugin_port, scene.token)):
            log.warning("inspector.token_not_kept", why="commands in another terminal can't ask for deliveries")
        lines = await stack.enter_async_context(_hearing(viewer))
        yield Inspection(door=door, plugin_port=plugin_port, lines=lines)


async def _replayer(settings: Settings, scene: Scene, recorder: Recorder, stack: AsyncExitStack) -> Replayer:
    session = await stack.enter_async_context(ClientSession())
    return Replayer(
        session=session,
        recorder=recorder,
        door=URL(f"http://{LOOPBACK}:{scene.plugin_port}"),
        envoy=SimulatedEnvoy(session=session, base_url=URL(scene.envoy_url)),
        secret=settings.client_secrets[0],
    )


async def _listen(app: web.Application, scene: Scene, stack: AsyncExitStack) -> None:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS, auto_decompress=False)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, LOOPBACK, scene.plugin_port).start()


@asynccontextmanager
async def _hearing(viewer: Viewer) -> AsyncIterator[int]:
    """A pipe for the plugin's lines, which are kept as they come; its write end."""
    with _pipe() as (read_end, write_end):
        reader = asyncio.StreamReader(limit=LONGEST_LINE)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(os.dup(read_end), "rb", 0)
        )
        hearing = asyncio.create_task(_hear(reader, viewer))
        try:
            yield write_end
        finally:
            hearing.cancel()
            await asyncio.wait({hearing})
            transport.close()


async def _hear(reader: asyncio.StreamReader, viewer: Viewer) -> None:
    while True:
        try:
            line = await reader.readline()
        except ValueError:  # longer than anything worth showing
            continue
        if not line:
            return
        prefix = _prefix(line)
        if prefix is None:
            viewer.recorder.read_line(line)
        else:
            viewer.backstage.open(prefix)


def _prefix(line: bytes) -> str | None:
    """What the plugin's keys begin with, where a line says that and nothing else."""
    if not line.startswith(b'{"' + PREFIX.encode()):
        return None
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return str(found[PREFIX]) if found.keys() == {PREFIX} else None


@contextmanager
def _pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    try:
        yield ends
    finally:
        for end in ends:
            os.close(end)


def new_token() -> str:
    """The token of one run of `dev`."""
    return secrets.token_urlsafe(32)
