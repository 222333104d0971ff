"""A time-out that costs nothing while there is nothing to wait for."""

import asyncio
from collections.abc import Coroutine, Generator
from datetime import timedelta
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")


class Overdue(TimeoutError):
    """The time is up, and the coroutine was cancelled."""


async def within(limit: timedelta, coroutine: Coroutine[Any, Any, Result]) -> Result:
    """The coroutine's result. It is run up to its first wait before a timer is set, since many never wait.

    Raises:
        Overdue: it took longer than `limit`, and was cancelled.
    What the coroutine raises is its own.
    """
    try:
        waited = coroutine.send(None)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]  # what the coroutine returned
    scope = asyncio.timeout(limit.total_seconds())
    try:
        async with scope:
            return await _Rest(coroutine, waited)
    except TimeoutError as error:
        if scope.expired():
            raise Overdue from error
        raise


class _Rest(Generic[Result]):
    """The rest of a coroutine that has been run up to its first wait."""

    def __init__(self, coroutine: Coroutine[Any, Any, Result], waited: object) -> None:
        self._coroutine = coroutine
        self._waited = waited

    def __await__(self) -> Generator[Any, Any, Result]:
        waited = self._waited
        try:
            while True:
                try:
                    sent = yield waited
                except BaseException as error:  # noqa: BLE001 (whatever it is, it is the coroutine's)
                    waited = self._coroutine.throw(error)
                else:
                    waited = self._coroutine.send(sent)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # what the coroutine returned
