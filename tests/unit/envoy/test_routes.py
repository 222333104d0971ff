"""Reading what the installer asks: events and routes told apart, parameters typed, forms left as they are."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envoy_plugin.envoy.events import Event
from envoy_plugin.envoy.routes import Route, RouteParams, parse_delivery
from envoy_plugin.errors import AuthFailed, BadPayload

META: dict[str, Any] = {
    "route": "step-0-field-1-options",
    "plugin_id": 77,
    "install_id": 1001,
    "config": {"greeting": "Hola"},
    "params": {"search": "al"},
    "location": {"id": "31", "type": "locations", "attributes": {"name": "Harbour House"}},
    "auth": {"token_type": "Bearer", "access_token": "ut-canary", "expires_in": 86400},
}


def route(meta: dict[str, Any] | None = None, **beside: Any) -> Route:
    """A route as delivered; `meta` is laid over a whole one."""
    delivery = parse_delivery(json.dumps({"meta": META | (meta or {}), **beside}).encode())
    assert isinstance(delivery, Route)
    return delivery


def params(given: object) -> RouteParams:
    return route({"params": given}).meta.params


def test_a_route_says_what_is_asked_where() -> None:
    asked = route()
    assert (asked.name, asked.meta.plugin_id, asked.meta.install_id) == ("step-0-field-1-options", "77", "1001")
    assert (asked.meta.config, asked.meta.params.search) == ({"greeting": "Hola"}, "al")
    assert asked.meta.location is not None
    assert asked.meta.location.name == "Harbour House"
    assert asked.raw["meta"]["install_id"] == 1001


def test_an_event_and_a_route_are_told_apart() -> None:
    event = parse_delivery(b'{"meta":{"event":"entry_sign_in","install_id":"1"},"payload":null}')
    assert isinstance(event, Event)
    both = parse_delivery(b'{"meta":{"event":"entry_sign_in","route":"x","install_id":"1"}}')
    assert isinstance(both, Event)


@pytest.mark.parametrize("whole", [b"{}", b"[]", b'{"meta":{}}', b'{"meta":{"install_id":"1","route":null}}', b"{"])
def test_what_is_neither_is_refused(whole: bytes) -> None:
    with pytest.raises(BadPayload, match=r"neither an event nor a route|not valid JSON"):
        parse_delivery(whole)


def test_a_route_without_payload_is_no_fault() -> None:
    assert (route().payload, route().form) == (None, {})


def test_parameters_are_typed() -> None:
    given = {
        "search": "al & co",
        "page": "2",
        "cursor": 17,
        "zone_id": 3,
        "location_id": "31",
        "parent_resource_id": "p",
        "more": "kept",
    }
    read = params(given)
    assert (read.search, read.page, read.cursor) == ("al & co", 2, "17")
    assert (read.zone_id, read.location_id, read.parent_resource_id) == ("3", "31", "p")
    assert (read.values, read.extra) == ((), {"more": "kept"})


@pytest.mark.parametrize("nothing", [None, {}, {"search": "", "page": "", "cursor": None, "value": ""}])
def test_an_empty_parameter_counts_as_absent(nothing: object) -> None:
    read = params(nothing)
    assert (read.search, read.page, read.cursor, read.values) == (None, None, None, ())


@pytest.mark.parametrize(
    ("given", "values"),
    [
        ({"value": "a"}, ("a",)),
        ({"value": ["a", 7]}, ("a", "7")),
        ({"value": 7}, ("7",)),
        ({"values": ["a"]}, ("a",)),
    ],
)
def test_saved_values_come_one_or_several(given: object, values: tuple[str, ...]) -> None:
    assert params(given).values == values


@pytest.mark.parametrize(
    ("meta", "field"),
    [
        ({"params": {"page": "canary"}}, "meta.params.page"),
        ({"params": ["canary"]}, "meta.params"),
        ({"route": ["canary"]}, "meta.route"),
        ({"install_id": None}, "meta.install_id"),
    ],
)
def test_a_field_of_a_route_that_cannot_be_read_is_named(meta: dict[str, Any], field: str) -> None:
    with pytest.raises(BadPayload) as caught:
        route(meta)
    assert field in str(caught.value)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("form", [{"group": "a", "floors": [1]}, {"access_token": "t"}, {}])
def test_a_form_to_check_is_left_as_it_came(form: dict[str, Any]) -> None:
    assert route(payload=form).form == form


@pytest.mark.parametrize("payload", [[], "canary", 7])
def test_a_form_that_is_no_object_is_refused(payload: object) -> None:
    with pytest.raises(BadPayload, match="payload is not an object"):
        _ = route(payload=payload).form


def test_the_token_of_auth_is_preferred_to_the_forwarded_one() -> None:
    assert route({"forwarded_bearer_token": "old"}).meta.user_token() == "ut-canary"
    assert route({"auth": None, "forwarded_bearer_token": "old"}).meta.user_token() == "old"


def test_without_a_token_of_the_user_it_is_said_what_is_missing() -> None:
    with pytest.raises(AuthFailed, match="scopes in Envoy's Dev Dashboard"):
        route({"auth": None}).meta.user_token()
    event = parse_delivery(b'{"meta":{"event":"e","install_id":"1","auth":{"access_token":"t"}}}')
    assert event.meta.user_token() == "t"


def test_what_is_shown_of_a_route_holds_no_token_and_no_search() -> None:
    asked = route({"forwarded_bearer_token": "canary", "params": {"search": "canary"}}, payload={"key": "canary"})
    shown = repr([asked, asked.meta, asked.meta.params, asked.meta.auth])
    assert "canary" not in shown
    assert "1001" in shown


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
)


@given(st.dictionaries(st.sampled_from([*META, "event"]), JSON_VALUES))
def test_any_json_is_an_event_a_route_or_a_bad_payload(meta: dict[str, Any]) -> None:
    try:
        delivery = parse_delivery(json.dumps({"meta": META | meta}).encode())
        assert isinstance(delivery, Event | Route)
    except BadPayload:
        pass
