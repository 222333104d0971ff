"""Payloads for tests: typed, made by way of the wire, and never with a field that doesn't exist."""

from datetime import UTC, datetime
from typing import Any

import pytest

from envoy_plugin import BadPayload
from envoy_plugin.testing import (
    make_entry,
    make_event,
    make_invite,
    make_location,
    make_notification,
    make_takeover,
)

ARRIVAL = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


def test_an_entry_has_what_was_said_and_the_rest_is_invented() -> None:
    entry = make_entry(full_name="Ada", email=None, user_data={"Plate": "AB-12"})
    assert (entry.full_name, entry.email, entry.user_data["Plate"]) == ("Ada", None, "AB-12")
    assert entry.host
    assert entry.id


def test_fields_that_the_event_usually_lacks_can_be_said_too() -> None:
    entry = make_entry(signed_out_at=ARRIVAL, group_name="Staff", visitor_profile_id="p-1", id="9001")
    assert (entry.signed_out_at, entry.group_name) == (ARRIVAL, "Staff")
    assert (entry.visitor_profile_id, entry.id) == ("p-1", "9001")


def test_related_things_are_named_by_their_ids() -> None:
    entry = make_entry(location_id=7, invite_id=None, agreeable_nda_ids=["3", "4"])
    assert (entry.location_id, entry.invite_id, entry.agreeable_nda_ids) == ("7", None, ("3", "4"))
    invite = make_invite(entry_id="9", flow_id="2", tenant_id="5")
    assert (invite.entry_id, invite.flow_id, invite.tenant_id) == ("9", "2", "5")


def test_the_same_seed_is_the_same_visitor() -> None:
    assert make_entry(seed=3) == make_entry(seed=3)
    assert make_entry(seed=3).full_name != make_entry(seed=4).full_name
    assert make_entry("entry_sign_out", seed=3).full_name == make_entry(seed=3).full_name


def test_every_payload_that_has_a_type_can_be_made() -> None:
    assert make_invite("upcoming_visit", expected_arrival_time=ARRIVAL).expected_arrival_time == ARRIVAL
    assert make_notification(message="Your guest is here").message == "Your guest is here"
    assert make_location(name="North").name == "North"
    assert make_takeover("takeover_ended", id="8").id == "8"


def test_an_event_has_its_meta() -> None:
    event = make_event("desk_sign_in", install_id="7", config={"group": "A"}, overrides={"meta.zone": None})
    assert (event.name, event.meta.install_id, event.meta.config, event.meta.zone) == (
        "desk_sign_in",
        "7",
        {"group": "A"},
        None,
    )


@pytest.mark.parametrize("name", ["ful_name", "full-name", "attributes", "relationships", "meta"])
def test_a_field_that_is_none_is_an_error(name: str) -> None:
    with pytest.raises(TypeError, match=f"The payload of entry_sign_in has no field '{name}'"):
        make_entry(**dict[str, Any]({name: "Ada"}))


def test_an_event_without_a_payload_has_no_field() -> None:
    with pytest.raises(TypeError, match="The payload of plugin_uninstalled has no field 'id'"):
        make_event("plugin_uninstalled", id="1")


def test_a_value_that_envoy_would_not_write_is_refused_as_at_the_door() -> None:
    with pytest.raises(BadPayload, match=r"payload\.signed_in_at"):
        make_entry(signed_in_at="soon")
