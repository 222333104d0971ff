"""What can be wrong with a diagram: all of it is said at once, when it is made active."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from envoy_plugin.errors import BadCondition, BadDiagram
from envoy_plugin.workflows import conditions
from envoy_plugin.workflows.diagrams import Diagram, Join, Kind, Step, is_assignment

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
DOTS: Final = frozenset({".", ".."})
"""Of which clients make another path."""


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
    if step_id in RESERVED_IDS | DOTS:
        yield f"No step can have the id {step_id!r}."


def _step_faults(step: Step, functions: Collection[str] | None) -> Iterator[str]:
    if step.join not in set(Join):
        yield f"Step {step.id!r} joins by {step.join!r}; there are any and all."
    if step.kind not in set(Kind):
        yield f"Step {step.id!r} is a {step.kind!r}, which nobody here can do; there are {', '.join(Kind)}."
        return
    if not is_assignment(step.assigned):
        yield f"Step {step.id!r} can't be assigned to {step.assigned!r}."
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
