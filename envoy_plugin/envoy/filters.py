"""The four ready-made filters of Envoy's Node SDK, as predicates: why an event is to be ignored, or None to go on.

Each looks at the event and at the install's config as Envoy sent it (`meta.config`). Ids are compared as text, since
Envoy writes them as text and as numbers; a relationship to nothing (`"data": null`) is no relationship.

Source: Node SDK 2.5.2, src/sdk/filters.ts, with its messages.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final, TypeAlias

from envoy_plugin.envoy.events import INVITE_EVENTS, Event, decode_payload
from envoy_plugin.envoy.payloads import Entry

Filter: TypeAlias = Callable[[Event, Mapping[str, Any]], str | None]
"""Given an event and its install's config: the message of `Ignored`, or None. May raise `BadPayload`."""


class Place(StrEnum):
    """Which option of `on` a ready-made filter belongs to, so that the two read as a sentence."""

    WHEN = "when"
    UNLESS = "unless"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyMade:
    """A filter with a name: `when=config_enabled("sync", "Off.")`, `unless=excluded_employees("excluded")`."""

    name: str
    place: Place
    check: Filter

    def __call__(self, event: Event, config: Mapping[str, Any]) -> str | None:
        """Why the event is to be ignored; None: it isn't."""
        return self.check(event, config)


OFF: Final = frozenset({"", "0", "false", "no", "off"})


def config_enabled(key: str, message: str) -> ReadyMade:
    """Go on only where the config has `key` switched on; "false", "no", "off" and "0" are not."""

    def check(_: Event, config: Mapping[str, Any]) -> str | None:
        return None if _is_on(config.get(key)) else message

    return ReadyMade(name="config_enabled", place=Place.WHEN, check=check)


def employee_sign_in_enabled(key: str, message: str = "Envoy Protect is disabled.") -> ReadyMade:
    """Go on only where the config has the sign-in of employees switched on under `key`."""
    return replace(config_enabled(key, message), name="employee_sign_in_enabled")


def excluded_employees(key: str, message: str = "Employee excluded from integration.") -> ReadyMade:
    """Go on unless an employee signs in who is listed in the config under `key`; visitors always go on."""

    def check(event: Event, config: Mapping[str, Any]) -> str | None:
        entry = decode_payload(event, Entry)
        excluded = entry.employee_screening_flow and entry.employee_id in _ids(config.get(key))
        return message if excluded else None

    return ReadyMade(name="excluded_employees", place=Place.UNLESS, check=check)


def invite_only(key: str, message: str = "Visitors must be invited.") -> ReadyMade:
    """Go on only with visitors who were invited, where the config has `key` switched on; invites always go on."""

    def check(event: Event, config: Mapping[str, Any]) -> str | None:
        if event.name in INVITE_EVENTS or not _is_on(config.get(key)):
            return None
        return None if decode_payload(event, Entry).invite_id is not None else message

    return ReadyMade(name="invite_only", place=Place.WHEN, check=check)


def _is_on(value: object) -> bool:
    return value.strip().lower() not in OFF if isinstance(value, str) else bool(value)


def _ids(value: object) -> frozenset[str]:
    """Ids from a list, or from a single one."""
    listed = value if isinstance(value, list | tuple) else [] if value is None else [value]
    return frozenset(str(one) for one in listed)
