"""Making jobs: all that can be said of one before it exists."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import compress
from operator import attrgetter
from typing import Any, ClassVar, Final

from envoy_plugin.engine.clock import milliseconds, stamp_of
from envoy_plugin.engine.ids import Ids
from envoy_plugin.engine.model import Enqueued
from envoy_plugin.engine.queues import letters_of
from envoy_plugin.engine.retries import HANDLER_BACKOFF, Backoff, Debt
from envoy_plugin.engine.verbs.base import NO_INSTALL, Argument, Verb
from envoy_plugin.errors import TooLarge

_ids = Ids()

KEPT: Final = "kept"
MOST_PAYLOAD: Final = 256 * 1024
MOST_UPSTREAMS: Final = 1_000
BY_REASON: Final = -1
"""The retries left of a job that counts them by reason."""


class Policy(StrEnum):
    """What becomes of a job whose upstream fails or is cancelled."""

    RUN = "run"
    """It runs all the same."""
    HOLD = "hold"
    """It stays blocked, and visible."""
    CANCEL = "cancel"
    """It is cancelled, too."""


class Listing(StrEnum):
    """A fact by which jobs can be listed and counted, where they were enqueued with it."""

    QUEUE = "queue"
    KIND = "kind"
    INSTALL = "install"
    PARENT = "parent"


LETTERS: Final = "ttuogglcezs"
RARE: Final = attrgetter(
    *("lease", "limit", "unique", "owes", "after", "holds", "lane", "parent", "envelope", "closes", "skippable"),
    *("listed", "max_crashes", "fails_on_lost_lease", "assignee"),
)
"""What a plain job has nothing of. The first of them have these letters in the scripts."""


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
    now, `at` is absolute. `retries` is a number, or numbers by reason: `{"timeout": 2, "*": 1}`, `*` for every other.
    `limit` ends an attempt whatever happens; `lease` goes before the claimer's. A past lease hands the job to the next
    claimant, or ends the attempt as a timeout where it `fails_on_lost_lease`.

    Gates: `after` names upstreams, each with what its failure means; `holds` names holds, each with the time at which
    it opens or None; jobs of one `lane` run one after the other, in the order in which they were enqueued.

    An `envelope` is claimed by nobody and ends when it is told to; its children name it as their `parent`. One that
    `closes` ends by itself, in the call that ends its last child: well where all of them did, else as failed
    (`not_all_succeeded`). Where it has the hold `closing`, no child is tried again, and it ends as cancelled.
    `assignee` is who may act on a job; a `skippable` one may be ended without having been claimed. `listed` says by
    which facts it can be listed and counted; each costs an index entry.

    Refused: an upstream or a parent that doesn't exist, a parent that isn't an envelope (`no_envelope`) or is over, and
    a cycle.

    Raises:
        TooLarge: the payload has more than `most_payload` bytes, or the job would wait for more than 1,000 others.
        ValueError: an envelope that would wait, or something else that closes.
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
    retries: int | Mapping[str, int] = 0
    backoff: Backoff = HANDLER_BACKOFF
    lease: timedelta | None = None
    limit: timedelta | None = None
    max_crashes: int | None = None
    fails_on_lost_lease: bool = False
    unique: Unique | None = None
    owes: Debt | None = None
    after: Mapping[str, Policy] = field(default_factory=dict)
    holds: Mapping[str, datetime | None] = field(default_factory=dict)
    lane: str = ""
    parent: str = ""
    envelope: bool = False
    closes: bool = False
    assignee: str = ""
    skippable: bool = False
    listed: Collection[Listing] = ()
    most_payload: int = MOST_PAYLOAD

    def __post_init__(self) -> None:
        if len(self.payload) > self.most_payload:
            raise TooLarge("A payload", size=len(self.payload), limit=self.most_payload)
        if len(self.after) > MOST_UPSTREAMS:
            raise TooLarge("A list of upstreams", size=len(self.after), limit=MOST_UPSTREAMS)
        if self.envelope and (self.after or self.lane or self.delay or self.at):
            raise ValueError("An envelope is open from the start: it waits for nothing but its children.")
        if self.closes and not self.envelope:
            raise ValueError("What closes by itself is an envelope.")

    def arguments(self) -> tuple[Argument, ...]:
        """See `Verb`."""
        due: Argument = f"+{milliseconds(self.delay)}" if self.delay else stamp_of(self.at) if self.at else ""
        backoff = self.backoff.encode() if self.retries else ""
        left = self.retries if isinstance(self.retries, int) else BY_REASON
        head = (self.id, self.queue, self.kind, self.install, self.priority, due, left, backoff, self.payload)
        rare = RARE(self)
        is_plain = isinstance(self.retries, int) and not any(rare)
        facts, letters = ((), letters_of(self.queue)) if is_plain else (self._facts(), self._letters(rare))
        return (*head, *facts, "more", letters) if letters else head + facts

    def _letters(self, rare: tuple[object, ...]) -> str:
        """The rare things that this job has, as the scripts name them (see `_unit.lua`)."""
        letters = "".join(dict.fromkeys(compress(LETTERS, rare)))
        by_reason = "" if isinstance(self.retries, int) else "w"
        return letters + by_reason + ("i" if self._listed() else "") + letters_of(self.queue)

    def _facts(self) -> tuple[Argument, ...]:
        facts: tuple[Argument, ...] = ()
        facts += ("lease", milliseconds(self.lease)) if self.lease else ()
        facts += ("limit", milliseconds(self.limit)) if self.limit else ()
        facts += self.unique.facts() if self.unique else ()
        facts += ("owes", self.owes.encode()) if self.owes else ()
        facts += ("max_crashes", self.max_crashes) if self.max_crashes else ()
        facts += ("lost", "fail") if self.fails_on_lost_lease else ()
        return facts + self._rare_facts()

    def _rare_facts(self) -> tuple[Argument, ...]:
        facts: tuple[Argument, ...] = ()
        for name in ("lane", "parent", "assignee"):
            value = getattr(self, name)
            facts += (name, value) if value else ()
        facts += ("listed", " ".join(listed)) if (listed := self._listed()) else ()
        for upstream, policy in self.after.items():
            facts += (f"wait:{upstream}", policy)
        for hold, until in self.holds.items():
            facts += (f"hold:{hold}", stamp_of(until) if until else 0)
        if not isinstance(self.retries, int):
            for reason, most in self.retries.items():
                facts += (f"left.{reason}", most)
        return facts

    def _listed(self) -> list[Listing]:
        """Who has no parent is in no list of one's children."""
        return sorted(fact for fact in self.listed if fact is not Listing.PARENT or self.parent)

    def read(self, reply: list[Any]) -> Enqueued:
        """See `Verb`."""
        job_id, state, created = reply
        return Enqueued(id=job_id.decode(), state=state.decode(), created=bool(created))
