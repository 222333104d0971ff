"""Reading events: lenient about form, strict about JSON, silent about values."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envoy_plugin.envoy.events import (
    KNOWN_EVENTS,
    PAYLOADS,
    SYNCHRONOUS_HOOKS,
    Event,
    Meta,
    decode_payload,
    parse_event,
)
from envoy_plugin.envoy.payloads import Change, Entry, Invite, Notification
from envoy_plugin.envoy.resources import Location, Takeover
from envoy_plugin.errors import BadPayload

META: dict[str, Any] = {
    "event": "entry_sign_in",
    "plugin_id": "77",
    "install_id": "1001",
    "config": {"greeting": "Hola"},
    "env": {"greeting": "Hola"},
    "job": {"id": "3f1f5a52-6c0e", "name": "entry_sign_in", "identifier": "vr:entry:9001"},
    "location": {
        "id": "31",
        "type": "locations",
        "attributes": {"name": "Harbour House", "time-zone": "Europe/Lisbon", "latitude": 38.71, "zip": 1000},
        "relationships": {"company": {"data": {"id": "12", "type": "companies"}}},
    },
    "company": {"id": 12, "type": "companies", "attributes": {"name": "Example Ltd", "active": True}},
    "zone": None,
    "auth": {"token_type": "Bearer", "access_token": "ut-canary", "expires_in": 86400, "company_id": "12"},
}
ENTRY: dict[str, Any] = {
    "id": "9001",
    "type": "entries",
    "attributes": {
        "full-name": "Ada Example",
        "phone-number": "+351910000000",
        "email": "ada@example.com",
        "employee-screening-flow": False,
        "host": "Hugo Host",
        "private-notes": None,
        "signed-in-at": "2026-11-21 09:15:00 UTC",
        "legal-docs": [{"id": 88, "url": "https://files.example/88", "signed-at": "2026-11-21 09:14:30 UTC"}],
        "user-data": [{"field": "Purpose of visit", "value": "Interview"}, {"field": "Plate", "value": None}],
        "approval-status": {"status": "review", "auto-approved": False, "report": [{"reason": "blacklist"}]},
        "pov-key": "p",
    },
    "relationships": {
        "location": {"data": {"id": "31", "type": "locations"}},
        "flow": {"data": {"id": 5, "type": "flows"}},
        "employee": {"data": None},
        "agreeable-ndas": {"data": [{"id": "1", "type": "agreeable-ndas"}]},
    },
    "visitor-profile-id": "vp-1",
    "changed-fields": {"full-name": {"old": "A", "new": "Ada Example"}},
}
INVITE: dict[str, Any] = {
    "id": 4001,
    "type": "invites",
    "attributes": {
        "full-name": "Bo Guest",
        "inviter-name": "Hugo Host",
        "expected-arrival-time": "2026-11-22T11:00:00+01:00",
        "flow-id": "5",
        "changed-fields": ["expected-arrival-time"],
        "secret-token": "s3cr",
        "arrived": None,
    },
    "relationships": {"flow": {"data": None}, "creator": {"data": {"id": "70", "type": "users"}}},
}


def body(meta: dict[str, Any] | None = None, payload: object = None) -> bytes:
    """An event as on the wire; `meta` is laid over a whole one."""
    return json.dumps({"meta": META | (meta or {}), "payload": payload}).encode()


def entry(attributes: dict[str, Any] | None = None, **beside: Any) -> Entry:
    payload = {**ENTRY, "attributes": ENTRY["attributes"] | (attributes or {}), **beside}
    return decode_payload(parse_event(body(payload=payload)), Entry)


def test_meta_says_what_happened_where() -> None:
    event = parse_event(body(payload=ENTRY))
    meta = event.meta
    assert (event.name, meta.plugin_id, meta.install_id, meta.config) == (
        "entry_sign_in",
        "77",
        "1001",
        {"greeting": "Hola"},
    )
    assert meta.job is not None
    assert (meta.job.id, meta.job.identifier) == ("3f1f5a52-6c0e", "vr:entry:9001")
    assert event.payload == ENTRY


def test_location_company_and_auth_are_read_when_asked_for() -> None:
    meta = parse_event(body()).meta
    assert meta.location is not None
    assert (meta.location.name, meta.location.time_zone, meta.location.zip) == (
        "Harbour House",
        "Europe/Lisbon",
        "1000",
    )
    assert meta.location.company_id == "12"
    assert meta.company is not None
    assert (meta.company.id, meta.company.active) == ("12", True)
    assert meta.auth is not None
    assert (meta.auth.access_token, meta.auth.expires_in) == ("ut-canary", 86400)
    assert meta.zone is None


def test_a_company_wide_install_without_scopes_has_no_location_and_no_auth() -> None:
    bare = {"meta": {"event": "plugin_uninstalled", "install_id": 1001, "auth": None}}
    event = parse_event(json.dumps(bare).encode())
    assert (event.meta.install_id, event.meta.plugin_id, event.meta.config) == ("1001", None, {})
    assert [event.meta.location, event.meta.company, event.meta.auth, event.meta.job] == [None] * 4
    assert event.payload is None


@pytest.mark.parametrize(
    ("meta", "config"),
    [
        ({"config": {"a": 1}, "env": {"a": 2}}, {"a": 1}),
        ({"config": None, "env": {"a": 2}}, {"a": 2}),
        ({"config": None, "env": None}, {}),
        ({"config": {}, "env": {"a": 2}}, {}),
    ],
)
def test_config_is_preferred_to_its_old_name(meta: dict[str, Any], config: dict[str, Any]) -> None:
    assert parse_event(body(meta)).meta.config == config


def test_an_entry_is_one_level_of_names() -> None:
    visitor = entry()
    assert (visitor.id, visitor.full_name, visitor.host, visitor.private_notes) == (
        "9001",
        "Ada Example",
        "Hugo Host",
        None,
    )
    assert (visitor.location_id, visitor.flow_id, visitor.employee_id, visitor.invite_id) == ("31", "5", None, None)
    assert (visitor.visitor_profile_id, visitor.agreeable_nda_ids) == ("vp-1", ("1",))
    assert visitor.changed_fields["full-name"].old == "A"
    assert [(one.field, one.value) for one in visitor.user_data] == [("Purpose of visit", "Interview"), ("Plate", None)]
    assert visitor.approval_status is not None
    assert (visitor.approval_status.status, visitor.approval_status.report) == ("review", ({"reason": "blacklist"},))
    assert visitor.legal_docs[0].signed_at == datetime(2026, 11, 21, 9, 14, 30, tzinfo=UTC)
    assert visitor.extra == {"pov_key": "p"}


def test_an_invite_is_one_level_of_names() -> None:
    invite = decode_payload(parse_event(body(payload=INVITE)), Invite)
    assert (invite.id, invite.inviter_name, invite.arrived) == ("4001", "Hugo Host", False)
    assert invite.expected_arrival_time == datetime(2026, 11, 22, 10, tzinfo=UTC)
    assert invite.changed_fields == ("expected-arrival-time",)
    assert (invite.flow_id, invite.creator_id, invite.tenant_id) == ("5", "70", None)


def test_changed_fields_are_read_in_the_form_of_either_payload() -> None:
    assert Entry.model_validate(ENTRY | {"changed-fields": ["email"]}).changed_fields == {"email": Change()}
    changed = {"changed-fields": {"email": {"old": "a", "new": "b"}}}
    invite = decode_payload(parse_event(body(payload=INVITE | {"attributes": changed})), Invite)
    assert invite.changed_fields == ("email",)


def test_models_are_built_by_name_too() -> None:
    assert Entry(id="1", full_name="Ada", signed_in_at=None).full_name == "Ada"
    assert Meta(event="entry_sign_in", install_id="1", config={"a": 1}).config == {"a": 1}


@pytest.mark.parametrize(
    "written",
    [
        "2026-11-21 09:15:00 UTC",
        "2026-11-21 09:15:00",
        "2026-11-21T09:15:00Z",
        "2026-11-21T09:15:00.000Z",
        "2026-11-21T10:15:00+01:00",
        "2026-11-21 04:15:00 -0500",
    ],
)
def test_times_are_read_as_sql_and_as_iso(written: str) -> None:
    assert entry({"signed-in-at": written}).signed_in_at == datetime(2026, 11, 21, 9, 15, tzinfo=UTC)


def test_a_time_given_as_a_datetime_becomes_utc() -> None:
    lisbon = timezone(timedelta(hours=1))
    visitor = Entry(id="1", signed_in_at=datetime(2026, 6, 1, 10, tzinfo=lisbon))
    assert visitor.signed_in_at == datetime(2026, 6, 1, 9, tzinfo=UTC)
    assert visitor.signed_in_at is not None
    assert visitor.signed_in_at.tzinfo is UTC


@pytest.mark.parametrize("unreadable", ["canary", 17, [], "0001-01-01T00:00:00+23:59"])
def test_an_unreadable_time_is_named_and_not_shown(unreadable: object) -> None:
    with pytest.raises(BadPayload, match=r"payload\.signed_in_at") as caught:
        entry({"signed-in-at": unreadable})
    assert "canary" not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    "payload", [None, [], "x", {}, {"id": ""}, {"id": "1", "attributes": []}, {"id": "1", "relationships": 3}]
)
def test_a_payload_that_is_no_resource_is_refused_where_it_is_decoded(payload: object) -> None:
    event = parse_event(body(payload=payload))
    with pytest.raises(BadPayload, match="payload"):
        decode_payload(event, Entry)


@pytest.mark.parametrize("relationship", [None, {}, [], "x", {"data": None}, {"data": "x"}, {"data": {}}])
def test_a_relationship_to_nothing_is_none(relationship: object) -> None:
    assert entry(relationships={"flow": relationship}).flow_id is None


def test_unknown_events_and_fields_are_kept() -> None:
    event = parse_event(body({"event": "moon_landed", "phase": "full"}, {"any": 1}))
    assert (event.name, event.meta.extra["phase"], event.payload) == ("moon_landed", "full", {"any": 1})


@pytest.mark.parametrize(
    ("meta", "field"),
    [
        ({"install_id": None}, "meta.install_id"),
        ({"install_id": ["canary"]}, "meta.install_id"),
        ({"event": ""}, "meta.event"),
        ({"event": {"canary": 1}}, "meta.event"),
        ({"config": ["canary"]}, "meta.config"),
        ({"job": {"name": "canary"}}, "meta.job.id"),
    ],
)
def test_a_field_of_meta_that_cannot_be_read_is_named(meta: dict[str, Any], field: str) -> None:
    with pytest.raises(BadPayload) as caught:
        parse_event(body(meta))
    assert field in str(caught.value)
    assert "canary" not in str(caught.value)


def test_an_unreadable_location_does_not_spoil_the_event() -> None:
    meta = parse_event(body({"location": {"id": None}})).meta
    with pytest.raises(BadPayload, match=r"meta\.location\.id"):
        _ = meta.location


@pytest.mark.parametrize("whole", [b"{}", b"[]", b"null", b'"x"', b'{"meta":[]}', b'{"meta":{"route":"groups"}}'])
def test_what_is_no_event_is_refused(whole: bytes) -> None:
    with pytest.raises(BadPayload, match="neither an event nor a route"):
        parse_event(whole)


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"\xff",
        b"{",
        b"\xef\xbb\xbf{}",
        b'{"meta": NaN}',
        b'{"meta": -Infinity}',
        b'{"meta": "\\ud800"}',
        b"[" * 100_000,
        b"[1" + b"0" * 5_000 + b"]",
        b"{} {}",
        b"{'a': 1}",
    ],
)
def test_what_is_not_strict_json_is_refused(broken: bytes) -> None:
    with pytest.raises(BadPayload, match="not valid JSON"):
        parse_event(broken)


def test_of_a_key_that_occurs_twice_the_last_counts() -> None:
    event = parse_event(b'{"meta":{"event":"a","install_id":"1"},"meta":{"event":"b","install_id":"2"}}')
    assert (event.name, event.meta.install_id) == ("b", "2")


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
)


@given(st.dictionaries(st.sampled_from([*META, "x"]), JSON_VALUES), JSON_VALUES)
def test_any_json_is_an_event_or_a_bad_payload(meta: dict[str, Any], payload: object) -> None:
    try:
        event = parse_event(json.dumps({"meta": META | meta, "payload": payload}).encode())
        assert isinstance(decode_payload(event, Entry), Entry)
    except BadPayload:
        pass


@given(st.sampled_from(sorted(ENTRY["attributes"])), JSON_VALUES)
def test_any_value_of_an_attribute_is_read_or_named(name: str, value: object) -> None:
    refusals = []
    try:
        assert entry({name: value}).id == "9001"
    except BadPayload as error:
        refusals.append(str(error))
    assert all(name.replace("-", "_") in refusal for refusal in refusals)


@given(st.binary(max_size=60))
def test_any_bytes_are_an_event_or_a_bad_payload(whole: bytes) -> None:
    with pytest.raises(BadPayload):
        parse_event(whole)


@given(st.integers(min_value=0, max_value=len(body(payload=ENTRY)) - 1))
def test_a_truncated_event_is_refused(length: int) -> None:
    with pytest.raises(BadPayload):
        parse_event(body(payload=ENTRY)[:length])


def test_what_is_stored_of_an_event_reads_the_same_without_config_and_tokens() -> None:
    event = parse_event(body({"forwarded_bearer_token": "canary"}, ENTRY))
    stored = event.without_secrets()
    again = parse_event(stored)
    assert (again.payload, again.meta.job, again.meta.location) == (event.payload, event.meta.job, event.meta.location)
    assert (again.meta.config, again.meta.auth) == ({}, None)
    assert not any(secret in stored for secret in (b"Hola", b"canary"))


def test_a_number_beyond_a_double_is_stored_as_null() -> None:
    event = parse_event(b'{"meta":{"event":"e","install_id":"1"},"payload":[1e400]}')
    assert parse_event(event.without_secrets()).payload == [None]


def test_reprs_show_ids_alone() -> None:
    event: Event = parse_event(body(payload=ENTRY))
    shown = repr([event, event.meta, event.meta.auth, event.meta.location, entry(), *entry().user_data])
    assert "9001" in shown
    assert "1001" in shown
    for canary in ("Ada", "@", "Hugo", "+351", "Interview", "ut-canary", "Harbour", "Hola"):
        assert canary not in shown
        assert canary not in str(entry())


def test_the_tables_of_events_agree() -> None:
    assert SYNCHRONOUS_HOOKS <= PAYLOADS.keys() <= KNOWN_EVENTS
    assert PAYLOADS["entry_sign_in"] is PAYLOADS["employee_entry_sign_out"] is Entry
    assert PAYLOADS["invite_created"] is PAYLOADS["upcoming_visit"] is Invite
    assert PAYLOADS["location_capacity_updated"] is Location
    assert PAYLOADS["takeover_started"] is PAYLOADS["takeover_ended"] is Takeover
    assert PAYLOADS["host_notification"] is Notification
    assert not {"plugin_uninstalled", "desk_sign_in", "ticket_created"} & PAYLOADS.keys()
