"""Diagrams: the steps of a workflow, and the paths from each to the next. Values, and what is wrong with them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any, Final

from envoy_plugin.errors import BadCondition, BadDiagram
from envoy_plugin.workflows import conditions

MOST_STEPS: Final = 200
"""A workflow is made, and closed, in one call of the engine, which has at most 256 verbs."""
MOST_PATHS: Final = 50
LONGEST_ID: Final = 64
RESERVED_IDS: Final = frozenset(
    {
        "update",
        "action",
        "comments",
        "attachments",
        "attachmentslinked",
        "currentStep",
        "location",
        "diagram",
        "history",
    }
)
"""Words that stand in the place of a step's id in the paths of the Workflow Manager API."""


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

    @property
    def is_persons(self) -> bool:
        """Whether people do it."""
        return self in {Kind.MANUAL, Kind.QUESTION}


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """The way to another step, taken at the end of one where its condition holds; without a condition, after a success.

    `assigned` is whose the next step becomes; `status` what the workflow's status becomes. `look` is what is known of
    how it is drawn, kept as it came.
    """

    to: str
    when: str = ""
    assigned: str = MAINTAIN
    status: str = ""
    look: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One piece of a workflow.

    `args` say what is to be done, by `kind`; see `ARGUMENTS`. An `automatic` step runs as soon as it opens; one that
    `proceeds` goes on when it is over, without being told to finish; one that `can_skip` may be finished without
    having been run. `held`: from the start, until somebody releases it.
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
    join: Join | str = Join.ANY
    paths: tuple[Path, ...] = ()
    look: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def title(self) -> str:
        """What people read."""
        return self.name or self.id

    @property
    def is_persons(self) -> bool:
        """Whether people do it."""
        return self.kind in {Kind.MANUAL, Kind.QUESTION}

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


ARGUMENTS: Final[Mapping[str, Mapping[str, type | tuple[type, ...]]]] = {
    Kind.FUNCTION: {"function": str},
    Kind.DEVICE: {"thing": str, "document": (str, dict)},
    Kind.TITAN: {"payload": (str, dict)},
    Kind.QUESTION: {"question": str, "answers": (list, tuple)},
    Kind.MANUAL: {},
}
"""What a step of each kind must say.

A device's may say `timeout` (s), a pull-worker's `image`, `timeout` and `retries`, a function's `retries`.
"""


def check(diagram: Diagram, functions: Collection[str] | None = None) -> None:
    """Make sure that a diagram can be active; `functions` are those that the plugin has, None: not known.

    Raises:
        BadDiagram: with everything that is wrong.
    """
    faults = list(_faults(diagram, functions))
    if faults:
        raise BadDiagram(faults)


def unreachable(diagram: Diagram) -> list[str]:
    """The steps to which no path leads from the first one. They are no fault: somebody can set them current."""
    reached = diagram.reach.get(diagram.initial, frozenset()) | {diagram.initial}
    return [step.id for step in diagram.steps if step.id not in reached]


def _faults(diagram: Diagram, functions: Collection[str] | None) -> Iterator[str]:
    if not diagram.steps:
        yield "A diagram has at least one step."
        return
    if len(diagram.steps) > MOST_STEPS:
        yield f"A diagram has at most {MOST_STEPS} steps, not {len(diagram.steps)}."
    ids = [step.id for step in diagram.steps]
    for step_id in sorted({step_id for step_id in ids if ids.count(step_id) > 1}):
        yield f"Two steps have the id {step_id!r}."
    if diagram.initial not in ids:
        yield f"The first step is {diagram.initial!r}, and there is no such step."
    for step in diagram.steps:
        yield from _id_faults(step.id)
        yield from _step_faults(step, functions)
        yield from _path_faults(step, ids)


def _id_faults(step_id: str) -> Iterator[str]:
    if not step_id or len(step_id) > LONGEST_ID or not step_id.isprintable() or "/" in step_id:
        yield f"A step's id has 1 to {LONGEST_ID} printable characters and no slash: not {step_id[:LONGEST_ID]!r}."
    if step_id in RESERVED_IDS:
        yield f"No step can have the id {step_id!r}."


def _step_faults(step: Step, functions: Collection[str] | None) -> Iterator[str]:
    if step.join not in set(Join):
        yield f"Step {step.id!r} joins by {step.join!r}; there are any and all."
    if step.kind not in set(Kind):
        yield f"Step {step.id!r} is a {step.kind!r}, which nobody here can do; there are {', '.join(Kind)}."
        return
    for name, types in ARGUMENTS[step.kind].items():
        if not isinstance(step.args.get(name), types) or not step.args[name]:
            yield f"Step {step.id!r} is a {step.kind}, and doesn't say its {name}."
    function = step.args.get("function")
    if step.kind == Kind.FUNCTION and function and functions is not None and function not in functions:
        had = ", ".join(sorted(functions)) or "none"
        yield f"Step {step.id!r} wants the function {function!r}, which the plugin doesn't have; it has {had}."


def _path_faults(step: Step, ids: Sequence[str]) -> Iterator[str]:
    if len(step.paths) > MOST_PATHS:
        yield f"Step {step.id!r} has more than {MOST_PATHS} paths."
    for path in step.paths:
        if path.to not in ids:
            yield f"A path of {step.id!r} leads to {path.to!r}, and there is no such step."
        if not is_assignment(path.assigned):
            yield f"The path from {step.id!r} to {path.to!r} can't assign to {path.assigned!r}."
        if path.when:
            try:
                conditions.parse(path.when)
            except BadCondition as error:
                yield f"The path from {step.id!r} to {path.to!r}: {error}"


def is_assignment(word: str) -> bool:
    """Whether a step can be assigned to this: a role, `user:NAME` or `group:NAME`."""
    kind, colon, name = word.partition(":")
    return word in ASSIGNED_BY_ROLE or (kind in {"user", "group"} and bool(colon and name))
