"""Rings of polygons: which way round they run, and which hole is in which. In the plane, whatever the unit."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

Position: TypeAlias = tuple[float, float]
Ring: TypeAlias = Sequence[Position]


def run_clockwise(ring: Ring, *, clockwise: bool = True) -> Ring:
    """The ring, turned round where it runs the other way."""
    return ring if (_area(ring) > 0) is clockwise else ring[::-1]


def polygons_of(rings: Iterable[Ring]) -> list[list[Ring]]:
    """Rings gathered into polygons, the outer one first: those that run clockwise are outer ones, the others holes.

    A hole is in the smallest that has a corner of it, wherever that stands; one in none is a polygon of its own.
    """
    outer: list[list[Ring]] = []
    holes: list[Ring] = []
    for ring in rings:
        if _area(ring) > 0:
            outer.append([ring])
        else:
            holes.append(ring)
    around = sorted(outer, key=lambda polygon: _area(polygon[0]))
    for hole in holes:
        home = next((polygon for polygon in around if _has_corner(polygon[0], hole)), None)
        if home is None:
            outer.append([hole])
        else:
            home.append(hole)
    return outer


def _sides(ring: Ring) -> Iterator[tuple[Position, Position]]:
    return zip(ring, [*ring[1:], ring[0]], strict=True)


def _area(ring: Ring) -> float:
    """Twice the area; negative where it runs counterclockwise."""
    return sum((there[0] - here[0]) * (there[1] + here[1]) for here, there in _sides(ring))


def _has_corner(ring: Ring, hole: Ring) -> bool:
    left, right = min(x for x, _ in ring), max(x for x, _ in ring)
    bottom, top = min(y for _, y in ring), max(y for _, y in ring)
    return any(left <= x <= right and bottom <= y <= top and _is_inside(ring, x, y) for x, y in hole)


def _is_inside(ring: Ring, x: float, y: float) -> bool:
    """Whether a line from there to the right crosses the ring an odd number of times."""
    crossings = 0
    for (x_1, y_1), (x_2, y_2) in _sides(ring):
        if (y_1 > y) is not (y_2 > y) and x < x_1 + (y - y_1) * (x_2 - x_1) / (y_2 - y_1):
            crossings += 1
    return crossings % 2 == 1
