"""A plugin that records what it is sent, and commands of the command line run against it."""

import asyncio
import gc
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, chdir
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

import pytest
import typer
from aiohttp import web
from aiohttp.test_utils import BaseTestServer, TestServer
from typer.testing import CliRunner, Result

from envoy_plugin.cli import main
from envoy_plugin.simulator.jobs import Update
from envoy_plugin.simulator.platform import JOBS, create_platform
from envoy_plugin.simulator.wire import Json
from tests.inherited import inherited

WHOLE = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
WHOLE.command()(main)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str
    raw: bytes

    @property
    def told(self) -> Json:
        """What it printed as JSON."""
        return json.loads(self.out)


def invoke(
    command: str, arguments: Sequence[str], stdin: bytes = b"", environment: dict[str, str] | None = None
) -> Ended:
    """Run a command in this thread, which has no event loop, with these environment variables alone.

    An error of the framework is raised; `run_here` says it, as a process does.
    """
    app = import_module(f"envoy_plugin.cli.commands.{command}").app
    return _ended(CliRunner().invoke(app, list(arguments), input=stdin, env=_alone(environment or {})))


async def run_here(*arguments: str, **environment: str) -> tuple[int, str, str]:
    """Exit code, output and errors of `envoy-plugin` in a thread of this process; never a traceback.

    As `command_line.run`, for all that isn't about processes, whose starts take far longer than most of what is tested.
    """
    ended = await asyncio.to_thread(_run_whole, arguments, environment)
    assert "Traceback" not in ended.out + ended.err, ended.err
    return ended.code, ended.out, ended.err


async def run_in(directory: Path, *arguments: str, **environment: str) -> tuple[int, str, str]:
    """The same in another working directory, which is resolved; what is imported from there is forgotten afterwards."""
    imported = set(sys.modules)
    with chdir(directory):
        try:
            return await run_here(*arguments, **environment)
        finally:
            _forget(sys.modules.keys() - imported, f"{directory}{os.sep}")
            sys.path_importer_cache.pop(str(directory), None)


def _forget(modules: set[str], place: str) -> None:
    for name in modules:
        if str(getattr(sys.modules[name], "__file__", None)).startswith(place):
            del sys.modules[name]


def _run_whole(arguments: Sequence[str], environment: dict[str, str]) -> Ended:
    """What `main` changes of its process is put back."""
    threshold = gc.get_threshold()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["envoy-plugin", *arguments])
        patch.setattr(sys, "path", sys.path[:])
        try:
            return _ended(CliRunner().invoke(WHOLE, env=_alone(environment)))
        finally:
            gc.set_threshold(*threshold)


def _alone(environment: dict[str, str]) -> dict[str, str | None]:
    """These variables, and of this process's those that a process would get, too."""
    return {**dict.fromkeys(os.environ.keys() - inherited().keys()), **environment}


def _ended(result: Result) -> Ended:
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Ended(code=result.exit_code, out=result.stdout, err=result.stderr, raw=result.stdout_bytes)


@dataclass(slots=True)
class RecordingPlugin:
    """A plugin that answers what it is told to; with `job_ends`, it finishes the job itself a moment after."""

    answer: tuple[int, Json] = (200, {"message": "Well"})
    text: str | None = None
    envoy_dies: bool = False
    job_ends: Update | None = None
    requests: list[tuple[str, bytes, str]] = field(default_factory=list)
    url: str = ""
    envoy: web.Application = field(default_factory=lambda: create_platform(install_ids=[]))
    envoy_url: str = ""
    envoy_server: BaseTestServer | None = None

    async def receive(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.requests.append((request.path_qs, body, request.headers.get("X-Envoy-Signature", "")))
        if self.job_ends is not None:
            job_id = json.loads(body)["meta"]["job"]["id"]
            asyncio.get_running_loop().call_later(0.1, self._end, job_id, self.job_ends)
        if self.envoy_dies and self.envoy_server is not None:
            await self.envoy_server.close()
        status, answer = self.answer
        if self.text is not None:
            return web.Response(status=status, text=self.text)
        return web.json_response(answer, status=status)

    def _end(self, job_id: str, update: Update) -> None:
        job = self.envoy[JOBS].get(job_id)
        assert job is not None
        self.envoy[JOBS].update(job, update)

    @property
    def document(self) -> Json:
        return json.loads(self.requests[-1][1])

    async def invoke(self, command: str, *arguments: str, stdin: bytes = b"", **environment: str) -> "Ended":
        """Run a command in a thread of this process, towards this plugin and its simulated Envoy."""
        settings = {"ENVOY_BASE_URL": self.envoy_url, "PORT": self.url.rpartition(":")[2], **environment}
        return await asyncio.to_thread(invoke, command, arguments, stdin, settings)

    async def trigger(self, *arguments: str, **environment: str) -> tuple[int, str, str]:
        """Exit code, output and errors of `envoy-plugin trigger --to` this plugin, in a thread of this process."""
        return await run_here("trigger", "--to", self.url, *arguments, ENVOY_BASE_URL=self.envoy_url, **environment)


@asynccontextmanager
async def recording_plugin() -> AsyncIterator[RecordingPlugin]:
    """A plugin at `url`, and a simulated Envoy at `envoy_url` that knows nothing yet."""
    plugin = RecordingPlugin()
    app = web.Application(client_max_size=8 * 1024 * 1024)
    app.router.add_post("/{path:.*}", plugin.receive)
    async with TestServer(app) as server, TestServer(plugin.envoy) as envoy:
        plugin.envoy_server = envoy
        plugin.url, plugin.envoy_url = str(server.make_url("")).rstrip("/"), str(envoy.make_url("")).rstrip("/")
        yield plugin
