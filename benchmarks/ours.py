"""This project's engine as a contender: turns of "these have succeeded, give me the next" in one call each."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from contenders import Arrivals, payload, payloads

from envoy_plugin.connection import connect_redis
from envoy_plugin.engine.engine import Engine, Mode
from envoy_plugin.engine.model import Claimed
from envoy_plugin.engine.verbs import Claim, Enqueue, Succeed, Verb
from envoy_plugin.engine.waiting import Alarm, listening

QUEUE = "noop"
IN_TURN = "events"
"""A queue that serves installs in turn."""
LEASE = timedelta(seconds=15)


class Ours:
    """One worker that takes `batch` jobs a call and keeps `in_flight` calls going."""

    in_process = True

    def __init__(self, *, batch: int, in_flight: int, queue: str = QUEUE) -> None:
        self.name = f"ours {in_flight}x{batch}" + (", installs in turn" if queue == IN_TURN else "")
        self._queue = queue
        self._batch = batch
        self._in_flight = in_flight

    async def open(self, url: str) -> None:
        """Connect as a plugin does."""
        self._redis = connect_redis(url)
        self._engine = Engine(self._redis, prefix="bench")

    async def close(self) -> None:
        """Disconnect."""
        await self._redis.aclose()

    async def enqueue(self, count: int) -> None:
        """A hundred jobs a call; one by one where the worker takes them one by one, too."""
        if self._batch == 1:
            return await self.enqueue_singly(count)
        for many in payloads(count):
            await self._engine.call([self._job(text) for text in many])
        return None

    async def enqueue_singly(self, count: int) -> None:
        """One job a call."""
        for number in range(count):
            await self._engine.enqueue(self._job(payload(number)))

    @asynccontextmanager
    async def working(self, arrivals: Arrivals) -> AsyncIterator[None]:
        """Leases, history, wake-up: what a worker has, less the handler."""
        async with listening(self._redis, self._engine.keys, [self._queue]) as alarm:
            turns = [asyncio.create_task(self._turns(arrivals, alarm)) for _ in range(self._in_flight)]
            try:
                yield
            finally:
                for task in turns:
                    task.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await task

    async def _turns(self, arrivals: Arrivals, alarm: Alarm) -> None:
        claim = Claim(queue=self._queue, n=self._batch, who="bench", lease=LEASE)
        held: list[Claimed] = []
        while True:
            ends: list[Verb[object]] = [Succeed(id=job.id, attempt=job.attempt, claim=job.claim) for job in held]
            held = (await self._engine.call([*ends, claim], Mode.EACH))[-1]
            arrivals.seen(len(held))
            if not held:
                await alarm.wait(self._queue, at_most=timedelta(seconds=1))

    def _job(self, text: str) -> Enqueue:
        return Enqueue(queue=self._queue, kind="noop", payload=text.encode())
