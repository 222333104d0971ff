"""Saying something of a job that isn't its end: notes, whose it is, when it may run, what it owes."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from envoy_plugin.engine.clock import stamp_of
from envoy_plugin.engine.queues import letters_of
from envoy_plugin.engine.verbs.base import AnswersCount, AnswersState, Argument, Verb, optional


@dataclass(frozen=True, slots=True, kw_only=True)
class Note(AnswersCount):
    """Keeps bytes with a running job or an envelope: the attempt's details, or a `memo` for all attempts.

    `content` is sealed, or empty: nothing to keep. `blob` names a stored one, kept under `blob_name` (by itself, the
    attempt's log) in place of what was there; with no `blob`, what was there goes. Answers the version.
    """

    name: ClassVar[str] = "note"
    id: str
    attempt: int | None = None
    claim: int | None = None
    version: int | None = None
    memo: str | None = None
    content: bytes = field(default=b"", repr=False)
    blob: str = ""
    blob_name: str = ""

    def arguments(self) -> tuple[Argument, ...]:
        """See `Verb`."""
        place = f"once:{self.memo}" if self.memo else ""
        fence = (self.id, optional(self.attempt), optional(self.claim), optional(self.version))
        return (*fence, place, self.content, self.blob_name, self.blob)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expect(AnswersState):
    """Changes nothing, in any state; refused where the job, or its attempt's `revision`, isn't as it was.

    Whoever decides from several jobs lists each one that it looked at.
    """

    name: ClassVar[str] = "expect"
    id: str
    attempt: int | None = None
    version: int | None = None
    revision: int | None = None

    def arguments(self) -> tuple[Argument, ...]:
        """See `Verb`."""
        return (self.id, optional(self.attempt), optional(self.version), optional(self.revision))


@dataclass(frozen=True, slots=True, kw_only=True)
class Describe(AnswersCount):
    """Keeps fields with a job, in any state, for as long as the job; and tags, by which `find_tagged` finds it.

    What is kept is for whoever is above the engine to seal, and tags for him to make unreadable. Answers the version.
    One history row, which replaces that of the description before.
    """

    name: ClassVar[str] = "describe"
    id: str
    version: int | None = None
    fields: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    drop: Collection[str] = ()
    tags: Collection[str] = ()
    untag: Collection[str] = ()

    def arguments(self) -> tuple[Argument, ...]:
        """See `Verb`."""
        pairs = tuple(word for pair in self.fields.items() for word in pair)
        kept = (len(self.fields), *pairs, len(self.drop), *self.drop)
        return (self.id, optional(self.version), *kept, len(self.tags), *self.tags, *self.untag)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assign(AnswersState):
    """Moves a job that isn't over to another queue, for `assignee` to act on (empty: nobody). None: stays as it is."""

    name: ClassVar[str] = "assign"
    id: str
    version: int | None = None
    queue: str | None = None
    assignee: str | None = None

    def arguments(self) -> tuple[Argument, ...]:
        """See `Verb`."""
        queue = self.queue or ""
        letters = letters_of(queue)
        who = () if self.assignee is None else (self.assignee,)
        return (self.id, optional(self.version), queue, letters, *who)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reschedule(AnswersState):
    """Says when a job that isn't over may be claimed; None: at once."""

    name: ClassVar[str] = "reschedule"
    id: str
    version: int | None = None
    at: datetime | None = None

    def arguments(self) -> tuple[Argument, ...]:
        """See `Verb`."""
        return (self.id, optional(self.version), stamp_of(self.at) if self.at else 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PassDebt(AnswersState):
    """Makes `heir` owe what this running job owes, before the job's own end in the same call. Answers the heir's state.

    An heir that has ended gets its follow-up at once. Refused where this job owes nothing (`owes_nothing`), or the heir
    owes already or is itself what another owes (`owes_already`).
    """

    name: ClassVar[str] = "pass_debt"
    id: str
    attempt: int | None = None
    claim: int | None = None
    heir: str

    def arguments(self) -> tuple[Argument, ...]:
        """See `Verb`."""
        return (self.id, optional(self.attempt), optional(self.claim), self.heir)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause(Verb[bool]):
    """Hands out nothing of a queue until `Unpause`; what runs goes on. `why` is sealed, and says who paused it."""

    name: ClassVar[str] = "pause"
    queue: str
    why: bytes = field(repr=False)

    def arguments(self) -> tuple[Argument, ...]:
        """See `Verb`."""
        return (self.queue, self.why)

    def read(self, reply: int) -> bool:
        """Whether that is news."""
        return bool(reply)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpause(Verb[bool]):
    """Lets a queue be claimed from again."""

    name: ClassVar[str] = "unpause"
    queue: str

    def arguments(self) -> tuple[Argument, ...]:
        """See `Verb`."""
        return (self.queue,)

    def read(self, reply: int) -> bool:
        """Whether that is news."""
        return bool(reply)
