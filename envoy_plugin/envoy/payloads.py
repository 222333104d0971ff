"""The payloads of entry, invite and notification events; those of other events are in `resources`.

Every field but the id may be missing. Times are aware UTC; `*_id` are ids of related resources, None where there are
none.

Source: Node SDK 2.5.2, src/payloads/EntryPayload.ts, InvitePayload.ts and NotificationPayload.ts, and
src/resources/InviteResource.ts.
"""

from typing import Any

from pydantic import Field, field_validator

from envoy_plugin.envoy.user_data import UserData
from envoy_plugin.envoy.wire import Resource, Time, Wire


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
    user_data: UserData = UserData()
    """The answers in Envoy's order; `user_data["Plate"]` is that to one question."""
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
    device_session_uuid: str | None = None
    original_nda_sign_date: Time | None = None
    signed_in_via: str | None = None
    signed_in_by: str | None = None
    signed_out_via: str | None = None
    signed_out_by: str | None = None
    group_name: str | None = None
    id_check_status: str | None = None
    is_delivery: bool | None = None
    sms_status: str | None = None
    push_status: str | None = None
    email_status: str | None = None
    failure_message_markdown: str | None = None
    custom_deny_markdown: str | None = None

    @field_validator("changed_fields", mode="before")
    @classmethod
    def _from_names(cls, value: object) -> object:
        """An invite's form, a list of names, says what has changed and not how."""
        return {name: Change() for name in value if isinstance(name, str)} if isinstance(value, list) else value


class Invite(Visit):
    """A visit that is expected."""

    inviter_name: str | None = None
    inviter_email: str | None = None
    expected_arrival_time: Time | None = None
    expected_departure_time: Time | None = None
    phone: str | None = None
    additional_guests: int | None = None
    attested: bool | None = None
    notify_visitor: bool | None = None
    is_presigned: bool | None = None
    created_from: str | None = None
    guest_updated_at: Time | None = None
    entry_signed_out_at: Time | None = None
    created_at: Time | None = None
    updated_at: Time | None = None
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
    attendee_id: str | None = None

    @field_validator("changed_fields", mode="before")
    @classmethod
    def _from_changes(cls, value: object) -> object:
        """An entry's form, an object of changes, has the names as its keys."""
        return tuple(value) if isinstance(value, dict) else value


class PersonName(Wire):
    """The name of whom a notification is for."""

    full: str | None = None


class Recipient(Wire):
    """Whom a notification is for."""

    name: PersonName = PersonName()
    email: str | None = None
    user_id: str | None = None
    employee_id: str | None = None
    phone_number: str | None = None


class Detail(Wire):
    """A line of a notification."""

    label: str | None = None
    value: str | None = None


class Action(Wire):
    """A button of a notification; `callback_url` is what it calls."""

    label: str | None = None
    callback_url: str | None = None


class NotificationFile(Wire):
    """A file that comes with a notification."""

    url: str | None = None


class Notification(Wire):
    """A message that the plugin is to bring to somebody."""

    recipient: Recipient = Recipient()
    message: str | None = None
    details: tuple[Detail, ...] = ()
    actions: tuple[Action, ...] = ()
    attachments: tuple[NotificationFile, ...] = ()
    channel_overrides: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """What is to be different on a channel, as sent: `slack` and `email`."""
