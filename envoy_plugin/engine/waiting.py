"""Waiting for work: one blocking listener a process wakes its local waiters. No wake-up is needed for correctness."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from datetime import timedelta
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from envoy_plugin.engine.keys import Keys

BLOCK_SECONDS: Final = 2
"""Less than the connection's read time-out, which would end the wait with an error."""


class Alarm:
    """Tells waiters of a queue that there may be work."""

    def __init__(self, queues: Iterable[str]) -> None:
        self._rung = {queue: asyncio.Event() for queue in queues}
        self._awaited = {queue: asyncio.Event() for queue in self._rung}

    def ring(self, queue: str) -> None:
        """Wake whoever waits for `queue`."""
        self._awaited[queue].clear()
        self._rung[queue].set()

    async def wait(self, queue: str, *, at_most: timedelta) -> None:
        """Return when `queue` may have work, or after `at_most`."""
        self._awaited[queue].set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(at_most.total_seconds()):
                await self._rung[queue].wait()
        self._rung[queue].clear()

    async def awaited(self, queue: str) -> None:
        """Return when somebody waits for `queue`."""
        await self._awaited[queue].wait()


async def _listen(redis: Redis, keys: Keys, queue: str, alarm: Alarm) -> None:
    """Take the token for somebody who waits alone: a busy worker needs none, and once taken, the next call puts one."""
    while True:
        await alarm.awaited(queue)
        try:
            popped = await redis.blpop([keys.wake(queue)], timeout=BLOCK_SECONDS)
        except RedisError:
            await asyncio.sleep(1)
            continue
        if popped:
            alarm.ring(queue)


@contextlib.asynccontextmanager
async def listening(redis: Redis, keys: Keys, queues: Iterable[str]) -> AsyncIterator[Alarm]:
    """An alarm that rings for these queues for as long as the block runs; it keeps a connection for each."""
    wanted = tuple(queues)
    alarm = Alarm(wanted)
    tasks = [asyncio.create_task(_listen(redis, keys, queue, alarm)) for queue in wanted]
    try:
        yield alarm
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
