"""Handing jobs out, to whoever is still there to take them."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from envoy_plugin.apis.titan.jobs import is_ours
from envoy_plugin.apis.titan.words import QUEUE
from envoy_plugin.engine.attempts import Life
from envoy_plugin.engine.engine import Engine, Mode
from envoy_plugin.engine.model import Claimed, Job
from envoy_plugin.engine.queries import load_jobs
from envoy_plugin.engine.states import Reason, State
from envoy_plugin.engine.verbs import Claim, Fail, Release
from envoy_plugin.engine.waiting import Alarm
from envoy_plugin.errors import SealError

LOOK_AGAIN: Final = timedelta(seconds=1)
"""How soon a consumer that waits is seen to have left, or the process to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumer:
    """Takes jobs for clients. `is_stopping`: nothing is handed out any more."""

    engine: Engine
    alarm: Alarm
    is_stopping: Callable[[], bool]

    async def take(self, n: int, who: str, *, wait: timedelta, has_left: Callable[[], bool]) -> list[Life]:
        """The next jobs, at most `n`; where there are none, what comes within `wait`. Nothing for a client that left.

        A job that no key of ours opens is of use to nobody: its attempt ends as `unreadable`.
        """
        held = await self._claim(n, who, wait, has_left)
        if held and has_left():
            await self.engine.call([Release.of(one) for one in held], Mode.EACH)
            return []
        unreadable = [one for one in held if not self._is_readable(one)]
        if unreadable:
            await self.engine.call([Fail.of(one, reason=Reason.UNREADABLE) for one in unreadable], Mode.EACH)
        return await self.shown([one for one in held if one not in unreadable])

    async def _claim(self, n: int, who: str, wait: timedelta, has_left: Callable[[], bool]) -> list[Claimed]:
        clock = asyncio.get_running_loop().time
        deadline = clock() + wait.total_seconds()
        while not (self.is_stopping() or has_left()):
            held = await self.engine.run(Claim(queue=QUEUE, n=n, who=who, lease=None))
            left = timedelta(seconds=max(0.0, deadline - clock()))
            if held or not left:
                return held
            await self.alarm.wait(QUEUE, at_most=min(left, LOOK_AGAIN))
        return []

    def _is_readable(self, held: Claimed) -> bool:
        try:
            return held.payload is not None and bool(self.engine.open(held.payload))
        except SealError:
            return False

    async def shown(self, held: Sequence[Claimed]) -> list[Life]:
        """With what the engine knows of each beside; without those that have timed out or ended in the meantime."""
        jobs = {job.id: job for job in await load_jobs(self.engine, [one.id for one in held])} if held else {}
        return [Life.of_latest(jobs[one.id], one.payload) for one in held if one.id in jobs and _is(jobs[one.id], one)]


def _is(job: Job, held: Claimed) -> bool:
    """Whether a job is still in the hands that have just taken it: its next attempt would be somebody else's."""
    return (job.state, job.attempt, job.claim) == (State.RUNNING, held.attempt, held.claim) and is_ours(job)
