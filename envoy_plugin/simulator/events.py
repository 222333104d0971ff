"""The events that Envoy is known to send, and what each is about.

Sources: developers.envoy.com, "Events"; envoy.help; Node SDK 2.5.2, src/payloads; names seen in branches of it. Other
names may come: a plugin must bear them.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeAlias

from envoy_plugin.simulator import happenings, visits
from envoy_plugin.simulator.visitors import Visit
from envoy_plugin.simulator.wire import JsonObject

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

HOOKS: Final = frozenset({"entry_screen_requested", "invite_screen_requested", "identity_verification_requested"})
"""Envoy waits for the answer to these, 30 s at most. Source: developers.envoy.com, "Feature hooks"."""


class Subject(StrEnum):
    """What an event is about."""

    ENTRY = "entry"
    INVITE = "invite"
    LOCATION = "location"
    TAKEOVER = "takeover"
    DESK = "desk"
    TICKET = "ticket"
    NOTIFICATION = "notification"
    INSTALL = "install"


SUBJECTS: Final[Mapping[str, Subject]] = MappingProxyType(
    dict.fromkeys(sorted(ENTRY_EVENTS), Subject.ENTRY)
    | dict.fromkeys(sorted(INVITE_EVENTS), Subject.INVITE)
    | {
        "location_capacity_updated": Subject.LOCATION,
        "takeover_started": Subject.TAKEOVER,
        "takeover_ended": Subject.TAKEOVER,
        "desk_sign_in": Subject.DESK,
        "ticket_created": Subject.TICKET,
        "host_notification": Subject.NOTIFICATION,
        "plugin_uninstalled": Subject.INSTALL,
    }
)
EVENTS: Final = frozenset(SUBJECTS)

Payload: TypeAlias = Callable[[str, Visit], JsonObject]
PAYLOADS: Final[Mapping[Subject, Payload]] = MappingProxyType(
    {
        Subject.ENTRY: visits.entry,
        Subject.INVITE: visits.invite,
        Subject.LOCATION: happenings.location,
        Subject.TAKEOVER: happenings.takeover,
        Subject.DESK: happenings.desk_reservation,
        Subject.TICKET: happenings.ticket,
        Subject.NOTIFICATION: happenings.notification,
    }
)
"""How the payload of each is built; the end of an install has none."""


def subject_of(event: str) -> Subject:
    """What an event is about; one that isn't known here is taken for a visitor's entry."""
    return SUBJECTS.get(event, Subject.ENTRY)
