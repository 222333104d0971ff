"""What `envoy-plugin worker` adds to the engine: its loop on plain jobs, and the whole of it with real events."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from contenders import BULK, Arrivals
from ours import IN_TURN, LEASE, QUEUE, Ours
from signing import ENVIRONMENT, event_body

from envoy_plugin import Entry, Plugin, Settings
from envoy_plugin.engine.batching import Batcher
from envoy_plugin.engine.model import Claimed
from envoy_plugin.engine.verbs import Enqueue, Succeed, Unique, Verb
from envoy_plugin.logs import configure_logs
from envoy_plugin.runtime import Runtime, open_runtime
from envoy_plugin.worker.execution import execute
from envoy_plugin.worker.loop import Worker

CONCURRENCY = 16
DRAIN = timedelta(seconds=5)


class OurLoop(Ours):
    """The worker's loop, on plain jobs: a task a job, slots, leases touched, ends and claims gathered into calls."""

    def __init__(self) -> None:
        super().__init__(batch=CONCURRENCY, in_flight=2)
        self.name = f"our worker's loop, {CONCURRENCY} at once"

    @asynccontextmanager
    async def working(self, arrivals: Arrivals) -> AsyncIterator[None]:
        """`Worker.run` with work that ends at once."""

        async def work(held: Claimed) -> Verb[Any]:
            arrivals.seen()
            return Succeed.of(held)

        async with worker_running(
            Worker(self._engine, Batcher(self._engine), work, lease=LEASE, concurrency=CONCURRENCY)
        ):
            yield


class OurPlugin:
    """A whole worker with the default settings, on events as the web process enqueues them."""

    in_process = True
    name = "our worker, whole, events of 2.2 KB"
    _runtime: Runtime

    def __init__(self) -> None:
        self._body = event_body()
        self._arrivals = Arrivals()
        self._number = 0
        self._logs = Path(os.devnull).open("w")  # noqa: SIM115 (until the end)

    async def open(self, url: str) -> None:
        """Connect, and start what a process of the plugin holds."""
        plugin = Plugin("bench")

        async def seen(entry: Entry) -> None:
            assert entry.full_name
            self._arrivals.seen()

        plugin.on("entry_sign_in", background=True)(seen)
        logging.disable(logging.NOTSET)
        configure_logs(level="info", json=True, stream=self._logs)
        self._stack = AsyncExitStack()
        settings = Settings.from_env(ENVIRONMENT | {"REDIS_URL": url})
        self._runtime = await self._stack.enter_async_context(open_runtime(plugin, settings))

    async def close(self) -> None:
        """Disconnect; the peers log nothing again."""
        await self._stack.aclose()
        logging.disable(logging.WARNING)

    async def enqueue(self, count: int) -> None:
        """A hundred jobs a call."""
        for first in range(0, count, BULK):
            await self._runtime.engine.call([self._job() for _ in range(min(BULK, count - first))])

    async def enqueue_singly(self, count: int) -> None:
        """One job a call."""
        for _ in range(count):
            await self._runtime.engine.enqueue(self._job())

    @asynccontextmanager
    async def working(self, arrivals: Arrivals) -> AsyncIterator[None]:
        """The worker as the command runs it."""
        self._arrivals = arrivals
        runtime = self._runtime
        work = partial(execute, runtime)
        async with worker_running(Worker(runtime.engine, runtime.batcher, work, lease=LEASE, concurrency=CONCURRENCY)):
            yield

    def _job(self) -> Enqueue:
        self._number += 1
        return Enqueue(
            queue=IN_TURN,
            kind="entry_sign_in",
            install="1001",
            payload=self._runtime.engine.seal(self._body),
            retries=5,
            limit=timedelta(minutes=5),
            unique=Unique(key=f"1001:{self._number}", until=datetime.now(UTC) + timedelta(hours=24)),
        )


@asynccontextmanager
async def worker_running(worker: Worker) -> AsyncIterator[None]:
    """The worker beside the block; it is stopped as SIGTERM would."""
    stop = asyncio.Event()
    task = asyncio.create_task(worker.run([QUEUE, IN_TURN], stop, drain=DRAIN))
    try:
        yield
    finally:
        stop.set()
        await task
