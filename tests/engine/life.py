"""A job as the model keeps it."""

from dataclasses import dataclass, field, fields, replace
from typing import Final, Self

from envoy_plugin.engine.retries import Backoff, Debt
from envoy_plugin.engine.states import State
from envoy_plugin.engine.verbs import Unique
from tests.engine.seen import Seen


@dataclass(slots=True, kw_only=True)
class Life:
    """A job. Times and spans are in ms. `due` is a lower bound while `slack` isn't 0: a backoff's jitter.

    `gates` are named as in Redis: `hold:NAME` with the time at which it opens or 0, `wait:ID` with a policy, `lane:ID`.
    `owing`: its debt is its own, neither passed on nor taken back. `refs` name stored blobs, by the blob's name.
    """

    id: str
    queue: str
    kind: str
    install: str
    rank: int
    created: int
    left: int
    lefts: dict[str, int] = field(default_factory=dict)
    backoff: Backoff | None = None
    debt: Debt | None = None
    owing: bool = False
    root: str | None = None
    heir: str | None = None
    is_report: bool = False
    unique: Unique | None = None
    lease: int = 0
    limit: int = 0
    max_crashes: int = 0
    fails_on_lost_lease: bool = False
    bare: bool = False
    payload: bytes | None = None
    gates: dict[str, str] = field(default_factory=dict)
    dependents: dict[str, str] = field(default_factory=dict)
    lane: str = ""
    next: str | None = None
    parent: str = ""
    envelope: bool = False
    closes: bool = False
    children: dict[str, State] = field(default_factory=dict)
    assignee: str | None = None
    skippable: bool = False
    listed: tuple[str, ...] = ()
    deleted: bool = False
    state: State = State.SCHEDULED
    reason: str | None = None
    version: int = 0
    attempt: int = 1
    claim: int = 0
    crashes: int = 0
    revision: int = 0
    due: int = 0
    slack: int = 0
    started: int | None = None
    limit_at: int = 0
    noted: int = 0
    described: int = 0
    replaced: int = 0
    place: float = 0
    moved: bool = False
    bytes_until: int | None = None
    history: dict[int, str] = field(default_factory=dict)
    records: dict[int, str] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    fields: dict[str, bytes] = field(default_factory=dict)
    tags: set[str] = field(default_factory=set)

    def copy(self) -> Self:
        """One that can change without this one."""
        return replace(self, moved=False, **{name: getattr(self, name).copy() for name in MUTABLE})

    @property
    def index(self) -> str:
        """The index that holds it."""
        return f"available:{self.queue}" if self.state is State.AVAILABLE else str(self.state)

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self.state.ended

    @property
    def alive(self) -> int:
        """How many children of an envelope aren't over."""
        return sum(not state.ended for state in self.children.values())

    @property
    def kept(self) -> int:
        """How many attempts can be read."""
        return len(self.records) + (not self.deleted)

    @property
    def before(self) -> str | None:
        """The job before it in its lane, for which it waits."""
        return next(iter(self.waits("lane")), None)

    def waits(self, kind: str) -> dict[str, str]:
        """Its gates of one kind: name or id, and what is said of it."""
        head = f"{kind}:"
        return {gate.removeprefix(head): value for gate, value in self.gates.items() if gate.startswith(head)}

    def seen(self, stored: dict[str, bytes]) -> Seen:
        """What is to be seen of it, where these blobs are stored."""
        return Seen(
            **{name: getattr(self, name) for name in COMMON},
            state=str(self.state),
            owes=self.debt.encode() if self.debt and self.owing else None,
            unique=self.unique.key if self.unique else None,
            children={child: str(state) for child, state in self.children.items()},
            refs={name: stored.get(ref) for name, ref in self.refs.items()},
        )


MUTABLE: Final = tuple(f.name for f in fields(Life) if f.default_factory is dict or f.default_factory is set)
OTHERWISE: Final = frozenset({"state", "owes", "unique", "children", "refs"})
COMMON: Final = tuple(f.name for f in fields(Seen) if f.name not in OTHERWISE)
