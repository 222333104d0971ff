"""Clients that do whatever can be done, at random, and what they know in common."""

from datetime import timedelta
from random import Random
from typing import Any, Final

from envoy_plugin.engine import verbs
from envoy_plugin.engine.engine import Engine, Mode
from envoy_plugin.engine.model import Claimed
from envoy_plugin.engine.retries import Backoff, Debt
from envoy_plugin.engine.states import State
from envoy_plugin.engine.sweeper import sweep
from envoy_plugin.engine.verbs import (
    Assign,
    Cancel,
    Claim,
    ClaimJob,
    Delete,
    Depend,
    Describe,
    Enqueue,
    Expect,
    Expire,
    Fail,
    Hold,
    Listing,
    Note,
    PassDebt,
    Pause,
    Policy,
    Promote,
    Release,
    Reschedule,
    Resume,
    Retire,
    Retry,
    Succeed,
    Touch,
    Undepend,
    Unhold,
    Unique,
    Unpause,
    Verb,
)
from envoy_plugin.errors import EngineError
from tests.engine.clock import Clock

SECOND: Final = timedelta(seconds=1)
BACKOFF: Final = Backoff(base=SECOND, factor=2, cap=10 * SECOND)
QUEUES: Final = ("q", "events", "thing:1")
HOLDS: Final = ("path", "run", "mine")
RECENT: Final = 24
"""Of how many of the latest jobs, or claims, one is chosen."""


def every_verb() -> set[type[Verb[Any]]]:
    """All that can be asked of the engine."""
    named = (getattr(verbs, name) for name in verbs.__all__)
    return {verb for verb in named if isinstance(verb, type) and issubclass(verb, Verb) and hasattr(verb, "name")}


class Crowd:
    """What the clients know in common: all ids, every claim that was ever answered, every end that was accepted.

    `asked` are the verbs that were called; those of sweeps are known to be.
    """

    def __init__(self) -> None:
        self.clock = Clock()
        self.asked: set[type[Verb[Any]]] = {Expire, Promote, Retire}
        self.ids: list[str] = []
        self.deleted: set[str] = set()
        self.envelopes: list[str] = []
        self.claims: dict[tuple[str, int], Claimed] = {}
        self.taken: set[tuple[str, int]] = set()
        self.ended: set[tuple[str, int]] = set()

    def learn(self, verb: Verb[Any], answer: Any) -> None:
        """Take note of an answer; a claim, and the end of a claim, are answered to one client alone."""
        self.asked.add(type(verb))
        if isinstance(answer, EngineError):
            return
        if isinstance(verb, Enqueue) and answer.created:
            self.ids.append(verb.id)
            self.envelopes += [verb.id] * verb.envelope
        elif isinstance(verb, Claim | ClaimJob | Resume):
            for job in answer:
                self.claims[job.id, job.claim] = job
            if not isinstance(verb, Resume):
                self.take({(job.id, job.claim) for job in answer})
        elif isinstance(verb, Succeed | Fail | Release) and verb.claim is not None:
            assert (verb.id, verb.claim) not in self.ended
            self.ended.add((verb.id, verb.claim))
        elif isinstance(verb, Delete) and answer:
            self.deleted.add(verb.id)

    def take(self, claims: set[tuple[str, int]]) -> None:
        """Each claim is one client's."""
        assert not claims & self.taken
        self.taken |= claims


