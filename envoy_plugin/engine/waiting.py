"""Waiting for work: one blocking listener a process wakes its local waiters. No wake-up is needed for correctness."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Iterable
from datetime import timedelta
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from envoy_plugin.engine.keys import Keys

BLOCK_SECONDS: Final = 2
"""Less than the connection's read time-out, which would end the wait with an error."""
BELL_SECONDS: Final = 10
"""For how long a bell that nobody heard is kept."""
PAUSE_SECONDS: Final = 1


class Alarm:
    """Tells waiters of a queue that there may be work."""

    def __init__(self, queues: Iterable[str]) -> None:
        self._rung = {queue: asyncio.Event() for queue in queues}
        self._awaited: set[str] = set()
        self._heard: frozenset[str] = frozenset()
        self._somebody, self._unheard = asyncio.Event(), asyncio.Event()

    def ring(self, queue: str) -> None:
        """Wake whoever waits for `queue`."""
        self._awaited.discard(queue)
        self._rung[queue].set()

    async def wait(self, queue: str, *, at_most: timedelta) -> None:
        """Return when `queue` may have work, or after `at_most`."""
        self._awaited.add(queue)
        self._somebody.set()
        if self._heard and queue not in self._heard:
            self._unheard.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(at_most.total_seconds()):
                await self._rung[queue].wait()
        self._rung[queue].clear()

    async def listen(self) -> frozenset[str]:
        """The queues to listen to, as soon as somebody waits for one."""
        self._heard = frozenset()
        self._unheard.clear()
        while not self._awaited:
            self._somebody.clear()
            await self._somebody.wait()
        self._heard = frozenset(self._awaited)
        return self._heard

    async def unheard(self) -> None:
        """Return when somebody waits for a queue that isn't listened to."""
        await self._unheard.wait()
        self._unheard.clear()


async def _listen(redis: Redis, keys: Keys, alarm: Alarm, bell: str) -> None:
    """Take tokens for those who wait alone: a busy worker needs none, and once taken, the next call puts one."""
    while True:
        queues = {keys.wake(queue).encode(): queue for queue in await alarm.listen()}
        try:
            popped = await redis.blpop([*queues, bell], timeout=BLOCK_SECONDS)
        except RedisError:
            await asyncio.sleep(PAUSE_SECONDS)
            continue
        if popped and popped[0] in queues:
            alarm.ring(queues[popped[0]])


async def _ring_bell(redis: Redis, alarm: Alarm, bell: str) -> None:
    """Let the listener begin anew when somebody begins to wait whom it doesn't listen for."""
    while True:
        await alarm.unheard()
        try:
            async with redis.pipeline(transaction=False) as pipe:
                pipe.lpush(bell, 1)
                pipe.expire(bell, BELL_SECONDS)
                await pipe.execute()
        except RedisError:
            await asyncio.sleep(PAUSE_SECONDS)


@contextlib.asynccontextmanager
async def listening(redis: Redis, keys: Keys, queues: Iterable[str]) -> AsyncIterator[Alarm]:
    """An alarm that rings for these queues for as long as the block runs; it keeps one connection."""
    alarm, bell = Alarm(queues), keys.of("bell", secrets.token_hex(8))
    work = (_listen(redis, keys, alarm, bell), _ring_bell(redis, alarm, bell))
    tasks = [asyncio.create_task(part) for part in work]
    try:
        yield alarm
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
