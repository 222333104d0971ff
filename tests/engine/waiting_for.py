"""Waiting for what another task, or a server, brings about."""

import asyncio
from collections.abc import Awaitable, Callable


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Return when `condition` holds; a test whose condition never does fails after 10 s."""
    async with asyncio.timeout(10):
        while not await condition():  # noqa: ASYNC110 (what happens in a server has no event here)
            await asyncio.sleep(0.005)
