"""The payloads of entries and invites, as Envoy writes them.

Source: Node SDK 2.5.2, src/payloads/EntryPayload.ts and InvitePayload.ts.
"""

from datetime import timedelta

from envoy_plugin.simulator.links import EMPLOYEE_ID, FLOW_ID, USER_ID, link, resource
from envoy_plugin.simulator.times import sql
from envoy_plugin.simulator.visitors import Visit
from envoy_plugin.simulator.wire import JsonObject


def _user_data(visit: Visit) -> list[JsonObject]:
    return [{"field": "Purpose of visit", "value": visit.purpose}, {"field": "Plate", "value": visit.plate}]


def entry(event: str, visit: Visit) -> JsonObject:
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
        **resource(visit.entry_id, "entries", attributes),
        "relationships": _entry_relationships(visit),
        "visitor-profile-id": visit.profile_id,
        **(changed if event == "entry_manually_updated" else {}),
    }


def _legal_doc(visit: Visit) -> JsonObject:
    signed_at = sql(visit.signed_in_at - timedelta(seconds=30))
    return {"id": "88", "url": "https://files.example/88", "signed-at": signed_at, "agreement": {"id": "3"}}


def _entry_relationships(visit: Visit) -> JsonObject:
    return {
        "location": link(visit.site.id, "locations"),
        "flow": link(FLOW_ID, "flows"),
        "device": link("6", "devices"),
        "employee": link(EMPLOYEE_ID, "employees"),
        "invite": link(visit.invite_id, "invites"),
        "visitor-entrance": link("2", "visitor-entrances"),
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


def invite(event: str, visit: Visit) -> JsonObject:
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
    made = resource(visit.invite_id, "invites", attributes)
    return {**made, "relationships": _invite_relationships(event, visit), "visitor-profile-id": visit.profile_id}


def _invite_relationships(event: str, visit: Visit) -> JsonObject:
    employee = {"invitee-employee": link("8", "employees")} if event.startswith("employee_") else {}
    return {
        "location": link(visit.site.id, "locations"),
        "flow": link(FLOW_ID, "flows"),
        "employee": link(EMPLOYEE_ID, "employees"),
        "creator": link(USER_ID, "users"),
        **employee,
        "tenant": link("2", "tenants"),
    }
