"""What every verb is: its part of a call, and the reading of its part of the reply."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Final, Generic, Self, TypeVar

from envoy_plugin.engine.model import Claimed
from envoy_plugin.engine.states import State

Answer_co = TypeVar("Answer_co", covariant=True)
Argument = str | bytes | int

NO_INSTALL: Final = "-"


def optional(number: int | None) -> Argument:
    """A number as the scripts take it; left out: not checked, or unchanged."""
    return "" if number is None else number


class Verb(ABC, Generic[Answer_co]):
    """One thing to do; `arguments` is its part of the call, `read` makes a value of its part of the reply."""

    name: ClassVar[str]

    @abstractmethod
    def arguments(self) -> tuple[Argument, ...]:
        """What the script's function of this name takes, in order."""

    @abstractmethod
    def read(self, reply: Any) -> Answer_co:
        """The typed answer."""


class AnswersState(Verb[State]):
    """A verb that answers the state the job is in after it."""

    @classmethod
    def of(cls, held: Claimed, **facts: Any) -> Self:
        """This verb for a claimed job, fenced by the claim."""
        return cls(id=held.id, attempt=held.attempt, claim=held.claim, **facts)  # type: ignore[call-arg]  # a dataclass

    def read(self, reply: bytes) -> State:
        """The state."""
        return State(reply.decode())


class AnswersCount(Verb[int]):
    """A verb that answers a number."""

    def read(self, reply: int) -> int:
        """The number."""
        return reply
