"""Diagrams as JSON, in the shape of Workflow Manager's `DiagramDetails`. What is drawn is kept as it came.

Source: ArcGIS Workflow Manager, `@arcgis/workflow-manager` 1.0.9, DiagramDetails, DiagramStep, DiagramPath. Of ours are
the action types but for `Manual` and `Question`, their arguments, the language of `expression`, `join` and `held`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from envoy_plugin.errors import BadDiagram
from envoy_plugin.workflows.definitions.diagrams import (
    CREATOR,
    LAST_RUN_BY,
    MAINTAIN,
    OWNER,
    UNASSIGNED,
    Diagram,
    Join,
    Kind,
    Path,
    Step,
)

ACTIONS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "Manual": Kind.MANUAL,
        "Question": Kind.QUESTION,
        "EnvoyPlugin": Kind.FUNCTION,
        "EnvoyDevice": Kind.DEVICE,
        "EnvoyTitan": Kind.TITAN,
    }
)
ACTION_OF: Final[Mapping[str, str]] = MappingProxyType({kind: action for action, kind in ACTIONS.items()})
ARGUMENT_OF: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {Kind.FUNCTION: {"worker": "function"}, Kind.QUESTION: {"questionResponses": "answers"}}
)
"""By kind, the names that arguments have in JSON where ours are others."""
ROLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "JobCreator($job)": CREATOR,
        "JobOwner($job)": OWNER,
        "LastRunBy($job)": LAST_RUN_BY,
        "MaintainAssignment($job)": MAINTAIN,
    }
)
"""What `assignedTo` says of somebody who isn't named. The first is documented, the others are made like it."""
ROLE_OF: Final[Mapping[str, str]] = MappingProxyType({role: word for word, role in ROLES.items()})
TYPES: Final = ("Unassigned", "User", "Group")
OF_STEP: Final = frozenset(
    {"id", "name", "description", "automatic", "proceedNext", "canSkip", "action", "paths", "held", "join", "assigned"}
)
OF_PATH: Final = frozenset(["nextStep", "expression", "assignedType", "assignedTo", "status"])
OF_DIAGRAM: Final = frozenset(
    ["diagramId", "diagramVersion", "diagramName", "description", "initialStepId", "initialStepName", "steps", "active"]
)


def parse_diagram(
    document: Any, *, diagram_id: str, faults_in: Callable[[Diagram], Iterable[str]] | None = None
) -> Diagram:
    """The diagram in a JSON document. Where it names no first step, that is the one to which no path leads.

    `faults_in` says what else is wrong with the diagram, as far as it can be read, where it is to be active.

    Raises:
        BadDiagram: the document has another shape, or there are other faults; says each, all at once.
    """
    reader = _Reader()
    top = reader.object(document, "the diagram")
    steps = [_step(reader, one, f"steps[{at}]") for at, one in enumerate(reader.items(top, "steps", "the diagram"))]
    initial = reader.text(top, "initialStepId", "the diagram") or _first(steps)
    name, description = (reader.text(top, word, "the diagram") for word in ("diagramName", "description"))
    diagram = Diagram(
        id=diagram_id,
        name=name,
        description=description,
        initial=initial,
        steps=tuple(steps),
        look=_rest(top, OF_DIAGRAM),
    )
    faults = [*reader.faults, *(faults_in(diagram) if faults_in and (steps or not reader.faults) else ())]
    if faults:
        raise BadDiagram(faults)
    return diagram


def diagram_document(diagram: Diagram) -> dict[str, Any]:
    """The JSON document of a diagram."""
    first = diagram.by_id.get(diagram.initial)
    return {
        "annotations": [],
        "dataSources": [],
        "displayGrid": True,
        **diagram.look,
        "diagramId": diagram.id,
        "diagramVersion": diagram.version,
        "diagramName": diagram.name,
        "description": diagram.description,
        "initialStepId": diagram.initial,
        "initialStepName": first.title if first else "",
        "steps": [_step_document(step) for step in diagram.steps],
    }


