"""What time alone brings about: the sweeper's verbs."""

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from envoy_plugin.engine.clock import milliseconds
from envoy_plugin.engine.retries import jitter
from envoy_plugin.engine.states import State
from envoy_plugin.engine.verbs.base import AnswersCount, Argument


@dataclass(frozen=True, slots=True, kw_only=True)
class Promote(AnswersCount):
    """Makes what is due available. Answers how many jobs it looked at, at most `limit`."""

    name: ClassVar[str] = "promote"
    limit: int

    def arguments(self) -> tuple[Argument, ...]:
        """See `Verb`."""
        return (self.limit,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expire(AnswersCount):
    """Ends what a past limit ends, and hands on what a past lease gives up. Answers how many jobs it looked at."""

    name: ClassVar[str] = "expire"
    limit: int
    max_crashes: int

    def arguments(self) -> tuple[Argument, ...]:
        """See `Verb`."""
        return (self.limit, self.max_crashes, jitter())


@dataclass(frozen=True, slots=True, kw_only=True)
class Retire(AnswersCount):
    """Forgets ended jobs that are older than `age` or more than `most`, unless their report isn't over."""

    name: ClassVar[str] = "retire"
    state: State
    age: timedelta
    most: int
    limit: int
    again: timedelta = timedelta(hours=1)

    def arguments(self) -> tuple[Argument, ...]:
        """See `Verb`."""
        return (self.state, milliseconds(self.age), self.most, milliseconds(self.again), self.limit)
