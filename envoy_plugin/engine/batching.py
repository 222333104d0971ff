"""Gathers what is asked in one turn of the event loop into one call, so that a busy process makes few round trips."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Final, Generic, TypeVar

from envoy_plugin.engine.engine import Engine, Mode
from envoy_plugin.engine.verbs import Verb

Answer = TypeVar("Answer")
Item = TypeVar("Item")
Result = TypeVar("Result")

MOST_AT_ONCE: Final = 64
IN_FLIGHT: Final = 2
"""Two calls at once keep both sides busy: while Redis works on one, Python prepares the other."""


class Gatherer(Generic[Item, Result]):
    """Hands items to a call, together with what others hand over in the same turn of the loop.

    The call gets at most 64 items, and answers a result or an error for each, in order.
    """

    def __init__(self, call: Callable[[list[Item]], Awaitable[Sequence[Result | BaseException]]]) -> None:
        self._call = call
        self._queue: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        self._flights: set[asyncio.Task[None]] = set()
        self._scheduled = False

    async def run(self, item: Item, *, limit: timedelta | None = None) -> Result:
        """The result of one item.

        Raises:
            TimeoutError: there was none within `limit`; the item may have been dealt with all the same.
        Else the item's own error, or that of its call.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._queue.append((item, future))
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
        while len(self._flights) < IN_FLIGHT and (batch := self._board()):
            flight = asyncio.create_task(self._fly(batch))
            self._flights.add(flight)
            flight.add_done_callback(self._land)

    def _board(self) -> list[tuple[Item, asyncio.Future[Result]]]:
        """The next batch, without what has exceeded its limit here: who asked has been told that it failed."""
        batch: list[tuple[Item, asyncio.Future[Result]]] = []
        while self._queue and len(batch) < MOST_AT_ONCE:
            item, future = self._queue.popleft()
            if future.cancelled() or not future.done():
                batch.append((item, future))
        return batch

    def _land(self, flight: asyncio.Task[None]) -> None:
        self._flights.discard(flight)
        self._take_off()

    async def _fly(self, batch: list[tuple[Item, asyncio.Future[Result]]]) -> None:
        answers: Sequence[Result | BaseException]
        try:
            answers = await self._call([item for item, _ in batch])
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


class Batcher:
    """Runs verbs like `Engine.run`, together with what others submit in the same turn of the loop."""

    def __init__(self, engine: Engine) -> None:
        self._verbs: Gatherer[Verb[Any], Any] = Gatherer(partial(engine.call, mode=Mode.EACH))

    def run(self, verb: Verb[Answer], *, limit: timedelta | None = None) -> Coroutine[Any, Any, Answer]:
        """Run one verb.

        Raises:
            TimeoutError: there was no answer within `limit`; it may be done all the same.
        Else it raises as `Engine.run` does, and what the connection raises.
        """
        return self._verbs.run(verb, limit=limit)


def _give_up(future: asyncio.Future[Any]) -> None:
    if not future.done():
        future.set_exception(TimeoutError())
