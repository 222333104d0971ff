"""The payloads of entry and invite events.

Every field but the id may be missing. Times are aware UTC; `*_id` are ids of related resources, None where there are
none.

Source: Node SDK 2.5.2, src/payloads/EntryPayload.ts and src/payloads/InvitePayload.ts.
"""

from typing import Any

from pydantic import Field

from envoy_plugin.envoy.wire import Resource, Time, Wire


class UserField(Wire):
    """One answer that a visitor gave at sign-in: the field's label and the value, None where it was left empty."""

    field: str | None = None
    value: Any = None


class LegalDocument(Wire):
    """A document that the visitor signed."""

    id: str | None = None
    url: str | None = None
    signed_at: Time | None = None
    agreement: dict[str, Any] | None = None


class ApprovalStatus(Wire):
    """Whether a visitor who matched a list or a screening may come in, and who said so."""

    status: str | None = None
    auto_approved: bool | None = None
    report: tuple[dict[str, Any], ...] | None = None
    """As sent, one object per check: `reason`, `result`, `source`, `messages` (a list, or one object)."""
    reviewer_id: str | None = None
    reviewer_name: str | None = None
    review_note: str | None = None
    reviewed_at: Time | None = None


class Change(Wire):
    """What a field of an entry was, and what it is now."""

    old: Any = None
    new: Any = None


class Visit(Resource):
    """What entries and invites have in common."""

    full_name: str | None = None
    email: str | None = None
    private_notes: str | None = None
    employee_screening_flow: bool = False
    """The visitor is an employee of the customer who answers a health or security screening."""
    flow_name: str | None = None
    nda: str | None = None
    legal_docs: tuple[LegalDocument, ...] = ()
    user_data: tuple[UserField, ...] = ()
    approval_status: ApprovalStatus | None = None
    signed_in_at: Time | None = None
    signed_out_at: Time | None = None
    visitor_profile_id: str | None = None
    location_id: str | None = None
    flow_id: str | None = None
    employee_id: str | None = None
    """The host."""
    agreeable_nda_ids: tuple[str, ...] = ()


class Entry(Visit):
    """A visitor at the door: signed in, signed out, or to be screened."""

    phone_number: str | None = None
    host: str | None = None
    host_email: str | None = None
    thumbnails: dict[str, Any] = Field(default_factory=dict)
    changed_fields: dict[str, Change] = Field(default_factory=dict)
    """By the field's name on the wire, as `full-name`."""
    device_id: str | None = None
    invite_id: str | None = None
    visitor_entrance_id: str | None = None
    agreements_status: str | None = None
    agreement_refused: bool | None = None
    checked_in_at: Time | None = None
    signed_in_via: str | None = None
    signed_in_by: str | None = None
    signed_out_via: str | None = None
    signed_out_by: str | None = None
    group_name: str | None = None
    id_check_status: str | None = None
    is_delivery: bool | None = None


class Invite(Visit):
    """A visit that is expected."""

    inviter_name: str | None = None
    inviter_email: str | None = None
    expected_arrival_time: Time | None = None
    arrived: bool = False
    been_here_before: bool = False
    changed_fields: tuple[str, ...] = ()
    """Names as on the wire, as `expected-arrival-time`."""
    secret_token: str | None = None
    edit_token: str | None = None
    photo_url: str | None = None
    qr_code: str | None = None
    qr_code_sent_at: Time | None = None
    preregistration_complete: bool = False
    reminder_sent_at: Time | None = None
    creator_id: str | None = None
    invitee_employee_id: str | None = None
    tenant_id: str | None = None
    entry_id: str | None = None
