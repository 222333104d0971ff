"""Engine and model side by side: every call goes to both, and afterwards Redis is compared with the model."""

import asyncio
import time
from collections.abc import Awaitable, Sequence
from datetime import timedelta
from random import Random
from typing import Any, Final, TypeVar

from redis.asyncio import Redis

from envoy_plugin.engine.clock import milliseconds
from envoy_plugin.engine.engine import Engine, Mode
from envoy_plugin.engine.states import State
from envoy_plugin.engine.verbs import Verb
from envoy_plugin.errors import CallRefused, EngineError
from tests.engine.clock import Clock
from tests.engine.invariants import broken
from tests.engine.life import NAMESPACE, Life, Seen, see_jobs
from tests.engine.model import Model, Refused
from tests.engine.picture import Picture, take_picture

Result = TypeVar("Result")

AGE: Final = """
for _, key in ipairs(redis.call('KEYS', '*')) do
  local ttl = redis.call('PTTL', key)
  if ttl >= 0 and not key:find(':unique:', 1, true) then redis.call('PEXPIRE', key, ttl - ARGV[1]) end
end
"""
"""Lets the model's time pass for bytes, which are kept for a span; unique keys are held until a moment."""
SLACK: Final = 60_000


class Stage:
    """One Redis, one event loop, and what both sides were told. `walks` counts the steps since each `clear`.

    `dice` gives the engine its jitter, anew from each `clear`, so that the same steps come to the same.
    """

    def __init__(self, url: str, dice: Random) -> None:
        self._dice = dice
        self._runner = asyncio.Runner()
        self._redis = self._run(self._connect(url))
        self.walks: list[int] = []
        self.arrows: set[tuple[str, State, State]] = set()
        self.clear()

    async def _connect(self, url: str) -> Redis:
        return Redis.from_url(url, protocol=2, socket_timeout=SLACK / 1000)

    def _run(self, work: Awaitable[Result]) -> Result:
        async def wait() -> Result:
            return await work

        return self._runner.run(wait())

    def clear(self) -> None:
        """Begin again with nothing."""
        self.walks.append(0)
        self._dice.seed(0)
        self.clock = Clock()
        self.model = Model(self.clock.now)
        self.engine = Engine(self._redis, prefix="test", clock=self.clock)
        self._reported: set[str] = set()
        self._run(self._redis.flushdb())

    def learn_arrows(self) -> None:
        """Collect the transitions that the histories tell of: event, state before, state after."""
        for life in self.model.jobs.values():
            rows = {number: row.split(" ")[:2] for number, row in life.history.items()}
            follow = [(*rows[number + 1], rows[number][1]) for number in rows if number + 1 in rows]
            self.arrows |= {(event, State(before), State(after)) for event, after, before in follow}

    def close(self) -> None:
        """Leave the server and the loop."""
        self._run(self._redis.aclose())
        self._runner.close()

    def pass_time(self, span: timedelta) -> None:
        """Move both clocks, and what Redis counts down with them."""
        self.walks[-1] += 1
        self.clock.move(span)
        self._run(self._redis.eval(AGE, 0, milliseconds(span)))
        self._let_keys_go()
        assert differences_in_time(self.model, self._run(take_picture(self._redis))) == []

    def _let_keys_go(self) -> None:
        """What Redis would do at this time: its own clock is years behind."""
        before = self.model.keys
        self.model.move_to(self.clock.now)
        if passed := before.keys() - self.model.keys.keys():
            self._run(self._redis.delete(*(f"{NAMESPACE}unique:{name}" for name in passed)))

    def take_token(self, queue: str) -> None:
        """Pop the wake token of a queue, as a listener does."""
        self.walks[-1] += 1
        popped: object = self._run(self._redis.lpop(f"{NAMESPACE}wake:{queue}"))
        assert (popped is not None) == (queue in self.model.tokens)
        self.model.tokens.discard(queue)

    def call(self, verbs: Sequence[Verb[Any]], mode: Mode) -> None:
        """Call both, and compare the answers and everything that is to be seen."""
        self.walks[-1] += 1
        expected = self.model.call(verbs, mode)
        answers, picture = self._run(self._call(verbs, mode))
        if mode is Mode.ALL and any(isinstance(answer, Refused) for answer in expected):
            expected = [answer for answer in expected if isinstance(answer, Refused)]
        assert answers == expected
        self._compare(picture)
        self._let_keys_go()

    async def _call(self, verbs: Sequence[Verb[Any]], mode: Mode) -> tuple[list[object], Picture]:
        try:
            answers = await self.engine.call(verbs, mode)
        except CallRefused as refused:
            answers = list(refused.refusals.values())
        seen = [Refused.of(answer) if isinstance(answer, EngineError) else answer for answer in answers]
        return seen, await take_picture(self._redis)

    def _compare(self, picture: Picture) -> None:
        seen = see_jobs(picture)
        for life in self.model.jobs.values():
            learn_backoff(life, seen[life.id])
        assert seen == {life.id: life.seen() for life in self.model.jobs.values()}
        assert differences_in_time(self.model, picture) == []
        assert tokens_in(picture) == (self.model.tokens, self.model.queues)
        assert broken(picture) == []
        self._check_reports(seen)

    def _check_reports(self, seen: dict[str, Seen]) -> None:
        """Whatever owes and has ended has, or had, a follow-up."""
        self._reported |= seen.keys()
        ends = (f"{life.id}.{life.attempt}" for life in self.model.jobs.values() if life.debt and life.ended)
        assert self._reported.issuperset(ends)


def learn_backoff(life: Life, seen: Seen) -> None:
    """A backoff has a jitter: what it came to is known afterwards, and must be within its bounds."""
    if life.slack and life.state == seen.state == "scheduled":
        assert seen.place is not None
        assert life.due <= seen.place <= life.due + life.slack
        life.place = life.due = int(seen.place)
    life.slack = 0


def tokens_in(picture: Picture) -> tuple[set[str], set[str]]:
    """The queues with a wake token (never two), and the queues that are known."""
    head, queues = f"{NAMESPACE}wake:", picture.get(f"{NAMESPACE}queues")
    tokens = {key.removeprefix(head): entry.value for key, entry in picture.items() if key.startswith(head)}
    assert all(value == ["1"] for value in tokens.values())
    return set(tokens), queues.value if queues else set()  # type: ignore[return-value]  # a set


def differences_in_time(model: Model, picture: Picture) -> list[str]:
    """Where Redis holds a key that the model doesn't, or for another time: unique keys, and bytes of ended jobs."""
    real_now, expected = time.time_ns() // 1_000_000, dict[str, int | None]()
    for name, held in model.keys.items():
        expected[f"unique:{name}"] = held.until
    for life in model.jobs.values():
        expected |= {f"payload:{life.id}": life.bytes_until} if life.payload else {}
        expected |= {f"blobs:{life.id}": life.bytes_until} if life.blobs else {}
    kinds = tuple(f"{NAMESPACE}{kind}:" for kind in ("unique", "payload", "blobs"))
    found = {key.removeprefix(NAMESPACE): entry for key, entry in picture.items() if key.startswith(kinds)}
    faults = sorted(expected.keys() ^ found.keys())
    for key in expected.keys() & found.keys():
        until, ttl = expected[key], found[key].ttl
        ends = None if ttl is None else ttl + (real_now if key.startswith("unique:") else model.now)
        if (until is None) != (ends is None) or abs((until or 0) - (ends or 0)) > SLACK:
            faults.append(f"{key}: until {until}, not {ends}")
    return faults
