"""What can be of another type than it should in a template that is written in code: said before it is built upon.

Of diagrams that come as JSON, `documents` says so.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from envoy_plugin.workflows.definitions.diagrams import Path, Step

WORDS: Final[Mapping[type, str]] = MappingProxyType({str: "a text", bool: "True or False", Mapping: "a dict"})
OF_STEP: Final[Mapping[str, type]] = MappingProxyType(
    {
        "id": str,
        "name": str,
        "description": str,
        "automatic": bool,
        "proceeds": bool,
        "can_skip": bool,
        "held": bool,
        "assigned": str,
        "join": str,
    }
)
OF_TEMPLATE: Final[Mapping[str, type]] = MappingProxyType(
    {
        "name": str,
        "description": str,
        "assigned": str,
        "final_status": str,
        "closes": bool,
        "properties": Mapping,
    }
)


def faults_as_written(template_id: object, steps: Sequence[object], facts: Mapping[str, object]) -> Iterator[str]:
    """A sentence for whatever has another type than it should; `facts` are those of the template."""
    if not isinstance(template_id, str):
        yield f"A template's id, which is said first, must be a text, not {_type(template_id)}."
    for name, wanted in OF_TEMPLATE.items():
        if name in facts and not isinstance(facts[name], wanted):
            yield f"The {name} of a template must be {WORDS[wanted]}, not {_type(facts[name])}."
    for at, step in enumerate(steps, 1):
        if isinstance(step, Step):
            yield from _of_step(step)
        else:
            yield f"Step {at} must be made by Step.manual(…) or its like, one by one; it is {_type(step)}."


def _of_step(step: Step) -> Iterator[str]:
    for name, wanted in OF_STEP.items():
        value = getattr(step, name)
        if not isinstance(value, wanted):
            yield f"The {name} of step {_name(step.id)} must be {WORDS[wanted]}, not {_type(value)}."
    for path in step.paths:
        yield from _of_path(step, path)


def _of_path(step: Step, path: Path) -> Iterator[str]:
    to: Any = path.to
    if not isinstance(to, str):
        which = f"{to.id!r}" if isinstance(to, Step) else "a text"
        yield f"What follows step {_name(step.id)} is named by its id, {which}, not by {_type(to)}."
    elif not isinstance(path.when, str):
        words = "must be a text, such as \"answer == 'Yes'\""
        yield f"The condition from {_name(step.id)} to {_name(to)} {words}, not {_type(path.when)}."


def _name(step_id: object) -> str:
    return repr(step_id)[:64]


def _type(value: object) -> str:
    return "None" if value is None else f"a value of type {type(value).__name__}"
