"""Templates: what a workflow is made from. Stored by operators, or defined in a plugin's code with its diagram."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from envoy_plugin.errors import BadDiagram
from envoy_plugin.workflows.definitions.checks import faults_in
from envoy_plugin.workflows.definitions.diagrams import Diagram, Step, is_assignment
from envoy_plugin.workflows.definitions.written import faults_as_written

ACTIVE: Final = "Active"
STATES: Final = ("Draft", ACTIVE, "Automated", "Retired")
OF_PLUGIN: Final = "-"
"""The item of what a plugin defines in its code: every install has it."""
GOOD_ID: Final = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9_.-]{1,64}")
"""One word of a path: of `.` and `..` clients and proxies make another path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """What a workflow is made from, and what it begins with.

    One that `closes` ends by itself when nothing is open any more; any other stays open until somebody closes it.
    `properties` are those that every workflow made from it begins with; `assigned` is whose its first step is.
    `diagram` is that of a template in code; any other names a stored one. `look` is all else, kept as it came.
    """

    id: str
    name: str = ""
    description: str = ""
    state: str = ACTIVE
    diagram_id: str = ""
    assigned: str = ""
    final_status: str = ""
    closes: bool = False
    properties: Mapping[str, Any] = field(default_factory=dict, repr=False)
    diagram: Diagram | None = None
    look: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, template_id: str, *steps: Step, name: str = "", **facts: Any) -> Self:
        """A template in code: its steps, of which the first is where it begins. It closes by itself.

        `facts` are further ones of the class: `assigned`, `final_status`, `closes`, `properties`, `description`.

        Raises:
            BadDiagram: with everything that is wrong; whether the functions exist is checked with the plugin.
        """
        faults = list(faults_as_written(template_id, steps, {"name": name, **facts}))
        if faults:
            raise BadDiagram(faults)
        initial = steps[0].id if steps else ""
        diagram = Diagram(id=template_id, name=name or template_id, initial=initial, steps=steps)
        faults = [*_faults(template_id, facts.get("assigned", "")), *faults_in(diagram)]
        if faults:
            raise BadDiagram(faults)
        return cls(
            id=template_id,
            name=name or template_id,
            diagram_id=template_id,
            diagram=diagram,
            **{"closes": True} | facts,
        )


def _faults(template_id: str, assigned: str) -> Iterator[str]:
    if not GOOD_ID.fullmatch(template_id):
        yield f"A template's id has 1 to 64 of the characters A-Z, a-z, 0-9 and _ . -, not {template_id[:64]!r}."
    if not is_assignment(assigned):
        yield f"The first step can't be assigned to {assigned[:64]!r}."
