"""When an ended attempt is tried again."""

import random
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Self

from envoy_plugin.engine.clock import milliseconds

JITTER: Final = 0.2
MOST_STEPS: Final = 30
"""After which any wait has come to its cap."""
_dice = random.SystemRandom()


def jitter() -> str:
    """A factor of 1 ± 20 %, as the scripts take it. Never from Lua: it repeats its random numbers after a restart."""
    return f"{_dice.uniform(1 - JITTER, 1 + JITTER):.3f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """The wait before attempt n + 1: `base` × `factor`ⁿ⁻¹, at most `cap`, ± 20 %.

    With a `factor` of 1 it is `base` exactly.
    """

    base: timedelta
    factor: float
    cap: timedelta

    def wait(self, tries: int) -> timedelta:
        """How long to wait after so many tries, where they aren't all that the job has had."""
        return min(self.base * self.factor ** min(tries - 1, MOST_STEPS), self.cap) * float(jitter())

    def encode(self) -> str:
        """As the scripts read it: base in ms, factor, cap in ms."""
        return f"{milliseconds(self.base)} {self.factor:g} {milliseconds(self.cap)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Debt:
    """What a job owes at its end: a follow-up of this kind (and queue), with retries of its own."""

    kind: str
    retries: int
    backoff: Backoff

    def encode(self) -> str:
        """As the scripts read it: kind, retries, then the backoff."""
        return f"{self.kind} {self.retries} {self.backoff.encode()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUp:
    """The id of a follow-up says whose end it is: `<job>.<attempt>`."""

    job_id: str
    attempt: int

    @classmethod
    def parse(cls, follow_up_id: str) -> Self | None:
        """The job and the attempt that `follow_up_id` stands for, or None where it is no follow-up's id."""
        job_id, dot, attempt = follow_up_id.rpartition(".")
        return cls(job_id=job_id, attempt=int(attempt)) if dot else None


HANDLER_BACKOFF: Final = Backoff(base=timedelta(seconds=5), factor=3, cap=timedelta(hours=1))
REPORT_DEBT: Final = Debt(
    kind="report", retries=29, backoff=Backoff(base=timedelta(seconds=1), factor=2, cap=timedelta(hours=1))
)
