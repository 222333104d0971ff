"""What a job queue must be able to do to be measured, and how its handler's calls are counted."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol

PAYLOAD_BYTES = 100
BULK = 100
PATIENCE = 120.0  # seconds after which a drain is given up


def payload(number: int) -> str:
    """A payload of 100 bytes, no two alike."""
    return f"entry-{number:010d}-".ljust(PAYLOAD_BYTES, "x")


def payloads(count: int) -> Iterator[list[str]]:
    """`count` payloads in lists of up to 100."""
    for first in range(0, count, BULK):
        yield [payload(number) for number in range(first, min(first + BULK, count))]


class Arrivals:
    """Counts the calls of a no-op handler, and remembers when the one waited for came."""

    def __init__(self) -> None:
        self.count = 0
        self.at = 0.0
        self._goal = 0
        self._reached = asyncio.Event()

    def seen(self, count: int = 1) -> None:
        """Jobs have been handled."""
        self.count += count
        if self.count >= self._goal and not self._reached.is_set():
            self.at = time.perf_counter()
            self._reached.set()

    def expect(self, more: int) -> None:
        """From now on `reached` waits for `more` jobs."""
        self._goal = self.count + more
        self._reached.clear()

    async def reached(self) -> float:
        """Wait for the jobs expected; when the last one came (perf_counter)."""
        async with asyncio.timeout(PATIENCE):
            await self._reached.wait()
        return self.at


class Contender(Protocol):
    """A job queue with one worker and a handler that does nothing. Opened anew on an empty Redis in every round."""

    name: str
    in_process: bool  # its worker and its enqueueing run in this process, so that single calls can be timed

    async def open(self, url: str) -> None:
        """Connect."""

    async def close(self) -> None:
        """Disconnect."""

    async def enqueue(self, count: int) -> None:
        """Enqueue so many jobs the fastest way it has, 100 at a time."""

    async def enqueue_singly(self, count: int) -> None:
        """Enqueue so many jobs, each when the one before is in Redis."""

    def working(self, arrivals: Arrivals) -> AbstractAsyncContextManager[None]:
        """A worker runs while this is open and tells `arrivals` of each job."""
