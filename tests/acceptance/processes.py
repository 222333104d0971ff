"""A plugin's site as real processes: Redis, a simulated Envoy, web processes, workers. And waiting, always bounded."""

import asyncio
import inspect
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar, overload

import pytest
from aiohttp import ClientSession

from envoy_plugin.simulator.sender import Answer
from tests.acceptance.envoy_side import Envoy, Event
from tests.inherited import NO_CERTIFICATES
from tests.redis_server import RedisServer

CLI: Final = (sys.executable, "-m", "envoy_plugin.cli")
PREFIX: Final = "acceptance-doors"
CLIENT_ID: Final = "acceptance-client"
CLIENT_SECRET: Final = "acceptance-client-secret"
JWT_SECRET: Final = "acceptance-jwt-secret-0123456789"
START_SECONDS: Final = 30
COMMAND_SECONDS: Final = 60
STOP_SECONDS: Final = 25
"""What is promised after SIGTERM."""
POLL_SECONDS: Final = 0.02

Found = TypeVar("Found")


@overload
async def eventually(
    what: str, look: Callable[[], Coroutine[Any, Any, Found | None]], *, within: float = ..., every: float = ...
) -> Found: ...
@overload
async def eventually(
    what: str, look: Callable[[], Found | None], *, within: float = ..., every: float = ...
) -> Found: ...
async def eventually(what: str, look: Callable[[], Any], *, within: float = 15, every: float = POLL_SECONDS) -> Any:
    """What `look` answers, as soon as that is true; the test fails when it isn't `within` seconds."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + within
    while True:
        found = look()
        if inspect.isawaitable(found):
            found = await found
        if found:
            return found
        if clock() >= deadline:
            pytest.fail(f"Not within {within} s: {what}")
        await asyncio.sleep(every)


def passed_on() -> dict[str, str]:
    """What every process gets of the tests' environment: where programs are.

    Not what measures coverage: a process starts far sooner without, and the command line's own tests measure it.
    """
    return {"PATH": os.environ["PATH"]} | NO_CERTIFICATES


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, which must be one JSON document and nothing else."""
        return json.loads(self.out)


async def run_command(command: Sequence[str], *, environment: Mapping[str, str], cwd: Path) -> Ended:
    """Run a program to its end."""
    work = partial(subprocess.run, command, env=dict(environment), cwd=cwd, capture_output=True, text=True)
    done = await asyncio.to_thread(work, check=False, stdin=subprocess.DEVNULL, timeout=COMMAND_SECONDS)
    return Ended(code=done.returncode, out=done.stdout, err=done.stderr)


