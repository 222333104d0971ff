"""How a thing is doing: when it was last heard of, what it has to do and has done, how often in a row it has failed."""

from dataclasses import dataclass
from itertools import takewhile
from typing import Final

from envoy_plugin.apis.iot_jobs.executions import KIND, UNSEEN, Execution
from envoy_plugin.apis.iot_jobs.registry import Thing
from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.listings import Filter, count_listed, find_jobs
from envoy_plugin.engine.states import ENDED, WAITING, State
from envoy_plugin.engine.verbs import Listing

LONGEST_STREAK: Final = 20
"""No more than so many of the latest jobs are looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """A thing and its work. `failure_streak` is how many of its latest jobs failed, timed out or were rejected."""

    thing: Thing
    pending: int
    running: int
    failure_streak: int


async def look_at(engine: Engine, thing: Thing) -> Presence:
    """How this thing is doing now."""
    counts = await count_listed(engine, Listing.QUEUE, thing.queue)
    ended = Filter(queue=thing.queue, states=frozenset({State.SUCCEEDED, State.FAILED}))
    latest = (await find_jobs(engine, ended, limit=LONGEST_STREAK)).jobs
    by_end = sorted(latest, key=lambda job: (job.changed, job.id), reverse=True)
    return Presence(
        thing=thing,
        pending=sum(counts[state] for state in WAITING),
        running=counts[State.RUNNING],
        failure_streak=len(list(takewhile(lambda job: job.state is State.FAILED, by_end))),
    )


async def find_unseen(engine: Engine, thing: Thing, most: int) -> list[Execution]:
    """What this thing will have to do once something else is over, the latest first: it doesn't see it yet."""
    found = await find_jobs(engine, Filter(queue=thing.queue, kind=KIND, states=UNSEEN), limit=most)
    return [Execution.of(job) for job in found.jobs]


async def find_ended(engine: Engine, thing: Thing, most: int) -> list[Execution]:
    """What this thing has done of late, or was spared: of the latest that it was given, the latest end first."""
    found = await find_jobs(engine, Filter(queue=thing.queue, kind=KIND, states=ENDED), limit=most)
    ended = [Execution.of(job) for job in found.jobs if not job.deleted]
    return sorted(ended, key=lambda execution: (execution.updated_at, execution.id), reverse=True)
