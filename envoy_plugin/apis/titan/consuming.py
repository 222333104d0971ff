"""Handing jobs out, to whoever is still there to take them."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from typing import Final

from envoy_plugin.apis.titan.jobs import is_ours
from envoy_plugin.apis.titan.words import QUEUE
from envoy_plugin.engine.attempts import Life, find_held
from envoy_plugin.engine.engine import Engine, Mode
from envoy_plugin.engine.gathering import Gathering
from envoy_plugin.engine.model import Claimed
from envoy_plugin.engine.states import Reason
from envoy_plugin.engine.verbs import Claim, Fail, Release
from envoy_plugin.engine.waiting import Alarm
from envoy_plugin.errors import SealError

LOOK_AGAIN: Final = timedelta(seconds=1)
"""How soon a consumer that waits is seen to have left, or the process to stop."""
MOST_AT_ONCE: Final = 1000

Held = list[tuple[Claimed, Life]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """How many jobs a client wants, and who it is."""

    n: int
    who: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumer:
    """Takes jobs for clients. `is_stopping`: nothing is handed out any more."""

    engine: Engine
    alarm: Alarm
    is_stopping: Callable[[], bool]
    _wishes: Gathering[Wish, Held] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_wishes", Gathering(self._grant))

    async def take(self, n: int, who: str, *, wait: timedelta, has_left: Callable[[], bool]) -> list[Life]:
        """The next jobs, at most `n`; where there are none, what comes within `wait`. Nothing for a client that left.

        A job that no key of ours opens is of use to nobody: its attempt ends as `unreadable`.
        """
        held = await self._claim(Wish(n=n, who=who), wait, has_left)
        if held and has_left():
            await self.engine.call([Release.of(claimed) for claimed, _ in held], Mode.EACH)
            return []
        return [life for _, life in held]

    async def _claim(self, wish: Wish, wait: timedelta, has_left: Callable[[], bool]) -> Held:
        clock = asyncio.get_running_loop().time
        deadline = clock() + wait.total_seconds()
        while not (self.is_stopping() or has_left()):
            held = await self._wishes.ask(wish)
            left = timedelta(seconds=max(0.0, deadline - clock()))
            if held or not left:
                return held
            await self.alarm.wait(QUEUE, at_most=min(left, LOOK_AGAIN))
        return []

    async def _grant(self, wishes: Sequence[Wish]) -> list[Held]:
        """What each gets: those who came first are served first. In one claim for all in whose name it is the same."""
        granted: dict[int, Held] = {}
        for who in dict.fromkeys(wish.who for wish in wishes):
            asked = [(at, wish.n) for at, wish in enumerate(wishes) if wish.who == who]
            n = min(MOST_AT_ONCE, sum(n for _, n in asked))
            held = iter(await self.shown(await self.engine.run(Claim(queue=QUEUE, n=n, who=who, lease=None))))
            granted |= {at: list(islice(held, n)) for at, n in asked}
        return [granted[at] for at in range(len(wishes))]

    async def shown(self, held: Sequence[Claimed]) -> Held:
        """With what the engine knows of each; without those that have timed out or ended in the meantime."""
        unreadable = [one for one in held if not self._is_readable(one)]
        if unreadable:
            await self.engine.call([Fail.of(one, reason=Reason.UNREADABLE) for one in unreadable], Mode.EACH)
        lives = await find_held(self.engine, held) if held else []
        return [(one, life) for one, life in zip(held, lives, strict=True) if life is not None and is_ours(life)]

    def _is_readable(self, held: Claimed) -> bool:
        try:
            return held.payload is not None and bool(self.engine.open(held.payload))
        except SealError:
            return False