class Client:
    """One process: a connection and dice of its own."""

    def __init__(self, engine: Engine, crowd: Crowd, seed: str) -> None:
        self._engine, self._crowd, self._dice = engine, crowd, Random(seed)
        self._kinds = (
            *(self._enqueue, self._enqueue, self._envelope, self._claim, self._claim, self._take),
            *(self._end, self._end, self._end, self._stay, self._gate, self._gate, self._change, self._intervene),
        )

    async def step(self) -> None:
        """One call of one to three verbs, or a sweep, or a while that passes."""
        if self._dice.random() < 0.15:
            self._crowd.clock.move(SECOND * self._dice.choice((1, 1, 5, 15)))
        if self._dice.random() < 0.15:
            await sweep(self._engine)
            return
        wanted = [self._dice.choice(self._kinds)() for _ in range(self._dice.choice((1, 1, 2, 3)))]
        if self._dice.random() < 0.1:
            wanted += await self._attach()
        for verb, answer in zip(wanted, await self._engine.call(wanted, Mode.EACH), strict=True):
            self._crowd.learn(verb, answer)

    async def _attach(self) -> list[Verb[Any]]:
        return [Note(**self._fence(), blob=await self._engine.store_blob(b"log"))] if self._crowd.claims else []

    def _id(self) -> str:
        return self._dice.choice(self._crowd.ids[-RECENT:] or ["nobody"])

    def _fence(self) -> dict[str, Any]:
        """One of the last claims, whoever has it, whether it is over or not."""
        job = self._dice.choice(list(self._crowd.claims.values())[-RECENT:])
        return {"id": job.id, "attempt": job.attempt, "claim": job.claim}

    def _facts(self) -> dict[str, Any]:
        """What any job may have."""
        key = self._dice.choice((None, None, None, *"abc"))
        return {
            "kind": "k",
            "payload": b"{}",
            "install": self._dice.choice(("-", "1", "2")),
            "retries": self._dice.choice((0, 2, {"timeout": 1, "*": 1})),
            "backoff": BACKOFF,
            "unique": Unique(key=key, kept=key == "c") if key else None,
            "owes": self._dice.choice((None, Debt(kind="report", retries=1, backoff=BACKOFF))),
            "holds": self._dice.choice(({}, {}, {"run": None}, {"mine": self._crowd.clock.after(SECOND)})),
            "parent": self._dice.choice(("", "", "", *self._crowd.envelopes[-2:])),
            "listed": self._dice.choice(((), tuple(Listing))),
        }

    def _enqueue(self) -> Verb[Any]:
        ids = self._crowd.ids[-RECENT:]
        after = self._dice.sample(ids, self._dice.choice((0, 0, 1, 2))) if len(ids) > 2 else []
        return Enqueue(
            **self._facts(),
            queue=self._dice.choice(QUEUES),
            delay=self._dice.choice((None, None, SECOND)),
            limit=self._dice.choice((None, 10 * SECOND)),
            fails_on_lost_lease=self._dice.random() < 0.2,
            after={upstream: self._dice.choice(list(Policy)) for upstream in after},
            lane=self._dice.choice(("", "", "l")),
            skippable=self._dice.random() < 0.2,
        )

    def _envelope(self) -> Verb[Any]:
        return Enqueue(**self._facts(), queue="-", envelope=True, closes=self._dice.random() < 0.5)

    def _claim(self) -> Verb[Any]:
        queue, n = self._dice.choice((*QUEUES, "report")), self._dice.choice((1, 2, 3))
        return Claim(queue=queue, n=n, who="w", lease=5 * SECOND)

    def _take(self) -> Verb[Any]:
        some = (ClaimJob(id=self._id(), who="w", lease=5 * SECOND), Resume(queue=QUEUES[2], who="w", lease=SECOND))
        return self._dice.choice(some)

    def _end(self) -> Verb[Any]:
        if not self._crowd.claims:
            return self._claim()
        fence = self._fence()
        delay, hold = self._dice.choice((timedelta(), SECOND)), self._dice.choice(("", "run"))
        ends = (
            Succeed(**fence, outcome=b"ok"),
            Fail(**fence, reason="error"),
            Release(**fence, delay=delay, hold=hold),
        )
        return self._dice.choice((*ends, Succeed(id=self._id()), Fail(id=self._id(), reason="rejected")))

    def _stay(self) -> Verb[Any]:
        if not self._crowd.claims:
            return self._claim()
        fence = self._fence()
        stays = (Touch(**fence, lease=5 * SECOND), Note(**fence, content=b"half"), PassDebt(**fence, heir=self._id()))
        return self._dice.choice(
            (*stays, Note(**fence, blob_name=f"log:{fence['attempt']}"), Expect(**fence_of(fence)))
        )

    def _gate(self) -> Verb[Any]:
        job_id, hold = self._id(), self._dice.choice(HOLDS)
        until, policy = self._dice.choice((None, self._crowd.clock.after(5 * SECOND))), self._dice.choice(list(Policy))
        gates = (Hold(id=job_id, hold=hold, until=until), Unhold(id=job_id, hold=hold), Unhold(id=job_id, hold="run"))
        edges = (Depend(id=job_id, upstream=self._id(), policy=policy), Undepend(id=job_id, upstream=self._id()))
        return self._dice.choice(gates + edges)

    def _change(self) -> Verb[Any]:
        job_id, queue = self._id(), self._dice.choice(QUEUES)
        facts = (
            Assign(id=job_id, queue=queue, assignee="ada"),
            Reschedule(id=job_id, at=self._crowd.clock.after(SECOND)),
        )
        tags = (Describe(id=job_id, fields={"f": b"1"}, tags=["t"]), Describe(id=job_id, drop=["f"], untag=["t"]))
        return self._dice.choice(
            (*facts, *tags, Pause(queue=queue, why=b"why"), Unpause(queue=queue), Unpause(queue=queue))
        )

    def _intervene(self) -> Verb[Any]:
        job_id = self._id()
        ends = (Cancel(id=job_id, reason="operator"), Delete(id=job_id, attempt=self._dice.choice((1, 2))))
        return self._dice.choice((*ends, Retry(id=job_id), Retry(id=job_id, retries=1)))


def fence_of(held: dict[str, Any]) -> dict[str, Any]:
    """The same without the claim."""
    return {name: value for name, value in held.items() if name != "claim"}


# -- and when all is done


async def finish(engine: Engine, crowd: Crowd, left: dict[str, Any]) -> None:
    """Let time pass, open every gate of those that are left, and succeed in whatever can be."""
    crowd.clock.move(20 * SECOND)
    await sweep(engine)
    opened: list[Verb[Any]] = [Unpause(queue=queue) for queue in QUEUES]
    for job_id, job in left.items():
        opened += [Unhold(id=job_id, hold=hold) for hold in job.waits("hold")]
        opened += [Undepend(id=job_id, upstream=upstream) for upstream in job.waits("wait")]
        opened += [Succeed(id=job_id)] if job.state == State.RUNNING and not job.alive else []
    for first in range(0, len(opened), 200):
        await engine.call(opened[first : first + 200], Mode.EACH)
    for queue in (*QUEUES, "report"):
        for job in await engine.claim(queue, 100, who="last", lease=SECOND):
            await engine.succeed(job)
