"""Engine and model side by side: every call goes to both, and afterwards Redis is compared with the model."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import fields
from datetime import timedelta
from random import Random
from typing import Any, Final, TypeVar

from hypothesis import note
from redis.asyncio import Redis

from envoy_plugin.engine.clock import milliseconds
from envoy_plugin.engine.engine import BLOB_LIFE, Engine, Mode
from envoy_plugin.engine.states import State
from envoy_plugin.engine.verbs import Verb
from envoy_plugin.errors import CallRefused, EngineError
from tests.engine.clock import Clock
from tests.engine.differences import differences_in_jobs, differences_in_time, differences_in_world
from tests.engine.invariants import broken_in
from tests.engine.invariants.view import View
from tests.engine.model import Asked, Blob, Model, Refused
from tests.engine.picture import Picture, take_picture
from tests.engine.seen import NAMESPACE, Seen

Result = TypeVar("Result")

AGE: Final = """
for _, key in ipairs(redis.call('KEYS', '*')) do
  local ttl = redis.call('PTTL', key)
  if ttl >= 0 and not key:find(':unique:', 1, true) then redis.call('PEXPIRE', key, ttl - ARGV[1]) end
end
"""
"""Lets the model's time pass for bytes, which are kept for a span; unique keys are held until a moment."""
PATIENCE: Final = 60
"""Seconds for an answer: a busy machine is no fault of the engine's."""


def check(faults: Sequence[str]) -> None:
    """There are none."""
    assert not faults, "\n".join(faults)


def in_short(verb: Verb[Any]) -> str:
    """A verb, without what it leaves as it is by default."""
    said = [(f.name, getattr(verb, f.name)) for f in fields(verb) if getattr(verb, f.name) != f.default]  # type: ignore[arg-type]  # a dataclass
    return f"{type(verb).__name__}({', '.join(f'{name}={value}' for name, value in said if value)})"


class Stage:
    """One Redis, one event loop, and what both sides were told. `walks` counts the steps since each `clear`.

    `dice` gives the engine its jitter, anew from each `clear`, so that the same steps come to the same. `most` is how
    many dependents the engine settles in one call.
    """

    def __init__(self, url: str, dice: Random, most: int) -> None:
        self._dice = dice
        self._most = most
        self._runner = asyncio.Runner()
        self._redis = self._run(self._connect(url))
        self.walks: list[int] = []
        self.arrows: set[tuple[str, State, State]] = set()
        self.clear()

    async def _connect(self, url: str) -> Redis:
        return Redis.from_url(url, protocol=2, socket_timeout=PATIENCE)

    def _run(self, work: Awaitable[Result]) -> Result:
        async def wait() -> Result:
            return await work

        return self._runner.run(wait())

    def clear(self) -> None:
        """Begin again with nothing."""
        self.walks.append(0)
        self._dice.seed(0)
        self.clock = Clock()
        self.model = Model(self.clock.now, self._most)
        self.engine = Engine(self._redis, prefix="test", clock=self.clock)
        self._reported: set[str] = set()
        self._run(self._redis.flushdb())

    def learn_arrows(self) -> None:
        """Collect the transitions that the histories tell of: event, state before, state after."""
        for life in self.model.world.jobs.values():
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
        check(differences_in_time(self.model.world, self._run(take_picture(self._redis))))

    def _let_keys_go(self) -> None:
        """What Redis would do at this time: its own clock is years behind."""
        before = self.model.world.keys
        self.model.world.move_to(self.clock.now)
        if passed := before.keys() - self.model.world.keys.keys():
            self._run(self._redis.delete(*(f"{NAMESPACE}unique:{name}" for name in passed)))

    def take_token(self, queue: str) -> None:
        """Pop the wake token of a queue, as a listener does."""
        self.walks[-1] += 1
        popped: object = self._run(self._redis.lpop(f"{NAMESPACE}wake:{queue}"))
        assert (popped is not None) == (queue in self.model.world.tokens)
        self.model.world.tokens.discard(queue)

    def store(self, content: bytes) -> None:
        """Store a blob, for whatever verb keeps it."""
        self.walks[-1] += 1
        ref = self._run(self.engine.store_blob(content))
        self.model.world.stored[ref] = Blob(content, self.clock.now + milliseconds(BLOB_LIFE))

    def ask(self, asked: Sequence[Asked], mode: Mode) -> None:
        """Call both with what becomes of these wishes, and compare the answers and everything that is to be seen."""
        self.walks[-1] += 1
        verbs, expected = self.model.ask(asked, mode)
        note(f"{mode}: {'; '.join(map(in_short, verbs))}")
        answers, picture = self._run(self._call(verbs, mode))
        if mode is Mode.ALL and any(isinstance(answer, Refused) for answer in expected):
            expected = [answer for answer in expected if isinstance(answer, Refused)]
        assert answers == expected, f"{answers}, not {expected}"
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
        view, world = View.of(picture), self.model.world
        check(differences_in_jobs(world, view.jobs))
        check(differences_in_world(world, picture))
        check(differences_in_time(world, picture))
        check(broken_in(view))
        self._check_reports(view.jobs)

    def _check_reports(self, seen: Mapping[str, Seen]) -> None:
        """Whatever owes and has ended has, or had, a follow-up."""
        self._reported |= seen.keys()
        owed = [life for life in self.model.world.jobs.values() if life.owing and life.ended]
        assert self._reported.issuperset(f"{life.id}.{life.attempt}" for life in owed)
