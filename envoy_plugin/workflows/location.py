"""Where a job is: a geometry as it came, and as it is answered. There is no map behind it.

Sources: Workflow Manager's REST reference for the rules (Multipoint, Polyline, Polygon; no curves; a JSON text; answers
in wkid 3857), EPSG for spherical Mercator. A point becomes a multipoint of one; wkid 4326, or none, is projected; every
other spatial reference is refused by name, since we can't turn it into the right numbers.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self, TypeAlias

from pydantic_core import from_json, to_json

from envoy_plugin.errors import BadLocation

Position: TypeAlias = tuple[float, float]
Parts: TypeAlias = tuple[tuple[Position, ...], ...]

EARTH_RADIUS: Final = 6378137.0
"""In metres, of the sphere of wkid 3857."""
MERCATOR: Final = frozenset({3857, 102100})
DEGREES: Final = 4326
MOST_LONGITUDE: Final = 180
MOST_LATITUDE: Final = 85.06
"""In degrees: beyond it the projection has no square world."""
MOST_BYTES: Final = 256 * 1024
MEMBERS: Final[Mapping[str, str]] = {"Multipoint": "points", "Polyline": "paths", "Polygon": "rings"}
"""The member that holds the positions, by geometry type."""
CURVES: Final = ("curvePaths", "curveRings")
TO_GEOJSON: Final[Mapping[str, str]] = {
    "Multipoint": "MultiPoint",
    "Polyline": "MultiLineString",
    "Polygon": "MultiPolygon",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A geometry in metres of wkid 3857. A multipoint is one part; outer rings of a polygon run clockwise."""

    geometry_type: str
    parts: Parts

    @classmethod
    def from_esri(cls, geometry_type: str, geometry: str) -> Self:
        """From a geometry type and Esri's JSON, as a text.

        Raises:
            BadLocation: what is wrong with it.
        """
        name = {"point": "Multipoint"}.get(geometry_type.lower(), geometry_type.capitalize())
        if name not in MEMBERS:
            raise BadLocation(f"there is no geometry type {geometry_type!r}; there are {', '.join(MEMBERS)}")
        found = _json(geometry)
        if any(curve in found for curve in CURVES):
            raise BadLocation("curves are not understood")
        if "x" in found and name == "Multipoint":
            found = {**found, "points": [[found["x"], found.get("y")]]}
        raw = found.get(MEMBERS[name])
        return cls(geometry_type=name, parts=_parts([raw] if name == "Multipoint" else raw, _projection(found)))

    @classmethod
    def from_geojson(cls, geometry: Mapping[str, Any]) -> Self:
        """From a GeoJSON geometry (RFC 7946: degrees, outer rings counterclockwise).

        Raises:
            BadLocation: what is wrong with it.
        """
        name, raw = geometry.get("type"), geometry.get("coordinates")
        readers: Mapping[Any, tuple[str, Callable[[Any], Any]]] = {
            "Point": ("Multipoint", lambda found: [[found]]),
            "MultiPoint": ("Multipoint", lambda found: [found]),
            "LineString": ("Polyline", lambda found: [found]),
            "MultiLineString": ("Polyline", lambda found: found),
            "Polygon": ("Polygon", lambda found: _turned([found])),
            "MultiPolygon": ("Polygon", _turned),
        }
        if name not in readers:
            raise BadLocation(f"there is no geometry type {name!r}; there are {', '.join(readers)}")
        geometry_type, read = readers[name]
        return cls(geometry_type=geometry_type, parts=_parts(read(raw), _mercator))

    @classmethod
    def from_degrees(cls, latitude: float, longitude: float) -> Self:
        """A point."""
        return cls(geometry_type="Multipoint", parts=((_mercator(longitude, latitude),),))

    def to_esri(self) -> str:
        """Esri's JSON, as a text, in wkid 3857."""
        parts: Any = self.parts[0] if self.geometry_type == "Multipoint" else self.parts
        member = MEMBERS[self.geometry_type]
        return to_json({member: parts, "spatialReference": {"wkid": 102100, "latestWkid": 3857}}).decode()

    def to_geojson(self) -> dict[str, Any]:
        """A GeoJSON geometry."""
        parts: list[Any] = [[list(_degrees(*position)) for position in part] for part in self.parts]
        if self.geometry_type == "Multipoint":
            coordinates: Any = parts[0]
        elif self.geometry_type == "Polyline":
            coordinates = parts
        else:
            coordinates = list(_polygons(parts))
        return {"type": TO_GEOJSON[self.geometry_type], "coordinates": coordinates}

    def meets(self, extent: "Extent") -> bool:
        """Whether the box around it and the extent have a point in common."""
        across = [x for part in self.parts for x, _ in part]
        up = [y for part in self.parts for _, y in part]
        return (
            min(across) <= extent.right
            and max(across) >= extent.left
            and min(up) <= extent.top
            and max(up) >= extent.bottom
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """A box, in metres of wkid 3857."""

    left: float
    bottom: float
    right: float
    top: float

    @classmethod
    def parse(cls, text: str) -> Self:
        """From `minX,minY,maxX,maxY,wkid`.

        Raises:
            BadLocation: it isn't that.
        """
        try:
            *corners, wkid = (float(part) for part in text.split(","))
            left, bottom, right, top = corners
        except ValueError:
            raise BadLocation("an extent is minX,minY,maxX,maxY,wkid") from None
        project = _projection({"spatialReference": {"wkid": wkid}})
        (left, bottom), (right, top) = project(left, bottom), project(right, top)
        return cls(left=left, bottom=bottom, right=right, top=top)


Project: TypeAlias = Callable[[float, float], Position]


def _json(text: str) -> dict[str, Any]:
    if len(text.encode()) > MOST_BYTES:
        raise BadLocation(f"it has more than {MOST_BYTES} bytes")
    try:
        found = from_json(text)
    except ValueError:
        raise BadLocation("the geometry is not JSON") from None
    if not isinstance(found, dict):
        raise BadLocation("the geometry is not an object")
    return found


def _projection(geometry: Mapping[str, Any]) -> Project:
    reference = geometry.get("spatialReference") or {}
    if not isinstance(reference, Mapping):
        raise BadLocation("spatialReference is an object with a wkid")
    wkid = reference.get("latestWkid", reference.get("wkid", DEGREES))
    if wkid in MERCATOR:
        return _finite
    if wkid == DEGREES:
        return _mercator
    raise BadLocation(f"the spatial reference {wkid!r} is not understood: wkid 4326 and 3857 are")


def _finite(x: float, y: float) -> Position:
    if not (math.isfinite(x) and math.isfinite(y)):
        raise BadLocation("a position is two finite numbers")
    return x, y


def _mercator(longitude: float, latitude: float) -> Position:
    if not (abs(longitude) <= MOST_LONGITUDE and abs(latitude) <= MOST_LATITUDE):
        raise BadLocation(f"a longitude is at most {MOST_LONGITUDE} degrees, a latitude at most {MOST_LATITUDE}")
    y = EARTH_RADIUS * math.log(math.tan(math.pi / 4 + math.radians(latitude) / 2))
    return EARTH_RADIUS * math.radians(longitude), y


def _degrees(x: float, y: float) -> Position:
    latitude = math.degrees(2 * math.atan(math.exp(y / EARTH_RADIUS)) - math.pi / 2)
    return math.degrees(x / EARTH_RADIUS), latitude


def _parts(raw: Any, project: Project) -> Parts:
    try:
        found = tuple(tuple(_position(position, project) for position in part) for part in raw)
    except TypeError:
        raise BadLocation("the geometry is not lists of positions") from None
    if not found or not all(found):
        raise BadLocation("the geometry has no position")
    return found


def _position(raw: Any, project: Project) -> Position:
    if not isinstance(raw, Sequence) or len(raw) < 2 or not all(_is_number(part) for part in raw[:2]):  # noqa: PLR2004
        raise BadLocation("a position is two finite numbers")
    return project(float(raw[0]), float(raw[1]))


def _is_number(part: Any) -> bool:
    return isinstance(part, int | float) and not isinstance(part, bool)


def _turned(polygons: Any) -> list[Any]:
    """The rings of polygons, each the other way round: the two formats disagree on which is the outer one."""
    try:
        return [list(reversed(ring)) for polygon in polygons for ring in polygon]
    except TypeError:
        raise BadLocation("the geometry is not lists of positions") from None


def _polygons(rings: Sequence[Sequence[Sequence[float]]]) -> Iterator[list[Any]]:
    """Rings gathered into polygons: one that runs clockwise begins a new one, the others are holes in it."""
    polygon: list[Any] = []
    for ring in rings:
        if polygon and _is_clockwise(ring):
            yield polygon
            polygon = []
        polygon.append(list(reversed(ring)))
    yield polygon


def _is_clockwise(ring: Sequence[Sequence[float]]) -> bool:
    corners = zip(ring, [*ring[1:], ring[0]], strict=True)
    return sum((there[0] - here[0]) * (there[1] + here[1]) for here, there in corners) > 0
