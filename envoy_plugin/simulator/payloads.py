"""The body of a webhook, exactly as Envoy sends it: `{"meta": …, "payload": …}`.

Sources: developers.envoy.com, "Webhooks"; Node SDK 2.5.2, src/sdk/EnvoyMeta.ts, src/payloads/EntryPayload.ts and
InvitePayload.ts. Ids are strings here, as the SDK types them.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from envoy_plugin.simulator import defaults
from envoy_plugin.simulator.times import sql
from envoy_plugin.simulator.visitors import Site, Visit, invent_visit
from envoy_plugin.simulator.wire import Json, JsonObject

ENTRY_EVENTS: Final = frozenset(
    {
        "entry_sign_in",
        "entry_sign_out",
        "entry_blacklist_review",
        "entry_blacklist_deny",
        "entry_screen_requested",
        "entry_screened",
        "entry_reviewed",
        "entry_manually_updated",
        "identity_verification_requested",
        "entry_badge_print_requested",
        "employee_entry_sign_in",
        "employee_entry_sign_out",
        "employee_entry_blacklist_review",
        "employee_entry_blacklist_deny",
    }
)
INVITE_EVENTS: Final = frozenset(
    {
        "invite_created",
        "invite_updated",
        "invite_removed",
        "upcoming_visit",
        "qr_code_sent",
        "invite_reviewed",
        "invite_screen_requested",
        "employee_invite_created",
        "employee_invite_updated",
        "employee_invite_removed",
        "employee_upcoming_visit",
    }
)
EVENTS: Final = ENTRY_EVENTS | INVITE_EVENTS

COMPANY_ID: Final = "12"
FLOW_ID: Final = "5"
EMPLOYEE_ID: Final = "7"
LONG_AGO: Final = "2020-01-02 03:04:05 UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A webhook that is ready to be sent; `body` is its bytes."""

    event: str
    document: JsonObject

    @property
    def body(self) -> bytes:
        """The document as UTF-8 JSON; the same document is the same bytes.

        Raises:
            ValueError: a text in it can't be written as UTF-8.
        """
        return json.dumps(self.document, ensure_ascii=False, separators=(",", ":")).encode()

    @property
    def job_id(self) -> str | None:
        """Envoy's id of the job; None where an override took it away."""
        job_id = self._job.get("id")
        return None if job_id is None else str(job_id)

    @property
    def job_identifier(self) -> str:
        """What the job is about, as `vr:entry:9001`."""
        return str(self._job.get("identifier"))

    @property
    def install_id(self) -> Json:
        """The install as it is sent: text, or what an override made of it."""
        return self._meta.get("install_id")

    @property
    def _meta(self) -> JsonObject:
        return _object(self.document["meta"])

    @property
    def _job(self) -> JsonObject:
        return _object(self._meta.get("job"))


def _object(value: Json) -> JsonObject:
    """An object, or an empty one in place of whatever an override put there."""
    return value if isinstance(value, dict) else {}


def build_webhook(
    event: str,
    *,
    seed: int,
    now: datetime | None = None,
    job_id: str | None = None,
    install_id: str = defaults.INSTALL_ID,
    config: Mapping[str, Json] | None = None,
) -> Webhook:
    """The webhook of an event for the visit of a seed.

    An event that isn't among `EVENTS` gets the entry of a signed-in visitor. `now` is when the visitor signs in;
    without it the same arguments give the same bytes.

    Raises:
        FakerMissing: the extra `dev` isn't installed.
    """
    visit = invent_visit(seed, now)
    payload = _invite(event, visit) if event in INVITE_EVENTS else _entry(event, visit)
    meta = _meta(event, visit, install_id=install_id, job_id=job_id or visit.job_id, config=dict(config or {}))
    return Webhook(event=event, document={"meta": meta, "payload": payload})


def _meta(event: str, visit: Visit, *, install_id: str, job_id: str, config: JsonObject) -> JsonObject:
    subject = f"invite:{visit.invite_id}" if event in INVITE_EVENTS else f"entry:{visit.entry_id}"
    return {
        "event": event,
        "plugin_id": defaults.PLUGIN_ID,
        "install_id": install_id,
        "config": config,
        # The old name of `config`, which Envoy's example plugin still reads.
        "env": dict(config),
        "job": {"id": job_id, "name": event, "identifier": f"vr:{subject}"},
        "location": _location(visit.site),
        "company": _resource(COMPANY_ID, "companies", {"name": "Example Ltd", "active": True, "created-at": LONG_AGO}),
        "zone": _zone(visit.site),
        "auth": _auth(visit),
    }


def _resource(resource_id: str, kind: str, attributes: JsonObject) -> JsonObject:
    return {"id": resource_id, "type": kind, "attributes": attributes}


def _link(resource_id: str, kind: str) -> JsonObject:
    return {"data": {"id": resource_id, "type": kind}}


def _location(site: Site) -> JsonObject:
    attributes = {
        "name": site.name,
        "company-name-override": None,
        "time-zone": site.time_zone,
        "timezone": site.time_zone,
        "locale": site.language[:2],
        "address": f"{site.street}, {site.city}",
        "address-line-one": site.street,
        "address-line-two": None,
        "city": site.city,
        "state": site.state,
        "country": site.country,
        "zip": site.zip,
        "longitude": site.longitude,
        "latitude": site.latitude,
        "created-at": LONG_AGO,
    }
    return _resource(site.id, "locations", attributes) | {"relationships": {"company": _link(COMPANY_ID, "companies")}}


