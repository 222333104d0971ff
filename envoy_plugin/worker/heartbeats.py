"""Heartbeats: what each worker does now, for operators. No promise depends on them: leases say whose a job is."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, cast

from pydantic import TypeAdapter, ValidationError
from redis.exceptions import RedisError

from envoy_plugin.engine.engine import Engine
from envoy_plugin.logs import get_logger

BEAT: Final = timedelta(seconds=5)
LIFE: Final = timedelta(seconds=20)
"""How long a worker that is silent is taken to live."""
NAMED: Final = timedelta(days=1)
"""How long the name of a worker that has died is looked at: longer than any two machines' clocks differ."""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldJob:
    """A job that a worker runs, since when."""

    id: str
    kind: str
    install: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """A worker as it said that it was at `seen`. `who` is the host's name and the process' id; times are in UTC."""

    who: str
    since: datetime
    seen: datetime
    queues: tuple[str, ...]
    concurrency: int
    jobs: tuple[HeldJob, ...]


_HEARTBEAT: Final = TypeAdapter(Heartbeat)


async def find_workers(engine: Engine) -> list[Heartbeat]:
    """The workers that live, in the order of their names; one that died is among them for 20 s at most."""
    names = cast("list[bytes]", await engine.redis.zrange(engine.keys.workers, 0, -1))
    found = await engine.redis.mget([engine.keys.worker(name.decode()) for name in names]) if names else []
    return sorted((beat for said in found if (beat := _read(said))), key=lambda beat: beat.who)


def _read(said: bytes | str | None) -> Heartbeat | None:
    """What a worker said; None where it has died, or is of a release that says it otherwise."""
    try:
        return None if said is None else _HEARTBEAT.validate_json(said)
    except ValidationError:
        return None


async def beat(engine: Engine, heartbeat: Heartbeat) -> None:
    """Say what a worker does now, and forget the names of those that said nothing for long."""
    now = heartbeat.seen.timestamp()
    async with engine.redis.pipeline(transaction=False) as pipe:
        pipe.set(engine.keys.worker(heartbeat.who), _HEARTBEAT.dump_json(heartbeat), px=LIFE)
        pipe.zadd(engine.keys.workers, {heartbeat.who: now})
        pipe.zremrangebyscore(engine.keys.workers, "-inf", now - NAMED.total_seconds())
        await pipe.execute()


async def _leave(engine: Engine, who: str) -> None:
    async with engine.redis.pipeline(transaction=False) as pipe:
        pipe.delete(engine.keys.worker(who))
        pipe.zrem(engine.keys.workers, who)
        await pipe.execute()


async def _beat_for_ever(engine: Engine, look: Callable[[], Heartbeat], every: timedelta) -> None:
    while True:
        try:
            await beat(engine, look())
        except RedisError as error:
            log.warning("heartbeat.failed", error=type(error).__name__)
        await asyncio.sleep(every.total_seconds())


@contextlib.asynccontextmanager
async def beating(engine: Engine, look: Callable[[], Heartbeat], *, every: timedelta = BEAT) -> AsyncIterator[None]:
    """Say what `look` sees for as long as the block runs; then, that the worker is gone."""
    task = asyncio.create_task(_beat_for_ever(engine, look, every))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        with contextlib.suppress(RedisError, TimeoutError):
            async with asyncio.timeout(1):
                await _leave(engine, look().who)
