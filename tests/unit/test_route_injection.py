"""What the functions of setup steps can ask for."""

from typing import Any

import pytest

from envoy_plugin.envoy.api import EnvoyPluginAPI
from envoy_plugin.envoy.config import Config
from envoy_plugin.envoy.events import Event
from envoy_plugin.envoy.payloads import Entry
from envoy_plugin.envoy.routes import Route, RouteKind, RouteMeta, RouteParams
from envoy_plugin.envoy.user_api import EnvoyUserAPI
from envoy_plugin.errors import DeclarationError
from envoy_plugin.injection.setup_steps import Cursor, Form, Page, RawForm, Search, Values, read_route_needs
from envoy_plugin.run import Run


class DoorConfig(Config):
    """The plugin's config."""


class OtherConfig(Config):
    """Another plugin's."""


class Doors:
    """A type of the plugin's own."""


async def dropdown(search: str | None, page: int | None, cursor: "str | None", config: DoorConfig) -> None: ...
async def labels(values: tuple[str, ...]) -> None: ...
async def typed(form: DoorConfig, config: DoorConfig) -> None: ...
async def plain(form: dict[str, Any]) -> None: ...
async def bare(form: dict) -> None: ...  # type: ignore[type-arg]  # people write it


async def anything(
    route: Route, meta: RouteMeta, params: RouteParams, api: EnvoyPluginAPI, user: EnvoyUserAPI, doors: Doors
) -> None: ...


@pytest.mark.parametrize(
    ("kind", "function", "wanted"),
    [
        (RouteKind.OPTIONS, dropdown, [Search, Page, Cursor, DoorConfig]),
        (RouteKind.SELECTED_VALUES, labels, [Values]),
        (RouteKind.VALIDATION, typed, [Form, DoorConfig]),
        (RouteKind.VALIDATION, plain, [RawForm]),
        (RouteKind.VALIDATION, bare, [RawForm]),
        *((kind, anything, [Route, RouteMeta, RouteParams, EnvoyPluginAPI, EnvoyUserAPI, Doors]) for kind in RouteKind),
    ],
)
def test_what_each_kind_has_may_be_asked_for(kind: RouteKind, function: Any, wanted: list[type]) -> None:
    assert [found for _, found in read_route_needs(function, kind, DoorConfig)] == wanted


async def with_event(event: Event) -> None: ...
async def with_entry(entry: Entry) -> None: ...
async def with_run(run: Run) -> None: ...
async def with_other_config(config: OtherConfig) -> None: ...
async def with_sure_search(search: str) -> None: ...
async def with_list(values: list[str]) -> None: ...
async def with_text_page(page: str | None) -> None: ...
async def with_other_form(form: OtherConfig) -> None: ...
async def with_search(search: str | None) -> None: ...
def at_once(route: Route) -> None: ...


@pytest.mark.parametrize(
    ("kind", "function", "message"),
    [
        *((kind, with_event, "'event' asks for Event, but that is nothing a setup step") for kind in RouteKind),
        (RouteKind.REMOTE_VALUE, with_entry, "asks for Entry, but that is nothing a setup step is given"),
        (RouteKind.MIGRATION, with_run, "For migration it can have Route, RouteMeta, .*, DoorConfig, and what @plugin"),
        (RouteKind.OPTIONS, with_run, "DoorConfig, cursor, page, search, and what @plugin.provides gives"),
        (RouteKind.OPTIONS, with_other_config, "the plugin's config is DoorConfig"),
        (RouteKind.OPTIONS, with_sure_search, r"parameter 'search' must be annotated str \| None"),
        (RouteKind.OPTIONS, with_text_page, r"parameter 'page' must be annotated int \| None"),
        (RouteKind.SELECTED_VALUES, with_list, r"parameter 'values' must be annotated tuple\[str, \.\.\.\]"),
        (RouteKind.VALIDATION, with_other_form, r"'form' must be annotated DoorConfig or dict or dict\[str, .*Any\]"),
        (RouteKind.VALIDATION, with_search, "'search' asks for str | None, but"),
        (RouteKind.MIGRATION, plain, r"'form' asks for dict\[str, .*Any\], but"),
        (RouteKind.MIGRATION, at_once, "must be an async function"),
    ],
)
def test_what_a_kind_does_not_have_is_refused(kind: RouteKind, function: Any, message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        read_route_needs(function, kind, DoorConfig)


def test_a_form_is_a_plain_object_where_the_plugin_has_no_config() -> None:
    assert read_route_needs(plain, RouteKind.VALIDATION, None) == (("form", RawForm),)
    with pytest.raises(DeclarationError, match="'form' must be annotated dict"):
        read_route_needs(typed, RouteKind.VALIDATION, None)
