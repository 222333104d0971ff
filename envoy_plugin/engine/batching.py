"""Gathers the verbs of one turn of the event loop into one call, so that a busy process makes few round trips."""

import asyncio
from collections import deque
from datetime import timedelta
from typing import Any, Final, TypeVar

from envoy_plugin.engine.engine import Engine, Mode
from envoy_plugin.engine.verbs import Verb

Answer = TypeVar("Answer")

MOST_AT_ONCE: Final = 64
IN_FLIGHT: Final = 2
"""Two calls at once keep both sides busy: while Redis works on one, Python prepares the other."""


class Batcher:
    """Runs verbs like `Engine.run`, together with what others submit in the same turn of the loop."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._queue: deque[tuple[Verb[Any], asyncio.Future[Any]]] = deque()
        self._flights: set[asyncio.Task[None]] = set()
        self._scheduled = False

    async def run(self, verb: Verb[Answer], *, limit: timedelta | None = None) -> Answer:
        """Run one verb.

        Raises:
            TimeoutError: there was no answer within `limit`; it may be done all the same.
        Else it raises as `Engine.run` does, and what the connection raises.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        self._queue.append((verb, future))
        if not self._scheduled:
            self._scheduled = True
            loop.call_soon(self._take_off)
        if limit is None:
            return await future
        timer = loop.call_later(limit.total_seconds(), _give_up, future)  # asyncio.timeout costs three times as much
        try:
            return await future
        finally:
            timer.cancel()

    def _take_off(self) -> None:
        self._scheduled = False
        while self._queue and len(self._flights) < IN_FLIGHT:
            batch = [self._queue.popleft() for _ in range(min(len(self._queue), MOST_AT_ONCE))]
            flight = asyncio.create_task(self._fly(batch))
            self._flights.add(flight)
            flight.add_done_callback(self._land)

    def _land(self, flight: asyncio.Task[None]) -> None:
        self._flights.discard(flight)
        self._take_off()

    async def _fly(self, batch: list[tuple[Verb[Any], asyncio.Future[Any]]]) -> None:
        try:
            answers = await self._engine.call([verb for verb, _ in batch], Mode.EACH)
        except BaseException as error:  # noqa: BLE001 (whatever it is, each waiter is told, and nobody else)
            answers = [error] * len(batch)
        for (_, future), answer in zip(batch, answers, strict=True):
            if future.done():  # who waited was cancelled, or has given up
                continue
            if isinstance(answer, asyncio.CancelledError):
                future.cancel()
            elif isinstance(answer, BaseException):
                future.set_exception(answer)
            else:
                future.set_result(answer)


def _give_up(future: asyncio.Future[Any]) -> None:
    if not future.done():
        future.set_exception(TimeoutError())
