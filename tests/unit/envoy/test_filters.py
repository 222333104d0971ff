"""The ready-made filters: why an event is ignored, or None."""

import json
from typing import Any

import pytest

from envoy_plugin.envoy.events import Event, parse_event
from envoy_plugin.envoy.filters import config_enabled, employee_sign_in_enabled, excluded_employees, invite_only
from envoy_plugin.errors import BadPayload

EXCLUDED = "Employee excluded from integration."
UNINVITED = "Visitors must be invited."


def entry(*, employee_flow: bool = True, event: str = "entry_sign_in", **relationships: object) -> Event:
    """An event of an entry with these relationships."""
    payload = {
        "id": "9001",
        "attributes": {"employee-screening-flow": employee_flow},
        "relationships": {name: {"data": one} for name, one in relationships.items()},
    }
    return parse_event(json.dumps({"meta": {"event": event, "install_id": "1"}, "payload": payload}).encode())


@pytest.mark.parametrize("value", [True, 1, "yes", "true", ["a"], {"a": 1}])
def test_a_switch_that_is_on_lets_pass(value: object) -> None:
    assert config_enabled("sync", "Off.")(entry(), {"sync": value}) is None


OFF: list[object] = [None, False, 0, "", "false", " No ", "OFF", "0", [], {}]


@pytest.mark.parametrize("config", [{}, *({"sync": value} for value in OFF)])
def test_a_switch_that_is_off_or_missing_is_a_reason(config: dict[str, Any]) -> None:
    assert config_enabled("sync", "Off.")(entry(), config) == "Off."


def test_the_sign_in_of_employees_has_envoys_own_message() -> None:
    check = employee_sign_in_enabled("protect")
    assert (check(entry(), {"protect": True}), check(entry(), {})) == (None, "Envoy Protect is disabled.")
    assert employee_sign_in_enabled("protect", "No.")(entry(), {}) == "No."


@pytest.mark.parametrize(
    ("employee", "excluded", "reason"),
    [
        ({"id": "7"}, ["7"], EXCLUDED),
        ({"id": 7}, ["7"], EXCLUDED),
        ({"id": "7"}, [7], EXCLUDED),
        ({"id": "7"}, "7", EXCLUDED),
        ({"id": "7"}, 7, EXCLUDED),
        ({"id": "7"}, ["8", "77"], None),
        ({"id": "7"}, [], None),
        ({"id": "7"}, None, None),
        (None, ["7", None], None),
    ],
)
def test_ids_of_excluded_employees_are_compared_as_text(employee: object, excluded: object, reason: str | None) -> None:
    assert excluded_employees("excluded")(entry(employee=employee), {"excluded": excluded}) == reason


def test_an_entry_without_employee_is_not_excluded() -> None:
    assert excluded_employees("excluded")(entry(), {"excluded": ["7"]}) is None
    assert excluded_employees("excluded")(entry(employee={"id": "7"}), {}) is None


def test_a_visitor_of_an_excluded_employee_is_let_in() -> None:
    assert excluded_employees("excluded")(entry(employee_flow=False, employee={"id": "7"}), {"excluded": ["7"]}) is None


@pytest.mark.parametrize("relationships", [{}, {"invite": None}, {"invite": {}}])
def test_an_invite_that_leads_nowhere_is_no_invite(relationships: dict[str, Any]) -> None:
    event = entry(employee_flow=False, **relationships)
    assert invite_only("invited_only")(event, {"invited_only": True}) == UNINVITED
    assert invite_only("invited_only", "No.")(event, {"invited_only": "true"}) == "No."
    assert invite_only("invited_only")(event, {"invited_only": False}) is None


def test_who_was_invited_is_let_in_and_an_invite_is_one() -> None:
    check = invite_only("invited_only")
    assert check(entry(invite={"id": 4001}), {"invited_only": True}) is None
    assert check(entry(event="invite_created"), {"invited_only": True}) is None


def test_a_filter_on_entries_says_so_where_there_is_none() -> None:
    event = parse_event(b'{"meta":{"event":"entry_sign_in","install_id":"1"},"payload":null}')
    for check in (excluded_employees("a"), invite_only("a")):
        with pytest.raises(BadPayload):
            check(event, {"a": True})
