"""Events: what Envoy says has happened, read leniently and only as far as somebody asks.

`parse_event` reads the body and its `meta`; the payload stays as it came until `decode_payload` makes a model of it.
Unknown events and unknown fields are kept.

Source: developers.envoy.com, "Webhooks" and "Events"; Node SDK 2.5.2, src/sdk/EnvoyMeta.ts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from pydantic_core import from_json, to_json

from envoy_plugin.envoy.meta import SECRET_META, WebhookMeta
from envoy_plugin.envoy.payloads import Entry, Invite, Notification
from envoy_plugin.envoy.resources import Location, Takeover
from envoy_plugin.envoy.wire import Id, Model, Wire, decode
from envoy_plugin.errors import BadPayload

ENTRY_EVENTS: Final = frozenset(
    f"{who}entry_{what}"
    for who in ("", "employee_")
    for what in ("sign_in", "sign_out", "blacklist_review", "blacklist_deny")
) | {
    "entry_screen_requested",
    "entry_screened",
    "entry_reviewed",
    "entry_manually_updated",
    "entry_badge_print_requested",
    "identity_verification_requested",
}
INVITE_EVENTS: Final = frozenset(
    f"{who}invite_{what}" for who in ("", "employee_") for what in ("created", "updated", "removed")
) | {
    "upcoming_visit",
    "employee_upcoming_visit",
    "qr_code_sent",
    "invite_reviewed",
    "invite_screen_requested",
}
OTHER_EVENTS: Final = frozenset(
    {
        "location_capacity_updated",
        "desk_sign_in",
        "ticket_created",
        "takeover_started",
        "takeover_ended",
        "host_notification",
        "plugin_uninstalled",
    }
)
KNOWN_EVENTS: Final = ENTRY_EVENTS | INVITE_EVENTS | OTHER_EVENTS
"""The names that are documented, or seen in Envoy's own code. Others may come."""

SYNCHRONOUS_HOOKS: Final = frozenset(
    {
        "entry_screen_requested",
        "invite_screen_requested",
        "identity_verification_requested",
    }
)
"""Events whose answer Envoy waits for, 30 s at most. Source: developers.envoy.com, "Feature hooks"."""

PAYLOADS: Final[Mapping[str, type[Wire]]] = MappingProxyType(
    dict[str, type[Wire]](dict.fromkeys(ENTRY_EVENTS, Entry))
    | dict.fromkeys(INVITE_EVENTS, Invite)
    | dict.fromkeys(("takeover_started", "takeover_ended"), Takeover)
    | {"location_capacity_updated": Location, "host_notification": Notification}
)
"""The model of the payload, for the events whose payload is known.

`plugin_uninstalled` has none; nobody documents those of `desk_sign_in` and `ticket_created`. Notifications may come
under any other name too: `host_notification` is the one of Envoy's first SDK.
"""


class JobReference(Wire):
    """The record that Envoy keeps of this event and install; its id names the same event in every delivery of it."""

    id: Id
    name: str | None = None
    identifier: str | None = None
    """As `vr:entry:9001`."""


class Meta(WebhookMeta):
    """What an event says about itself, the install and the place."""

    event: Id
    job: JobReference | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event as delivered. `payload` is the JSON that came; `decode_payload` makes a model of it."""

    meta: Meta
    payload: Any = field(repr=False)
    raw: Mapping[str, Any] = field(repr=False)

    @property
    def name(self) -> str:
        """As `entry_sign_in`."""
        return self.meta.event

    def without_secrets(self) -> bytes:
        """The event as JSON that `parse_event` reads again, less the install's config and all tokens."""
        meta = {name: value for name, value in self.raw["meta"].items() if name not in SECRET_META}
        # A number beyond a double (1e400) has been read as infinity, which JSON can't say.
        return to_json({**self.raw, "meta": meta}, inf_nan_mode="null")


def parse_event(body: bytes) -> Event:
    """Read the body of a webhook; its signature has been verified.

    Raises:
        BadPayload: not strict JSON, not an event, or a field of `meta` that can't be read; the message names the field.
    """
    return make_event(read_strict(body))


def make_event(raw: Any) -> Event:
    """The event that a body says, once it has been read as JSON.

    Raises:
        BadPayload: as `parse_event`.
    """
    meta = raw.get("meta") if isinstance(raw, dict) else None
    if not isinstance(meta, dict) or meta.get("event") is None:
        raise BadPayload("The body is neither an event nor a route: it has no meta.event.")
    return Event(meta=decode(Meta, meta, "meta"), payload=raw.get("payload"), raw=raw)


def decode_payload(event: Event, model: type[Model]) -> Model:
    """The event's payload as `model`.

    Raises:
        BadPayload: a field can't be read; the message names it.
    """
    return decode(model, event.payload, "payload")


def read_strict(body: bytes) -> Any:
    """JSON without NaN, lone surrogates, more than 200 levels, or integers over 4,300 digits.

    Of a key that occurs twice the last counts, as in the `JSON.parse` of Envoy's own Node SDK.

    Raises:
        BadPayload: it isn't.
    """
    try:
        return from_json(body, allow_inf_nan=False, cache_strings="keys")
    except ValueError:
        pass
    raise BadPayload("The body is not valid JSON.")
