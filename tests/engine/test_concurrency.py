"""Eight clients at once, with verbs at random: nothing is claimed twice, nothing is lost, and the invariants hold."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from random import Random
from typing import Any, Final

import pytest
from redis.asyncio import Redis

from envoy_plugin.engine.engine import Engine, Mode
from envoy_plugin.engine.model import Claimed
from envoy_plugin.engine.retries import Backoff, Debt
from envoy_plugin.engine.states import State
from envoy_plugin.engine.sweeper import Keeping, retire, sweep
from envoy_plugin.engine.verbs import Cancel, Claim, Enqueue, Fail, Note, Release, Retry, Succeed, Touch, Unique, Verb
from envoy_plugin.errors import EngineError
from tests.engine.clock import Clock
from tests.engine.invariants import broken, unreported
from tests.engine.life import see_jobs
from tests.engine.picture import Picture, take_picture

CLIENTS: Final = 8
STEPS: Final = 400
ROUNDS: Final = 8
PATIENCE: Final = 60
"""Seconds for an answer: a busy machine is no fault of the engine's."""
SECOND: Final = timedelta(seconds=1)
BACKOFF: Final = Backoff(base=SECOND, factor=2, cap=10 * SECOND)
QUEUES: Final = ("q", "other", "report")
BEFORE: Final = {
    "enqueued": {""},
    "claimed": {"available"},
    "promoted": {"scheduled"},
    "retried": {"succeeded", "failed", "cancelled"},
    "cancelled": {"scheduled", "available", "running"},
}
"""The states that a transition may leave; for all others it is `running`."""


class Crowd:
    """What the clients know in common: all ids, every claim that was ever answered, every end that was accepted."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.ids: set[str] = set()
        self.claims: dict[tuple[str, int], Claimed] = {}
        self.ended: set[tuple[str, int]] = set()

    def learn(self, verb: Verb[Any], answer: object) -> None:
        """Take note of an answer; a claim, and the end of a claim, are answered to one client alone."""
        if isinstance(verb, Enqueue) and not isinstance(answer, EngineError):
            self.ids.add(verb.id) if answer.created else None  # type: ignore[attr-defined]  # its answer is Enqueued
        elif isinstance(verb, Claim):
            for job in answer:  # type: ignore[attr-defined]  # its answer is a list of Claimed
                assert (job.id, job.claim) not in self.claims
                self.claims[job.id, job.claim] = job
        elif isinstance(verb, Succeed | Fail | Release) and isinstance(answer, State) and verb.claim is not None:
            assert (verb.id, verb.claim) not in self.ended
            self.ended.add((verb.id, verb.claim))


class Client:
    """One process: a connection and dice of its own."""

    def __init__(self, engine: Engine, crowd: Crowd, seed: str) -> None:
        self._engine, self._crowd, self._dice = engine, crowd, Random(seed)

    async def step(self) -> None:
        """One call of one to three verbs, or a sweep, or a while that passes."""
        if self._dice.random() < 0.15:
            self._crowd.clock.move(SECOND * self._dice.choice((1, 1, 5, 15)))
        if self._dice.random() < 0.15:
            await sweep(self._engine)
            return
        verbs = [self._verb() for _ in range(self._dice.choice((1, 1, 2, 3)))]
        for verb, answer in zip(verbs, await self._engine.call(verbs, Mode.EACH), strict=True):
            self._crowd.learn(verb, answer)

    def _verb(self) -> Verb[Any]:
        kind = self._dice.choice(
            (self._enqueue, self._claim, self._claim, self._hold, self._hold, self._hold, self._name)
        )
        return kind()

    def _enqueue(self) -> Verb[Any]:
        key = self._dice.choice((None, None, *"abc"))
        return Enqueue(
            queue=self._dice.choice(QUEUES[:2]),
            kind="k",
            payload=b"{}",
            delay=self._dice.choice((None, None, SECOND)),
            retries=self._dice.choice((0, 2)),
            backoff=BACKOFF,
            limit=self._dice.choice((None, 10 * SECOND)),
            fails_on_lost_lease=self._dice.random() < 0.2,
            unique=Unique(key=key, kept=key == "c") if key else None,
            owes=self._dice.choice((None, Debt(kind="report", retries=1, backoff=BACKOFF))),
        )

    def _claim(self) -> Verb[Any]:
        return Claim(queue=self._dice.choice(QUEUES), n=self._dice.choice((1, 2, 3)), who="w", lease=5 * SECOND)

    def _hold(self) -> Verb[Any]:
        """A verb for one of the last claims, whoever has it, whether it is over or not."""
        if not self._crowd.claims:
            return self._enqueue()
        job = self._dice.choice(list(self._crowd.claims.values())[-CLIENTS * 2 :])
        fence: dict[str, Any] = {"id": job.id, "attempt": job.attempt, "claim": job.claim}
        return self._dice.choice(
            (
                Succeed(**fence),
                Fail(**fence, reason="error"),
                Release(**fence, delay=self._dice.choice((timedelta(), SECOND))),
                Touch(**fence, lease=5 * SECOND),
                Note(**fence, content=b"half"),
            )
        )

    def _name(self) -> Verb[Any]:
        job_id = self._dice.choice(sorted(self._crowd.ids) or ["nobody"])
        return self._dice.choice((Cancel(id=job_id, reason="operator"), Retry(id=job_id)))


def illegal(picture: Picture) -> list[str]:
    """Rows of a history that can't follow the row before: two claims that live at once, an end without a claim."""
    faults = []
    for job_id, job in see_jobs(picture).items():
        state = "" if min(job.history) == 1 else None
        for number, row in sorted(job.history.items()):
            event, after = row.split(" ")[:2]
            if state is not None and job.replaced == 0 and state not in BEFORE.get(event, {"running"}):
                faults.append(f"{job_id}: {number} {event} after {state}")
            state = after
    return faults


async def check(redis: Redis, crowd: Crowd) -> None:
    picture = await take_picture(redis)
    assert broken(picture) == []
    assert unreported(picture) == []
    assert illegal(picture) == []
    assert crowd.ids <= see_jobs(picture).keys()


async def finish(engine: Engine, crowd: Crowd) -> None:
    """Let time pass, and succeed in whatever can be claimed, until nothing is left to do."""
    left = True
    while left:
        crowd.clock.move(20 * SECOND)
        await sweep(engine)
        for queue in QUEUES:
            for job in await engine.claim(queue, 100, who="last", lease=SECOND):
                await engine.succeed(job)
        left = any(
            job.state not in {"succeeded", "failed", "cancelled"}
            for job in see_jobs(await take_picture(engine.redis)).values()
        )


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
    await finish(engines[0], crowd)
    await check(connections[0], crowd)
    await forget(engines[0], crowd)


async def walk(client: Client) -> None:
    for _ in range(STEPS // ROUNDS):
        await client.step()


async def forget(engine: Engine, crowd: Crowd) -> None:
    """Months later nothing is left, but which queues there were."""
    crowd.clock.move(timedelta(days=60))
    while await retire(engine, Keeping()):
        pass
    await retire(engine, Keeping())
    left = {key.removeprefix(engine.keys.namespace).partition(":")[0] for key in await take_picture(engine.redis)}
    assert left <= {"queues", "wake"}
