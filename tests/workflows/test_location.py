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
    assert Location.from_degrees(0, 0).parts == (((0.0, 0.0),),)


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
        ("Polygon", '{"rings": [[[1], [1], [1]]]}', "two finite numbers"),
        ("Polygon", '{"rings": [[[1, true], [1, 2], [2, 1]]]}', "two finite numbers"),
        ("Polygon", '{"rings": 5}', "not lists of positions"),
        ("Polygon", '{"curveRings": [], "rings": [[[1, 2]]]}', "curves"),
        ("Multipoint", '{"points": [[1, 2]], "spatialReference": {"wkid": 2056}}', "2056 is not understood"),
        ("Multipoint", '{"points": [[1, 2]], "spatialReference": 4326}', "an object with a wkid"),
        ("Multipoint", '{"points": [[1, 89]]}', "latitude"),
        ("Multipoint", '{"points": [[200, 1]]}', "longitude"),
        ("Multipoint", '{"points": [[1, NaN]]}', "longitude|finite|not JSON"),
        ("Multipoint", '{"points": [[Infinity, 1]], "spatialReference": {"wkid": 3857}}', "finite|not JSON"),
        ("Multipoint", '{"points": [[1, 2]], "spatialReference": {"wkid": "3857"}}', "'3857' is not understood"),
        ("Multipoint", '{"points": [[1, 2]], "spatialReference": {"wkid": [1]}}', r"\[1\] is not understood"),
        ("Multipoint", '{"points": [[1, 2]], "spatialReference": {"wkt": "PROJCS[]"}}', "PROJCS"),
        ("Multipoint", '{"points": [[1, 2]], "spatialReference": []}', "an object with a wkid"),
        ("Point", '{"x": null, "y": null}', "two finite numbers"),
        ("Point", '{"x": "NaN", "y": "NaN"}', "two finite numbers"),
        ("Point", f'{{"x": 1{"0" * 400}, "y": 1}}', "two finite numbers"),
        ("Point", '{"x": 4.1e7, "y": 1, "spatialReference": {"wkid": 3857}}', "at most 40075017 metres"),
        ("Point", '{"x": 1, "y": -4.1e7, "spatialReference": {"wkid": 3857}}', "at most 40075017 metres"),
        ("Polyline", '{"paths": [[[0, 0], [1, 1]], [[1, 2]]]}', "2 positions at least"),
        ("Polygon", '{"rings": [[[0, 0], [1, 1]]]}', "3 positions at least"),
        ("Multipoint", json.dumps({"points": [[1, 2]] * 10_001}), "more than 10000 positions"),
        ("Polygon", '{"rings": ' + "[" * 10_000, "not JSON"),
        ("Polygon", "\ud800", "not JSON"),
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


def test_a_spatial_reference_may_say_its_latest_wkid_or_nothing() -> None:
    for reference in (None, {}, {"wkid": 4326}, {"wkid": 1, "latestWkid": 4326}, {"wkid": 4326, "latestWkid": None}):
        assert esri("Point", x=1, y=2, spatialReference=reference) == Location.from_degrees(2, 1)


def test_of_a_position_x_and_y_are_kept() -> None:
    found = esri("Multipoint", points=[[1, 2, 30, 4]], hasZ=True, hasM=True, spatialReference={"wkid": 3857})
    assert json.loads(found.to_esri())["points"] == [[1.0, 2.0]]


def test_a_hole_is_in_the_smallest_ring_around_it_wherever_it_stands() -> None:
    island = [[30, 0], [30, 10], [40, 10], [40, 0]]
    around = [[-50, -50], [-50, 50], [50, 50], [50, -50], [-50, -50]]
    lake = [[-40, -40], [45, -40], [45, 40], [-40, 40], [-40, -40]]
    found = esri("Polygon", rings=[HOLE, island, around, SQUARE, lake]).to_geojson()["coordinates"]
    shapes = [[len(ring) for ring in polygon] for polygon in found]
    assert shapes == [[5], [5, 5], [5, 5]]
    assert _rounded(found[0][0]) == _rounded([*island[::-1], island[-1]])
    assert _rounded(found[2]) == _rounded([SQUARE[::-1], HOLE[::-1]])
    alone = esri("Polygon", rings=[HOLE]).to_geojson()["coordinates"]
    assert _rounded(alone) == [[_rounded(HOLE)]]


