"""Where a job is: what is kept, what is answered, what is refused."""

import json
from typing import Any, Final

import pytest

from envoy_plugin.errors import BadLocation
from envoy_plugin.workflows.location import Extent, Location

SQUARE: Final = [[0, 0], [0, 10], [10, 10], [10, 0], [0, 0]]
HOLE: Final = [[2, 2], [4, 2], [4, 4], [2, 4], [2, 2]]


def esri(geometry_type: str, **geometry: Any) -> Location:
    """From what a client sends."""
    return Location.from_esri(geometry_type, json.dumps(geometry))


def test_degrees_are_answered_in_metres_of_spherical_mercator() -> None:
    found = json.loads(esri("Point", x=-111.3, y=52.68).to_esri())
    assert found["points"] == [[pytest.approx(-12389859.3, abs=0.1), pytest.approx(6924024.6, abs=0.1)]]
    assert found["spatialReference"] == {"wkid": 102100, "latestWkid": 3857}


@pytest.mark.parametrize("wkid", [3857, 102100])
def test_metres_are_kept_as_they_came(wkid: int) -> None:
    found = esri("Multipoint", points=[[1.5, -2.5], [3, 4]], spatialReference={"wkid": wkid})
    assert json.loads(found.to_esri())["points"] == [[1.5, -2.5], [3.0, 4.0]]


@pytest.mark.parametrize("geometry_type", ["polyline", "Polyline", "POLYLINE"])
def test_the_case_of_a_type_does_not_matter(geometry_type: str) -> None:
    found = esri(geometry_type, paths=[[[0, 0], [1, 1]]], spatialReference={"wkid": 3857})
    assert json.loads(found.to_esri())["paths"] == [[[0.0, 0.0], [1.0, 1.0]]]


@pytest.mark.parametrize(
    ("geometry_type", "geometry", "why"),
    [
        ("Circle", "{}", "no geometry type 'Circle'"),
        ("Polygon", "{", "not JSON"),
        ("Polygon", "[]", "not an object"),
        ("Polygon", '{"rings": []}', "no position"),
        ("Polygon", '{"rings": [[]]}', "no position"),
        ("Polygon", '{"points": [[1, 2]]}', "not lists of positions"),
        ("Polygon", '{"rings": [[[1]]]}', "two finite numbers"),
        ("Polygon", '{"rings": [[[1, true]]]}', "two finite numbers"),
        ("Polygon", '{"rings": 5}', "not lists of positions"),
        ("Polygon", '{"curveRings": [], "rings": [[[1, 2]]]}', "curves"),
        ("Multipoint", '{"points": [[1, 2]], "spatialReference": {"wkid": 2056}}', "2056 is not understood"),
        ("Multipoint", '{"points": [[1, 2]], "spatialReference": 4326}', "an object with a wkid"),
        ("Multipoint", '{"points": [[1, 89]]}', "latitude"),
        ("Multipoint", '{"points": [[200, 1]]}', "longitude"),
        ("Multipoint", '{"points": [[1, NaN]]}', "longitude|finite|not JSON"),
        ("Multipoint", '{"points": [[Infinity, 1]], "spatialReference": {"wkid": 3857}}', "finite|not JSON"),
        ("Multipoint", "x" * 300_000, "bytes"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_name(geometry_type: str, geometry: str, why: str) -> None:
    with pytest.raises(BadLocation, match=why):
        Location.from_esri(geometry_type, geometry)


@pytest.mark.parametrize(
    "geometry",
    [
        {"type": "MultiPoint", "coordinates": [[1.0, 2.0], [-3.0, 4.0]]},
        {"type": "MultiLineString", "coordinates": [[[0.0, 0.0], [1.0, 1.0]], [[2.0, 2.0], [3.0, 3.0]]]},
        {"type": "MultiPolygon", "coordinates": [[list(reversed(SQUARE)), list(reversed(HOLE))]]},
        {"type": "MultiPolygon", "coordinates": [[list(reversed(SQUARE))], [list(reversed(SQUARE))]]},
    ],
)
def test_geojson_comes_back_as_it_went_in(geometry: dict[str, Any]) -> None:
    found = Location.from_geojson(geometry).to_geojson()
    assert found["type"] == geometry["type"]
    assert json.dumps(_rounded(found["coordinates"])) == json.dumps(_rounded(geometry["coordinates"]))


def _rounded(part: Any) -> Any:
    return [_rounded(inner) for inner in part] if isinstance(part, list) else round(float(part), 6) + 0.0


@pytest.mark.parametrize(
    ("single", "many"),
    [
        ({"type": "Point", "coordinates": [1, 2]}, {"type": "MultiPoint", "coordinates": [[1, 2]]}),
        (
            {"type": "LineString", "coordinates": [[1, 2], [3, 4]]},
            {"type": "MultiLineString", "coordinates": [[[1, 2], [3, 4]]]},
        ),
        ({"type": "Polygon", "coordinates": [SQUARE]}, {"type": "MultiPolygon", "coordinates": [[SQUARE]]}),
    ],
)
def test_one_of_a_kind_is_kept_as_several(single: dict[str, Any], many: dict[str, Any]) -> None:
    assert Location.from_geojson(single) == Location.from_geojson(many)


def test_rings_turn_round_between_the_two_formats() -> None:
    found = json.loads(Location.from_geojson({"type": "Polygon", "coordinates": [SQUARE[::-1]]}).to_esri())
    assert found["rings"][0][1] == pytest.approx([0.0, 1118889.97], abs=0.1)


@pytest.mark.parametrize(
    "geometry",
    [
        {},
        {"type": "GeometryCollection"},
        {"type": "Polygon", "coordinates": 5},
        {"type": "Point", "coordinates": [1]},
        {"type": "LineString", "coordinates": None},
    ],
)
def test_other_geojson_is_refused(geometry: dict[str, Any]) -> None:
    with pytest.raises(BadLocation):
        Location.from_geojson(geometry)


def test_an_extent_meets_what_lies_in_it_or_touches_it() -> None:
    here = Location.from_degrees(47.4, 8.5)
    assert here.meets(Extent.parse("8,47,9,48,4326"))
    assert here.meets(Extent.parse("8.5,47.4,9,48,4326"))
    assert not here.meets(Extent.parse("9,47,10,48,4326"))
    assert not here.meets(Extent.parse("0,0,10,10,3857"))


@pytest.mark.parametrize("text", ["", "1,2,3,4", "1,2,3,4,5,6", "a,b,c,d,4326", "1,2,3,4,2056"])
def test_another_extent_is_refused(text: str) -> None:
    with pytest.raises(BadLocation):
        Extent.parse(text)
