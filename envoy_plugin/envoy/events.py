"""Events: what Envoy says has happened, read leniently and only as far as somebody asks.

`parse_event` reads the body and its `meta`; the payload stays as it came until `decode_payload` makes a model of it.
Unknown events and unknown fields are kept.

Source: developers.envoy.com, "Webhooks" and "Events"; Node SDK 2.5.2, src/sdk/EnvoyMeta.ts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final, TypeVar

from pydantic import Field, ValidationError, model_validator
from pydantic_core import from_json, to_json

from envoy_plugin.envoy.payloads import Entry, Invite
from envoy_plugin.envoy.wire import Id, Resource, Time, Wire, name_fields
from envoy_plugin.errors import BadPayload

Model = TypeVar("Model", bound=Wire)

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

PAYLOADS: Final[Mapping[str, type[Resource]]] = MappingProxyType(
    dict.fromkeys(ENTRY_EVENTS, Entry) | dict.fromkeys(INVITE_EVENTS, Invite)
)
"""The model of the payload, for the events whose payload is known."""


class JobReference(Wire):
    """The record that Envoy keeps of this event and install; its id names the same event in every delivery of it."""

    id: Id
    name: str | None = None
    identifier: str | None = None
    """As `vr:entry:9001`."""


class Location(Resource):
    """The location that an install belongs to; a company-wide install has none."""

    name: str | None = None
    company_name_override: str | None = None
    timezone: str | None = None
    time_zone: str | None = None
    locale: str | None = None
    address: str | None = None
    address_line_one: str | None = None
    address_line_two: str | None = None
    city: str | None = None
    state: str | None = None
    country: str | None = None
    zip: str | None = None
    longitude: float | None = None
    latitude: float | None = None
    created_at: Time | None = None
    company_id: str | None = None


class Company(Resource):
    """The customer."""

    name: str | None = None
    active: bool | None = None
    created_at: Time | None = None


class Zone(Resource):
    """A part of a property with several tenants."""

    name: str | None = None
    address: str | None = None
    logo_url: str | None = None
    time_zone: str | None = None


class Auth(Wire):
    """A token for the API as the user who installed the plugin; `expires_in` is in seconds from the delivery."""

    access_token: str
    token_type: str | None = None
    expires_in: int | None = None
    refresh_token: str | None = None
    refresh_token_expires_in: int | None = None
    company_id: str | None = None


class Meta(Wire):
    """What an event says about itself, the install and the place.

    `location`, `company`, `zone` and `auth` are read when they are asked for, and raise `BadPayload` if they can't be.
    """

    event: Id
    install_id: Id = Field(alias="install_id")
    plugin_id: str | None = Field(default=None, alias="plugin_id")
    config: dict[str, Any] = Field(default_factory=dict)
    job: JobReference | None = None

    @model_validator(mode="before")
    @classmethod
    def _env_is_config(cls, value: object) -> object:
        """`env` is the old name of `config`; Envoy may send either, or both with the same content."""
        if isinstance(value, dict) and value.get("config") is None:
            return value | {"config": value.get("env") or {}}
        return value

    @cached_property
    def location(self) -> Location | None:
        """None for a company-wide install."""
        return self._part(Location, "location")

    @cached_property
    def company(self) -> Company | None:
        """The customer."""
        return self._part(Company, "company")

    @cached_property
    def zone(self) -> Zone | None:
        """None outside of properties with several tenants."""
        return self._part(Zone, "zone")

    @cached_property
    def auth(self) -> Auth | None:
        """None where the plugin asks for no scopes."""
        return self._part(Auth, "auth")

    def _part(self, model: type[Model], name: str) -> Model | None:
        value = self.extra.get(name)
        return None if value is None else _decode(model, value, f"meta.{name}")


SECRET_META: Final = frozenset({"config", "env", "auth", "forwarded_bearer_token"})


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
    raw = _strict(body)
    meta = raw.get("meta") if isinstance(raw, dict) else None
    if not isinstance(meta, dict) or meta.get("event") is None:
        raise BadPayload("The body is neither an event nor a route: it has no meta.event.")
    return Event(meta=_decode(Meta, meta, "meta"), payload=raw.get("payload"), raw=raw)


def decode_payload(event: Event, model: type[Model]) -> Model:
    """The event's payload as `model`.

    Raises:
        BadPayload: a field can't be read; the message names it.
    """
    return _decode(model, event.payload, "payload")


def _decode(model: type[Model], value: object, within: str) -> Model:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        places = name_fields(error.errors(include_url=False, include_context=False, include_input=False), within)
    raise BadPayload(f"The event can't be read: {places}.")


def _strict(body: bytes) -> Any:
    """JSON without NaN, lone surrogates, more than 200 levels, or integers over 4,300 digits.

    Of a key that occurs twice the last counts, as in the `JSON.parse` of Envoy's own Node SDK.
    """
    try:
        return from_json(body, allow_inf_nan=False, cache_strings="keys")
    except ValueError:
        pass
    raise BadPayload("The body is not valid JSON.")
