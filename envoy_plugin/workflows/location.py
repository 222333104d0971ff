"""Where a job is: a geometry as it came, and as it is answered. There is no map behind it.

Sources: Workflow Manager's REST reference for the rules (Multipoint, Polyline, Polygon; no curves; a JSON text; answers
in wkid 3857), EPSG for spherical Mercator. A point becomes a multipoint of one; wkid 4326, or none, is projected; every
other spatial reference is refused by name, since we can't turn it into the right numbers. x and y are kept.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self, TypeAlias

from pydantic_core import from_json, to_json

from envoy_plugin.errors import BadLocation
from envoy_plugin.workflows.rings import Position, polygons_of, run_clockwise

Parts: TypeAlias = tuple[tuple[Position, ...], ...]

EARTH_RADIUS: Final = 6378137.0
"""In metres, of the sphere of wkid 3857."""
MERCATOR: Final = frozenset({3857, 102100})
DEGREES: Final = 4326
MOST_LONGITUDE: Final = 180
MOST_WIDE: Final = 90
MOST_LATITUDE: Final = 85.06
"""In degrees: beyond it the projection has no square world."""
MOST_METRES: Final = 2 * math.pi * EARTH_RADIUS
"""Once round the world: what lies across the antimeridian goes on beyond the half of it."""
DECIMALS: Final = 9
"""Of degrees that are answered: a tenth of a millimetre, and 180 stays 180."""
MOST_BYTES: Final = 256 * 1024
MOST_POSITIONS: Final = 10_000
MOST_NUMBER: Final = 1e300
MEMBERS: Final[Mapping[str, str]] = {"Multipoint": "points", "Polyline": "paths", "Polygon": "rings"}
"""The member that holds the positions, by geometry type."""
FEWEST: Final[Mapping[str, int]] = {"Multipoint": 1, "Polyline": 2, "Polygon": 3}
"""How many positions a part has at least."""
CURVES: Final = ("curvePaths", "curveRings")
FROM_GEOJSON: Final[Mapping[str, tuple[str, int]]] = {
    "Point": ("Multipoint", 0),
    "MultiPoint": ("Multipoint", 1),
    "LineString": ("Polyline", 1),
    "MultiLineString": ("Polyline", 2),
    "Polygon": ("Polygon", 2),
    "MultiPolygon": ("Polygon", 3),
}
"""The geometry type, and how deep positions are in lists."""
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
        return cls(geometry_type=name, parts=_parts(name, [raw] if name == "Multipoint" else raw, _projection(found)))

    @classmethod
    def from_geojson(cls, geometry: Mapping[str, Any]) -> Self:
        """From a GeoJSON geometry (RFC 7946: degrees; the first ring of a polygon is the outer one).

        Raises:
            BadLocation: what is wrong with it.
        """
        if not isinstance(geometry, Mapping):
            raise BadLocation("a GeoJSON geometry is an object")
        name, raw = str(geometry.get("type")), geometry.get("coordinates")
        if name not in FROM_GEOJSON:
            raise BadLocation(f"there is no geometry type {name!r}; there are {', '.join(FROM_GEOJSON)}")
        if geometry.get("crs") is not None and "CRS84" not in str(geometry["crs"]):
            raise BadLocation("GeoJSON is in degrees of wkid 4326, and has no crs of its own")
        geometry_type, depth = FROM_GEOJSON[name]
        if geometry_type != "Polygon":
            return cls(geometry_type=geometry_type, parts=_parts(geometry_type, _nested(raw, 2 - depth), _mercator))
        rings = [
            (ring, at == 0) for polygon in _listed(_nested(raw, 3 - depth)) for at, ring in enumerate(_listed(polygon))
        ]
        parts = _parts(geometry_type, [ring for ring, _ in rings], _mercator)
        turned = (run_clockwise(part, clockwise=outer) for part, (_, outer) in zip(parts, rings, strict=True))
        return cls(geometry_type=geometry_type, parts=tuple(map(tuple, turned)))

    @classmethod
    def from_degrees(cls, latitude: float, longitude: float) -> Self:
        """A point."""
        return cls(geometry_type="Multipoint", parts=((_mercator(longitude, latitude),),))

    @property
    def box(self) -> list[float]:
        """Left, bottom, right and top of the box around it, in metres."""
        across = [x for part in self.parts for x, _ in part]
        up = [y for part in self.parts for _, y in part]
        return [min(across), min(up), max(across), max(up)]

    def to_esri(self) -> str:
        """Esri's JSON, as a text, in wkid 3857."""
        parts: Any = self.parts[0] if self.geometry_type == "Multipoint" else self.parts
        member = MEMBERS[self.geometry_type]
        return to_json({member: parts, "spatialReference": {"wkid": 102100, "latestWkid": 3857}}).decode()

    def to_geojson(self) -> dict[str, Any]:
        """A GeoJSON geometry of several: a MultiPoint, a MultiLineString or a MultiPolygon, whose rings are closed."""
        coordinates: Any = [_in_degrees(part) for part in self.parts]
        if self.geometry_type == "Multipoint":
            [coordinates] = coordinates
        elif self.geometry_type == "Polygon":
            coordinates = [
                [_closed(_in_degrees(run_clockwise(ring, clockwise=at > 0))) for at, ring in enumerate(polygon)]
                for polygon in polygons_of(self.parts)
            ]
        return {"type": TO_GEOJSON[self.geometry_type], "coordinates": coordinates}


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """A box, in metres of wkid 3857."""

    left: float
    bottom: float
    right: float
    top: float

    @classmethod
    def parse(cls, text: str) -> Self:
        """From `minX,minY,maxX,maxY,wkid`. Latitudes beyond those that can be projected mean all that there is.

        Raises:
            BadLocation: it isn't that.
        """
        try:
            *corners, wkid_text = text.split(",")
            left, bottom, right, top = map(float, corners)
            wkid = int(wkid_text)
        except ValueError:
            raise BadLocation("an extent is minX,minY,maxX,maxY,wkid") from None
        if wkid == DEGREES and bottom >= -MOST_WIDE and top <= MOST_WIDE:
            bottom, top = (max(-MOST_LATITUDE, min(MOST_LATITUDE, one)) for one in (bottom, top))
        project = _projection({"spatialReference": {"wkid": wkid}})
        (left, bottom), (right, top) = project(left, bottom), project(right, top)
        if left > right or bottom > top:
            raise BadLocation("an extent's minX is at most its maxX, and its minY at most its maxY")
        return cls(left=left, bottom=bottom, right=right, top=top)

    def meets(self, box: Sequence[float]) -> bool:
        """Whether it has a point in common with a box of left, bottom, right and top."""
        left, bottom, right, top = box
        return left <= self.right and right >= self.left and bottom <= self.top and top >= self.bottom


