"""Diagrams: the steps of a workflow, and the paths from each to the next."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from functools import cached_property
from math import ceil
from typing import Any, Final, TypeAlias, TypedDict, Unpack


class Kind(StrEnum):
    """Who does a step."""

    MANUAL = "manual"
    """A person, who says so."""
    QUESTION = "question"
    """A person, who answers."""
    FUNCTION = "function"
    """A function of the plugin: `@plugin.step("print_badge")`."""
    DEVICE = "device"
    """A device, by a job document."""
    TITAN = "titan"
    """A pull-worker in any language."""


class Join(StrEnum):
    """When a step opens to which several paths lead."""

    ANY = "any"
    """At each arrival, unless it is open."""
    ALL = "all"
    """At an arrival after which no step that is open can still arrive."""


MAINTAIN: Final = "maintain"
CREATOR: Final = "creator"
OWNER: Final = "owner"
LAST_RUN_BY: Final = "last_run_by"
UNASSIGNED: Final = "unassigned"
ASSIGNED_BY_ROLE: Final = frozenset({MAINTAIN, CREATOR, OWNER, LAST_RUN_BY, UNASSIGNED})
"""Beside `user:NAME` and `group:NAME`: who did the step before, who made or owns the workflow, who did this step."""
LONGEST_NAME: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """The way to another step, taken at the end of one where its condition holds; without a condition, after a success.

    The condition `else` holds where no other path is taken, however the step ended.
    `assigned` is whose the next step becomes, empty: the step itself says it, or else whoever did the step before.
    `status` is what the workflow's status becomes. `look` is how it is drawn, kept as it came.
    """

    to: str
    when: str = ""
    assigned: str = ""
    status: str = ""
    look: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


Then: TypeAlias = str | Sequence[str] | Mapping[str, str]
"""What follows a step in code: a step, several in parallel, or steps each with the condition under which it does."""


def _paths(then: Then) -> tuple[Path, ...]:
    """What is of another type stays as it is: the template says what is wrong with it."""
    if isinstance(then, Mapping):
        return tuple(Path(to=to, when=when) for to, when in then.items())
    others: Iterable[Any] = then if _is_many(then) else (then,)
    return tuple(Path(to=to) for to in others)


def _is_many(value: object) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str)


def _seconds(span: int | timedelta) -> int:
    return ceil(span.total_seconds()) if isinstance(span, timedelta) else span


def _within(timeout: int | timedelta) -> dict[str, Any]:
    seconds = _seconds(timeout)
    return {"timeout": seconds} if seconds else {}


class Facts(TypedDict, total=False):
    """What can be said of every kind of step in code; see `Step`."""

    name: str
    description: str
    automatic: bool
    proceeds: bool
    can_skip: bool
    held: bool
    assigned: str
    join: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One piece of a workflow.

    `args` say what is to be done, by `kind`; see `ARGUMENTS`. An `automatic` step runs as soon as it opens; one that
    `proceeds` goes on when it is over, without being told to finish; one that `can_skip` may be finished without
    having been run. `held`: from the start, until somebody releases it. `assigned`: whose it is, where the path to it
    doesn't say.
    """

    id: str
    name: str = ""
    description: str = ""
    kind: Kind | str = Kind.MANUAL
    args: Mapping[str, Any] = field(default_factory=dict, repr=False)
    automatic: bool = False
    proceeds: bool = True
    can_skip: bool = False
    held: bool = False
    assigned: str = ""
    join: Join | str = Join.ANY
    paths: tuple[Path, ...] = ()
    look: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def function(
        cls, step_id: str, function: str, *, then: Then = (), retries: int = 5, **facts: Unpack[Facts]
    ) -> "Step":
        """A step that a function of the plugin does; it is tried again `retries` times."""
        return cls(
            id=step_id,
            kind=Kind.FUNCTION,
            args={"function": function, "retries": retries},
            paths=_paths(then),
            **{"automatic": True} | facts,
        )

    @classmethod
    def device(
        cls,
        step_id: str,
        *,
        thing: str,
        document: Mapping[str, Any] | str,
        then: Then = (),
        timeout: int | timedelta = 0,
        retries: int = 0,
        **facts: Unpack[Facts],
    ) -> "Step":
        """A step that a device does, within `timeout`, in s, from when it began; 0: however long it takes.

        In `thing` and in the texts of `document`, `{input.name}` stands for what the workflow was given. It is sent
        again `retries` times where the device fails.
        """
        beside = {name: value for name, value in {"timeout": _seconds(timeout), "retries": retries}.items() if value}
        args = {"thing": thing, "document": document, **beside}
        return cls(id=step_id, kind=Kind.DEVICE, args=args, paths=_paths(then), **{"automatic": True} | facts)

    @classmethod
    def titan(
        cls,
        step_id: str,
        *,
        payload: Mapping[str, Any] | str,
        image: str = "",
        then: Then = (),
        timeout: int | timedelta = 60,
        retries: int = 0,
        **facts: Unpack[Facts],
    ) -> "Step":
        """A step that a pull-worker does, who may say nothing for `timeout`, in s. `payload` is as a device's document.

        It is tried again `retries` times.
        """
        args = {"payload": payload, "image": image, "timeout": _seconds(timeout)} | (
            {"retries": retries} if retries else {}
        )
        return cls(id=step_id, kind=Kind.TITAN, args=args, paths=_paths(then), **{"automatic": True} | facts)

    @classmethod
    def manual(cls, step_id: str, *, then: Then = (), timeout: int | timedelta = 0, **facts: Unpack[Facts]) -> "Step":
        """A step that a person does, within `timeout`, in s, from when it opened; 0: whenever."""
        return cls(id=step_id, args=_within(timeout), paths=_paths(then), **facts)

    @classmethod
    def question(
        cls,
        step_id: str,
        question: str,
        *,
        answers: Sequence[str],
        then: Then = (),
        timeout: int | timedelta = 0,
        **facts: Unpack[Facts],
    ) -> "Step":
        """A step that a person answers, within `timeout`, in s; 0: whenever. It is asked as soon as it opens."""
        said: dict[str, Any] = {"question": question, "answers": list(answers) if _is_many(answers) else answers}
        args = said | _within(timeout)
        return cls(id=step_id, kind=Kind.QUESTION, args=args, paths=_paths(then), **{"automatic": True} | facts)

    @property
    def title(self) -> str:
        """What people read."""
        return self.name or self.id

    @property
    def is_persons(self) -> bool:
        """Whether people do it."""
        return self.kind in {Kind.MANUAL, Kind.QUESTION}

    @property
    def time(self) -> timedelta | None:
        """How long people have for it from when it opens; None: however long it takes."""
        seconds = self.args.get("timeout") if self.is_persons else None
        return timedelta(seconds=seconds) if seconds else None

    @property
    def runs_by_itself(self) -> bool:
        """Whether it runs as soon as it opens. A manual step waits for somebody, automatic or not."""
        return self.automatic and self.kind != Kind.MANUAL


