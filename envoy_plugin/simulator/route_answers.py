"""How Envoy reads a plugin's answer to a setup step's question.

Sources: developers.envoy.com, "Setup steps"; Node SDK 2.5.2, src/internal and src/sdk/handlers.ts; Envoy's plugin
guide. What happens at a failure of another route than a validation isn't documented: here nothing changes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from envoy_plugin.simulator.answers import Outcome
from envoy_plugin.simulator.installs import merged
from envoy_plugin.simulator.payloads import RouteKind
from envoy_plugin.simulator.wire import Json, JsonObject

OK: Final = range(200, 300)
REFUSED: Final = range(400, 500)
NOT_OF_THE_STEP: Final = frozenset({401, 403, 404, 405})
"""Refusals that come from the way to the handler, and not from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteReading:
    """What Envoy makes of an answer.

    `fault` says what is wrong with it; `message` is what the installer is shown; `cursor` leads to the next page of
    options; `config` is the install's new config, where the answer changes it.
    """

    outcome: Outcome
    fault: str | None = None
    message: str | None = None
    cursor: str | None = None
    config: JsonObject | None = field(default=None, repr=False)

    @property
    def is_understood(self) -> bool:
        """Whether the step goes on, or stops with something for the installer to read."""
        return self.fault is None


def read_route_answer(kind: RouteKind, status: int, body: Json, config: Mapping[str, Json]) -> RouteReading:
    """What Envoy makes of the answer to a route, given the install's config until now."""
    if status in OK:
        return READERS[kind](body, config)
    message = body.get("message") if isinstance(body, dict) else None
    if not isinstance(message, str):
        return _failed(f"An answer with status {status} needs a message for the installer.")
    understood = status in REFUSED and status not in NOT_OF_THE_STEP
    fault = None if understood else f"{status} isn't an answer of the step."
    return RouteReading(outcome=Outcome.FAILED, message=message, fault=fault)


def _failed(fault: str) -> RouteReading:
    return RouteReading(outcome=Outcome.FAILED, fault=fault)


def _is_option(value: Json) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("label"), str)
        and "value" in value
        and isinstance(value.get("isDisabled", False), bool)
    )


def _options(body: Json, _: Mapping[str, Json]) -> RouteReading:
    """An array of options, or a page of it: `{"data": […], "cursor": …}`."""
    paged = isinstance(body, dict)
    options, cursor = (body.get("data"), body.get("cursor")) if paged else (body, None)
    if not isinstance(options, list) or not all(map(_is_option, options)):
        return _failed("Options are an array of {label, value, isDisabled?}, or {data: […], cursor}.")
    if not isinstance(cursor, str | None):
        return _failed("The cursor is a text, or null on the last page.")
    return RouteReading(outcome=Outcome.DONE, cursor=cursor)


def _selected_values(body: Json, _: Mapping[str, Json]) -> RouteReading:
    options = body if isinstance(body, list) else [] if body is None else [body]
    if not all(map(_is_option, options)):
        return _failed("Selected values are an array of {label, value}, one of it, or null.")
    return RouteReading(outcome=Outcome.DONE)


def _remote_value(body: Json, _: Mapping[str, Json]) -> RouteReading:
    if not (isinstance(body, dict) and isinstance(body.get("value"), str)):
        return _failed('A remote value is {"value": "text"}.')
    return RouteReading(outcome=Outcome.DONE)


def _validation(body: Json, config: Mapping[str, Json]) -> RouteReading:
    """What is answered is saved in place of the form; null removes a key."""
    if not isinstance(body, dict):
        return _failed("A validation answers the object to be saved.")
    return RouteReading(outcome=Outcome.DONE, config=merged(config, body))


def _migration(body: Json, _: Mapping[str, Json]) -> RouteReading:
    if not isinstance(body, dict):
        return _failed("A migration answers the new config, an object.")
    return RouteReading(outcome=Outcome.DONE, config=body)


READERS: Final[Mapping[RouteKind, Callable[[Json, Mapping[str, Json]], RouteReading]]] = MappingProxyType(
    {
        RouteKind.OPTIONS: _options,
        RouteKind.SELECTED_VALUES: _selected_values,
        RouteKind.REMOTE_VALUE: _remote_value,
        RouteKind.VALIDATION: _validation,
        RouteKind.MIGRATION: _migration,
    }
)
