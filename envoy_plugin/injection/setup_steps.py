"""Injection for setup steps: by type, as for handlers, and by name what types can't tell apart."""

from collections.abc import Mapping
from typing import Any, Final

from envoy_plugin.envoy.api import EnvoyPluginAPI
from envoy_plugin.envoy.config import Config
from envoy_plugin.envoy.routes import Route, RouteKind, RouteMeta, RouteParams
from envoy_plugin.envoy.user_api import EnvoyUserAPI
from envoy_plugin.errors import DeclarationError
from envoy_plugin.injection.handlers import (
    STORAGES,
    Function,
    Named,
    Needs,
    config_fault,
    is_framework,
    place,
    read_needs,
)

ALWAYS_HAD: Final = (Route, RouteMeta, RouteParams, EnvoyPluginAPI, EnvoyUserAPI, *STORAGES)


class Search:
    """Stands for `search: str | None`: what the installer has typed into a dropdown."""


class Page:
    """Stands for `page: int | None`, counted from 1."""


class Cursor:
    """Stands for `cursor: str | None`: what the last answer gave for the next page."""


class Values:
    """Stands for `values: tuple[str, ...]`: the saved values whose labels are asked for."""


class Form:
    """Stands for `form` as the plugin's config type: what was entered, perhaps half filled."""


class RawForm:
    """Stands for `form: dict[str, Any]`: what was entered, as it came."""


STAND_INS: Final = frozenset({Search, Page, Cursor, Values, Form, RawForm})


def read_route_needs(function: Function, kind: RouteKind, config: type[Config] | None) -> Needs:
    """What the parameters of a setup step's function ask for.

    Raises:
        DeclarationError: not an `async def`, or a parameter that can't be given, and what can be had instead.
    """
    named = _named(kind, config)
    needs = read_needs(function, named)
    for parameter, wanted in needs:
        fault = _fault(wanted, config)
        if fault:
            had = [one.__name__ for one in ALWAYS_HAD] + ([config.__name__] if config else []) + sorted(named)
            raise DeclarationError(
                f"{place(function)}: parameter {parameter!r} asks for {wanted.__name__}, but {fault}."
                f" For {kind} it can have {', '.join(had)}, and what @plugin.provides gives."
            )
    return needs


def _named(kind: RouteKind, config: type[Config] | None) -> Mapping[str, Named]:
    """What this kind of setup step gets by name."""
    match kind:
        case RouteKind.OPTIONS:
            text = str | None
            return {"search": Named({text: Search}), "page": Named({int | None: Page}), "cursor": Named({text: Cursor})}
        case RouteKind.SELECTED_VALUES:
            return {"values": Named({tuple[str, ...]: Values})}
        case RouteKind.VALIDATION:
            typed: dict[object, type] = {config: Form} if config else {}
            raw: dict[object, type] = {dict: RawForm, dict[str, Any]: RawForm}
            return {"form": Named(typed | raw)}
        case _:
            return {}


def _fault(wanted: type, config: type[Config] | None) -> str | None:
    if issubclass(wanted, Config):
        return config_fault(wanted, config)
    if wanted in ALWAYS_HAD or wanted in STAND_INS or not is_framework(wanted):
        return None
    return "that is nothing a setup step is given"
