"""Ending attempts, starting others, and forgetting them."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar

from envoy_plugin.engine.clock import milliseconds
from envoy_plugin.engine.retries import jitter
from envoy_plugin.engine.states import NEVER_RETRIED, State
from envoy_plugin.engine.verbs.base import AnswersState, Argument, Verb, optional


@dataclass(frozen=True, slots=True, kw_only=True)
class Succeed(AnswersState):
    """Ends a running job well; a `skippable` one also where it is available, or waits for the hold `run` alone.

    `outcome` and `details` are what `Engine.seal` made of the bytes, or empty. `log` names a stored blob.
    Refused on an envelope that has children which aren't over (`children_left`).
    """

    name: ClassVar[str] = "succeed"
    id: str
    attempt: int | None = None
    claim: int | None = None
    version: int | None = None
    reason: str = ""
    outcome: bytes = field(default=b"", repr=False)
    details: bytes = field(default=b"", repr=False)
    log: str = ""

    def arguments(self) -> tuple[Argument, ...]:
        """See `Verb`."""
        fence = (self.id, optional(self.attempt), optional(self.claim), optional(self.version))
        return (*fence, self.reason, self.outcome, self.details, self.log)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fail(AnswersState):
    """Ends an attempt badly: a new one after `delay` (None: the job's backoff) while retries are left, else failed.

    From where it may, and the bytes: as `Succeed`.
    """

    name: ClassVar[str] = "fail"
    id: str
    attempt: int | None = None
    claim: int | None = None
    version: int | None = None
    reason: str
    delay: timedelta | None = None
    outcome: bytes = field(default=b"", repr=False)
    details: bytes = field(default=b"", repr=False)
    log: str = ""

    def arguments(self) -> tuple[Argument, ...]:
        """See `Verb`."""
        fence = (self.id, optional(self.attempt), optional(self.claim), optional(self.version))
        delay: Argument = "" if self.delay is None else milliseconds(self.delay)
        final = int(self.reason in NEVER_RETRIED)
        return (*fence, self.reason, final, delay, jitter(), self.outcome, self.details, self.log)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel(AnswersState):
    """Ends a job that isn't over; whoever runs it loses the lease. `unless_running`: refused while somebody does.

    `details` are sealed bytes, or empty. Refused on an envelope that has children which aren't over (`children_left`).
    """

    name: ClassVar[str] = "cancel"
    id: str
    attempt: int | None = None
    version: int | None = None
    reason: str
    details: bytes = field(default=b"", repr=False)
    unless_running: bool = False

    def arguments(self) -> tuple[Argument, ...]:
        """See `Verb`."""
        fence = (self.id, optional(self.attempt), optional(self.version))
        return (*fence, self.reason, self.details, int(self.unless_running))


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry(Verb[tuple[State, int]]):
    """Gives an ended job a new attempt, with `retries` left (None: as many as it had). Answers state and attempt.

    Dependencies on jobs that have ended are dropped; holds and other dependencies stay. Refused without its payload
    (`payload_gone`), where another job holds its key (`key_taken`), for a report of an earlier end (`superseded`), in
    an envelope that is over (`envelope_over`), and where what it waits for, or its lane, waits for it (a cycle).
    An envelope that closes by itself opens by itself for a child that is tried again; without one it closes at once.
    """

    name: ClassVar[str] = "retry"
    id: str
    attempt: int | None = None
    version: int | None = None
    retries: int | None = None

    def arguments(self) -> tuple[Argument, ...]:
        """See `Verb`."""
        return (self.id, optional(self.attempt), optional(self.version), optional(self.retries))

    def read(self, reply: list[Any]) -> tuple[State, int]:
        """See `Verb`."""
        state, attempt = reply
        return State(state.decode()), int(attempt)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete(Verb[bool]):
    """Forgets one ended attempt. Answers whether the job went with it: it does with its last, unless it is needed.

    Refused: the latest attempt of a step of a workflow that isn't over (`envelope_open`), which may be tried again.
    """

    name: ClassVar[str] = "delete"
    id: str
    attempt: int

    def arguments(self) -> tuple[Argument, ...]:
        """See `Verb`."""
        return (self.id, self.attempt)

    def read(self, reply: int) -> bool:
        """See `Verb`."""
        return bool(reply)
