"""The webhooks that the simulated Envoy builds."""

import json
import sys
from datetime import UTC, datetime

import pytest

from envoy_plugin.simulator.oddities import LARGE_BYTES, Oddity, make_odd
from envoy_plugin.simulator.overrides import BadOverride, UnknownPath, override, parse_override, parse_path, remove
from envoy_plugin.simulator.payloads import (
    ENTRY_EVENTS,
    EVENTS,
    INVITE_EVENTS,
    RouteKind,
    Webhook,
    build_route,
    build_webhook,
    read_webhook,
)
from envoy_plugin.simulator.visitors import FakerMissing
from envoy_plugin.simulator.wire import Json

META_KEYS = ["event", "plugin_id", "install_id", "config", "env", "job", "location", "company", "zone", "auth"]
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def attributes(event: str, seed: int = 1) -> dict[str, Json]:
    return dict(build_webhook(event, seed=seed).document["payload"]["attributes"])


def changed(*texts: str, event: str = "entry_sign_in") -> Webhook:
    return override(build_webhook(event, seed=1), [parse_override(text) for text in texts])


VISITS = sorted(ENTRY_EVENTS | INVITE_EVENTS)


@pytest.mark.parametrize("event", sorted(EVENTS))
def test_a_body_is_meta_and_payload_as_utf8_json(event: str) -> None:
    webhook = build_webhook(event, seed=5, install_id="42", config={"greeting": "Olá"}, job_id="j1")
    document = json.loads(webhook.body.decode("utf-8"))
    meta = document["meta"]
    assert list(meta) == META_KEYS
    assert (meta["event"], meta["install_id"]) == (event, "42")
    assert meta["config"] == meta["env"] == {"greeting": "Olá"}
    assert meta["job"] == {"id": "j1", "name": event, "identifier": webhook.job_identifier}
    assert ("payload" in document) == (event != "plugin_uninstalled")


@pytest.mark.parametrize("event", VISITS)
def test_a_visit_is_the_subject_of_its_job(event: str) -> None:
    document = build_webhook(event, seed=5).document
    meta, payload = document["meta"], document["payload"]
    kind = "invite" if event in INVITE_EVENTS else "entry"
    assert meta["job"]["identifier"] == f"vr:{kind}:{payload['id']}"
    assert payload["type"] == ("invites" if event in INVITE_EVENTS else "entries")
    assert payload["relationships"]["location"]["data"]["id"] == meta["location"]["id"]


@pytest.mark.parametrize(
    ("event", "kind", "attribute"),
    [
        ("location_capacity_updated", "locations", "capacity-limit"),
        ("takeover_started", "takeovers", "metadata"),
        ("takeover_ended", "takeovers", "end-at"),
        ("desk_sign_in", "reservations", "desk-name"),
        ("ticket_created", "tickets", "title"),
    ],
)
def test_what_is_no_visit_is_a_resource_of_its_own_kind(event: str, kind: str, attribute: str) -> None:
    payload = build_webhook(event, seed=5).document["payload"]
    assert (payload["type"], payload["attributes"][attribute] is not None) == (kind, True)


def test_a_takeover_goes_on_until_it_has_ended() -> None:
    started, ended = attributes("takeover_started"), attributes("takeover_ended")
    assert started["end-at"] is None
    assert started["start-at"] < ended["end-at"]


def test_a_notification_is_no_resource() -> None:
    payload = build_webhook("host_notification", seed=5).document["payload"]
    assert {"recipient", "message", "details", "actions", "attachments", "channel_overrides"} == set(payload)
    assert payload["recipient"]["employee_id"] == 7


@pytest.mark.parametrize("kind", RouteKind)
def test_a_question_of_a_setup_step_has_params_and_no_job(kind: RouteKind) -> None:
    webhook = build_route(
        kind, "groups", seed=5, params={"search": "al"}, form={"key": "k"}, install_id="42", config={"a": 1}
    )
    document = json.loads(webhook.body)
    meta = document["meta"]
    assert (meta["route"], meta["params"], meta["install_id"], meta["config"]) == (
        "groups",
        {"search": "al"},
        "42",
        {"a": 1},
    )
    assert not {"event", "job"} & set(meta)
    assert webhook.job_id is None
    assert document.get("payload") == ({"key": "k"} if kind == "validation" else None)


@pytest.mark.parametrize(
    ("body", "event", "job_id"),
    [
        (b'{"meta" : {"event":"tea","job":{"id":7}}}', "tea", "7"),
        (b'{"meta":{"route":"groups"}}', "groups", None),
        (b'{"meta":[]}', "-", None),
        (b"[1]", "-", None),
        (b"\xff{", "-", None),
        (b"", "-", None),
    ],
)
def test_a_body_from_a_file_is_sent_as_it_is(body: bytes, event: str, job_id: str | None) -> None:
    webhook = read_webhook(body)
    assert (webhook.body, webhook.event, webhook.job_id) == (body, event, job_id)
    assert override(webhook, []).body == remove(webhook, []).body == make_odd(webhook, []).body == body


