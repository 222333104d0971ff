"""The watchdog: ends a process whose event loop no longer turns, so that its host starts another.

It is a thread of C, which also ends what holds Python's lock for ever. The frames of every thread go to standard error.
"""

import asyncio
import contextlib
import faulthandler
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Final

from envoy_plugin.in_background import in_background

FED_IN_TIME: Final = 10
"""How often it is told in its time that the loop turns, but not more often than each quarter of a second."""
SHORTEST: Final = 0.25


@contextlib.asynccontextmanager
async def watched_over(limit: timedelta) -> AsyncIterator[None]:
    """Within the block, end the process with 1 once the event loop hasn't turned for `limit`; of zero: never."""
    if not limit:
        yield
        return
    try:
        async with in_background(_feed(limit.total_seconds())):
            yield
    finally:
        faulthandler.cancel_dump_traceback_later()


async def _feed(limit: float) -> None:
    while True:
        faulthandler.dump_traceback_later(limit, exit=True, file=sys.__stderr__ or sys.stderr)
        await asyncio.sleep(max(SHORTEST, limit / FED_IN_TIME))
