"""All that can be seen of a job in Redis: read from a picture alone."""

from dataclasses import dataclass
from typing import Final, TypeVar

from envoy_plugin.engine.states import ENDED, State
from tests.engine.picture import Picture

NAMESPACE: Final = "{test}:"
GATES: Final = ("hold:", "wait:", "lane:")

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A job: facts, history, its place in the index of its state, and what else is kept of it.

    `gates` are the fields that say what it waits for. `refs` are the contents of kept blobs by name.
    """

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
    lefts: dict[str, int]
    created: int
    started: int | None
    due: int
    rank: int
    limit_at: int
    noted: int
    described: int
    replaced: int
    revision: int
    kept: int
    deleted: bool
    owes: str | None
    unique: str | None
    root: str | None
    heir: str | None
    lane: str
    next: str | None
    parent: str
    assignee: str | None
    envelope: bool
    skippable: bool
    alive: int
    listed: tuple[str, ...]
    gates: dict[str, str]
    place: float | None
    payload: bytes | None
    history: dict[int, str]
    records: dict[int, str]
    blobs: dict[str, bytes]
    refs: dict[str, bytes | None]
    children: dict[str, str]
    dependents: dict[str, str]
    fields: dict[str, bytes]
    tags: set[str]

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return State(self.state) in ENDED

    @property
    def home(self) -> str:
        """The index that holds it."""
        return f"available:{self.queue}" if self.state == State.AVAILABLE else self.state

    def waits(self, kind: str) -> dict[str, str]:
        """Its gates of one kind (`hold`, `wait` or `lane`): name or id, and what is said of it."""
        head = f"{kind}:"
        return {gate.removeprefix(head): value for gate, value in self.gates.items() if gate.startswith(head)}


def see_jobs(picture: Picture) -> dict[str, Seen]:
    """Every job in Redis."""
    return {job_id: _see(picture, job_id) for job_id in names_of(picture, "job")}


def names_of(picture: Picture, kind: str) -> list[str]:
    """The names of all keys of a kind: what comes after `{test}:KIND:`."""
    head = f"{NAMESPACE}{kind}:"
    return [key.removeprefix(head) for key in picture if key.startswith(head)]


def value_of(picture: Picture, name: str, kind: type[Value]) -> Value:
    """What a key holds, which must be of this kind; empty where there is none."""
    entry = picture.get(f"{NAMESPACE}{name}")
    value = entry.value if entry else kind()
    assert isinstance(value, kind)
    return value


def hash_of(picture: Picture, kind: str, name: str) -> dict[str, bytes]:
    """The fields of a hash; none where there is none."""
    return value_of(picture, f"{kind}:{name}", dict)


def index_of(picture: Picture, name: str) -> dict[str, float]:
    """The members of an index with their scores; none where there is none."""
    return value_of(picture, name, dict)


def facts_of(picture: Picture, job_id: str) -> dict[str, str]:
    """The fields of a job's hash."""
    return {name: value.decode() for name, value in hash_of(picture, "job", job_id).items()}


NUMBERS: Final = ("version", "claim", "crashes", "left", "created", "due", "rank", "limit_at", "noted", "described")
MORE_NUMBERS: Final = ("replaced", "revision", "alive")
WORDS: Final = ("reason", "unique", "root", "heir", "next", "assignee")
TEXTS: Final = ("state", "queue", "kind", "lane", "parent")


def _see(picture: Picture, job_id: str) -> Seen:
    facts = facts_of(picture, job_id)
    more = facts.get("more", "")
    return Seen(
        **{name: int(facts.get(name, 0)) for name in NUMBERS + MORE_NUMBERS},  # type: ignore[arg-type]  # by name
        **{name: _word(facts.get(name)) for name in WORDS},  # type: ignore[arg-type]  # by name
        **{name: facts.get(name, "") for name in TEXTS},  # type: ignore[arg-type]  # by name
        attempt=int(facts.get("attempt", 1)),
        install=facts.get("install", "-"),
        lefts={name.removeprefix("left."): int(value) for name, value in facts.items() if name.startswith("left.")},
        started=int(facts["started"]) if _word(facts.get("started")) else None,
        kept=int(facts.get("kept", 1)),
        deleted="x" in more,
        envelope="e" in more,
        skippable="s" in more,
        owes=facts["owes"] if "o" in more else None,
        listed=tuple(facts.get("listed", "").split()),
        gates={name: value for name, value in facts.items() if name.startswith(GATES)},
        history={int(name): row for name, row in facts.items() if name.isdigit()},
        **_things(picture, job_id, facts),  # type: ignore[arg-type]  # by name
    )


def _things(picture: Picture, job_id: str, facts: dict[str, str]) -> dict[str, object]:
    """What hangs on a job in keys of its own."""
    home = f"available:{facts['queue']}" if facts["state"] == State.AVAILABLE else facts["state"]
    return {
        "place": index_of(picture, home).get(job_id),
        "payload": value_of(picture, f"payload:{job_id}", bytes) or None,
        "records": {int(n): text.decode() for n, text in hash_of(picture, "attempts", job_id).items()},
        "blobs": hash_of(picture, "blobs", job_id),
        "refs": {name: _blob(picture, ref.decode()) for name, ref in hash_of(picture, "refs", job_id).items()},
        "children": {child: state.decode() for child, state in hash_of(picture, "children", job_id).items()},
        "dependents": {other: policy.decode() for other, policy in hash_of(picture, "dependents", job_id).items()},
        "fields": hash_of(picture, "described", job_id),
        "tags": value_of(picture, f"tags:{job_id}", set),
    }


def _blob(picture: Picture, ref: str) -> bytes | None:
    return value_of(picture, f"blob:{ref}", bytes) or None


def _word(text: str | None) -> str | None:
    return None if text in {None, "", "-"} else text
