"""Diagrams as SVG pictures: black on white wherever they are shown, and of one file, without scripts or styles."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import pairwise
from typing import Final
from unicodedata import combining, east_asian_width

from envoy_plugin.workflows.definitions.diagrams import Diagram, Step
from envoy_plugin.workflows.drawing.layout import LANE, Layout, Line, Spot, lay_out
from envoy_plugin.workflows.drawing.mermaid import Look, Words, lines_of, one_line

WIDTH, MARGIN, GAP = 220, 24, 26
LETTER: Final = 6.5
"""How wide a letter is, about, in px."""
LONGEST_TITLE, MOST_LINES, LONGEST_LABEL = 28, 2, 34
LINE_HEIGHT, LABEL_HEIGHT = 18, 18
LOOP: Final = 26
"""How far the path from a step to itself reaches, in px; each further one as much further."""

FLATTEST, MOST_ROOM = 16, 40
"""How much farther rows are apart between which lines go far to the side: a px for so many, and the most, in px."""

Rows = Sequence[tuple[float, float]]
"""Top and bottom of each row, in px."""


def svg(diagram: Diagram, states: Words | None = None) -> str:
    """A picture of its own, with the state of each step, if wanted; what is cut is said where the mouse points."""
    titles = {step.id: _wrapped(step.title) for step in diagram.steps}
    layout = lay_out(diagram, {step.id: _box_width(step) for step in diagram.steps}, _label_width)
    rows = _heights(layout, 20 + LINE_HEIGHT * (1 + max(len(title) for title in titles.values())))
    width, height = round(layout.width) + 2 * MARGIN, round(rows[-1][1]) + MARGIN
    name = escape(one_line(diagram.name or diagram.id))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    return "\n".join(
        [
            f'{head} role="img" aria-label="{name}" font-family="sans-serif" font-size="13">',
            f'<title>{name}</title><path d="M0 0H{width}V{height}H0z" fill="#fff"/>',
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
            '<path d="M0 0L8 4L0 8z" fill="#555"/></marker></defs>',
            f'<g transform="translate({MARGIN} 0)">',
            *_ways(diagram, layout, rows),
            *(
                part
                for step in diagram.steps
                for part in _box(step, layout.steps[step.id], rows, titles[step.id], (states or {}).get(step.id))
            ),
            "</g>",
            "</svg>\n",
        ]
    )


def _box_width(step: Step) -> float:
    loops = [path for path in step.paths if path.to == step.id]
    beside = max((LOOP * len(loops) + _label_width(path.when) for path in loops), default=0)
    return WIDTH + 2 * beside


def _label_width(text: str) -> float:
    return LETTER * min(_columns(text), LONGEST_LABEL) + LANE if text else 0


def _heights(layout: Layout, box: float) -> Rows:
    """Top and bottom of each row: of boxes, and in between of labels, where there are any."""
    heights: list[tuple[float, float]] = []
    labels = {line.label.row for line in layout.lines if line.label}
    top: float = MARGIN
    for at, row in enumerate(layout.rows):
        high = box if at % 2 == 0 else LABEL_HEIGHT if at in labels else 0
        heights.append((top, top + high))
        far = max((abs(spot.x - other.x) for spot in row for other in spot.below), default=0)
        top += high + GAP * (1 if at in labels or at + 1 in labels else 0.75) + min(MOST_ROOM, far / FLATTEST)
    return heights


def _box(step: Step, spot: Spot, rows: Rows, title: Sequence[str], state: str | None) -> Iterator[str]:
    (top, bottom), x = rows[spot.row], spot.x - WIDTH / 2
    *_, below = lines_of(step, state)
    full = escape(one_line(step.title))
    first = (bottom - top - LINE_HEIGHT * (len(title) + 1)) / 2 + 13
    yield f'<rect x="{_n(x)}" y="{_n(top)}" width="{WIDTH}" height="{_n(bottom - top)}" rx="6" {_look(state)}/>'
    yield f'<svg x="{_n(x)}" y="{_n(top)}" width="{WIDTH}" height="{_n(bottom - top)}"><title>{full}</title>'
    for at, line in enumerate(title):
        yield _text(WIDTH / 2, first + at * LINE_HEIGHT, line, ' font-weight="bold"')
    yield f"{_text(WIDTH / 2, first + len(title) * LINE_HEIGHT, below)}</svg>"


def _look(state: str | None) -> str:
    return f'fill="{Look[(state or "idle").upper()]}" stroke="#555"'


def _text(x: float, y: float, text: str, more: str = "") -> str:
    return f'<text x="{_n(x)}" y="{_n(y)}" text-anchor="middle"{more}>{escape(text)}</text>'


def _ways(diagram: Diagram, layout: Layout, rows: Rows) -> Iterator[str]:
    """The lines, each from a place of its own below or above a step, and then the labels upon them."""
    ports = _ports(layout)
    for line in layout.lines:
        yield _arrow(_way(line, rows, ports))
    for line in layout.lines:
        if line.label:
            top, bottom = rows[line.label.row]
            yield from _label(line.label.x, (top + bottom) / 2, diagram[line.start].paths[line.at].when)
    for step in diagram.steps:
        yield from _loops(step, layout.steps[step.id], rows)


def _ports(layout: Layout) -> Mapping[tuple[Spot, Spot], list[float]]:
    """Where lines leave a step's edge: by step and the next spot, as that stands from left to right."""
    found: dict[tuple[Spot, Spot], list[float]] = {}
    for step in layout.steps.values():
        for others in (step.above, step.below):
            apart = min(LANE + 8, (WIDTH - 40) / max(1, len(others) - 1))
            for at, other in enumerate(sorted(others, key=lambda spot: spot.x)):
                found.setdefault((step, other), []).append(step.x + (at - (len(others) - 1) / 2) * apart)
    return found


