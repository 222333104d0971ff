"""How the simulated Envoy reads the answer to a setup step's question."""

import pytest

from envoy_plugin.simulator.payloads import RouteKind
from envoy_plugin.simulator.route_answers import read_route_answer

ALOHA = {"label": "Aloha", "value": "aloha"}
GONE = {"label": "Gone", "value": "gone", "isDisabled": True}
CONFIG = {"greeting": "Hola", "level": 3}
READABLE: list[tuple[str, object]] = [
    ("options", [ALOHA, GONE]),
    ("options", []),
    ("options", {"data": [ALOHA], "cursor": None}),
    ("options", {"data": []}),
    ("selected-values", [ALOHA]),
    ("selected-values", ALOHA),
    ("selected-values", None),
    ("remote-value", {"value": "text"}),
    ("validation", {}),
    ("migration", {}),
]
UNREADABLE: list[tuple[str, object]] = [
    ("options", None),
    ("options", {"value": []}),
    ("options", [{"label": "no value"}]),
    ("options", [{"label": 7, "value": 7}]),
    ("options", [ALOHA | {"isDisabled": "yes"}]),
    ("options", {"data": [], "cursor": 7}),
    ("selected-values", "aloha"),
    ("selected-values", [7]),
    ("remote-value", "text"),
    ("remote-value", {"value": 7}),
    ("validation", []),
    ("validation", None),
    ("migration", "text"),
]


@pytest.mark.parametrize(("kind", "body"), READABLE)
def test_an_answer_of_the_right_shape_goes_on(kind: str, body: object) -> None:
    reading = read_route_answer(RouteKind(kind), 200, body, CONFIG)
    assert (reading.outcome, reading.fault, reading.is_understood) == ("done", None, True)


@pytest.mark.parametrize(("kind", "body"), UNREADABLE)
def test_an_answer_of_another_shape_is_a_failure_that_says_what_is_wanted(kind: str, body: object) -> None:
    reading = read_route_answer(RouteKind(kind), 200, body, CONFIG)
    assert (reading.outcome, reading.is_understood, reading.config) == ("failed", False, None)
    assert reading.fault


def test_a_cursor_leads_to_the_next_page() -> None:
    assert read_route_answer(RouteKind.OPTIONS, 200, {"data": [ALOHA], "cursor": "p2"}, {}).cursor == "p2"


def test_a_validation_is_merged_and_null_removes() -> None:
    reading = read_route_answer(RouteKind.VALIDATION, 200, {"level": None, "name": "Ada", "new": None}, CONFIG)
    assert reading.config == {"greeting": "Hola", "name": "Ada"}


def test_a_migration_is_the_new_config() -> None:
    assert read_route_answer(RouteKind.MIGRATION, 201, {"v": 2, "old": None}, CONFIG).config == {"v": 2, "old": None}


@pytest.mark.parametrize("status", [400, 409, 412, 422])
@pytest.mark.parametrize("kind", RouteKind)
def test_a_refusal_with_a_message_keeps_the_step_and_the_config(kind: RouteKind, status: int) -> None:
    reading = read_route_answer(kind, status, {"message": "Wrong key"}, CONFIG)
    assert (reading.outcome, reading.message, reading.config) == ("failed", "Wrong key", None)
    assert reading.is_understood


@pytest.mark.parametrize(
    ("status", "body"),
    [(400, None), (412, {"errors": []}), (500, {"message": "x"}), (401, {"message": "x"}), (302, None)],
)
def test_any_other_failure_is_not_understood(status: int, body: object) -> None:
    assert not read_route_answer(RouteKind.VALIDATION, status, body, CONFIG).is_understood
