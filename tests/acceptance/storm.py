"""A stream of events during which processes are killed: phase by phase, one victim each, and once all of them."""

import asyncio
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from tests.acceptance.effects import count_effects
from tests.acceptance.envoy_side import FINAL, Envoy, Event
from tests.acceptance.processes import Process, Site, eventually

REDIS: Final = "redis"
WEB: Final = "web"
EVERYTHING: Final = "everything"
LONGEST_ABSENCE: Final = 2.5
"""Seconds that a victim stays away at most: longer than the leases of these tests."""
AT_ONCE: Final = 16
OUTAGE_SECONDS: Final = 3.5
NAMES: Final = (
    *("entry_sign_in", "invite_created", "entry_badge_print_requested"),
    *("entry_sign_in", "invite_updated"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """Some events, and who is killed once so many of them were accepted, or had their effect, and for how long."""

    events: list[Event]
    victim: str
    after: int
    counts_effects: bool
    absence: float
    envoy_fails: bool


def plan_phases(dice: random.Random, *, events: int, kills: int) -> Iterator[Phase]:
    """`kills` of each victim and one of all at once, in any order; in the middle Envoy fails."""
    victims = [WEB, "worker-1", "worker-2", REDIS] * kills + [EVERYTHING]
    dice.shuffle(victims)
    made = [Event.make(NAMES[at % len(NAMES)], f"job-{at}", seed=at) for at in range(events)]
    for at, victim in enumerate(victims):
        part = made[at * events // len(victims) : (at + 1) * events // len(victims)]
        counts_effects = victim != WEB and dice.random() < 0.5
        yield Phase(
            events=part,
            victim=victim,
            after=dice.randint(2, len(part) // 2),
            counts_effects=counts_effects,
            absence=dice.choice([0, dice.uniform(0, LONGEST_ABSENCE)]),
            envoy_fails=at == len(victims) // 2,
        )


@dataclass(slots=True, kw_only=True)
class Storm:
    """Delivers events as Envoy would, while processes die."""

    site: Site
    envoy: Envoy
    victims: dict[str, Process]
    deliveries: int = 0
    accepted: set[str] = field(default_factory=set)
    in_flight: list[int] = field(default_factory=list)
    """How many accepted events had had no effect yet, at each kill."""

    async def pass_through(self, phase: Phase) -> None:
        """Deliver a phase's events until each is accepted; meanwhile, kill its victim and start it again."""
        slots = asyncio.Semaphore(AT_ONCE)
        await self.envoy.know(*(event.job_id for event in phase.events))
        if phase.envoy_fails:
            await self.envoy.fail({"path": "/", "status": 503, "seconds": OUTAGE_SECONDS})
        async with asyncio.TaskGroup() as group:
            group.create_task(self._strike(phase))
            for event in phase.events:
                group.create_task(self._deliver(event, slots))

    @property
    def _handled(self) -> int:
        return len(count_effects(self.site.directory, "opened"))

    async def _deliver(self, event: Event, slots: asyncio.Semaphore) -> None:
        async def is_final() -> bool:
            self.deliveries += 1
            answer = await self.site.deliver(self.victims[WEB], event)
            if answer is not None and answer.status == 202:
                self.accepted.add(event.job_id)
            return answer is not None and answer.status in FINAL

        async with slots:
            await eventually(f"{event.job_id} is answered for good", is_final, within=60, every=0.2)

    async def _strike(self, phase: Phase) -> None:
        start = self._handled if phase.counts_effects else len(self.accepted)

        def is_time() -> bool:
            return (self._handled if phase.counts_effects else len(self.accepted)) >= start + phase.after

        await eventually(f"{phase.after} events are under way", is_time, within=60)
        names = [*self.victims, REDIS] if phase.victim == EVERYTHING else [phase.victim]
        await asyncio.gather(*(self._kill(name) for name in names))
        self.in_flight.append(len(self.accepted) - self._handled)
        until = time.monotonic() + phase.absence
        await eventually("it was away for long enough", lambda: time.monotonic() >= until)
        await asyncio.gather(*(self._start(name) for name in names))

    async def _kill(self, name: str) -> None:
        if name == REDIS:
            self.site.redis.kill()
        else:
            await self.victims[name].kill()

    async def _start(self, name: str) -> None:
        if name == REDIS:
            self.site.redis.start()
        else:
            await self.victims[name].start()
