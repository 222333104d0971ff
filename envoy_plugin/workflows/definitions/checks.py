"""What can be wrong with a diagram: all of it is said at once, when it is made active."""

from collections import Counter
from collections.abc import Collection, Iterator
from difflib import get_close_matches
from typing import Final

from envoy_plugin.errors import BadCondition, BadDiagram
from envoy_plugin.workflows.definitions import conditions
from envoy_plugin.workflows.definitions.arguments import answers_of, faults_in_arguments
from envoy_plugin.workflows.definitions.diagrams import Diagram, Join, Kind, Step, is_assignment

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
MOST_AT_ONCE: Final = 240
"""How many verbs of the one call the steps may take that one end opens: 4 each, and 1 more that it has a time."""


def check(diagram: Diagram, functions: Collection[str] | None = None) -> None:
    """Make sure that a diagram can be active; `functions` are those that the plugin has, None: not known.

    Raises:
        BadDiagram: with everything that is wrong.
    """
    faults = list(faults_in(diagram, functions))
    if faults:
        raise BadDiagram(faults)


def unreachable(diagram: Diagram) -> list[str]:
    """The steps to which no path leads from the first one. They are no fault: somebody can set them current."""
    reached = diagram.reach.get(diagram.initial, frozenset()) | {diagram.initial}
    return [step.id for step in diagram.steps if step.id not in reached]


def dead_answers(diagram: Diagram) -> list[tuple[str, object]]:
    """Answers by step that will be refused, since no path is taken at them; of conditions on the answer alone."""
    return [
        (step.id, answer)
        for step in diagram.steps
        if step.kind == Kind.QUESTION and step.paths
        for answer in answers_of(step)
        if not any(_may_hold(path.when, answer) for path in step.paths)
    ]


def _may_hold(condition: str, answer: object) -> bool:
    parsed = conditions.parse(condition) if condition not in {"", conditions.ELSE} else None
    return parsed is None or not parsed.names <= {"answer"} or parsed.holds({"answer": answer})


def faults_in(diagram: Diagram, functions: Collection[str] | None = None) -> Iterator[str]:
    """Everything that is wrong with a diagram, a sentence each; see `check`."""
    if not diagram.steps:
        yield "A diagram has at least one step."
        return
    if len(diagram.steps) > MOST_STEPS:
        yield f"A diagram has at most {MOST_STEPS} steps, not {len(diagram.steps)}."
    ids = Counter(step.id for step in diagram.steps)
    for step_id in sorted(step_id for step_id, number in ids.items() if number > 1):
        yield f"Two steps have the id {_short(step_id)}."
    if diagram.initial not in ids:
        yield f"The first step is {_short(diagram.initial)}, and there is no such step."
    for step in diagram.steps:
        yield from _id_faults(step.id)
        yield from _step_faults(step, functions)
        yield from _path_faults(step, ids.keys())
    yield from _crowds(diagram)


def _crowds(diagram: Diagram) -> Iterator[str]:
    """Ends that could open more steps than one call holds: beside those on its paths, joins that waited for just it."""
    joins = {step.id for step in diagram.steps if step.join == Join.ALL}
    for step in diagram.steps[:MOST_STEPS]:
        opened = {path.to for path in step.paths} | (joins & diagram.reach[step.id])
        verbs = sum(5 if diagram[to].args.get("timeout") else 4 for to in opened & diagram.by_id.keys())
        if verbs > MOST_AT_ONCE:
            text = f"could open {len(opened)} steps at once, with joins behind it: more than one call has room for"
            yield f"The end of step {_short(step.id)} {text}."


def _id_faults(step_id: str) -> Iterator[str]:
    if not step_id.strip() or len(step_id) > LONGEST_ID or not step_id.isprintable() or "/" in step_id:
        yield f"A step's id has 1 to {LONGEST_ID} printable characters and no slash: not {_short(step_id)}."
    if step_id in RESERVED_IDS | DOTS:
        yield f"No step can have the id {step_id!r}."


def _step_faults(step: Step, functions: Collection[str] | None) -> Iterator[str]:
    if step.join not in set(Join):
        yield f"Step {_short(step.id)} joins by {_short(step.join)}; there are any and all."
    if step.kind not in set(Kind):
        yield f"Step {_short(step.id)} is a {_short(step.kind)}, which nobody here can do; there are {', '.join(Kind)}."
        return
    if not is_assignment(step.assigned):
        yield f"Step {_short(step.id)} can't be assigned to {_short(step.assigned)}."
    yield from faults_in_arguments(step)
    wanted = step.args.get("function") if step.kind == Kind.FUNCTION else None
    if wanted and isinstance(wanted, str) and functions is not None and wanted not in functions:
        had = ", ".join(sorted(functions)) or "none"
        name = _short(wanted)
        hint = _nearest(wanted, functions)
        yield f"Step {_short(step.id)} wants the function {name}, which the plugin doesn't have; it has {had}.{hint}"


def _path_faults(step: Step, ids: Collection[str]) -> Iterator[str]:
    if len(step.paths) > MOST_PATHS:
        yield f"Step {_short(step.id)} has more than {MOST_PATHS} paths."
    for path in step.paths:
        if path.to not in ids:
            hint = _nearest(path.to, ids)
            yield f"A path of {_short(step.id)} leads to {_short(path.to)}, and there is no such step.{hint}"
        if not is_assignment(path.assigned):
            yield f"The path from {_short(step.id)} to {_short(path.to)} can't assign to {_short(path.assigned)}."
        if path.when and path.when != conditions.ELSE:
            try:
                conditions.parse(path.when)
            except BadCondition as error:
                yield f"The path from {_short(step.id)} to {_short(path.to)}: {error}"


def _nearest(name: str, names: Collection[str]) -> str:
    found = get_close_matches(name[:LONGEST_ID], names, n=1)
    return f" Did you mean {found[0]!r}?" if found else ""


def _short(text: str) -> str:
    return repr(text if len(text) <= LONGEST_ID else f"{text[:LONGEST_ID]}…")
