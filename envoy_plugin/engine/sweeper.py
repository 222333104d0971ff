"""Sweeping: what time alone brings about. Every process that opens the engine sweeps; any number may at once."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from redis.exceptions import RedisError

from envoy_plugin.engine.engine import Engine, Mode
from envoy_plugin.engine.states import State
from envoy_plugin.engine.verbs import Expire, Promote, Retire
from envoy_plugin.in_background import in_background
from envoy_plugin.logs import get_logger

BATCH: Final = 100
RETIRE_EVERY: Final = 30
MAX_CRASHES: Final = 5
CALM_TURNS: Final = 3
"""How often Redis must answer after an absence before leases end: first, live workers touch theirs."""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """How long ended jobs are kept, and how many of each state at most."""

    ended: timedelta = timedelta(days=7)
    failed: timedelta = timedelta(days=30)
    most: int = 100_000

    def age_of(self, state: State) -> timedelta:
        """For how long a job that ended in `state` is kept."""
        return self.failed if state is State.FAILED else self.ended


async def sweep(engine: Engine) -> bool:
    """Promote what is due and expire what is past its lease or limit; True where more may be waiting."""
    verbs = [Promote(limit=BATCH), Expire(limit=BATCH, max_crashes=MAX_CRASHES)]
    return BATCH in await engine.call(verbs, Mode.EACH)


async def retire(engine: Engine, keeping: Keeping) -> bool:
    """Forget what was kept long enough; True where more may be waiting."""
    states = (State.SUCCEEDED, State.FAILED, State.CANCELLED)
    verbs = [Retire(state=state, age=keeping.age_of(state), most=keeping.most, limit=BATCH) for state in states]
    return BATCH in await engine.call(verbs, Mode.EACH)


async def sweep_for_ever(engine: Engine, keeping: Keeping, *, every: timedelta = timedelta(seconds=1)) -> None:
    """Sweep each `every`; Redis out of reach is logged and tried again.

    Once it is back, nothing is swept for three turns: after an absence that was longer than the leases, all that runs
    would be taken from workers that live.
    """
    turn, calm = 0, CALM_TURNS
    while True:
        more = False
        try:
            if calm < CALM_TURNS:
                await engine.redis.time()
                calm += 1
            else:
                more = await _sweep_all(engine, keeping, retiring=turn % RETIRE_EVERY == 0)
                turn += not more
        except RedisError as error:
            calm = 0
            log.warning("sweep.failed", error=type(error).__name__)
        await asyncio.sleep(0 if more else every.total_seconds())


async def _sweep_all(engine: Engine, keeping: Keeping, *, retiring: bool) -> bool:
    more = await sweep(engine)
    return (retiring and await retire(engine, keeping)) or more


@contextlib.asynccontextmanager
async def sweeping(engine: Engine, keeping: Keeping) -> AsyncIterator[None]:
    """Sweep in the background for as long as the block runs."""
    async with in_background(sweep_for_ever(engine, keeping)):
        yield
