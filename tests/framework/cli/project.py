"""A plugin's project in a directory of its own, and `envoy-plugin` run there, as real processes or in this one."""

import asyncio
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.envoy_server import CLIENT_ID, CLIENT_SECRET
from tests.framework.recording_plugin import run_in
from tests.inherited import inherited

PATIENCE = 30
CREDENTIALS = {
    "ENVOY_CLIENT_ID": CLIENT_ID,
    "ENVOY_CLIENT_SECRET": CLIENT_SECRET,
    "JWT_SECRET": "0123456789abcdef-jwt",
    "ENVOY_BASE_URL": "http://127.0.0.1:9",
    "REDIS_URL": "redis://127.0.0.1:9/0",
}
"""The five settings that everything starts with; nothing listens on port 9 (discard)."""

PLUGIN = """\
import asyncio

from envoy_plugin import Done, Entry, Plugin

plugin = Plugin("shop-doors")
number = 3


@plugin.on("entry_sign_in", background=True)
async def open_door(entry: Entry) -> Done:
    return Done("Door open")


@plugin.on("entry_sign_out")
async def close_door(entry: Entry) -> Done:
    return Done(f"Closed on {type(asyncio.get_running_loop()).__module__}")
"""


@dataclass(slots=True)
class Running:
    """A process whose output, both streams together, is read line by line."""

    process: asyncio.subprocess.Process
    lines: list[str] = field(default_factory=list)

    async def line(self, pattern: str) -> re.Match[str]:
        """The next line in which `pattern` is found."""
        async with asyncio.timeout(PATIENCE):
            while line := await self._read():
                if found := re.search(pattern, line):
                    return found
        raise AssertionError(f"It ended without {pattern!r}:\n{self.output}")

    async def rest(self) -> str:
        """All output, once everybody who could write more has ended."""
        async with asyncio.timeout(PATIENCE):
            while await self._read():
                pass
        return self.output

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """The exit code after a signal."""
        self.process.send_signal(number)
        await self.rest()
        return await asyncio.wait_for(self.process.wait(), PATIENCE)

    @property
    def output(self) -> str:
        return "".join(self.lines)

    async def _read(self) -> str:
        assert self.process.stdout is not None
        line = (await self.process.stdout.readline()).decode()
        self.lines.append(line)
        return line


@dataclass(frozen=True, slots=True)
class Project:
    """A directory with `doors.py`, whose `plugin` is named in `pyproject.toml`."""

    directory: Path
    settings: dict[str, str]

    def write(self, text: str, name: str = "doors.py") -> None:
        (self.directory / name).write_text(text, encoding="utf-8")

    async def run(self, *arguments: str, **environment: str) -> tuple[int | None, str, str]:
        """Exit code, output and errors; never a traceback."""
        return await self._outcome(await self.start(arguments, environment, stderr=asyncio.subprocess.PIPE))

    async def run_here(self, *arguments: str, **environment: str) -> tuple[int, str, str]:
        """The same in a thread of this process, which forgets the plugin afterwards."""
        return await run_in(self.directory, *arguments, **self._own(environment))

    async def run_script(self, script: str, *arguments: str) -> tuple[int | None, str, str]:
        """The same of a script of Python's."""
        pipe = asyncio.subprocess.PIPE
        program = (sys.executable, "-c", script, *arguments)
        return await self._outcome(
            await asyncio.create_subprocess_exec(
                *program, cwd=self.directory, env=self._environment({}), stdout=pipe, stderr=pipe
            )
        )

    async def _outcome(self, process: asyncio.subprocess.Process) -> tuple[int | None, str, str]:
        out, err = await asyncio.wait_for(process.communicate(), PATIENCE)
        assert b"Traceback" not in out + err, err.decode()
        return process.returncode, out.decode(), err.decode()

    @asynccontextmanager
    async def running(self, *arguments: str, **environment: str) -> AsyncIterator[Running]:
        """A process that is killed afterwards, if it hasn't ended."""
        process = await self.start(arguments, environment)
        running = Running(process)
        try:
            yield running
        finally:
            if process.returncode is None:
                process.kill()
            await running.rest()
            await process.wait()

    async def start(
        self,
        arguments: tuple[str, ...],
        environment: dict[str, str],
        *,
        stdout: int = asyncio.subprocess.PIPE,
        stderr: int = asyncio.subprocess.STDOUT,
    ) -> asyncio.subprocess.Process:
        """The process itself."""
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "envoy_plugin.cli",
            *arguments,
            cwd=self.directory,
            env=self._environment(environment),
            stdout=stdout,
            stderr=stderr,
        )

    def _environment(self, own: dict[str, str]) -> dict[str, str]:
        return inherited() | self._own(own)

    def _own(self, own: dict[str, str]) -> dict[str, str]:
        return {"XDG_RUNTIME_DIR": str(self.directory)} | self.settings | own