def _way(line: Line, rows: Rows, ports: Mapping[tuple[Spot, Spot], list[float]]) -> list[tuple[float, float]]:
    first, *between, last = line.spots
    points = [(ports[first, line.spots[1]][0], rows[first.row][1])]
    for (top, bottom), spot in ((rows[spot.row], spot) for spot in between):
        points += [(spot.x, top), (spot.x, bottom)] if bottom > top else []
    points.append((ports[last, line.spots[-2]][0], rows[last.row][0]))
    return points[::-1] if line.turned else points


def _arrow(points: Sequence[tuple[float, float]]) -> str:
    way = f"M{_n(points[0][0])} {_n(points[0][1])}"
    for (x, y), (to_x, to_y) in pairwise(points):
        middle = _n((y + to_y) / 2)
        straight = abs(x - to_x) < 1
        way += f"V{_n(to_y)}" if straight else f"C{_n(x)} {middle} {_n(to_x)} {middle} {_n(to_x)} {_n(to_y)}"
    return f'<path d="{way}" fill="none" stroke="#555" marker-end="url(#tip)"/>'


def _label(x: float, y: float, text: str) -> Iterator[str]:
    """What a path's condition is, in a gap of its line."""
    shown = _cut(one_line(text), LONGEST_LABEL)
    half = LETTER * _columns(shown) / 2 + 3
    yield f'<path d="M{_n(x - half)} {_n(y - 9)}h{_n(2 * half)}v18h{_n(-2 * half)}z" fill="#fff"/>'
    yield f'<g fill="#333"><title>{escape(one_line(text))}</title>{_text(x, y + 4, shown)}</g>'


def _loops(step: Step, spot: Spot, rows: Rows) -> Iterator[str]:
    """The paths from a step to itself, to its right."""
    right, middle = spot.x + WIDTH / 2, sum(rows[spot.row]) / 2
    for at, path in enumerate(path for path in step.paths if path.to == step.id):
        bow, y = right + LOOP * (at + 1), 6 + 6 * at
        way = f"M{_n(right)} {_n(middle - y)}C{_n(bow)} {_n(middle - y)} {_n(bow)} {_n(middle + y)} {_n(right)}"
        yield f'<path d="{way} {_n(middle + y)}" fill="none" stroke="#555" marker-end="url(#tip)"/>'
        if path.when:
            wide = _label_width(path.when)
            yield from _label(right + LOOP * (at + 0.75) + wide / 2, middle + (at % 2) * LINE_HEIGHT, path.when)


def _wrapped(title: str) -> list[str]:
    """A title in lines that a box has room for."""
    lines = [""]
    for word in one_line(title).split():
        longer = f"{lines[-1]} {word}".strip()
        if _columns(longer) <= LONGEST_TITLE or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    rest = " ".join(lines[MOST_LINES - 1 :])
    return [_cut(line, LONGEST_TITLE) for line in [*lines[: MOST_LINES - 1], *([rest] if rest else [])]]


def _cut(text: str, most: int) -> str:
    if _columns(text) <= most:
        return text
    kept = next(at for at in range(len(text), 0, -1) if _columns(text[:at]) < most)
    return f"{text[:kept]}…"


def _columns(text: str) -> int:
    """How many letters' room a text takes."""
    return sum(0 if combining(letter) else 2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def _n(number: float) -> str:
    """A number as SVG has it, without needless digits."""
    return f"{number:.1f}".removesuffix(".0")
