"""A plugin that records what it is sent, and commands of the command line run against it."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib import import_module

from aiohttp import web
from aiohttp.test_utils import BaseTestServer, TestServer
from typer.testing import CliRunner

from envoy_plugin.simulator.jobs import Update
from envoy_plugin.simulator.platform import JOBS, create_platform
from envoy_plugin.simulator.wire import Json
from tests.framework.command_line import run


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
    """Run a command in this thread, which has no event loop, with these environment variables alone."""
    app = import_module(f"envoy_plugin.cli.{command}").app
    cleared = dict.fromkeys((name for name in os.environ if name.startswith("ENVOY_") or name == "PORT"), None)
    result = CliRunner().invoke(app, list(arguments), input=stdin, env={**cleared, **(environment or {})})
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

    async def trigger(self, *arguments: str, **environment: str) -> tuple[int | None, str, str]:
        """Exit code, output and errors of `envoy-plugin trigger --to` this plugin."""
        return await run("trigger", "--to", self.url, *arguments, ENVOY_BASE_URL=self.envoy_url, **environment)


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
