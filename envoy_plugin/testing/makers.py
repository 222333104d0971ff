"""Typed payloads for calling handlers directly, each made by way of the JSON that Envoy would send."""

from collections.abc import Mapping
from typing import Any, Final

from envoy_plugin.envoy.events import Event, decode_payload, parse_event
from envoy_plugin.envoy.payloads import Entry, Invite, Notification
from envoy_plugin.envoy.resources import Location, Takeover
from envoy_plugin.simulator import defaults
from envoy_plugin.simulator.payloads import build_webhook
from envoy_plugin.testing.fields import fill, override_paths

SEED: Final = 1


def make_event(
    event: str,
    /,
    *,
    seed: int = SEED,
    install_id: str = defaults.INSTALL_ID,
    config: Mapping[str, Any] | None = None,
    overrides: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Event:
    """The whole event, `meta` included: `make_event("desk_sign_in", overrides={"meta.zone": None})`.

    The same seed is the same visitor, host and place. `fields` are named as in the typed payload; `overrides` are by
    path, as `envoy-plugin trigger --override` takes them.

    Raises:
        TypeError: there is no such field.
        BadOverride: there is no such path.
    """
    webhook = fill(build_webhook(event, seed=seed, install_id=install_id, config=config), fields)
    return parse_event(override_paths(webhook, overrides or {}).body)


def make_entry(event: str = "entry_sign_in", /, *, seed: int = SEED, **fields: Any) -> Entry:
    """A visitor at the door: `make_entry(full_name="Ada", user_data={"Plate": "AB-12"})`.

    Raises:
        TypeError: an entry has no such field.
    """
    return decode_payload(make_event(event, seed=seed, **fields), Entry)


def make_invite(event: str = "invite_created", /, *, seed: int = SEED, **fields: Any) -> Invite:
    """A visit that is expected: `make_invite(expected_arrival_time=datetime(…, tzinfo=UTC))`.

    Raises:
        TypeError: an invite has no such field.
    """
    return decode_payload(make_event(event, seed=seed, **fields), Invite)


def make_location(*, seed: int = SEED, **fields: Any) -> Location:
    """The payload of `location_capacity_updated`.

    Raises:
        TypeError: it has no such field.
    """
    return decode_payload(make_event("location_capacity_updated", seed=seed, **fields), Location)


def make_takeover(event: str = "takeover_started", /, *, seed: int = SEED, **fields: Any) -> Takeover:
    """The payload of `takeover_started` or `takeover_ended`.

    Raises:
        TypeError: it has no such field.
    """
    return decode_payload(make_event(event, seed=seed, **fields), Takeover)


def make_notification(*, seed: int = SEED, **fields: Any) -> Notification:
    """The payload of `host_notification`.

    Raises:
        TypeError: it has no such field.
    """
    return decode_payload(make_event("host_notification", seed=seed, **fields), Notification)
