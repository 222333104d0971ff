"""Taking jobs, keeping them, and giving them back."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar, Final

from envoy_plugin.engine.clock import milliseconds
from envoy_plugin.engine.model import Claimed
from envoy_plugin.engine.queues import is_fair
from envoy_plugin.engine.verbs.base import AnswersState, Argument, Verb, optional

MOST_WHO: Final = 28
"""In bytes: one history row of more than 64 makes the job's hash several times as large, for as long as it is kept."""
NO_LEASE: Final = timedelta()
"""The lease of a claim that lasts until the job's end, or its limit."""


def short(who: str) -> str:
    """Who acts, as one word of at most 28 bytes for a history row."""
    return who.replace(" ", "_").encode()[:MOST_WHO].decode(errors="ignore")


class _AnswersClaimed(Verb[list[Claimed]]):
    def read(self, reply: list[Any]) -> list[Claimed]:
        """The jobs that are the claimant's now."""
        facts, payloads = reply
        rows = zip(*[iter(facts)] * 5, strict=True)
        return [
            Claimed(
                id=job_id.decode(),
                attempt=attempt,
                claim=claim,
                kind=kind.decode(),
                install=install.decode(),
                payload=payload,
            )
            for (job_id, attempt, claim, kind, install), payload in zip(rows, payloads, strict=True)
        ]


def _lease(lease: timedelta | None) -> int:
    return milliseconds(lease) if lease else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim(_AnswersClaimed):
    """Takes the next `n` jobs of a queue, for `lease` from now; None: until they end. `who` is cut to 28 bytes.

    A job's own lease goes before this one. A paused queue answers nothing.
    """

    name: ClassVar[str] = "claim"
    queue: str
    n: int
    who: str
    lease: timedelta | None

    def arguments(self) -> tuple[Argument, ...]:
        """See `Verb`."""
        return (self.queue, self.n, short(self.who), _lease(self.lease), int(is_fair(self.queue)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimJob(_AnswersClaimed):
    """Takes this job, which must be available. `details` (sealed) become the attempt's; `lease` goes before the job's.

    Refused on a paused queue (`paused`).
    """

    name: ClassVar[str] = "claim_job"
    id: str
    attempt: int | None = None
    version: int | None = None
    who: str
    lease: timedelta | None = None
    details: bytes = field(default=b"", repr=False)

    def arguments(self) -> tuple[Argument, ...]:
        """See `Verb`."""
        fence = (self.id, optional(self.attempt), optional(self.version))
        return (*fence, short(self.who), _lease(self.lease), self.details)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume(_AnswersClaimed):
    """Hands out the running job of an owned queue that was created first, unchanged; where none runs, takes the next.

    `details` and `lease` are for a job that is taken now; a `lease` also moves the end of the lease of the one that is
    handed out again.
    """

    name: ClassVar[str] = "resume"
    queue: str
    who: str
    lease: timedelta | None = None
    details: bytes = field(default=b"", repr=False)

    def arguments(self) -> tuple[Argument, ...]:
        """See `Verb`."""
        return (self.queue, short(self.who), _lease(self.lease), self.details)


@dataclass(frozen=True, slots=True, kw_only=True)
class Touch(AnswersState):
    """Moves the end of the lease of a running job to `lease` from now, never past its limit.

    None: the job's own lease again. `NO_LEASE`: it has none any more.
    """

    name: ClassVar[str] = "touch"
    id: str
    attempt: int | None = None
    claim: int | None = None
    lease: timedelta | None = None

    def arguments(self) -> tuple[Argument, ...]:
        """See `Verb`."""
        lease: Argument = "" if self.lease is None else milliseconds(self.lease)
        return (self.id, optional(self.attempt), optional(self.claim), lease)


@dataclass(frozen=True, slots=True, kw_only=True)
class Release(AnswersState):
    """Gives a running job back, to be claimed after `delay`, or when the `hold` that this makes is opened.

    No attempt and no retry is spent.
    """

    name: ClassVar[str] = "release"
    id: str
    attempt: int | None = None
    claim: int | None = None
    version: int | None = None
    delay: timedelta = timedelta()
    hold: str = ""

    def arguments(self) -> tuple[Argument, ...]:
        """See `Verb`."""
        fence = (self.id, optional(self.attempt), optional(self.claim), optional(self.version))
        return (*fence, milliseconds(self.delay), self.hold)
