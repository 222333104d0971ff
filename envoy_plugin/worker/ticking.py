"""Ticking: enqueues what schedules say is due. Every worker does; a tick is one job, whoever comes first.

Redis remembers up to when each schedule was looked after. The first tick since then is due; those that were missed
after it, while no worker ran, are not made up for.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final, cast

from redis.exceptions import RedisError

from envoy_plugin.engine.clock import moment, stamp_of
from envoy_plugin.engine.verbs import Unique
from envoy_plugin.in_background import in_background
from envoy_plugin.logs import get_logger
from envoy_plugin.runtime import Runtime
from envoy_plugin.tasks.lanes import plain
from envoy_plugin.tasks.options import Options
from envoy_plugin.tasks.schedules import Schedule

KEPT: Final = timedelta(days=1)
"""How long a tick that was enqueued is known by its own key: longer than any process is slow."""
REMEMBERED: Final = timedelta(days=35)
"""For how long, beyond its next tick, a schedule that no worker looks after any more is remembered."""
AT_MOST: Final = timedelta(minutes=1)
"""After which time a schedule is looked after in any case."""
PAUSE: Final = timedelta(seconds=1)

log = get_logger(__name__)


async def enqueue_due(runtime: Runtime) -> timedelta:
    """Enqueue what is due; answers how long it is until something may be."""
    now = await _now(runtime)
    schedules = list(runtime.plugin.schedules.values())
    found = await runtime.engine.redis.mget([_key(runtime, schedule) for schedule in schedules])
    waits = [AT_MOST]
    for schedule, seen in zip(schedules, found, strict=True):
        since = now if seen is None else moment(int(cast("bytes", seen)))
        tick = schedule.rule.next_after(since)
        if tick <= now:
            await _enqueue(runtime, schedule, tick, now)
        if tick <= now or seen is None:
            tick = schedule.rule.next_after(now)
            await _remember(runtime, schedule, now, until=tick + REMEMBERED)
        waits.append(tick - now)
    return min(waits)


async def _now(runtime: Runtime) -> datetime:
    """Redis' time, as that of the engine, or a test's."""
    if runtime.clock is not None:
        return datetime.fromtimestamp(runtime.clock(), UTC)
    seconds, microseconds = await runtime.engine.redis.time()
    return datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=microseconds)


async def _enqueue(runtime: Runtime, schedule: Schedule, tick: datetime, now: datetime) -> None:
    task = runtime.plugin.home.ready[schedule.task]
    key = plain(f"tick:{schedule.name}:{stamp_of(tick)}")
    job = replace(task.job(runtime.context(), (), {}, Options()), unique=Unique(key=key, until=now + KEPT))
    made = await runtime.batcher.run(job)
    if made.created:
        log.info("schedule.due", id=made.id, task=schedule.task, tick=tick)


async def _remember(runtime: Runtime, schedule: Schedule, now: datetime, *, until: datetime) -> None:
    span = until - now
    await runtime.engine.redis.set(_key(runtime, schedule), stamp_of(now), px=span)


def _key(runtime: Runtime, schedule: Schedule) -> str:
    return runtime.engine.keys.schedule(plain(schedule.name))


async def _tick_for_ever(runtime: Runtime) -> None:
    while True:
        try:
            wait = await enqueue_due(runtime)
        except RedisError as error:
            log.warning("tick.failed", error=type(error).__name__)
            wait = PAUSE
        await asyncio.sleep(wait.total_seconds())


@contextlib.asynccontextmanager
async def ticking(runtime: Runtime) -> AsyncIterator[None]:
    """Look after the plugin's schedules for as long as the block runs."""
    if not runtime.plugin.schedules:
        yield
        return
    async with in_background(_tick_for_ever(runtime)):
        yield
