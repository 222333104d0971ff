"""A time-out that is only kept once the coroutine waits."""

import asyncio
from datetime import timedelta

import pytest

from envoy_plugin.deadline import Overdue, within

LONG = timedelta(seconds=30)
SHORT = timedelta(milliseconds=10)


async def at_once(value: object) -> object:
    return value


async def later(value: object) -> object:
    for _ in range(3):
        await asyncio.sleep(0)
    return value


@pytest.mark.parametrize("coroutine", [at_once, later])
async def test_the_result_is_the_coroutines(coroutine: object) -> None:
    assert await within(LONG, coroutine("done")) == "done"  # type: ignore[operator]  # one of the two above


async def test_an_error_before_the_first_wait_is_the_coroutines() -> None:
    async def fail() -> None:
        raise ValueError("at once")

    with pytest.raises(ValueError, match="at once"):
        await within(LONG, fail())


async def test_an_error_after_a_wait_is_the_coroutines() -> None:
    async def fail() -> None:
        await asyncio.sleep(0)
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        await within(LONG, fail())


async def test_what_takes_too_long_is_cancelled_and_can_clean_up() -> None:
    cleaned = []

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.append("up")

    with pytest.raises(Overdue):
        await within(SHORT, wait())
    assert cleaned == ["up"]


async def test_cancelling_from_outside_is_no_time_out() -> None:
    begun = asyncio.Event()

    async def wait() -> None:
        begun.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(within(LONG, wait()))
    await begun.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_what_is_awaited_inside_reaches_the_coroutine() -> None:
    async def gather() -> list[int]:
        async def one(number: int) -> int:
            await asyncio.sleep(0)
            return number

        async with asyncio.timeout(5):
            return await asyncio.gather(*(one(number) for number in range(3)))

    assert await within(LONG, gather()) == [0, 1, 2]