def test_a_hole_beside_a_ring_is_not_in_it_though_it_is_in_its_box() -> None:
    notched = [[0, 0], [0, 10], [10, 10], [10, 8], [2, 8], [2, 2], [10, 2], [10, 0], [0, 0]]
    around = [[-50, -50], [-50, 50], [50, 50], [50, -50], [-50, -50]]
    left = [[0, 0], [0, 10], [-10, 10], [-10, 8], [-2, 8], [-2, 2], [-10, 2], [-10, 0], [0, 0]][::-1]
    for ring, x in ((notched, 5), (left, -5)):
        hole = [[x, 4], [x + 1, 4], [x + 1, 5], [x, 4]]
        found = esri("Polygon", rings=[ring, around, hole]).to_geojson()["coordinates"]
        assert [len(polygon) for polygon in found] == [1, 2]


def test_the_first_ring_of_geojson_is_the_outer_one_whichever_way_it_runs() -> None:
    rings = [SQUARE, HOLE]
    expected = Location.from_geojson({"type": "Polygon", "coordinates": [ring[::-1] for ring in rings]})
    found = Location.from_geojson({"type": "Polygon", "coordinates": rings})
    assert [sorted(part) for part in found.parts] == [sorted(part) for part in expected.parts]
    assert [len(polygon) for polygon in found.to_geojson()["coordinates"]] == [2]


def test_the_ends_of_the_world_come_back_as_they_went_in() -> None:
    ends = {"type": "MultiPoint", "coordinates": [[-180.0, -85.06], [180.0, 85.06]]}
    assert Location.from_geojson(ends).to_geojson() == ends
    known = {"type": "MultiPoint", "coordinates": [[10.0, 52.5]]}
    assert Location.from_geojson(known).to_geojson() == known
    assert Location.from_geojson({**ends, "crs": {"properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}})


def test_what_lies_across_the_antimeridian_goes_on_in_metres() -> None:
    across = esri("Polyline", paths=[[[2.0e7, 0], [2.1e7, 0]]], spatialReference={"wkid": 3857})
    assert across.to_geojson()["coordinates"][0][1][0] > 180


@pytest.mark.parametrize(
    "geometry",
    [
        {},
        "POINT (1 2)",
        {"type": ["Point"]},
        {"type": "Point", "coordinates": [10**400, 1]},
        {"type": "Point", "coordinates": {"x": 1}},
        {"type": "Point", "coordinates": [1, 2], "crs": {"properties": {"name": "EPSG:2056"}}},
        {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [0, 0]], 5]},
        {"type": "MultiPolygon", "coordinates": []},
        {"type": "MultiPolygon", "coordinates": [[]]},
        {"type": "GeometryCollection"},
        {"type": "Polygon", "coordinates": 5},
        {"type": "Point", "coordinates": [1]},
        {"type": "LineString", "coordinates": None},
    ],
)
def test_other_geojson_is_refused(geometry: Any) -> None:
    with pytest.raises(BadLocation):
        Location.from_geojson(geometry)


def test_an_extent_meets_what_lies_in_it_or_touches_it() -> None:
    here = Location.from_degrees(47.4, 8.5)
    assert Extent.parse("8,47,9,48,4326").meets(here.box)
    assert Extent.parse("8.5,47.4,9,48,4326").meets(here.box)
    assert not Extent.parse("9,47,10,48,4326").meets(here.box)
    assert not Extent.parse("0,0,10,10,3857").meets(here.box)


def test_the_whole_world_is_an_extent_poles_and_all() -> None:
    everything = Extent.parse("-180,-90,180,90,4326")
    assert everything.meets(Location.from_degrees(85.06, 180).box)
    assert everything.meets(Location.from_degrees(-85.06, -180).box)
    assert not Extent.parse("-180,86,180,90,4326").meets(Location.from_degrees(80, 0).box)


BAD_EXTENTS: Final = ["", "1,2,3,4", "1,2,3,4,5,6", "a,b,c,d,4326", "1,2,3,4,2056", "1,2,3,4,x", "nan,0,1,1,4326"]
BAD_EXTENTS_TOO: Final = ["3,2,1,4,4326", "1,4,3,2,3857", "-181,0,0,0,4326", "0,-91,0,0,4326", "0,0,1e400,1,3857"]


@pytest.mark.parametrize("text", BAD_EXTENTS + BAD_EXTENTS_TOO)
def test_another_extent_is_refused(text: str) -> None:
    with pytest.raises(BadLocation):
        Extent.parse(text)
