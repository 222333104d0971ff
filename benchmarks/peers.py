"""saq, streaq and taskiq as contenders, each set as its documents advise for many small jobs."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import streaq
from contenders import Arrivals, payload, payloads
from redis import asyncio as aioredis
from saq import Job, Worker
from saq.queue.redis import RedisQueue
from taskiq.api import run_receiver_task
from taskiq_redis import RedisStreamBroker

CONCURRENCY = 32


class Saq:
    """https://saq-py.readthedocs.io: a JSON document and a list, finished by a pipeline."""

    name = "saq"
    in_process = True
    _queue: RedisQueue

    async def open(self, url: str) -> None:
        """Connect."""
        self._queue = RedisQueue(aioredis.from_url(url), name="bench")
        await self._queue.connect()

    async def close(self) -> None:
        """Disconnect."""
        await self._queue.disconnect()

    async def enqueue(self, count: int) -> None:
        """It has no bulk call: 100 at the same time."""
        for many in payloads(count):
            await asyncio.gather(*(self._queue.enqueue(Job("noop", kwargs={"text": text})) for text in many))

    async def enqueue_singly(self, count: int) -> None:
        """`enqueue` after `enqueue`."""
        for number in range(count):
            await self._queue.enqueue(Job("noop", kwargs={"text": payload(number)}))

    @asynccontextmanager
    async def working(self, arrivals: Arrivals) -> AsyncIterator[None]:
        """Its worker in this loop."""

        async def noop(_context: Any, *, text: str) -> None:
            del text
            arrivals.seen()

        worker: Worker[Any] = Worker(self._queue, functions=[("noop", noop)], concurrency=CONCURRENCY)
        async with running(worker.start):
            yield
            await worker.stop()


class Streaq:
    """https://streaq.readthedocs.io: streams and Lua functions, on coredis."""

    name = "streaq"
    in_process = True

    async def open(self, url: str) -> None:
        """Connect, and register the task."""
        self._stack = AsyncExitStack()
        self._arrivals = Arrivals()
        self._url = url
        self._worker, self._task = self._build()
        await self._stack.enter_async_context(self._worker)

    def _build(self) -> tuple[streaq.Worker[Any], Any]:
        worker: streaq.Worker[Any] = streaq.Worker(
            redis_url=self._url, concurrency=CONCURRENCY, queue_name="bench", handle_signals=False
        )

        async def noop(text: str) -> None:
            del text
            self._arrivals.seen()

        return worker, worker.task(name="noop", silent=True)(noop)

    async def close(self) -> None:
        """Disconnect."""
        await self._stack.aclose()

    async def enqueue(self, count: int) -> None:
        """Its `enqueue_many`, in hundreds."""
        for many in payloads(count):
            await self._worker.enqueue_many([self._task.enqueue(text) for text in many])

    async def enqueue_singly(self, count: int) -> None:
        """`enqueue` after `enqueue`."""
        for number in range(count):
            await self._task.enqueue(payload(number))

    @asynccontextmanager
    async def working(self, arrivals: Arrivals) -> AsyncIterator[None]:
        """Its worker in this loop, with connections of its own."""
        self._arrivals = arrivals
        worker, _ = self._build()
        async with running(worker.run_async):
            yield


class Taskiq:
    """https://taskiq-python.github.io: its Redis stream broker, without a result backend."""

    name = "taskiq"
    in_process = True

    async def open(self, url: str) -> None:
        """Connect, make the consumer group, register the task."""
        self._arrivals = Arrivals()
        self._broker = RedisStreamBroker(url, queue_name="bench")

        async def noop(text: str) -> None:
            del text
            self._arrivals.seen()

        self._task = self._broker.register_task(noop, task_name="noop")
        await self._broker.startup()

    async def close(self) -> None:
        """Disconnect."""
        await self._broker.shutdown()

    async def enqueue(self, count: int) -> None:
        """It has no bulk call: 100 at the same time."""
        for many in payloads(count):
            await asyncio.gather(*(self._task.kiq(text) for text in many))

    async def enqueue_singly(self, count: int) -> None:
        """`kiq` after `kiq`."""
        for number in range(count):
            await self._task.kiq(payload(number))

    @asynccontextmanager
    async def working(self, arrivals: Arrivals) -> AsyncIterator[None]:
        """Its receiver in this loop."""
        self._arrivals = arrivals
        async with running(lambda: run_receiver_task(self._broker, run_startup=False)):
            yield
            await asyncio.sleep(0.1)  # cancelled while it looks for lost messages, it would go on


@asynccontextmanager
async def running(work: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Run a worker's main coroutine beside the block, and cancel it at the end."""
    task = asyncio.ensure_future(work())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