@pytest.mark.parametrize("event", ["entry_sign_in", "invite_created"])
def test_the_same_seed_gives_the_same_bytes(event: str) -> None:
    assert build_webhook(event, seed=7).body == build_webhook(event, seed=7).body
    assert build_webhook(event, seed=7).body != build_webhook(event, seed=8).body


def test_events_of_one_seed_tell_of_the_same_visit() -> None:
    invite = build_webhook("invite_created", seed=7).document["payload"]
    entry, later = (build_webhook(event, seed=7).document["payload"] for event in ("entry_sign_in", "entry_sign_out"))
    assert entry["id"] == later["id"]
    assert entry["relationships"]["invite"]["data"]["id"] == invite["id"]
    assert entry["attributes"]["full-name"] == later["attributes"]["full-name"] == invite["attributes"]["full-name"]


def test_some_names_are_not_ascii_and_reach_the_bytes_unescaped() -> None:
    names = {attributes("entry_sign_in", seed)["full-name"] for seed in range(40)}
    foreign = next(name for name in sorted(names) if not name.isascii())
    bodies = [build_webhook("entry_sign_in", seed=seed).body for seed in range(40)]
    assert any(foreign.encode() in body for body in bodies)
    assert len(names) > 30


@pytest.mark.parametrize("event", sorted(ENTRY_EVENTS))
def test_only_a_sign_out_has_a_time_of_it(event: str) -> None:
    assert ("signed-out-at" in attributes(event)) == event.endswith("sign_out")


@pytest.mark.parametrize("event", VISITS)
def test_only_employee_events_are_of_the_employee_flow(event: str) -> None:
    assert attributes(event)["employee-screening-flow"] == event.startswith("employee_")


@pytest.mark.parametrize(
    ("event", "status"), [("entry_blacklist_review", "review"), ("employee_entry_blacklist_deny", "denied")]
)
def test_a_matched_visitor_carries_the_approval(event: str, status: str) -> None:
    assert attributes(event)["approval-status"]["status"] == status
    assert "approval-status" not in attributes("entry_sign_in")


def test_what_changed_stands_where_envoy_puts_it() -> None:
    entry = build_webhook("entry_manually_updated", seed=1).document["payload"]
    assert set(entry["changed-fields"]["email"]) == {"old", "new"}
    assert attributes("invite_updated")["changed-fields"] == ["expected-arrival-time"]
    assert "changed-fields" not in attributes("invite_created")


def test_a_code_is_there_once_it_was_sent() -> None:
    assert attributes("qr_code_sent")["qr-code"].endswith(".png")
    assert attributes("invite_created")["qr-code"] is None


def test_the_visitor_signs_in_at_the_given_moment() -> None:
    document = build_webhook("entry_sign_in", seed=1, now=NOON).document
    assert document["payload"]["attributes"]["signed-in-at"] == "2026-11-21 12:00:00 UTC"


def test_an_event_that_is_not_known_gets_an_entry() -> None:
    assert build_webhook("tea_served", seed=1).document["payload"]["type"] == "entries"


def test_without_faker_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faker", None)
    with pytest.raises(FakerMissing, match=r"pip install 'envoy_plugin\[dev\]'"):
        build_webhook("entry_sign_in", seed=1)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("attributes.full-name=Zoë = Grace", "Zoë = Grace"),
        ("attributes.full-name=", ""),
        ("attributes.full-name=null", None),
        ('attributes.full-name="7"', "7"),
        ("attributes.full-name=7", 7),
        ("attributes.full-name=NaN", "NaN"),
        ('payload.attributes.full-name={"a": [1]}', {"a": [1]}),
    ],
)
def test_an_override_is_json_or_else_text(text: str, value: object) -> None:
    assert changed(text).document["payload"]["attributes"]["full-name"] == value


def test_overrides_reach_lists_meta_and_the_job() -> None:
    webhook = changed("attributes.user-data.0.value=Tea", "meta.install_id=7", "meta.job.id=19", "meta.config.new=1")
    assert webhook.document["payload"]["attributes"]["user-data"][0]["value"] == "Tea"
    assert webhook.document["meta"]["install_id"] == 7
    assert webhook.job_id == "19"
    assert webhook.document["meta"]["config"] == {"new": 1}


def test_a_job_may_be_taken_away() -> None:
    assert changed("meta.job=null").job_id is None
    assert changed("meta.job.id=null").job_id is None


@pytest.mark.parametrize("meta", ["{}", "7", "null"])
def test_meta_as_a_whole_may_be_replaced(meta: str) -> None:
    webhook = changed(f"meta={meta}")
    assert webhook.document["meta"] == json.loads(meta)
    assert (webhook.job_id, webhook.install_id) == (None, None)


