"""What setup steps' functions return, as Envoy's installer reads it."""

from typing import Any

import pytest

from envoy_plugin.envoy.config import Config, Secret
from envoy_plugin.envoy.routes import Route, RouteKind, RouteMeta
from envoy_plugin.errors import BadPayload, DeclarationError
from envoy_plugin.outcomes import Done
from envoy_plugin.routing import RouteHandler
from envoy_plugin.setup_steps import Option, Options, answer_body

FORM = {"api_key": "entered", "unknown": [1]}


class DoorConfig(Config):
    api_key: Secret
    group: str = ""


async def step() -> None:
    """A setup step's function."""


def answered(kind: RouteKind, value: object, payload: Any = None) -> Any:
    handler = RouteHandler(kind=kind, name="a", function=step, timeout=None, needs=())
    route = Route(meta=RouteMeta(route="r", install_id="1"), payload=payload, raw={})
    return answer_body(handler, value, route)


ALOHA = {"label": "Aloha", "value": "aloha"}
GONE = {"label": "Gone", "value": "gone", "isDisabled": True}
OPTIONS = (Option("Aloha", "aloha"), Option("Gone", "gone", disabled=True))


@pytest.mark.parametrize(
    ("kind", "value", "body"),
    [
        (RouteKind.OPTIONS, list(OPTIONS), [ALOHA, GONE]),
        (RouteKind.OPTIONS, OPTIONS, [ALOHA, GONE]),
        (RouteKind.OPTIONS, (option for option in OPTIONS), [ALOHA, GONE]),
        (RouteKind.OPTIONS, [], []),
        (RouteKind.OPTIONS, Options(OPTIONS, "2"), {"data": [ALOHA, GONE], "cursor": "2"}),
        (RouteKind.OPTIONS, Options([]), {"data": [], "cursor": None}),
        (RouteKind.SELECTED_VALUES, OPTIONS[0], ALOHA),
        (RouteKind.SELECTED_VALUES, list(OPTIONS), [ALOHA, GONE]),
        (RouteKind.SELECTED_VALUES, None, None),
        (RouteKind.REMOTE_VALUE, "text", {"value": "text"}),
        (RouteKind.REMOTE_VALUE, None, {"value": ""}),
        (RouteKind.VALIDATION, None, FORM),
        (RouteKind.VALIDATION, DoorConfig(api_key=Secret("k")), {"api_key": "k"}),
        (RouteKind.VALIDATION, {"api_key": Secret("k"), "old": None}, {"api_key": "k", "old": None}),
        (RouteKind.VALIDATION, {}, {}),
        (RouteKind.MIGRATION, DoorConfig(api_key=Secret("k"), group="g"), {"api_key": "k", "group": "g"}),
        (RouteKind.MIGRATION, {"version": 2}, {"version": 2}),
    ],
)
def test_each_kind_is_answered_in_its_own_shape(kind: RouteKind, value: object, body: object) -> None:
    assert answered(kind, value, FORM) == body


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (RouteKind.OPTIONS, None, "returned a NoneType; for options it returns a list of Option, or Options"),
        (RouteKind.OPTIONS, "canary", "returned a str"),
        (RouteKind.OPTIONS, {"canary": 1}, "returned a dict"),
        (RouteKind.OPTIONS, [Option("a", "b"), ALOHA], "returned a list"),
        (RouteKind.SELECTED_VALUES, "canary", "an Option, a list of them, or None"),
        (RouteKind.REMOTE_VALUE, 7, "returned a int; for remote-value it returns a text or None"),
        (RouteKind.VALIDATION, True, "the plugin's Config, a dict, or None"),
        (RouteKind.VALIDATION, Done("canary"), "returned a Done"),
        (RouteKind.MIGRATION, None, "the plugin's Config or a dict"),
    ],
)
def test_what_a_kind_has_no_answer_for_is_refused_by_its_type(kind: RouteKind, value: object, message: str) -> None:
    with pytest.raises(DeclarationError, match=message) as caught:
        answered(kind, value, FORM)
    assert f"({__file__}:" in str(caught.value)
    assert "canary" not in str(caught.value)


def test_a_form_that_is_no_object_is_read_by_nobody_but_a_validation() -> None:
    assert answered(RouteKind.OPTIONS, [], payload=["x"]) == []
    with pytest.raises(BadPayload, match="payload is not an object"):
        answered(RouteKind.VALIDATION, None, payload=["x"])
