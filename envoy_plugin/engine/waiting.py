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
        self._events = {queue: asyncio.Event() for queue in queues}

    def ring(self, queue: str) -> None:
        """Wake whoever waits for `queue`."""
        self._events[queue].set()

    async def wait(self, queue: str, *, at_most: timedelta) -> None:
        """Return when `queue` may have work, or after `at_most`."""
        event = self._events[queue]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(at_most.total_seconds()):
                await event.wait()
        event.clear()


async def _listen(redis: Redis, keys: Keys, queues: tuple[str, ...], alarm: Alarm) -> None:
    names: dict[bytes | str, str] = {keys.wake(queue).encode(): queue for queue in queues}
    while True:
        try:
            popped = await redis.blpop(list(names), timeout=BLOCK_SECONDS)
        except RedisError:
            await asyncio.sleep(1)
            continue
        if popped:
            alarm.ring(names[popped[0]])


@contextlib.asynccontextmanager
async def listening(redis: Redis, keys: Keys, queues: Iterable[str]) -> AsyncIterator[Alarm]:
    """An alarm that rings for these queues for as long as the block runs; it keeps one connection for itself."""
    wanted = tuple(queues)
    alarm = Alarm(wanted)
    task = asyncio.create_task(_listen(redis, keys, wanted, alarm))
    try:
        yield alarm
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
