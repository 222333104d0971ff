"""What the functions of setup steps return, and the answer that Envoy's installer gets for it.

Source: developers.envoy.com, "Setup steps" and "Validation URLs"; Node SDK 2.5.2,
src/internal/EnvoyOptionsRouteResponseBody.ts, EnvoySelectedValuesRouteResponseBody.ts and
EnvoyRemoteValueRouteResponseBody.ts.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from envoy_plugin.envoy.config import Config, dump_config, plain_json
from envoy_plugin.envoy.routes import Route, RouteKind
from envoy_plugin.errors import DeclarationError
from envoy_plugin.outcomes import Body
from envoy_plugin.routing import RouteHandler


@dataclass(frozen=True, slots=True)
class Option:
    """One choice of a dropdown: what people read, what is saved, and whether it can't be chosen."""

    label: str
    value: str
    disabled: bool = field(default=False, kw_only=True)

    def to_wire(self) -> dict[str, Body]:
        """As the installer reads it."""
        body: dict[str, Body] = {"label": self.label, "value": self.value}
        return body | ({"isDisabled": True} if self.disabled else {})


@dataclass(frozen=True, slots=True)
class Options:
    """One page of choices, and the cursor with which the installer asks for the next; None: there is none."""

    options: Iterable[Option]
    cursor: str | None = None


def answer_body(handler: RouteHandler, value: object, route: Route) -> Body:
    """The JSON that answers a setup step, whose function returned `value`.

    Raises:
        DeclarationError: the function returned something that its kind has no answer for. Its type is named, never the
            value.
    """
    found = _BODIES[handler.kind](value, route)
    if found is _WRONG:
        raise DeclarationError(
            f"{handler} returned a {type(value).__name__}; for {handler.kind} it returns {_RETURNS[handler.kind]}."
        )
    return found


_WRONG: Final = object()


def _options(value: object, _: Route) -> Body:
    listed = value.options if isinstance(value, Options) else value
    if not isinstance(listed, Iterable) or isinstance(listed, str | Mapping):
        return _WRONG
    choices = list(listed)
    wires = [one.to_wire() for one in choices if isinstance(one, Option)]
    if len(wires) != len(choices):
        return _WRONG
    return {"data": wires, "cursor": value.cursor} if isinstance(value, Options) else wires


def _selected(value: object, route: Route) -> Body:
    if value is None:
        return None
    return value.to_wire() if isinstance(value, Option) else _options(value, route)


def _remote(value: object, _: Route) -> Body:
    return {"value": value or ""} if value is None or isinstance(value, str) else _WRONG


def _validated(value: object, route: Route) -> Body:
    """What is merged into the config. It replaces what was entered, so nothing returned means all that was entered."""
    return route.form if value is None else _config(value, route)


def _config(value: object, _: Route) -> Body:
    if isinstance(value, Config):
        return dump_config(value)
    return plain_json(value) if isinstance(value, Mapping) else _WRONG


_BODIES: Final[Mapping[RouteKind, Callable[[object, Route], Body]]] = MappingProxyType(
    {
        RouteKind.OPTIONS: _options,
        RouteKind.SELECTED_VALUES: _selected,
        RouteKind.REMOTE_VALUE: _remote,
        RouteKind.VALIDATION: _validated,
        RouteKind.MIGRATION: _config,
    }
)
_RETURNS: Final[Mapping[RouteKind, str]] = MappingProxyType(
    {
        RouteKind.OPTIONS: "a list of Option, or Options with a cursor",
        RouteKind.SELECTED_VALUES: "an Option, a list of them, or None",
        RouteKind.REMOTE_VALUE: "a text or None",
        RouteKind.VALIDATION: "the plugin's Config, a dict, or None",
        RouteKind.MIGRATION: "the plugin's Config or a dict",
    }
)
