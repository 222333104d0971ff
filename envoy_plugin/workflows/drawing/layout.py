"""Where steps and paths stand in a picture: rows from top to bottom, in which no line crosses a step or a label.

The drawing in layers of Sugiyama, Tagawa and Toda (1981): paths that lead back are turned round, each step stands below
all that lead to it, a path has a place of its own in every row that it passes, and neighbours are drawn together.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from envoy_plugin.workflows.definitions.diagrams import Diagram

LANE: Final = 14
"""How wide a path is where it passes a row, in px."""
GAP: Final = 24
"""Between two in a row, in px."""
SWEEPS: Final = 6


@dataclass(slots=True, eq=False)
class Spot:
    """A step's place, or a path's in a row that it passes; `x` is its middle."""

    row: int
    width: float
    x: float = 0
    above: "list[Spot]" = field(default_factory=list, repr=False)
    below: "list[Spot]" = field(default_factory=list, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A path's way from one step to another, in spots from top to bottom.

    `at` is which of its step's paths it is. One that is `turned` leads from the last to the first. `label` is the spot
    of its condition, None: it has none.
    """

    start: str
    at: int
    end: str
    spots: tuple[Spot, ...]
    turned: bool
    label: Spot | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Steps in even rows, labels in the odd ones between; paths from a step to itself are in no row."""

    steps: Mapping[str, Spot]
    lines: Sequence[Line]
    rows: Sequence[Sequence[Spot]]

    @property
    def width(self) -> float:
        """From the left edge of the first to the right edge of the last, in px."""
        return max(spot.x + spot.width / 2 for row in self.rows for spot in row)


def lay_out(diagram: Diagram, widths: Mapping[str, float], label_width: Callable[[str], float]) -> Layout:
    """Place the steps, `widths` px wide each, and the paths between them; what leads nowhere is left out."""
    order, turned = _in_order(diagram)
    layers = _layers(diagram, order, turned)
    steps = {step_id: Spot(row=2 * layers[step_id], width=widths[step_id]) for step_id in diagram.by_id}
    lines = [
        _line(steps, (step_id, at, path.to), label_width(path.when) if path.when else 0, turned=(step_id, at) in turned)
        for step_id in steps
        for at, path in enumerate(diagram[step_id].paths)
        if path.to in steps and path.to != step_id
    ]
    rows = _rows([*steps.values(), *(spot for line in lines for spot in line.spots[1:-1])])
    for above, below in (pair for line in lines for pair in pairwise(line.spots)):
        above.below.append(below)
        below.above.append(above)
    _sort(rows)
    _spread(rows)
    return Layout(steps=steps, lines=lines, rows=rows)


def _in_order(diagram: Diagram) -> tuple[list[str], set[tuple[str, int]]]:
    """The steps, each behind all that lead to it, and the paths that lead back, which are left out of account."""
    open_: set[str] = set()
    ended: dict[str, None] = {}
    back: set[tuple[str, int]] = set()
    for root in [diagram.initial, *diagram.by_id]:
        ahead = [] if root in ended else [(root, _ways(diagram, root))]
        while ahead:
            step_id, ways = ahead[-1]
            open_.add(step_id)
            at, to = next(ways, (0, None))
            if to is None:
                ahead.pop()
                open_.remove(step_id)
                ended[step_id] = None
            elif to in open_:
                back.add((step_id, at))
            elif to not in ended:
                ahead.append((to, _ways(diagram, to)))
    return list(reversed(ended)), back


def _ways(diagram: Diagram, step_id: str) -> Iterator[tuple[int, str]]:
    return ((at, path.to) for at, path in enumerate(diagram[step_id].paths) if path.to in diagram.by_id)


def _layers(diagram: Diagram, order: Sequence[str], turned: set[tuple[str, int]]) -> Mapping[str, int]:
    layers = dict.fromkeys(order, 0)
    for step_id in order:
        for at, path in enumerate(diagram[step_id].paths):
            if path.to in layers and (step_id, at) not in turned:
                layers[path.to] = max(layers[path.to], layers[step_id] + 1)
    return layers


def _line(steps: Mapping[str, Spot], way: tuple[str, int, str], wide: float, *, turned: bool) -> Line:
    start, at, end = way
    top, bottom = (steps[end], steps[start]) if turned else (steps[start], steps[end])
    labelled = bottom.row - 1 if turned else top.row + 1
    between = {
        row: Spot(row=row, width=wide if wide and row == labelled else LANE) for row in range(top.row + 1, bottom.row)
    }
    label = between[labelled] if wide else None
    return Line(start=start, at=at, end=end, spots=(top, *between.values(), bottom), turned=turned, label=label)


def _rows(spots: Iterable[Spot]) -> list[list[Spot]]:
    rows: dict[int, list[Spot]] = {}
    for spot in spots:
        rows.setdefault(spot.row, []).append(spot)
    return [rows[row] for row in sorted(rows)]


def _sort(rows: list[list[Spot]]) -> None:
    """Order each row by where those stand that its spots are drawn to, from above and from below in turn."""
    places = {spot: float(at) for row in rows for at, spot in enumerate(row)}
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        for row in rows if down else reversed(rows):
            wanted = {
                spot: _mean([places[other] for other in (spot.above if down else spot.below)], places[spot])
                for spot in row
            }
            row.sort(key=wanted.__getitem__)
            places.update((spot, float(at)) for at, spot in enumerate(row))


def _spread(rows: list[list[Spot]]) -> None:
    """Give each spot its `x`: near those that it is drawn to, and clear of its neighbours."""
    for row in rows:
        _place(row, dict.fromkeys(row, 0.0))
    for sweep in range(2 * SWEEPS):
        for row in rows if sweep % 2 == 0 else reversed(rows):
            _place(row, {spot: _mean([other.x for other in (*spot.above, *spot.below)], spot.x) for spot in row})
    left = min(row[0].x - row[0].width / 2 for row in rows)
    for spot in (spot for row in rows for spot in row):
        spot.x -= left


def _place(row: Sequence[Spot], wanted: Mapping[Spot, float]) -> None:
    """Between as far left and as far right as the wish of each, and their order, allow."""
    lefts, rights = [wanted[row[0]]], [wanted[row[-1]]]
    for before, spot in pairwise(row):
        lefts.append(max(wanted[spot], lefts[-1] + _apart(before, spot)))
    for behind, spot in pairwise(reversed(row)):
        rights.append(min(wanted[spot], rights[-1] - _apart(behind, spot)))
    for spot, left, right in zip(row, lefts, reversed(rights), strict=True):
        spot.x = (left + right) / 2


def _apart(one: Spot, other: Spot) -> float:
    return (one.width + other.width) / 2 + GAP


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
