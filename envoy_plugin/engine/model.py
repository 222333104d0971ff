"""What the engine answers: typed values made of what the scripts and the keys hold."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, Self

from envoy_plugin.engine.clock import moment
from envoy_plugin.engine.ids import made_at
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
    retries_left: int
    revision: int

    @classmethod
    def parse(cls, number: str, text: str) -> Self:
        """From `state reason created started ended retries revision`, times in ms; a reason may have spaces."""
        state, rest = text.split(" ", 1)
        reason, created, started, ended, retries, revision = rest.rsplit(" ", 5)
        return cls(
            number=int(number),
            state=State(state),
            reason=_word(reason),
            created=moment(int(created)),
            started=_moment(started),
            ended=moment(int(ended)),
            retries_left=int(retries),
            revision=int(revision),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Gates:
    """What a job waits for: holds with the time at which each opens, upstreams with their policy, one before it."""

    holds: Mapping[str, datetime | None]
    upstreams: Mapping[str, str]
    before: str | None

    @classmethod
    def parse(cls, facts: Mapping[str, str]) -> Self:
        """From the fields `hold:NAME` (ms, 0 for none), `wait:ID` (a policy) and `lane:ID`."""
        shut: dict[str, dict[str, str]] = {"hold": {}, "wait": {}, "lane": {}}
        for field_name, value in facts.items():
            kind, colon, name = field_name.partition(":")
            if colon and kind in shut:
                shut[kind][name] = value
        return cls(
            holds={name: _due(until) for name, until in shut["hold"].items()},
            upstreams=shut["wait"],
            before=next(iter(shut["lane"]), None),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as it stands. `history` is in order and holds the last 100 transitions; times are aware and in UTC.

    `retries_left` is -1 where they are counted by reason. `revision` counts, in an owned queue, what has happened to
    the attempt: 1 when it was first available, then one more for each claim, note and end. `root` is the job whose debt
    this one has, `heir` the one that has this job's. `alive` is how many children of an envelope aren't over.
    `deleted`: the latest attempt was. `listed` says by which facts it can be listed.
    """

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
    gates: Gates
    lane: str | None
    parent: str | None
    assignee: str | None
    root: str | None
    heir: str | None
    envelope: bool
    skippable: bool
    deleted: bool
    alive: int
    revision: int
    listed: tuple[str, ...]
    priority: int
    history: tuple[Row, ...]
    expires: datetime | None = None
    """When the lease or the limit of a running job ends; None: it has neither, or this was read without it."""

    @property
    def made(self) -> datetime:
        """When the job was made, as its id tells; `created` is when its latest attempt was."""
        return made_at(self.id)

    @property
    def changed(self) -> datetime:
        """When the last transition was."""
        return self.history[-1].at

    @property
    def follow_up(self) -> str:
        """The id of the job that follows the end of its attempt, where it owes one."""
        return follow_up_of(self.id, self.attempt)

    @classmethod
    def parse(cls, job_id: str, facts: Mapping[str, str], expires: float | None = None) -> Self:
        """From the fields of its hash, those with a number for a name being the history; `expires` is in ms, or inf."""
        numbers = sorted(int(name) for name in facts if name.isdigit())
        owes, more = facts.get("owes"), facts.get("more", "")
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
            owes=owes.split(" ", 1)[0] if owes and "o" in more else None,
            unique=facts.get("unique"),
            gates=Gates.parse(facts),
            lane=facts.get("lane"),
            parent=facts.get("parent"),
            assignee=_word(facts.get("assignee")),
            root=_word(facts.get("root")),
            heir=_word(facts.get("heir")),
            envelope="e" in more,
            skippable="s" in more,
            deleted="x" in more,
            alive=int(facts.get("alive", 0)),
            revision=int(facts.get("revision", 0)),
            listed=tuple(facts.get("listed", "").split()),
            priority=9 - int(facts["rank"][0]) if "rank" in facts else 0,
            history=tuple(Row.parse(facts[str(number)]) for number in numbers),
            expires=moment(int(expires)) if expires is not None and expires != math.inf else None,
        )


def follow_up_of(job_id: str, attempt: int) -> str:
    """The id of the job that follows the end of this attempt of a job, where it owes one."""
    return f"{job_id}.{attempt}"


def _word(text: str | None) -> str | None:
    return None if text in {None, "", "-"} else text


def _moment(text: str | None) -> datetime | None:
    word = _word(text)
    return moment(int(word)) if word else None


def _due(text: str | None) -> datetime | None:
    return moment(int(text)) if text and text != "0" else None
