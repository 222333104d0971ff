"""The verbs: what can be asked of the engine, one value each. A call is a list of them (see `Engine.call`).

`attempt`, `claim` and `version` left out are not checked. Every check of a call comes before its first change.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, Generic, Self, TypeVar

from envoy_plugin.engine.clock import milliseconds, stamp_of
from envoy_plugin.engine.ids import Ids
from envoy_plugin.engine.model import Claimed, Enqueued
from envoy_plugin.engine.retries import HANDLER_BACKOFF, Backoff, Debt, jitter
from envoy_plugin.engine.states import NEVER_RETRIED, State
from envoy_plugin.errors import TooLarge

Answer_co = TypeVar("Answer_co", covariant=True)
Argument = str | bytes | int
_ids = Ids()

NO_INSTALL: Final = "-"
KEPT: Final = "kept"
MOST_PAYLOAD: Final = 256 * 1024
MOST_WHO: Final = 28
"""In bytes: one history row of more than 64 makes the job's hash several times as large, for as long as it is kept."""


def _optional(number: int | None) -> Argument:
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


class _AnswersState(Verb[State]):
    @classmethod
    def of(cls, held: Claimed, **facts: Any) -> Self:
        """This verb for a claimed job, fenced by the claim."""
        return cls(id=held.id, attempt=held.attempt, claim=held.claim, **facts)  # type: ignore[call-arg]  # a dataclass

    def read(self, reply: bytes) -> State:
        return State(reply.decode())