@dataclass(frozen=True, kw_only=True)
class Diagram:
    """Steps and paths, of which one step is the first. `version` counts from 1; 0 is one that isn't stored."""

    id: str
    version: int = 0
    name: str = ""
    description: str = ""
    initial: str
    steps: tuple[Step, ...]
    look: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def by_id(self) -> Mapping[str, Step]:
        """The steps by their ids."""
        return {step.id: step for step in self.steps}

    @cached_property
    def reach(self) -> Mapping[str, frozenset[str]]:
        """For each step those that can follow it, at once or later; itself, where it is part of a loop."""
        return {step.id: _reached(self, step.id) for step in self.steps}

    def __getitem__(self, step_id: str) -> Step:
        return self.by_id[step_id]


def _reached(diagram: Diagram, start: str) -> frozenset[str]:
    found: set[str] = set()
    ahead = [path.to for path in diagram[start].paths]
    while ahead:
        step_id = ahead.pop()
        if step_id not in found and step_id in diagram.by_id:
            found.add(step_id)
            ahead += [path.to for path in diagram[step_id].paths]
    return frozenset(found)


def is_assignment(word: str) -> bool:
    """Whether a step can be assigned to this: a role, `user:NAME` or `group:NAME`; or nothing is said."""
    kind, _, name = word.partition(":")
    return not word or word in ASSIGNED_BY_ROLE or (kind in {"user", "group"} and _is_name(name))


def _is_name(name: str) -> bool:
    return bool(name.strip()) and name.isprintable() and len(name) <= LONGEST_NAME
