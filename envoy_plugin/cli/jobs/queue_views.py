"""What is in each queue."""

from collections import Counter
from dataclasses import dataclass

from envoy_plugin.cli.jobs.pauses import Pausing, read_pauses
from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.listings import Filter, every_job
from envoy_plugin.engine.queries import queues_of
from envoy_plugin.engine.states import State


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueView:
    """How many jobs of a queue can be claimed, how many run, and whether and why it is paused."""

    name: str
    available: int
    running: int
    paused: Pausing | None


async def view_queues(engine: Engine) -> list[QueueView]:
    """Every queue that has held a job, by name."""
    names = await queues_of(engine)
    pauses = await read_pauses(engine, names)
    running = Counter([job.queue async for job in every_job(engine, Filter(states=frozenset({State.RUNNING})))])
    async with engine.redis.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.zcard(engine.keys.index(State.AVAILABLE, name))
        sizes = await pipe.execute()
    return [
        QueueView(name=name, available=size, running=running[name], paused=pauses.get(name))
        for name, size in zip(names, sizes, strict=True)
    ]