Project: TypeAlias = Callable[[float, float], Position]


def _json(text: str) -> dict[str, Any]:
    raw = text.encode(errors="surrogatepass")
    if len(raw) > MOST_BYTES:
        raise BadLocation(f"it has more than {MOST_BYTES} bytes")
    try:
        found = from_json(raw)
    except ValueError:
        raise BadLocation("the geometry is not JSON") from None
    if not isinstance(found, dict):
        raise BadLocation("the geometry is not an object")
    return found


def _projection(geometry: Mapping[str, Any]) -> Project:
    reference = geometry.get("spatialReference")
    if reference is None:
        return _mercator
    if not isinstance(reference, Mapping):
        raise BadLocation("spatialReference is an object with a wkid")
    told = [reference[name] for name in ("latestWkid", "wkid", "wkt", "wkt2") if reference.get(name) is not None]
    wkid = told[0] if told else DEGREES
    if _is_number(wkid) and wkid in MERCATOR:
        return _metres
    if _is_number(wkid) and wkid == DEGREES:
        return _mercator
    raise BadLocation(f"the spatial reference {repr(wkid)[:64]} is not understood: wkid 4326 and 3857 are")


def _metres(x: float, y: float) -> Position:
    if not (abs(x) <= MOST_METRES and abs(y) <= MOST_METRES):
        raise BadLocation(f"a position is two finite numbers, of at most {MOST_METRES:.0f} metres")
    return x, y


def _mercator(longitude: float, latitude: float) -> Position:
    if not (abs(longitude) <= MOST_LONGITUDE and abs(latitude) <= MOST_LATITUDE):
        raise BadLocation(f"a longitude is at most {MOST_LONGITUDE} degrees, a latitude at most {MOST_LATITUDE}")
    return EARTH_RADIUS * math.radians(longitude), EARTH_RADIUS * math.asinh(math.tan(math.radians(latitude)))


def _degrees(x: float, y: float) -> Position:
    latitude = math.degrees(math.atan(math.sinh(y / EARTH_RADIUS)))
    return round(math.degrees(x / EARTH_RADIUS), DECIMALS), round(latitude, DECIMALS)


def _in_degrees(part: Sequence[Position]) -> list[list[float]]:
    return [list(_degrees(x, y)) for x, y in part]


def _closed(ring: list[list[float]]) -> list[list[float]]:
    return ring if ring[0] == ring[-1] else [*ring, ring[0]]


def _parts(geometry_type: str, raw: Any, project: Project) -> Parts:
    found = [_listed(part) for part in _listed(raw)]
    if not found or not all(found):
        raise BadLocation("the geometry has no position")
    if sum(map(len, found)) > MOST_POSITIONS:
        raise BadLocation(f"it has more than {MOST_POSITIONS} positions")
    if min(map(len, found)) < FEWEST[geometry_type]:
        raise BadLocation(f"each part of a {geometry_type} has {FEWEST[geometry_type]} positions at least")
    return tuple(tuple(_position(position, project) for position in part) for part in found)


def _listed(raw: Any) -> Sequence[Any]:
    if not isinstance(raw, list | tuple):
        raise BadLocation("the geometry is not lists of positions")
    return raw


def _nested(raw: Any, times: int) -> Any:
    """What is alone, as a list of one, so many times."""
    return raw if times == 0 else _nested([raw], times - 1)


def _position(raw: Any, project: Project) -> Position:
    if not isinstance(raw, list | tuple) or len(raw) < 2 or not all(_is_number(part) for part in raw[:2]):  # noqa: PLR2004
        raise BadLocation("a position is two finite numbers")
    return project(*map(float, raw[:2]))


def _is_number(part: Any) -> bool:
    """Whether it is one that a float can be; no integer of hundreds of digits."""
    return isinstance(part, int | float) and not isinstance(part, bool) and abs(part) < MOST_NUMBER
