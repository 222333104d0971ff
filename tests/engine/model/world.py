"""All that the engine keeps, in plain values, and how it refuses."""

from dataclasses import dataclass, field, replace
from typing import Self

from envoy_plugin.engine.queues import is_owned
from envoy_plugin.errors import DependencyCycle, EngineError, StateError, WrongState
from tests.engine.life import Life


@dataclass(frozen=True, slots=True)
class Refused(Exception):
    """A refusal, as far as two of them can be compared: which of several cycles is named is left open."""

    error: type[EngineError]
    state: str | None = None
    why: str | None = None

    @classmethod
    def of(cls, error: EngineError) -> "Refused":
        """What the engine raised or answered."""
        state = error.state if isinstance(error, StateError) else None
        return cls(type(error), state, error.why if isinstance(error, WrongState) else None)


def wrong(state: str, why: str = "wrong_state") -> Refused:
    """The refusal of a verb that the state, or something else about the job, forbids."""
    return Refused(WrongState, str(state), why)


CYCLE = Refused(DependencyCycle)


@dataclass(frozen=True, slots=True)
class Held:
    """A unique key: who holds it, and until when; None: until somebody lets go."""

    by: str
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes stored on their own, and when they go; None: a job keeps them."""

    content: bytes
    until: int | None


@dataclass(slots=True, kw_only=True)
class World:
    """All jobs, and what isn't a job's own, as it stands between two calls.

    `lanes` name the last job of each; `turns` are those of fair queues, by priority and install. `named` counts the
    jobs that were ever enqueued.
    """

    now: int
    named: int = 0
    jobs: dict[str, Life] = field(default_factory=dict)
    keys: dict[str, Held] = field(default_factory=dict)
    lanes: dict[str, str] = field(default_factory=dict)
    turns: dict[str, dict[str, int]] = field(default_factory=dict)
    paused: dict[str, bytes] = field(default_factory=dict)
    unsettled: set[str] = field(default_factory=set)
    stored: dict[str, Blob] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    queues: set[str] = field(default_factory=set)

    def copy(self) -> Self:
        """One that can change without this one."""
        return replace(
            self,
            jobs={job_id: life.copy() for job_id, life in self.jobs.items()},
            keys=self.keys.copy(),
            lanes=self.lanes.copy(),
            turns={queue: turns.copy() for queue, turns in self.turns.items()},
            paused=self.paused.copy(),
            unsettled=self.unsettled.copy(),
            stored=self.stored.copy(),
            tokens=self.tokens.copy(),
            queues=self.queues.copy(),
        )

    def wake(self, queues: set[str]) -> None:
        """Leave a token for a claimant of each of these; who claims from an owned queue asks when he wants to."""
        owned = {queue for queue in queues if is_owned(queue)}
        self.queues |= owned | (queues - owned - self.tokens)
        self.tokens |= queues - owned

    def move_to(self, now: int) -> None:
        """Let time pass: bytes and keys whose time has come are gone."""
        self.now = now
        self.keys = {name: held for name, held in self.keys.items() if held.until is None or held.until > now}
        self.stored = {ref: blob for ref, blob in self.stored.items() if blob.until is None or blob.until > now}
        for life in self.jobs.values():
            if life.bytes_until is not None and life.bytes_until <= now:
                for ref in life.refs.values():
                    self.stored.pop(ref, None)
                life.bytes_until, life.payload, life.blobs, life.refs = None, None, {}, {}

    def index(self, name: str) -> list[tuple[float, str]]:
        """The members of an index in order, with their scores."""
        return sorted((life.place, life.id) for life in self.jobs.values() if life.index == name)

    def timers(self) -> list[tuple[int, str, str]]:
        """The holds that open by themselves, in order: when, the job's id, the gate."""
        holds = [(life.id, name, int(till)) for life in self.jobs.values() for name, till in life.waits("hold").items()]
        return sorted((till, job_id, f"hold:{name}") for job_id, name, till in holds if till)
