"""What the engine answers: typed values made of what the scripts and the keys hold."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, Self

from envoy_plugin.engine.clock import moment
from envoy_plugin.engine.states import State


class Codec(Protocol):
    """Turns bytes into what Redis may hold, and back."""

    def seal(self, plain: bytes) -> bytes:
        """What Redis holds for `plain`."""
        ...

    def open(self, sealed: bytes) -> bytes:
        """The bytes that were sealed."""
        ...


class PlainCodec:
    """Leaves bytes as they are."""

    def seal(self, plain: bytes) -> bytes:
        """`plain` itself."""
        return plain

    def open(self, sealed: bytes) -> bytes:
        """`sealed` itself."""
        return sealed


@dataclass(frozen=True, slots=True, kw_only=True)
class Enqueued:
    """Where an enqueue ended: `created` is False where the unique key was held, and `id` is then the holder's."""

    id: str
    state: str
    created: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A job in the hands of a claimant. `claim` fences: calls with it are refused once the job is somebody else's.

    `payload` is sealed; `Engine.open` opens it. None: there was none, or it is gone.
    """

    id: str
    attempt: int
    claim: int
    kind: str
    install: str
    payload: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One transition in a job's history."""

    event: str
    state: State
    at: datetime
    attempt: int
    detail: str | None

    @classmethod
    def parse(cls, text: str) -> Self:
        """From `event state at attempt [detail]`, `at` in ms."""
        event, state, at, attempt, *detail = text.split(" ", 4)
        return cls(
            event=event,
            state=State(state),
            at=moment(int(at)),
            attempt=int(attempt),
            detail=detail[0] if detail else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """The record of an attempt that is over and was followed by another."""

    number: int
    state: State
    reason: str | None
    created: datetime
    started: datetime | None
    ended: datetime

    @classmethod
    def parse(cls, number: str, text: str) -> Self:
        """From `state reason created started ended retries`, times in ms, `-` for none; a reason may have spaces."""
        state, rest = text.split(" ", 1)
        reason, created, started, ended, _retries = rest.rsplit(" ", 4)
        return cls(
            number=int(number),
            state=State(state),
            reason=_word(reason),
            created=moment(int(created)),
            started=_moment(started),
            ended=moment(int(ended)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as it stands. `history` is in order and holds the last 100 transitions; times are aware and in UTC."""

    id: str
    state: State
    reason: str | None
    queue: str
    kind: str
    install: str
    version: int
    attempt: int
    claim: int
    crashes: int
    retries_left: int
    created: datetime
    started: datetime | None
    due: datetime | None
    owes: str | None
    unique: str | None
    history: tuple[Row, ...]

    @property
    def changed(self) -> datetime:
        """When the last transition was."""
        return self.history[-1].at

    @classmethod
    def parse(cls, job_id: str, facts: Mapping[str, str]) -> Self:
        """From the fields of its hash; the fields with a number for a name are the history."""
        numbers = sorted(int(name) for name in facts if name.isdigit())
        owes = facts.get("owes")
        return cls(
            id=job_id,
            state=State(facts["state"]),
            reason=_word(facts.get("reason")),
            queue=facts["queue"],
            kind=facts["kind"],
            install=facts.get("install", "-"),
            version=int(facts["version"]),
            attempt=int(facts.get("attempt", 1)),
            claim=int(facts.get("claim", 0)),
            crashes=int(facts.get("crashes", 0)),
            retries_left=int(facts["left"]),
            created=moment(int(facts["created"])),
            started=_moment(facts.get("started")),
            due=_due(facts.get("due")),
            owes=owes.split(" ", 1)[0] if owes else None,
            unique=facts.get("unique"),
            history=tuple(Row.parse(facts[str(number)]) for number in numbers),
        )


def _word(text: str | None) -> str | None:
    return None if text in {None, "", "-"} else text


def _moment(text: str | None) -> datetime | None:
    word = _word(text)
    return moment(int(word)) if word else None


def _due(text: str | None) -> datetime | None:
    return moment(int(text)) if text and text != "0" else None
