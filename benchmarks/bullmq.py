"""BullMQ as a contender: one node process for the whole run, so that its code is warm."""

import asyncio
import os
import shutil
import subprocess
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from contenders import BULK, Arrivals

HERE = Path(__file__).parent
NODE_DIRECTORY = HERE / ".node"
PACKAGES = ("bullmq@6", "ioredis@5")
CONCURRENCY = 64
WARM_UP = 10_000


def install() -> str | None:
    """Install BullMQ beside this file, once. Why it cannot be had, or None."""
    if (NODE_DIRECTORY / "node_modules" / "ioredis").is_dir():
        return None
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        return "npm is not installed"
    NODE_DIRECTORY.mkdir(exist_ok=True)
    command = [npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(NODE_DIRECTORY), *PACKAGES]
    try:
        subprocess.run(command, check=True, timeout=120, capture_output=True)
    except (subprocess.SubprocessError, OSError) as error:
        return f"npm could not install it ({type(error).__name__})"
    return None


class BullMQ:
    """https://docs.bullmq.io on node with ioredis."""

    name = "bullmq"
    in_process = False
    _process: Process | None = None

    async def open(self, url: str) -> None:
        """Connect; the first time also start node and drain some jobs to warm it."""
        cold = self._process is None
        if cold:
            self._process = await self._start()
        self._answers: asyncio.Queue[None] = asyncio.Queue()
        self._arrivals = Arrivals()
        self._listener = asyncio.create_task(self._listen())
        await self._say(f"open {urlsplit(url).port}")
        if cold:
            await self._warm_up()

    async def close(self) -> None:
        """Disconnect; node stays."""
        await self._say("close")
        self._listener.cancel()

    async def end(self) -> None:
        """Stop node."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            await self._process.wait()

    async def enqueue(self, count: int) -> None:
        """Its `addBulk`, in hundreds."""
        await self._say(f"enqueue {count} {BULK}")

    async def enqueue_singly(self, count: int) -> None:
        """Its `add`, one by one, inside node."""
        await self._say(f"enqueue {count} 1")

    @asynccontextmanager
    async def working(self, arrivals: Arrivals) -> AsyncIterator[None]:
        """Its worker, in node."""
        self._arrivals = arrivals
        await self._say("work")
        yield
        await self._say("stop")

    async def _start(self) -> Process:
        command = ["node", str(HERE / "bullmq.mjs"), str(NODE_DIRECTORY) + os.sep, str(CONCURRENCY)]
        return await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)

    async def _warm_up(self) -> None:
        arrivals = Arrivals()
        arrivals.expect(WARM_UP)
        await self.enqueue(WARM_UP)
        async with self.working(arrivals):
            await arrivals.reached()

    async def _say(self, line: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        async with asyncio.timeout(120):
            await self._answers.get()

    async def _listen(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            word, _, count = line.decode().strip().partition(" ")
            if word == "seen":
                self._arrivals.seen(int(count))
            else:
                self._answers.put_nowait(None)
