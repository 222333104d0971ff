"""The four ready-made filters of Envoy's Node SDK, as predicates: why an event is to be ignored, or None to go on.

Each looks at the event and at the install's config as Envoy sent it (`meta.config`). Ids are compared as text, since
Envoy writes them as text and as numbers; a relationship to nothing (`"data": null`) is no relationship.

Source: Node SDK 2.5.2, src/sdk/filters.ts, with its messages.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from envoy_plugin.envoy.events import INVITE_EVENTS, Event, decode_payload
from envoy_plugin.envoy.payloads import Entry

Filter: TypeAlias = Callable[[Event, Mapping[str, Any]], str | None]
"""Given an event and its install's config: the message of `Ignored`, or None. May raise `BadPayload`."""

OFF: Final = frozenset({"", "0", "false", "no", "off"})


def config_enabled(key: str, message: str) -> Filter:
    """Go on only where the config has `key` switched on; "false", "no", "off" and "0" are not."""

    def check(_: Event, config: Mapping[str, Any]) -> str | None:
        return None if _is_on(config.get(key)) else message

    return check


def employee_sign_in_enabled(key: str, message: str = "Envoy Protect is disabled.") -> Filter:
    """Go on only where the config has the sign-in of employees switched on under `key`."""
    return config_enabled(key, message)


def excluded_employees(key: str, message: str = "Employee excluded from integration.") -> Filter:
    """Go on unless an employee signs in who is listed in the config under `key`; visitors always go on."""

    def check(event: Event, config: Mapping[str, Any]) -> str | None:
        entry = decode_payload(event, Entry)
        excluded = entry.employee_screening_flow and entry.employee_id in _ids(config.get(key))
        return message if excluded else None

    return check


def invite_only(key: str, message: str = "Visitors must be invited.") -> Filter:
    """Go on only with visitors who were invited, where the config has `key` switched on; invites always go on."""

    def check(event: Event, config: Mapping[str, Any]) -> str | None:
        if event.name in INVITE_EVENTS or not _is_on(config.get(key)):
            return None
        return None if decode_payload(event, Entry).invite_id is not None else message

    return check


def _is_on(value: object) -> bool:
    return value.strip().lower() not in OFF if isinstance(value, str) else bool(value)


def _ids(value: object) -> frozenset[str]:
    """Ids from a list, or from a single one."""
    listed = value if isinstance(value, list | tuple) else [] if value is None else [value]
    return frozenset(str(one) for one in listed)
