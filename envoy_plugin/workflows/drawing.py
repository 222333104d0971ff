"""Drawing diagrams: as Mermaid, for a page, and as SVG, for everything else; with the state of each step, if wanted."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from html import escape
from typing import Final

from envoy_plugin.workflows.diagrams import Diagram, Join, Kind, Path, Step
from envoy_plugin.workflows.flow import Standing
from envoy_plugin.workflows.phases import phase_of
from envoy_plugin.workflows.record import Workflow

Words = Mapping[str, str]

DONE: Final = "done"
STOPPED: Final = "stopped"


class Look(StrEnum):
    """How a step is filled, by the word for its state."""

    IDLE = "#f4f4f4"
    JOINING = "#fff4cc"
    READY = "#dbeafe"
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
WIDTH, HEIGHT, GAP_X, GAP_Y, MARGIN = 200, 56, 40, 56, 24


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
    text = "<br/>".join(_quoted(line) for line in _lines(step, state))
    return f'{name}{before}"{text}"{after}' + (f":::{state}" if state else "")


def _arrow(path: Path) -> str:
    return f'-- "{_quoted(path.when)}" -->' if path.when else "-->"


def _quoted(text: str) -> str:
    return escape(text, quote=False).replace('"', "#quot;")


def _lines(step: Step, state: str | None) -> Iterator[str]:
    yield step.title
    yield f"{step.kind}{', joins all' if step.join == Join.ALL else ''}{f': {state}' if state else ''}"


@dataclass(frozen=True, slots=True)
class _Box:
    """Where a step stands in the picture, in px: its top left corner."""

    layer: int
    x: int
    y: int


def svg(diagram: Diagram, states: Words | None = None) -> str:
    """A picture of its own: a row for each distance from the first step."""
    boxes = _layout(diagram)
    width = max(box.x for box in boxes.values()) + WIDTH + 2 * MARGIN + GAP_X
    height = max(box.y for box in boxes.values()) + HEIGHT + MARGIN
    title = escape(diagram.name or diagram.id)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="{title}"'
    return "\n".join(
        [
            f'{head} font-family="sans-serif" font-size="13">',
            f"<title>{title}</title>",
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
            '<path d="M0 0L8 4L0 8z" fill="#555"/></marker></defs>',
            *(line for step in diagram.steps for line in _edges(step, boxes)),
            *(line for step in diagram.steps for line in _box(step, boxes[step.id], (states or {}).get(step.id))),
            "</svg>\n",
        ]
    )


def _layout(diagram: Diagram) -> Mapping[str, _Box]:
    rows: list[list[str]] = []
    ahead, seen = [diagram.initial], {diagram.initial}
    while ahead:
        rows.append(ahead)
        reached = [path.to for step_id in ahead for path in diagram[step_id].paths if path.to in diagram.by_id]
        ahead = [step_id for step_id in dict.fromkeys(reached) if step_id not in seen]
        seen.update(ahead)
    left = [step.id for step in diagram.steps if step.id not in seen]
    rows += [left] if left else []
    return {step_id: _place(layer, at) for layer, row in enumerate(rows) for at, step_id in enumerate(row)}


def _place(layer: int, at: int) -> _Box:
    return _Box(layer, MARGIN + at * (WIDTH + GAP_X), MARGIN + layer * (HEIGHT + GAP_Y))


def _box(step: Step, box: _Box, state: str | None) -> Sequence[str]:
    fill = Look[(state or "idle").upper()]
    middle, first, second = box.x + WIDTH // 2, box.y + 24, box.y + 43
    title, below = _lines(step, state)
    return (
        f'<rect x="{box.x}" y="{box.y}" width="{WIDTH}" height="{HEIGHT}" rx="6" fill="{fill}" stroke="#555"/>',
        f'<text x="{middle}" y="{first}" text-anchor="middle" font-weight="bold">{escape(_short(title, 26))}</text>',
        f'<text x="{middle}" y="{second}" text-anchor="middle" fill="#333">{escape(_short(below, 30))}</text>',
    )


def _edges(step: Step, boxes: Mapping[str, _Box]) -> Iterator[str]:
    start = boxes[step.id]
    for path in step.paths:
        end = boxes.get(path.to)
        if end is None:
            continue
        yield _curve(start, end)
        if path.when:
            x, y = (start.x + end.x + WIDTH) // 2, (start.y + end.y + HEIGHT) // 2
            yield f'<text x="{x}" y="{y}" text-anchor="middle" fill="#555">{escape(_short(path.when, 32))}</text>'


def _curve(start: _Box, end: _Box) -> str:
    """Down to a later row by a line, back to one that isn't by a bow on the right."""
    if end.layer > start.layer:
        way = f"M{start.x + WIDTH // 2} {start.y + HEIGHT}L{end.x + WIDTH // 2} {end.y}"
    else:
        right, bow = start.x + WIDTH, max(start.x, end.x) + WIDTH + GAP_X
        way = f"M{right} {start.y + 20}C{bow} {start.y + 20} {bow} {end.y + 36} {end.x + WIDTH} {end.y + 36}"
    return f'<path d="{way}" fill="none" stroke="#555" marker-end="url(#tip)"/>'


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