class _AnswersCount(Verb[int]):
    def read(self, reply: int) -> int:
        return reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Unique:
    """A key that one job at a time holds: while it isn't over and, after its end, until `until` or while `kept`."""

    key: str
    until: datetime | None = None
    kept: bool = False

    def facts(self) -> tuple[Argument, ...]:
        """As the scripts read it."""
        return ("unique", self.key, "till", KEPT if self.kept else stamp_of(self.until) if self.until else 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Enqueue(Verb[Enqueued]):
    """Makes a job, unless its unique key is held: then the answer is the job that holds it.

    `payload` is what `Engine.seal` made of the bytes, or empty. `priority` is 0 (last) to 9. `delay` counts from Redis'
    now, `at` is absolute. `limit` ends an attempt whatever happens; `lease` goes before the claimer's. A past lease
    hands the job to the next claimant, or ends the attempt as a timeout where it `fails_on_lost_lease`.

    Raises:
        TooLarge: the payload has more than 256 KiB.
    """

    name: ClassVar[str] = "enqueue"
    queue: str
    kind: str
    payload: bytes = field(default=b"", repr=False)
    install: str = NO_INSTALL
    id: str = field(default_factory=_ids.next)
    priority: int = 4
    delay: timedelta | None = None
    at: datetime | None = None
    retries: int = 0
    backoff: Backoff = HANDLER_BACKOFF
    lease: timedelta | None = None
    limit: timedelta | None = None
    max_crashes: int | None = None
    fails_on_lost_lease: bool = False
    unique: Unique | None = None
    owes: Debt | None = None

    def __post_init__(self) -> None:
        if len(self.payload) > MOST_PAYLOAD:
            raise TooLarge("A payload", size=len(self.payload), limit=MOST_PAYLOAD)

    def arguments(self) -> tuple[Argument, ...]:
        due: Argument = f"+{milliseconds(self.delay)}" if self.delay else stamp_of(self.at) if self.at else ""
        backoff = self.backoff.encode() if self.retries else ""
        head = (self.id, self.queue, self.kind, self.install, self.priority, due, self.retries, backoff, self.payload)
        return head + self._facts()

    def _facts(self) -> tuple[Argument, ...]:
        facts: tuple[Argument, ...] = ()
        letters = ""
        if self.lease or self.limit:
            letters += "t"
            facts += ("lease", milliseconds(self.lease)) if self.lease else ()
            facts += ("limit", milliseconds(self.limit)) if self.limit else ()
        if self.unique:
            letters += "u"
            facts += self.unique.facts()
        if self.owes:
            letters += "o"
            facts += ("owes", self.owes.encode())
        facts += ("max_crashes", self.max_crashes) if self.max_crashes else ()
        facts += ("lost", "fail") if self.fails_on_lost_lease else ()
        return (*facts, "more", letters) if letters else facts

    def read(self, reply: list[Any]) -> Enqueued:
        job_id, state, created = reply
        return Enqueued(id=job_id.decode(), state=state.decode(), created=bool(created))


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim(Verb[list[Claimed]]):
    """Takes the next `n` jobs of a queue, for `lease` from now; None: until they end. `who` is cut to 28 bytes."""

    name: ClassVar[str] = "claim"
    queue: str
    n: int
    who: str
    lease: timedelta | None

    def arguments(self) -> tuple[Argument, ...]:
        who = self.who.replace(" ", "_").encode()[:MOST_WHO].decode(errors="ignore")
        return (self.queue, self.n, who, milliseconds(self.lease) if self.lease else 0)

    def read(self, reply: list[Any]) -> list[Claimed]:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Touch(_AnswersState):
    """Moves the end of the lease of a running job to `lease` from now. Its limit stays."""

    name: ClassVar[str] = "touch"
    id: str
    attempt: int | None = None
    claim: int | None = None
    lease: timedelta

    def arguments(self) -> tuple[Argument, ...]:
        return (self.id, _optional(self.attempt), _optional(self.claim), milliseconds(self.lease))


@dataclass(frozen=True, slots=True, kw_only=True)
class Note(_AnswersCount):
    """Keeps bytes with a running job: the attempt's details, or a `memo` for all attempts. Answers the version."""

    name: ClassVar[str] = "note"
    id: str
    attempt: int | None = None
    claim: int | None = None
    version: int | None = None
    memo: str | None = None
    content: bytes = field(repr=False)

    def arguments(self) -> tuple[Argument, ...]:
        place = f"once:{self.memo}" if self.memo else ""
        return (self.id, _optional(self.attempt), _optional(self.claim), _optional(self.version), place, self.content)


@dataclass(frozen=True, slots=True, kw_only=True)
class Succeed(_AnswersState):
    """Ends a running job well. `outcome` is what `Engine.seal` made of the bytes, or empty."""

    name: ClassVar[str] = "succeed"
    id: str
    attempt: int | None = None
    claim: int | None = None
    version: int | None = None
    reason: str = ""
    outcome: bytes = field(default=b"", repr=False)

    def arguments(self) -> tuple[Argument, ...]:
        fence = (self.id, _optional(self.attempt), _optional(self.claim), _optional(self.version))
        return (*fence, self.reason, self.outcome)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fail(_AnswersState):
    """Ends an attempt badly: a new one after `delay` (None: the job's backoff) while retries are left, else failed."""

    name: ClassVar[str] = "fail"
    id: str
    attempt: int | None = None
    claim: int | None = None
    version: int | None = None
    reason: str
    delay: timedelta | None = None
    outcome: bytes = field(default=b"", repr=False)

    def arguments(self) -> tuple[Argument, ...]:
        fence = (self.id, _optional(self.attempt), _optional(self.claim), _optional(self.version))
        delay: Argument = "" if self.delay is None else milliseconds(self.delay)
        return (*fence, self.reason, int(self.reason in NEVER_RETRIED), delay, jitter(), self.outcome)


@dataclass(frozen=True, slots=True, kw_only=True)
class Release(_AnswersState):
    """Gives a running job back, to be claimed after `delay`. No attempt and no retry is spent."""

    name: ClassVar[str] = "release"
    id: str
    attempt: int | None = None
    claim: int | None = None
    version: int | None = None
    delay: timedelta = timedelta()

    def arguments(self) -> tuple[Argument, ...]:
        fence = (self.id, _optional(self.attempt), _optional(self.claim), _optional(self.version))
        return (*fence, milliseconds(self.delay))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel(_AnswersState):
    """Ends a job that isn't over; whoever runs it loses the lease."""

    name: ClassVar[str] = "cancel"
    id: str
    attempt: int | None = None
    version: int | None = None
    reason: str

    def arguments(self) -> tuple[Argument, ...]:
        return (self.id, _optional(self.attempt), _optional(self.version), self.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry(Verb[tuple[State, int]]):
    """Gives an ended job a new attempt, with `retries` left (None: as many as it had). Answers state and attempt."""

    name: ClassVar[str] = "retry"
    id: str
    attempt: int | None = None
    version: int | None = None
    retries: int | None = None

    def arguments(self) -> tuple[Argument, ...]:
        return (self.id, _optional(self.attempt), _optional(self.version), _optional(self.retries))

    def read(self, reply: list[Any]) -> tuple[State, int]:
        state, attempt = reply
        return State(state.decode()), int(attempt)


@dataclass(frozen=True, slots=True, kw_only=True)
class Promote(_AnswersCount):
    """Makes what is due available. Answers how many jobs it looked at, at most `limit`."""

    name: ClassVar[str] = "promote"
    limit: int

    def arguments(self) -> tuple[Argument, ...]:
        return (self.limit,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expire(_AnswersCount):
    """Ends what a past limit ends, and hands on what a past lease gives up. Answers how many jobs it looked at."""

    name: ClassVar[str] = "expire"
    limit: int
    max_crashes: int

    def arguments(self) -> tuple[Argument, ...]:
        return (self.limit, self.max_crashes, jitter())


@dataclass(frozen=True, slots=True, kw_only=True)
class Retire(_AnswersCount):
    """Forgets ended jobs that are older than `age` or more than `most`, unless their report isn't over."""

    name: ClassVar[str] = "retire"
    state: State
    age: timedelta
    most: int
    limit: int
    again: timedelta = timedelta(hours=1)

    def arguments(self) -> tuple[Argument, ...]:
        return (self.state, milliseconds(self.age), self.most, milliseconds(self.again), self.limit)