def _zone(site: Site) -> JsonObject:
    attributes = {
        "address": f"{site.street}, {site.city}",
        "logo-url": None,
        "name": site.name,
        "time-zone": site.time_zone,
    }
    return _resource(f"2{site.id}", "zones", attributes)


def _auth(visit: Visit) -> JsonObject:
    return {
        "token_type": "Bearer",
        "access_token": f"ut-{visit.token}",
        "expires_in": 86400,
        "refresh_token": None,
        "refresh_token_expires_in": None,
        "state": None,
        "company_id": COMPANY_ID,
    }


def _user_data(visit: Visit) -> list[JsonObject]:
    return [{"field": "Purpose of visit", "value": visit.purpose}, {"field": "Plate", "value": visit.plate}]


def _entry(event: str, visit: Visit) -> JsonObject:
    signed_out = {"signed-out-at": sql(visit.signed_out_at)} if event.endswith("entry_sign_out") else {}
    attributes = {
        "full-name": visit.visitor.name,
        "phone-number": visit.visitor.phone,
        "email": visit.visitor.email,
        "employee-screening-flow": event.startswith("employee_"),
        "host": visit.host.name,
        "host-email": visit.host.email,
        "private-notes": None,
        "signed-in-at": sql(visit.signed_in_at),
        **signed_out,
        "thumbnails": {"large": None, "original": None, "small": None},
        "flow-name": visit.flow,
        "nda": None,
        "legal-docs": [_legal_doc(visit)],
        "user-data": _user_data(visit),
        **_approval(event),
    }
    changed = {"changed-fields": {"email": {"old": None, "new": visit.visitor.email}}}
    return {
        **_resource(visit.entry_id, "entries", attributes),
        "relationships": _entry_relationships(visit),
        "visitor-profile-id": visit.profile_id,
        **(changed if event == "entry_manually_updated" else {}),
    }


def _legal_doc(visit: Visit) -> JsonObject:
    signed_at = sql(visit.signed_in_at - timedelta(seconds=30))
    return {"id": "88", "url": "https://files.example/88", "signed-at": signed_at, "agreement": {"id": "3"}}


def _entry_relationships(visit: Visit) -> JsonObject:
    return {
        "location": _link(visit.site.id, "locations"),
        "flow": _link(FLOW_ID, "flows"),
        "device": _link("6", "devices"),
        "employee": _link(EMPLOYEE_ID, "employees"),
        "invite": _link(visit.invite_id, "invites"),
        "visitor-entrance": _link("2", "visitor-entrances"),
        "agreeable-ndas": {"data": [{"id": "1", "type": "agreeable-ndas"}]},
    }


def _approval(event: str) -> JsonObject:
    """The approval of an entry that was matched against a block list; other events carry none."""
    status = {
        "blacklist_review": "review",
        "blacklist_deny": "denied",
        "entry_screen_requested": "review",
        "entry_reviewed": "approved",
    }
    found = next((word for suffix, word in status.items() if event.endswith(suffix)), None)
    if found is None:
        return {}
    failure = {"text": "The visitor matches an entry of a list", "header": "Block list"}
    report = {"reason": "blacklist", "result": "fail", "source": "blacklist", "messages": [{"failure": failure}]}
    return {"approval-status": {"status": found, "auto-approved": False, "report": [report]}}


def _invite(event: str, visit: Visit) -> JsonObject:
    with_code = event == "qr_code_sent"
    changed = {"changed-fields": ["expected-arrival-time"]} if event.endswith("invite_updated") else {}
    attributes = {
        "employee-screening-flow": event.startswith("employee_"),
        "full-name": visit.visitor.name,
        "email": visit.visitor.email,
        "inviter-name": visit.host.name,
        "inviter-email": visit.host.email,
        "expected-arrival-time": sql(visit.expected_at),
        "private-notes": None,
        "arrived": False,
        "been-here-before": visit.been_here_before,
        "flow-name": visit.flow,
        "flow-id": FLOW_ID,
        "user-data": _user_data(visit),
        **changed,
        "secret-token": visit.token[:16],
        "edit-token": visit.token[16:],
        "photo-url": None,
        "qr-code": f"https://files.example/qr/{visit.invite_id}.png" if with_code else None,
        "qr-code-sent-at": sql(visit.invited_at) if with_code else None,
        "preregistration-complete": False,
        "reminder-sent-at": None,
    }
    resource = _resource(visit.invite_id, "invites", attributes)
    return {**resource, "relationships": _invite_relationships(event, visit), "visitor-profile-id": visit.profile_id}


def _invite_relationships(event: str, visit: Visit) -> JsonObject:
    employee = {"invitee-employee": _link("8", "employees")} if event.startswith("employee_") else {}
    return {
        "location": _link(visit.site.id, "locations"),
        "flow": _link(FLOW_ID, "flows"),
        "employee": _link(EMPLOYEE_ID, "employees"),
        "creator": _link("70", "users"),
        **employee,
        "tenant": _link("2", "tenants"),
    }