class _Reader:
    """Reads values of the kinds that they must have, and gathers what is wrong."""

    def __init__(self) -> None:
        self.faults: list[str] = []

    def object(self, value: Any, where: str) -> Mapping[str, Any]:
        if isinstance(value, Mapping):
            return value
        self.faults.append(f"{where} must be an object.")
        return {}

    def items(self, owner: Mapping[str, Any], name: str, where: str) -> Sequence[Any]:
        found: list[Any] = self._read(owner, name, where, [], list, "a list")
        return found

    def text(self, owner: Mapping[str, Any], name: str, where: str) -> str:
        found: str = self._read(owner, name, where, "", str, "a text")
        return found

    def flag(self, owner: Mapping[str, Any], name: str, where: str, *, default: bool = False) -> bool:
        found: bool = self._read(owner, name, where, default, bool, "true or false")
        return found

    def _read(self, owner: Mapping[str, Any], name: str, where: str, default: Any, kind: type, what: str) -> Any:
        value = owner.get(name)
        if value is None:
            return default
        if not isinstance(value, kind):
            self.faults.append(f"{name} of {where} must be {what}.")
            return default
        return value


def _step(reader: _Reader, document: Any, where: str) -> Step:
    told = reader.object(document, where)
    action = reader.object(told.get("action") or {}, f"action of {where}")
    kind = ACTIONS.get(word := reader.text(action, "actionType", where) or "Manual", word)
    names = ARGUMENT_OF.get(kind, {})
    args = reader.object(action.get("args") or {}, f"args of {where}")
    paths = enumerate(reader.items(told, "paths", where))
    return Step(
        id=reader.text(told, "id", where),
        name=reader.text(told, "name", where),
        description=reader.text(told, "description", where),
        kind=kind,
        args={names.get(name, name): value for name, value in args.items() if value is not None},
        automatic=reader.flag(told, "automatic", where),
        proceeds=reader.flag(told, "proceedNext", where, default=True),
        can_skip=reader.flag(told, "canSkip", where),
        held=reader.flag(told, "held", where),
        assigned=reader.text(told, "assigned", where),
        join=reader.text(told, "join", where) or Join.ANY,
        paths=tuple(_path(reader, one, f"paths[{at}] of {where}") for at, one in paths),
        look=_rest(told, OF_STEP),
    )


def _path(reader: _Reader, document: Any, where: str) -> Path:
    told = reader.object(document, where)
    kind, name = reader.text(told, "assignedType", where), reader.text(told, "assignedTo", where)
    return Path(
        to=reader.text(told, "nextStep", where),
        when=reader.text(told, "expression", where),
        assigned=assignment_of(kind, name),
        status=reader.text(told, "status", where),
        look=_rest(told, OF_PATH),
    )


def assignment_of(kind: str, name: str | None) -> str:
    """Whose something is, from `assignedType` and `assignedTo`; for an unknown kind, what no check lets pass."""
    if name and name in ROLES:
        return ROLES[name]
    return {"": "", "Unassigned": UNASSIGNED}.get(kind, f"{kind.lower()}:{name or ''}")


def assigned_words(assignee: str) -> tuple[str, str | None]:
    """`assignedType` and `assignedTo` for whose something is."""
    if assignee in ROLE_OF:
        return "User", ROLE_OF[assignee]
    kind, _, name = assignee.partition(":")
    return (kind.title(), name) if name else ("Unassigned", None)


def _step_document(step: Step) -> dict[str, Any]:
    names = {ours: theirs for theirs, ours in ARGUMENT_OF.get(step.kind, {}).items()}
    args = {names.get(name, name): value for name, value in step.args.items()}
    own = {"join": str(step.join), "held": step.held, "assigned": step.assigned}
    beside = {name: value for name, value in own.items() if value not in {Join.ANY.value, False, ""}}
    return {
        **step.look,
        **beside,
        "id": step.id,
        "name": step.name,
        "description": step.description,
        "automatic": step.automatic,
        "proceedNext": step.proceeds,
        "canSkip": step.can_skip,
        "action": {"actionType": ACTION_OF.get(step.kind, str(step.kind)), "args": args},
        "paths": [_path_document(path) for path in step.paths],
    }


def _path_document(path: Path) -> dict[str, Any]:
    told: dict[str, Any] = {**path.look, "nextStep": path.to}
    if path.assigned:
        told["assignedType"], told["assignedTo"] = assigned_words(path.assigned)
    return told | {name: value for name, value in {"expression": path.when, "status": path.status}.items() if value}


def _first(steps: Sequence[Step]) -> str:
    """The step to which no path leads, else the first."""
    reached = {path.to for step in steps for path in step.paths}
    return next((step.id for step in steps if step.id not in reached), steps[0].id if steps else "")


def _rest(told: Mapping[str, Any], known: frozenset[str]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if name not in known}
