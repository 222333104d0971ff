"""The payloads of location, takeover and notification events, and the answers of a visitor by name."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from envoy_plugin.envoy.events import PAYLOADS, decode_payload, parse_event
from envoy_plugin.envoy.payloads import Entry, Notification
from envoy_plugin.envoy.resources import Location, Takeover
from envoy_plugin.envoy.user_data import UserData, UserField
from envoy_plugin.errors import BadPayload

LOCATION: dict[str, Any] = {
    "id": 31,
    "type": "locations",
    "attributes": {
        "name": "Harbour House",
        "address-line-1": "1 Quay",
        "address-line-2": None,
        "capacity-limit": 120,
        "disabled": False,
        "timezone": "Europe/Lisbon",
        "created-at": "2020-01-02T03:04:05.000Z",
    },
    "relationships": {
        "company": {"data": {"id": 12, "type": "companies"}},
        "flows": {"data": [{"id": 5, "type": "flows"}]},
    },
}
TAKEOVER: dict[str, Any] = {
    "id": "1",
    "type": "takeovers",
    "attributes": {
        "metadata": {
            "title": "Drill",
            "message": "Leave by the stairs",
            "created_at": "2026-11-21T09:15:00Z",
            "type": "critical",
        },
        "start-at": 1795252500,
        "end-at": None,
    },
    "relationships": {"location": {"data": {"id": "31", "type": "locations"}}},
}
NOTIFICATION: dict[str, Any] = {
    "recipient": {
        "name": {"full": "Hugo Host"},
        "email": "hugo@example.com",
        "user_id": 70,
        "employee_id": 7,
        "phone_number": None,
    },
    "message": "Ada is here",
    "details": [{"label": "Visitor", "value": "Ada"}],
    "actions": [{"label": "On my way", "callback_url": "https://envoy.example/on-my-way"}],
    "attachments": [{"url": "https://envoy.example/photo"}],
    "channel_overrides": {"slack": {"dm_only": True}, "email": {"subject": "Ada"}},
}


def read(event: str, payload: Any) -> Any:
    """The payload as the model that the event carries."""
    whole = {"meta": {"event": event, "install_id": "1001"}, "payload": payload}
    return decode_payload(parse_event(json.dumps(whole).encode()), PAYLOADS[event])


def test_a_capacity_update_carries_the_location() -> None:
    location: Location = read("location_capacity_updated", LOCATION)
    assert (location.id, location.name, location.capacity_limit, location.disabled) == (
        "31",
        "Harbour House",
        120,
        False,
    )
    assert (location.address_line_one, location.address_line_two) == ("1 Quay", None)
    assert (location.company_id, location.flow_ids) == ("12", ("5",))
    assert location.created_at == datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_an_address_is_read_under_either_of_its_names() -> None:
    assert Location.model_validate({"id": "1", "attributes": {"address-line-one": "2 Quay"}}).address_line_one == (
        "2 Quay"
    )
    assert Location(id="1", address_line_two="Left").address_line_two == "Left"


def test_a_takeover_says_what_it_shows_and_since_when() -> None:
    takeover: Takeover = read("takeover_started", TAKEOVER)
    assert (takeover.metadata.title, takeover.metadata.type) == ("Drill", "critical")
    assert takeover.metadata.created_at == datetime(2026, 11, 21, 9, 15, tzinfo=UTC)
    assert (takeover.start_at, takeover.end_at) == (datetime(2026, 11, 21, 9, 15, tzinfo=UTC), None)
    assert (takeover.location_id, takeover.company_id) == ("31", None)


@pytest.mark.parametrize("moment", [1e300, True, "soon", [], -1e18])
def test_a_moment_that_cannot_be_read_is_named(moment: object) -> None:
    with pytest.raises(BadPayload, match=r"payload\.start_at"):
        read("takeover_ended", {"id": "1", "attributes": {"start-at": moment}})


def test_a_notification_is_read_under_its_own_names() -> None:
    notification: Notification = read("host_notification", NOTIFICATION)
    recipient = notification.recipient
    assert (recipient.name.full, recipient.email, recipient.user_id, recipient.employee_id) == (
        "Hugo Host",
        "hugo@example.com",
        "70",
        "7",
    )
    assert (notification.message, notification.details[0].value) == ("Ada is here", "Ada")
    assert notification.actions[0].callback_url == "https://envoy.example/on-my-way"
    assert notification.attachments[0].url == "https://envoy.example/photo"
    assert notification.channel_overrides["slack"] == {"dm_only": True}


@pytest.mark.parametrize("event", ["location_capacity_updated", "takeover_started", "host_notification"])
@pytest.mark.parametrize("payload", [None, [], "canary", 7])
def test_a_payload_of_another_form_is_refused(event: str, payload: object) -> None:
    with pytest.raises(BadPayload, match="payload") as caught:
        read(event, payload)
    assert "canary" not in str(caught.value)


def test_a_notification_may_come_under_any_name_and_say_little() -> None:
    event = parse_event(b'{"meta":{"event":"my_notification","install_id":"1"},"payload":{}}')
    notification = decode_payload(event, Notification)
    assert (notification.recipient.name.full, notification.details) == (None, ())


def test_what_is_shown_of_these_payloads_holds_nothing_of_anybody() -> None:
    for event, payload in (("takeover_started", TAKEOVER), ("host_notification", NOTIFICATION)):
        shown = repr(read(event, payload))
        assert not any(canary in shown for canary in ("Drill", "stairs", "Hugo", "Ada", "@"))


def user_data(value: object) -> UserData:
    return Entry.model_validate({"id": "1", "attributes": {"user-data": value}}).user_data


ANSWERS = [{"field": "Plate", "value": "AA"}, {"field": "Purpose", "value": None}, {"field": "Plate", "value": "BB"}]


def test_answers_keep_their_order_and_their_duplicates() -> None:
    data = user_data(ANSWERS)
    assert [(one.field, one.value) for one in data] == [("Plate", "AA"), ("Purpose", None), ("Plate", "BB")]
    assert (data[0].value, data[1:], len(data)) == ("AA", data[-2:], 3)


def test_an_answer_is_found_by_its_fields_name() -> None:
    data = user_data(ANSWERS)
    assert (data["Plate"], data.get("Plate"), data.all_of("Plate")) == ("AA", "AA", ["AA", "BB"])
    assert (data["Purpose"], data.get("Purpose", "x"), data.get("Shoe"), data.get("Shoe", 9)) == (None, None, None, 9)
    anything: list[Any] = ["Plate", "Shoe", data[0], 3]
    assert [one in data for one in anything] == [True, False, True, False]
    assert dict(data) == {"Plate": "AA", "Purpose": None}
    with pytest.raises(KeyError, match="Shoe"):
        data["Shoe"]


def test_answers_are_read_from_an_object_too() -> None:
    assert user_data({"Plate": "AA", "Purpose": None}) == (
        UserField(field="Plate", value="AA"),
        UserField(field="Purpose", value=None),
    )


def test_a_visitor_who_was_asked_nothing_has_no_answers() -> None:
    assert Entry(id="1").user_data == UserData()
    assert Entry(id="1", user_data=UserData([UserField(field="a", value=1)])).user_data["a"] == 1
