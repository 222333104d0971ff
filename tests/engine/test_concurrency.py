"""Eight clients at once, with verbs at random: nothing is claimed twice, nothing is lost, and the invariants hold."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Final

import pytest
from redis.asyncio import Redis

from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.states import ENDED, UNENDED, WAITING, State
from envoy_plugin.engine.sweeper import Keeping, retire
from tests.engine.crowd import Client, Crowd, every_verb, finish
from tests.engine.invariants import broken, unreported
from tests.engine.picture import Picture, take_picture
from tests.engine.seen import NAMESPACE, Seen, see_jobs
from tests.engine.stage import PATIENCE

CLIENTS: Final = 8
STEPS: Final = 160
ROUNDS: Final = 4
LAST_ROUNDS: Final = 40
"""How many times at most the rest is opened, claimed and finished: a lane of many jobs takes a while."""
SKIPPED: Final = frozenset({State.RUNNING, State.AVAILABLE, State.BLOCKED})
BEFORE: Final[dict[str, frozenset[State]]] = {
    "enqueued": frozenset(),
    "claimed": frozenset({State.AVAILABLE}),
    "promoted": frozenset({State.SCHEDULED}),
    "retried": ENDED,
    "described": frozenset(State),
    **dict.fromkeys(("cancelled", "held", "unheld", "depends", "undepended", "assigned", "rescheduled"), UNENDED),
    **dict.fromkeys(("dependency_met", "lane"), WAITING | {State.RUNNING}),
    **dict.fromkeys(("succeeded", "failed", "attempt_failed"), SKIPPED),
    **dict.fromkeys(("noted", "released", "lost"), frozenset({State.RUNNING})),
}
"""The states that a transition may leave."""


def illegal(jobs: dict[str, Seen]) -> list[str]:
    """Rows of a history that can't follow the row before: two claims that live at once, an end without a claim."""
    faults = []
    for job_id, job in jobs.items():
        rows = {number: row.split(" ")[:2] for number, row in job.history.items()}
        for number, (event, _) in rows.items():
            before = rows[number - 1][1] if number - 1 in rows else None
            if before is not None and before not in BEFORE[event]:
                faults.append(f"{job_id}: {number} {event} after {before}")
    return faults


async def check(redis: Redis, crowd: Crowd) -> dict[str, Seen]:
    """The jobs, after a look at everything that must hold."""
    picture = await take_picture(redis)
    jobs = see_jobs(picture)
    assert broken(picture) == []
    assert unreported(picture) == []
    assert illegal(jobs) == []
    assert set(crowd.ids) - crowd.deleted <= jobs.keys()
    return jobs


async def finish_all(engine: Engine, crowd: Crowd) -> None:
    """Do what is left to do, until nothing is."""
    for _ in range(LAST_ROUNDS):
        jobs = see_jobs(await take_picture(engine.redis))
        left = {job_id: job for job_id, job in jobs.items() if not job.ended}
        await finish(engine, crowd, left)
        if not left:
            return
    pytest.fail(f"{len(left)} jobs don't end: {list(left.items())[:3]}")


async def forget_all(engine: Engine, crowd: Crowd) -> None:
    """Months later nothing is left, but which queues there were; children go before their envelopes."""
    crowd.clock.move(timedelta(days=60))
    for _ in range(LAST_ROUNDS):
        await retire(engine, Keeping())
        crowd.clock.move(timedelta(hours=2))
    assert kinds_in(await take_picture(engine.redis)) <= {"queues", "wake", "blob"}


def kinds_in(picture: Picture) -> set[str]:
    """Which kinds of keys there are."""
    return {key.removeprefix(NAMESPACE).partition(":")[0] for key in picture}


@pytest.mark.no_cover  # it would take twice as long, and run no line that other tests don't
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(3))
async def test_eight_clients_at_once_lose_nothing_and_share_nothing(redis_url: str, soak: int, seed: int) -> None:
    async with AsyncExitStack() as stack:
        connections = [
            await stack.enter_async_context(Redis.from_url(redis_url, socket_timeout=PATIENCE)) for _ in range(CLIENTS)
        ]
        for turn in range(soak):
            await connections[0].flushdb()
            await crowd_in(connections, f"{seed} {turn}")


async def crowd_in(connections: list[Redis], seed: str) -> None:
    """One crowd, from its first job until nothing of it is left."""
    crowd = Crowd()
    engines = [Engine(redis, prefix="test", clock=crowd.clock) for redis in connections]
    clients = [Client(engine, crowd, f"{seed} {place}") for place, engine in enumerate(engines)]
    for _ in range(ROUNDS):
        await asyncio.gather(*(walk(client) for client in clients))
        await check(connections[0], crowd)
    await finish_all(engines[0], crowd)
    await check(connections[0], crowd)
    await forget_all(engines[0], crowd)
    assert crowd.asked == every_verb()


async def walk(client: Client) -> None:
    for _ in range(STEPS // ROUNDS):
        await client.step()
