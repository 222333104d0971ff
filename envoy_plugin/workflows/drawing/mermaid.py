"""Diagrams as Mermaid, for a page; and the words and colours for the states of steps, which `picture` has, too."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from html import escape
from types import MappingProxyType
from typing import Final
from unicodedata import category

from envoy_plugin.workflows.definitions.diagrams import Diagram, Join, Kind, Path, Step
from envoy_plugin.workflows.running.flow import Standing
from envoy_plugin.workflows.running.phases import phase_of
from envoy_plugin.workflows.running.record import Workflow

Words = Mapping[str, str]

DONE: Final = "done"
STOPPED: Final = "stopped"


class Look(StrEnum):
    """How a step is filled, by the word for its state."""

    IDLE = "#f4f4f4"
    JOINING = "#fff4cc"
    READY = "#e9ddff"
    HELD = "#fde2c8"
    QUEUED = "#cfe8ff"
    RUNNING = "#a8d4ff"
    DONE = "#d5f0d8"
    STOPPED = "#f8d0d0"
    ENDED = "#e5eedd"


SHAPES: Final[Mapping[str, tuple[str, str]]] = {
    Kind.MANUAL: ("[/", "/]"),
    Kind.QUESTION: ("{{", "}}"),
    Kind.FUNCTION: ("[", "]"),
    Kind.DEVICE: ("[(", ")]"),
    Kind.TITAN: ("[[", "]]"),
}
"""What stands around a step's text in Mermaid, by its kind."""
MEANT: Final = MappingProxyType({ord("#"): "#35;", ord('"'): "#quot;", ord("`"): "#96;"})
"""What means something between Mermaid's quotes, and how it is said there."""
UNDRAWN: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
NO_LETTERS: Final = "\ufffe\uffff"
"""Which XML can't have."""


def states_of(workflow: Workflow, now: datetime) -> Words:
    """A word for the state of each step: idle, joining, ready, held, queued, running, stopped, ended, done."""
    return {step_id: _state_of(workflow, step_id, now) for step_id in workflow.jobs}


def _state_of(workflow: Workflow, step_id: str, now: datetime) -> str:
    standing = workflow.standings[step_id]
    if standing is Standing.OVER:
        return DONE
    if standing is not Standing.CURRENT:
        return str(standing)
    phase = str(phase_of(workflow.jobs[step_id], now))
    return STOPPED if phase == "ready" and step_id in workflow.walk.stops else phase


def mermaid(diagram: Diagram, states: Words | None = None) -> str:
    """A flowchart in Mermaid's language."""
    names = {step.id: f"s{at}" for at, step in enumerate(diagram.steps)}
    lines = ["flowchart TD", *(f"    {_node(step, names[step.id], states)}" for step in diagram.steps)]
    for step in diagram.steps:
        lines += [f"    {names[step.id]} {_arrow(path)} {names[path.to]}" for path in step.paths if path.to in names]
    used = sorted(set((states or {}).values()))
    lines += [f"    classDef {state} fill:{Look[state.upper()]},stroke:#555,color:#111" for state in used]
    return "\n".join(lines) + "\n"


def _node(step: Step, name: str, states: Words | None) -> str:
    before, after = SHAPES.get(step.kind, ("[", "]"))
    state = (states or {}).get(step.id)
    text = "<br/>".join(_quoted(line) for line in lines_of(step, state))
    return f'{name}{before}"{text}"{after}' + (f":::{state}" if state else "")


def _arrow(path: Path) -> str:
    return f'-- "{_quoted(path.when)}" -->' if path.when else "-->"


def _quoted(text: str) -> str:
    return escape(one_line(text).translate(MEANT), quote=False)


def one_line(text: str) -> str:
    """The text without what can't be drawn, as line breaks and control characters."""
    return "".join(" " if category(letter) in UNDRAWN or letter in NO_LETTERS else letter for letter in text)


def lines_of(step: Step, state: str | None) -> Iterator[str]:
    """What stands in a step: what people call it, and its kind with its state."""
    yield step.title
    yield f"{step.kind}{', joins all' if step.join == Join.ALL else ''}{f': {state}' if state else ''}"
