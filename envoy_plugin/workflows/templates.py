"""Templates: what a workflow is made from. Stored by operators, or defined in a plugin's code with its diagram."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from envoy_plugin.workflows.checks import check
from envoy_plugin.workflows.diagrams import Diagram, Step

ACTIVE: Final = "Active"
STATES: Final = ("Draft", ACTIVE, "Automated", "Retired")
OF_PLUGIN: Final = "-"
"""The item of what a plugin defines in its code: every install has it."""


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
        initial = steps[0].id if steps else ""
        diagram = Diagram(id=template_id, name=name or template_id, initial=initial, steps=steps)
        check(diagram)
        return cls(
            id=template_id,
            name=name or template_id,
            diagram_id=template_id,
            diagram=diagram,
            **{"closes": True} | facts,
        )
