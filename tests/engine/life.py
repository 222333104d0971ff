"""A job as the model keeps it, and as both the model and Redis show it."""

from dataclasses import dataclass, field, fields, replace
from typing import Final, Self

from envoy_plugin.engine.retries import Backoff, Debt
from envoy_plugin.engine.states import State
from envoy_plugin.engine.verbs import Unique
from tests.engine.picture import Picture

NAMESPACE: Final = "{test}:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """All that can be seen of a job: facts, history, its place in the index of its state, what else is kept of it."""

    state: str
    reason: str | None
    queue: str
    kind: str
    install: str
    version: int
    attempt: int
    claim: int
    crashes: int
    left: int
    created: int
    started: int | None
    noted: int
    replaced: int
    owes: str | None
    unique: str | None
    place: float | None
    payload: bytes | None
    history: dict[int, str]
    records: dict[int, str]
    blobs: dict[str, bytes]


@dataclass(slots=True, kw_only=True)
class Life:
    """A job. Times and spans are in ms. `due` is a lower bound while `slack` isn't 0: a backoff's jitter."""

    id: str
    queue: str
    kind: str
    install: str
    rank: int
    created: int
    left: int
    backoff: Backoff | None = None
    debt: Debt | None = None
    is_report: bool = False
    unique: Unique | None = None
    lease: int = 0
    limit: int = 0
    max_crashes: int = 0
    fails_on_lost_lease: bool = False
    bare: bool = False
    payload: bytes | None = None
    state: State = State.SCHEDULED
    reason: str | None = None
    version: int = 0
    attempt: int = 1
    claim: int = 0
    crashes: int = 0
    due: int = 0
    slack: int = 0
    started: int | None = None
    limit_at: int = 0
    noted: int = 0
    replaced: int = 0
    place: float = 0
    moved: bool = False
    bytes_until: int | None = None
    history: dict[int, str] = field(default_factory=dict)
    records: dict[int, str] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)

    def copy(self) -> Self:
        """One that can change without this one."""
        return replace(
            self, history=self.history.copy(), records=self.records.copy(), blobs=self.blobs.copy(), moved=False
        )

    @property
    def index(self) -> str:
        """The index that holds it."""
        return f"available:{self.queue}" if self.state is State.AVAILABLE else str(self.state)

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self.state.ended

    def seen(self) -> Seen:
        """What is to be seen of it."""
        shown = {name: getattr(self, name) for name in COMMON}
        return Seen(
            **shown,
            state=str(self.state),
            owes=self.debt.encode() if self.debt else None,
            unique=self.unique.key if self.unique else None,
        )


COMMON: Final = tuple(f.name for f in fields(Seen) if f.name not in {"state", "owes", "unique"})


def see_jobs(picture: Picture) -> dict[str, Seen]:
    """Every job in Redis."""
    head = f"{NAMESPACE}job:"
    return {key.removeprefix(head): _see(picture, key.removeprefix(head)) for key in picture if key.startswith(head)}


def hash_of(picture: Picture, kind: str, name: str) -> dict[str, bytes]:
    """The fields of a hash; none where there is none."""
    entry = picture.get(f"{NAMESPACE}{kind}:{name}")
    value = entry.value if entry else {}
    assert isinstance(value, dict)
    return value  # type: ignore[return-value]  # a hash, whose values are bytes


def index_of(picture: Picture, name: str) -> dict[str, float]:
    """The members of an index with their scores; none where there is none."""
    entry = picture.get(f"{NAMESPACE}{name}")
    value = entry.value if entry else {}
    assert isinstance(value, dict)
    return value  # type: ignore[return-value]  # a sorted set, whose values are floats


def _see(picture: Picture, job_id: str) -> Seen:
    facts = {name: value.decode() for name, value in hash_of(picture, "job", job_id).items()}
    state, queue = facts["state"], facts["queue"]
    home = f"available:{queue}" if state == State.AVAILABLE else state
    payload = picture.get(f"{NAMESPACE}payload:{job_id}")
    number = {name: int(facts.get(name, 0)) for name in ("claim", "crashes", "noted", "replaced")}
    return Seen(
        **number,
        state=state,
        queue=queue,
        kind=facts["kind"],
        reason=_word(facts.get("reason")),
        install=facts.get("install", "-"),
        version=int(facts["version"]),
        attempt=int(facts.get("attempt", 1)),
        left=int(facts["left"]),
        created=int(facts["created"]),
        started=int(facts["started"]) if _word(facts.get("started")) else None,
        owes=facts.get("owes"),
        unique=facts.get("unique"),
        place=index_of(picture, home).get(job_id),
        payload=payload.value if payload else None,  # type: ignore[arg-type]  # a string's value is bytes
        history={int(name): row for name, row in facts.items() if name.isdigit()},
        records={int(n): text.decode() for n, text in hash_of(picture, "attempts", job_id).items()},
        blobs=hash_of(picture, "blobs", job_id),
    )


def _word(text: str | None) -> str | None:
    return None if text in {None, "", "-"} else text