def test_an_override_leaves_the_original_alone() -> None:
    original = build_webhook("entry_sign_in", seed=1)
    before = original.body
    override(original, [parse_override("attributes.legal-docs.0.id=7")])
    assert original.body == before


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ("attributes.full-nme=x", "attributes.full-name"),
        ("full-name=x", "attributes.full-name"),
        ("meta.instal_id=x", "meta.install_id"),
        ("relationships.invit.data.id=x", "relationships.invite.data.id"),
    ],
)
def test_an_unknown_path_names_the_nearest(text: str, nearest: str) -> None:
    with pytest.raises(UnknownPath) as caught:
        changed(text)
    assert nearest in caught.value.nearest
    assert nearest in str(caught.value)


@pytest.mark.parametrize(
    "path",
    [
        "attributes.user-data.9.value",
        "attributes.user-data.-1",
        "attributes.email.x",
        "attributes.nda.x",
        "",
        "zzz",
    ],
)
def test_a_path_that_is_not_there_is_refused(path: str) -> None:
    with pytest.raises(BadOverride):
        changed(f"{path}=1")


def test_an_override_needs_an_equals_sign() -> None:
    with pytest.raises(BadOverride, match="not PATH=VALUE"):
        parse_override("attributes.email")


def test_what_is_removed_is_gone() -> None:
    original = build_webhook("entry_sign_in", seed=1)
    paths = ["relationships.invite", "attributes.user-data.0", "meta.location", "payload.attributes.email"]
    document = remove(original, [parse_path(path) for path in paths]).document
    assert "invite" not in document["payload"]["relationships"]
    assert [one["field"] for one in document["payload"]["attributes"]["user-data"]] == ["Plate"]
    assert "location" not in document["meta"]
    assert "email" in original.document["payload"]["attributes"]


def test_the_payload_as_a_whole_may_be_removed() -> None:
    assert list(remove(build_webhook("entry_sign_in", seed=1), [parse_path("payload")]).document) == ["meta"]


def test_removing_what_is_not_there_names_the_nearest() -> None:
    with pytest.raises(UnknownPath, match=r"Did you mean relationships\.invite"):
        remove(build_webhook("entry_sign_in", seed=1), [parse_path("relationships.invit")])
    with pytest.raises(BadOverride):
        parse_path("")


@pytest.mark.parametrize("oddity", [Oddity.SPACED, Oddity.ASCII, Oddity.ESCAPED_SLASHES])
@pytest.mark.parametrize("event", ["entry_sign_in", "host_notification"])
def test_another_spelling_says_the_same_in_other_bytes(oddity: Oddity, event: str) -> None:
    webhook = build_webhook(event, seed=3)
    odd = make_odd(webhook, [oddity])
    assert json.loads(odd.body) == webhook.document
    assert (odd.body.isascii(), odd.body != webhook.body) == (oddity is Oddity.ASCII, True)


@pytest.mark.parametrize("oddity", Oddity)
@pytest.mark.parametrize("event", ["entry_sign_in", "invite_created", "plugin_uninstalled", "host_notification"])
def test_every_oddity_can_be_had_for_every_event(oddity: Oddity, event: str) -> None:
    webhook = build_webhook(event, seed=3)
    before = json.dumps(webhook.document)
    assert isinstance(json.loads(make_odd(webhook, [oddity]).body), dict)
    assert json.dumps(webhook.document) == before


def test_oddities_are_what_they_say() -> None:
    odd = make_odd(build_webhook("entry_sign_in", seed=3), list(Oddity))
    document = json.loads(odd.body)
    meta, payload = document["meta"], document["payload"]
    assert isinstance(meta["install_id"], int)
    assert isinstance(payload["relationships"]["flow"]["data"]["id"], int)
    assert "location" not in meta.keys() | payload["relationships"].keys()
    assert ("job" in meta, meta["zone"], meta["auth"]) == (False, None, None)
    assert payload["attributes"]["signed-in-at"].endswith(".000Z")
    assert "☃" in payload["attributes"]["full-name"]
    assert (meta["event"], odd.event, "x-unknown" in payload) == ("tea_served", "tea_served", True)
    assert len(odd.body) > LARGE_BYTES > 100 * 1024


@pytest.mark.parametrize("body", [b"[]", b'{"meta": 7, "payload": []}'])
def test_a_body_that_is_no_event_bears_oddities(body: bytes) -> None:
    assert isinstance(json.loads(make_odd(read_webhook(body), list(Oddity)).body), dict)


def test_what_entries_seldom_have_can_be_added_to_entries_alone() -> None:
    grouped = override(build_webhook("entry_sign_in", seed=1), [parse_override("attributes.group-name=Delegation")])
    assert grouped.document["payload"]["attributes"]["group-name"] == "Delegation"
    for event, path in (("invite_created", "attributes.group-name"), ("entry_sign_in", "relationships.group-name")):
        with pytest.raises(UnknownPath):
            override(build_webhook(event, seed=1), [parse_override(f"{path}=Delegation")])
