"""What the functions of setup steps return, and the answer that Envoy's installer gets for it.

Source: developers.envoy.com, "Plugin setup" and "Validation URLs"; Node SDK 2.5.2,
src/internal/EnvoyOptionsRouteResponseBody.ts, EnvoySelectedValuesRouteResponseBody.ts and
EnvoyRemoteValueRouteResponseBody.ts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from envoy_plugin.envoy.config import Config, dump_config
from envoy_plugin.envoy.routes import RouteKind
from envoy_plugin.errors import DeclarationError

Body: TypeAlias = Any
"""Any JSON value."""


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


def answer_body(kind: RouteKind, value: object, *, form: Mapping[str, Any], function: object) -> Body:
    """The JSON that answers a setup step of this kind, whose function returned `value`.

    Raises:
        DeclarationError: the function returned something that the kind has no answer for. Its type is named, never the
            value.
    """
    found = _BODIES[kind](value, form)
    if found is _WRONG:
        raise DeclarationError(
            f"{function} returned a {type(value).__name__}; a {kind} route returns {_RETURNS[kind]}."
        )
    return found


_WRONG = object()


def _options(value: object, _: Mapping[str, Any]) -> Body:
    listed = value.options if isinstance(value, Options) else value
    if not isinstance(listed, Iterable) or isinstance(listed, str | Mapping):
        return _WRONG
    choices = list(listed)
    wires = [one.to_wire() for one in choices if isinstance(one, Option)]
    if len(wires) != len(choices):
        return _WRONG
    return {"data": wires, "cursor": value.cursor} if isinstance(value, Options) else wires


def _selected(value: object, form: Mapping[str, Any]) -> Body:
    if value is None:
        return None
    return value.to_wire() if isinstance(value, Option) else _options(value, form)


def _remote(value: object, _: Mapping[str, Any]) -> Body:
    return {"value": value} if value is None or isinstance(value, str) else _WRONG


def _validated(value: object, form: Mapping[str, Any]) -> Body:
    """What is merged into the config. It replaces what was entered, so nothing returned means all that was entered."""
    return dict(form) if value is None else _config(value, form)


def _config(value: object, _: Mapping[str, Any]) -> Body:
    if isinstance(value, Config):
        return dump_config(value)
    return dict(value) if isinstance(value, Mapping) else _WRONG


_BODIES = {
    RouteKind.OPTIONS: _options,
    RouteKind.SELECTED_VALUES: _selected,
    RouteKind.REMOTE_VALUE: _remote,
    RouteKind.VALIDATION: _validated,
    RouteKind.MIGRATION: _config,
}
_RETURNS: Mapping[RouteKind, str] = {
    RouteKind.OPTIONS: "a list of Option, or Options with a cursor",
    RouteKind.SELECTED_VALUES: "an Option, a list of them, or None",
    RouteKind.REMOTE_VALUE: "a text or None",
    RouteKind.VALIDATION: "the plugin's Config, a dict, or None",
    RouteKind.MIGRATION: "the plugin's Config or a dict",
}
