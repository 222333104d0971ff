"""The stage: a simulated Envoy, a Redis in memory, and the plugin's processes. All of it goes when the demo is over."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import tempfile
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from aiohttp import ClientError, ClientSession
from yarl import URL

from envoy_plugin import Settings
from envoy_plugin.memory_redis import memory_redis
from envoy_plugin.settings import REDIS_VARIABLES
from envoy_plugin.simulator.control import SimulatedEnvoy

ROOT: Final = Path(__file__).parents[2]
APP: Final = "example_plugin.plugin:plugin"
COMMAND: Final = (sys.executable, "-m", "envoy_plugin.cli")
SOON: Final = 15.0
"""Seconds that something may take which is usually there at once, on a busy machine."""
POLL_SECONDS: Final = 0.05
LAST_LINES: Final = 15


class Differs(Exception):
    """Something is not as the story says; the message tells what was expected and what was found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What `envoy-plugin` printed of one delivery or question, and Envoy's id of the job, if it has one."""

    job_id: str
    command: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The processes of the demo by name, and what they share."""

    session: ClientSession
    envoy: SimulatedEnvoy
    plugin: URL
    environment: Mapping[str, str]
    logs: Path
    processes: dict[str, Process] = field(default_factory=dict)

    async def start(self, name: str, *arguments: str) -> None:
        """Start `envoy-plugin` with these arguments; its log goes to a file of this name."""
        with self.logs.joinpath(name).open("wb") as log:
            self.processes[name] = await asyncio.create_subprocess_exec(
                *COMMAND, *arguments, cwd=ROOT, env=self.environment, stdout=log, stderr=STDOUT, start_new_session=True
            )

    async def trigger(self, event: str, *options: str, job_id: str) -> Sent:
        """Send an event by `envoy-plugin trigger`, and wait until its job is over."""
        return await self._send(
            "trigger", event, *options, "--job", job_id, "--follow", "--timeout", "60", job_id=job_id
        )

    async def route(self, kind: str, name: str, *options: str) -> Sent:
        """Ask what a setup step asks, by `envoy-plugin route`."""
        return await self._send("route", kind, name, *options)

    async def _send(self, *arguments: str, job_id: str = "") -> Sent:
        text = await self.ask(*arguments, "--to", str(self.plugin))
        return Sent(job_id=job_id, command=" ".join(("envoy-plugin", *arguments)), text=text)

    async def ask(self, *arguments: str) -> str:
        """What `envoy-plugin` prints."""
        process = await asyncio.create_subprocess_exec(
            *COMMAND, *arguments, cwd=ROOT, env=self.environment, stdout=PIPE, stderr=PIPE
        )
        try:
            out, err = await process.communicate()
        finally:
            await _end(process)
        if process.returncode != 0:
            raise Differs(f"{arguments[0]} ended with {process.returncode}, not 0: {err.decode().strip()}")
        return out.decode()

    async def kill(self, name: str) -> None:
        """Kill a process; it has no time to do anything."""
        process = self.processes.pop(name)
        process.kill()
        await process.wait()

    async def stop(self, name: str) -> int:
        """Tell a process to stop, as a host does, and answer its exit code."""
        process = self.processes.pop(name)
        process.send_signal(signal.SIGTERM)
        try:
            return await asyncio.wait_for(process.wait(), SOON)
        finally:
            await _end(process)

    def last_words(self) -> str:
        """The last lines that each process logged."""
        return "\n".join(f"--- {path.name}\n{_tail(path)}" for path in sorted(self.logs.iterdir()))


@asynccontextmanager
async def set_stage() -> AsyncIterator[Stage]:
    """A simulated Envoy, `web` and one `worker`, ready; whatever still runs at the end is killed."""
    async with AsyncExitStack() as stack:
        logs = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="envoy-plugin-demo-")))
        redis = stack.enter_context(memory_redis())
        session = await stack.enter_async_context(ClientSession())
        envoy, plugin = (URL(f"http://127.0.0.1:{port}") for port in free_ports())
        simulated = SimulatedEnvoy(session=session, base_url=envoy)
        stage = Stage(
            session=session, envoy=simulated, plugin=plugin, environment=_environment(envoy, redis), logs=logs
        )
        stack.push_async_callback(_end_all, stage)
        await stage.start("platform", "platform", "--port", str(envoy.port))
        await stage.start("web", "web", "--app", APP, "--port", str(plugin.port))
        await stage.start("worker 1", "worker", "--app", APP)
        await until("the simulated Envoy answers", simulated.is_there)
        await until("the plugin is ready", lambda: _is_ready(session, plugin))
        yield stage


async def until(what: str, is_so: Callable[[], Awaitable[bool]], *, within: float = SOON) -> None:
    """Wait until something is so, by looking again and again; raises `Differs` if it isn't `within` these seconds."""
    deadline = asyncio.get_running_loop().time() + within
    while not await is_so():
        if asyncio.get_running_loop().time() > deadline:
            raise Differs(f"expected that {what}, and it was not so within {within:g} s")
        await asyncio.sleep(POLL_SECONDS)


def free_ports() -> tuple[int, int]:
    """Two ports that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        return one.getsockname()[1], other.getsockname()[1]


def _environment(envoy: URL, redis: str) -> dict[str, str]:
    """What the processes are given: this machine's environment, with nothing in it that is for another plugin."""
    known = {str(field.alias) for field in Settings.model_fields.values()} | set(REDIS_VARIABLES)
    others = {name: value for name, value in os.environ.items() if name not in known}
    ours = {
        "ENVOY_BASE_URL": str(envoy.origin()),
        "ENVOY_CLIENT_ID": "demo-client",
        "ENVOY_CLIENT_SECRET": "demo-client-secret-0123456789",
        "HOST": "127.0.0.1",
        "JOB_LEASE": "1",
        "LOG_FORMAT": "json",
        "REDIS_URL": redis,
    }
    return others | ours


async def _is_ready(session: ClientSession, plugin: URL) -> bool:
    try:
        async with session.get(plugin / "readyz") as response:
            return response.status == 200  # noqa: PLR2004  # an HTTP status
    except ClientError:
        return False


async def _end_all(stage: Stage) -> None:
    for process in stage.processes.values():
        await _end(process)


async def _end(process: Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-LAST_LINES:])
