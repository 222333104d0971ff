"""Gathers what is asked in one turn of the event loop into one question, so that a busy process makes few round trips.

It does for reads and for bytes what `batching` does for verbs.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")

MOST_AT_ONCE: Final = 64


class Gathering(Generic[Item, Answer]):
    """Answers items one by one, by a function that answers many in the same order.

    One question is on its way at a time. What comes meanwhile waits for it, and then shares the next one: the busier a
    process is, the less each item costs.
    """

    def __init__(self, work: Callable[[Sequence[Item]], Awaitable[Sequence[Answer]]]) -> None:
        self._work = work
        self._waiting: deque[tuple[Item, asyncio.Future[Answer]]] = deque()
        self._flight: asyncio.Task[None] | None = None
        self._scheduled = False

    async def ask(self, item: Item) -> Answer:
        """The answer to `item`. Raises what the function raises, for every item that it was asked with."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((item, future))
        if not self._scheduled:
            self._scheduled = True
            loop.call_soon(self._take_off)
        return await future

    def _take_off(self) -> None:
        self._scheduled = False
        if self._waiting and self._flight is None:
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), MOST_AT_ONCE))]
            self._flight = asyncio.create_task(self._fly(batch))
            self._flight.add_done_callback(self._land)

    def _land(self, _: asyncio.Task[None]) -> None:
        self._flight = None
        self._take_off()

    async def _fly(self, batch: Sequence[tuple[Item, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._work([item for item, _ in batch])
        except Exception as error:  # noqa: BLE001 (whatever it is, each waiter is told, and nobody else)
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), answer in zip(batch, answers, strict=True):
            if not future.done():
                future.set_result(answer)