@dataclass(slots=True, kw_only=True, eq=False)
class Process:
    """One command of `envoy-plugin`, in a process group of its own; it can be started again and again."""

    name: str
    command: tuple[str, ...]
    environment: dict[str, str]
    cwd: Path
    logs: Path
    """The directory of its output."""
    ready: str
    """A regular expression that its output matches once it works; its first group, if any, is the port."""
    lives: int = 0
    popen: subprocess.Popen[bytes] | None = None
    url: str = ""
    """Where it listens, or did in its last life."""

    async def start(self) -> None:
        """Start it, and return once it is ready."""
        self.spawn()
        await eventually(f"{self.name} is ready", self._is_ready, within=START_SECONDS)

    def spawn(self) -> None:
        """Start it, and don't wait."""
        self.lives += 1
        with self.log.open("wb") as log:
            self.popen = subprocess.Popen(
                [*CLI, *self.command],
                env=self.environment,
                cwd=self.cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def log(self) -> Path:
        """The file that has the output of its present life."""
        return self.logs / f"{self.name}.{self.lives}.log"

    @property
    def output(self) -> str:
        """What it has written in its present life."""
        return self.log.read_text(errors="replace")

    @property
    def pid(self) -> int:
        assert self.popen is not None
        return self.popen.pid

    def send(self, number: signal.Signals) -> None:
        """Send its process group a signal."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    async def kill(self) -> None:
        """`kill -9`, and wait for its end."""
        self.send(signal.SIGKILL)
        await self.ended(within=5)

    async def ended(self, *, within: float = STOP_SECONDS) -> int:
        """Its exit code, once it has one."""
        popen = self.popen
        assert popen is not None
        await eventually(f"{self.name} has ended", lambda: popen.poll() is not None, within=within)
        return popen.returncode

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal; its exit code, which there is within the promised time."""
        self.send(number)
        return await self.ended()

    def end(self) -> None:
        """Let nothing of it be left, and show what it said: pytest prints this where the test failed."""
        if self.popen is not None:
            self.send(signal.SIGKILL)
            self.popen.wait(STOP_SECONDS)
        for life in range(1, self.lives + 1):
            text = (self.logs / f"{self.name}.{life}.log").read_text(errors="replace")
            print(f"--- {self.name}, life {life} ---\n{text}")  # noqa: T201 - captured by pytest

    def _is_ready(self) -> bool:
        assert self.popen is not None
        code = self.popen.poll()
        if code is not None:
            pytest.fail(f"{self.name} ended with {code}:\n{self.output}", pytrace=False)
        found = re.search(self.ready, self.output)
        if found is not None and found.groups():
            self.url = f"http://127.0.0.1:{found[1]}"
        return found is not None


@dataclass(slots=True, kw_only=True)
class Site:
    """The processes of one plugin, whose module is in their working directory; all end with the test."""

    directory: Path
    cwd: Path
    redis: RedisServer
    session: ClientSession
    app: str | None = "doors:plugin"
    """What `--app` says; None: nothing."""
    variables: dict[str, str] = field(default_factory=dict)
    """What processes that are started from now on get beside the five variables that everything needs."""
    processes: list[Process] = field(default_factory=list)
    envoy_url: str = "http://127.0.0.1:9"
    """Where Envoy is; nobody listens there before `platform`."""

    def environment(self) -> dict[str, str]:
        """The five variables, and what the tests pass on."""
        five = {
            "ENVOY_CLIENT_ID": CLIENT_ID,
            "ENVOY_CLIENT_SECRET": CLIENT_SECRET,
            "JWT_SECRET": JWT_SECRET,
            "ENVOY_BASE_URL": self.envoy_url,
            "REDIS_URL": self.redis.url,
        }
        return passed_on() | five | self.variables

    @property
    def named_app(self) -> tuple[str, ...]:
        """The options that name the plugin."""
        return () if self.app is None else ("--app", self.app)

    async def platform(self, *options: str) -> Envoy:
        """Start a simulated Envoy, which the processes that are started afterwards talk to."""
        command = ("platform", "--port", "0", "--client-id", CLIENT_ID, "--client-secret", CLIENT_SECRET, *options)
        process = self.process("platform", command, ready=r"ready at http://127\.0\.0\.1:(\d+)")
        await process.start()
        self.envoy_url = process.url
        return Envoy(session=self.session, url=process.url)

    async def web(self, name: str = "web", *options: str) -> Process:
        """Start a web process on a free port."""
        command = ("web", *self.named_app, "--port", "0", *options)
        return await self._started(self.process(name, command, ready=r'"port": (\d+), "event": "web.started"'))

    async def worker(self, name: str = "worker", *options: str) -> Process:
        """Start a worker."""
        command = ("worker", *self.named_app, *options)
        return await self._started(self.process(name, command, ready=r'"event": "worker.started"'))

    def process(self, name: str, command: tuple[str, ...], *, ready: str) -> Process:
        """A process that isn't started yet."""
        process = Process(
            name=name, command=command, environment=self.environment(), cwd=self.cwd, logs=self.directory, ready=ready
        )
        self.processes.append(process)
        return process

    async def run(self, *command: str, environment: Mapping[str, str] | None = None) -> Ended:
        """Run a command that ends by itself, with these variables, else with those that every process gets."""
        given = self.environment() if environment is None else passed_on() | dict(environment)
        return await run_command([*CLI, *command], environment=given, cwd=self.cwd)

    async def deliver(self, process: Process, event: Event) -> Answer | None:
        """What a web process answers to one delivery; None where none came."""
        return await event.deliver(self.session, process.url, secret=CLIENT_SECRET)

    def touch(self, name: str) -> None:
        """Make a file, for which a handler waits."""
        (self.directory / name).touch()

    @staticmethod
    async def _started(process: Process) -> Process:
        await process.start()
        return process

    def end(self) -> None:
        """End everything."""
        for process in self.processes:
            process.end()
