"""The webhooks that the simulated Envoy builds."""

import json
import sys
from datetime import UTC, datetime

import pytest

from envoy_plugin.simulator.overrides import BadOverride, UnknownPath, override, parse_override
from envoy_plugin.simulator.payloads import ENTRY_EVENTS, EVENTS, INVITE_EVENTS, Webhook, build_webhook
from envoy_plugin.simulator.visitors import FakerMissing
from envoy_plugin.simulator.wire import Json

META_KEYS = ["event", "plugin_id", "install_id", "config", "env", "job", "location", "company", "zone", "auth"]
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def attributes(event: str, seed: int = 1) -> dict[str, Json]:
    return dict(build_webhook(event, seed=seed).document["payload"]["attributes"])


def changed(*texts: str, event: str = "entry_sign_in") -> Webhook:
    return override(build_webhook(event, seed=1), [parse_override(text) for text in texts])


@pytest.mark.parametrize("event", sorted(EVENTS))
def test_a_body_is_meta_and_payload_as_utf8_json(event: str) -> None:
    webhook = build_webhook(event, seed=5, install_id="42", config={"greeting": "Olá"}, job_id="j1")
    document = json.loads(webhook.body.decode("utf-8"))
    meta, payload = document["meta"], document["payload"]
    assert list(meta) == META_KEYS
    assert (meta["event"], meta["install_id"]) == (event, "42")
    assert meta["config"] == meta["env"] == {"greeting": "Olá"}
    assert meta["job"] == {"id": "j1", "name": event, "identifier": webhook.job_identifier}
    kind = "invite" if event in INVITE_EVENTS else "entry"
    assert meta["job"]["identifier"] == f"vr:{kind}:{payload['id']}"
    assert payload["type"] == ("invites" if event in INVITE_EVENTS else "entries")
    assert payload["relationships"]["location"]["data"]["id"] == meta["location"]["id"]


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


@pytest.mark.parametrize("event", sorted(EVENTS))
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
