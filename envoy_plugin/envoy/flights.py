"""Flights: work that many ask for at once is done once, and all get its result."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")


class Flights(Generic[Result]):
    """One piece of work per key at a time, in this process."""

    def __init__(self) -> None:
        self._running: dict[str, asyncio.Task[Result]] = {}

    async def join(self, key: str, work: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
        """The result of the work under `key`: of that which is going on, else of `work`, started now.

        Who stops waiting does not stop the work, on which others may wait.
        """
        return await asyncio.shield(self.start(key, work))

    def start(self, key: str, work: Callable[[], Coroutine[Any, Any, Result]]) -> asyncio.Task[Result]:
        """Begin `work` unless some goes on under `key`, and don't wait for it."""
        task = self._running.get(key)
        if task is None:
            task = self._running[key] = asyncio.create_task(work())
            task.add_done_callback(lambda ended: self._land(key, ended))
        return task

    async def close(self) -> None:
        """Stop what goes on."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _land(self, key: str, ended: asyncio.Task[Result]) -> None:
        del self._running[key]
        if not ended.cancelled():
            ended.exception()  # seen, so that asyncio doesn't complain where everybody has stopped waiting
