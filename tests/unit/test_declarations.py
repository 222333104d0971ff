"""Declaring setup steps, several events at once, middleware and hooks; and routes in files of their own."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest

from envoy_plugin.declarations.handlers import Next, Routes
from envoy_plugin.envoy.config import Config
from envoy_plugin.envoy.events import Event
from envoy_plugin.envoy.filters import excluded_employees
from envoy_plugin.envoy.payloads import Entry, Invite
from envoy_plugin.envoy.routes import Route, RouteKind
from envoy_plugin.errors import DeclarationError
from envoy_plugin.outcomes import Outcome
from envoy_plugin.plugin import Plugin
from envoy_plugin.run import Run

KINDS = ("options", "selected_values", "remote_value", "validation", "migration")


class DoorConfig(Config):
    """The plugin's config."""


class Doors:
    """Something to provide."""


@pytest.fixture
def plugin() -> Plugin:
    return Plugin("visitor-doors", config=DoorConfig)


@pytest.fixture
def routes() -> Routes:
    return Routes(config=DoorConfig)


async def look(event: Event) -> None: ...
async def step(route: Route) -> None: ...
async def hook() -> None: ...
async def doors() -> AsyncIterator[Doors]:
    yield Doors()


async def middleware(event: Event, call: Next) -> Outcome:
    return await call()


async def on_error(error: Exception, about: Event | Route | Run) -> None: ...
def is_delivery(event: Event, config: object) -> bool:
    return False


def test_one_function_handles_several_events_and_patterns(plugin: Plugin) -> None:
    declare = plugin.on("entry_*", "invite_created", when=is_delivery, unless=[is_delivery, excluded_employees("x")])
    assert declare(look) is look
    assert list(plugin.handlers) == ["entry_*", "invite_created"]
    assert {len(handler.filters) for handler in plugin.handlers.values()} == {3}
    found = plugin.find("entry_of_next_year")
    assert found is not None
    assert found.event == "entry_*"


def test_a_payload_is_had_where_all_events_carry_it(plugin: Plugin) -> None:
    async def entry_only(entry: Entry) -> None: ...
    async def invite_only(invite: Invite) -> None: ...

    plugin.on("entry_*")(entry_only)
    plugin.on("invite_*", "upcoming_visit", "qr_code_sent")(invite_only)
    with pytest.raises(DeclarationError, match="carries an Entry"):
        plugin.on("employee_invite_created", "employee_entry_sign_in")(invite_only)
    assert "employee_invite_created" not in plugin.handlers


def test_no_event_and_one_event_twice_are_refused(plugin: Plugin) -> None:
    with pytest.raises(DeclarationError, match="not an empty one"):
        plugin.on()
    with pytest.raises(DeclarationError, match="'entry_sign_in' has two handlers"):
        plugin.on("entry_sign_in", "entry_sign_in")(look)


def test_uninstalling_is_an_event(plugin: Plugin) -> None:
    assert plugin.plugin_uninstalled(look) is look
    assert list(plugin.handlers) == ["plugin_uninstalled"]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_setup_step_has_a_decorator(plugin: Plugin, kind: str) -> None:
    declare = getattr(plugin, kind)
    assert declare("credentials", timeout=timedelta(seconds=3))(step) is step
    route = plugin.routes[RouteKind(kind.replace("_", "-")), "credentials"]
    assert (route.function, route.timeout, [name for name, _ in route.needs]) == (
        step,
        timedelta(seconds=3),
        ["route"],
    )
    with pytest.raises(DeclarationError, match="has two functions"):
        declare("credentials")(step)


@pytest.mark.parametrize(("name", "shown"), [("", "''"), ("a/b", "'a/b'"), (step, "a function"), (None, "a NoneType")])
def test_a_name_that_could_not_stand_in_a_url_is_refused(plugin: Plugin, name: Any, shown: str) -> None:
    with pytest.raises(DeclarationError, match=f"options route is part of its URL, so it can't be {shown}"):
        plugin.options(name)


@pytest.mark.parametrize("timeout", [timedelta(0), 10])
def test_the_time_of_a_setup_step_is_above_zero(plugin: Plugin, timeout: Any) -> None:
    with pytest.raises(DeclarationError, match="timeout for the options route 'groups' must be a timedelta"):
        plugin.options("groups", timeout=timeout)


def test_middleware_and_hooks_are_still_the_functions_they_were(plugin: Plugin) -> None:
    assert plugin.middleware(middleware) is middleware
    assert plugin.on_error(on_error) is on_error
    assert plugin.on_startup(hook) is plugin.on_cleanup(hook) is hook
    assert (list(plugin.middlewares), list(plugin.error_hooks)) == ([middleware], [on_error])
    assert list(plugin.startup) == list(plugin.cleanup) == [hook]


def at_once(event: Event, call: Next) -> None: ...
async def of_three(one: object, two: object, three: object) -> None: ...


@pytest.mark.parametrize(
    ("decorator", "function", "message"),
    [
        ("middleware", at_once, "must be an async function of 2 parameters, event and call"),
        ("middleware", hook, "of 2 parameters, event and call"),
        ("on_error", of_three, "of 2 parameters, error and about"),
        ("on_startup", middleware, "must be an async function without parameters"),
        ("on_cleanup", lambda: None, "must be an async function without parameters"),
    ],
)
def test_a_function_that_could_not_be_called_is_refused(
    plugin: Plugin, decorator: str, function: Callable[..., object], message: str
) -> None:
    with pytest.raises(DeclarationError, match=message):
        getattr(plugin, decorator)(function)


def declare_everything(routes: Routes) -> None:
    routes.on("entry_sign_in")(look)
    routes.options("groups")(step)
    routes.provides(doors)
    routes.middleware(middleware)
    routes.on_error(on_error)
    routes.on_startup(hook)
    routes.on_cleanup(hook)


def test_what_is_included_is_the_plugins(plugin: Plugin, routes: Routes) -> None:
    declare_everything(routes)
    plugin.include(routes)
    assert plugin.find("entry_sign_in") is routes.handlers["entry_sign_in"]
    assert dict(plugin.routes) == dict(routes.routes)
    assert dict(plugin.providers) == dict(routes.providers)
    assert (plugin.middlewares, plugin.error_hooks) == ([middleware], [on_error])
    assert plugin.startup == plugin.cleanup == [hook]


def test_routes_without_a_config_fit_every_plugin(plugin: Plugin) -> None:
    routes = Routes()
    routes.on("entry_sign_in")(look)
    plugin.include(routes)
    assert plugin.find("entry_sign_in") is not None


def test_routes_of_another_config_are_refused(routes: Routes) -> None:
    class OtherConfig(Config): ...

    for plugin in (Plugin("doors"), Plugin("doors", config=OtherConfig)):
        with pytest.raises(DeclarationError, match="'doors' has another config than the included routes, DoorConfig"):
            plugin.include(routes)
    with pytest.raises(DeclarationError, match="subclass of Config"):
        Routes(config=Doors)  # type: ignore[arg-type]  # what is tried here


@pytest.mark.parametrize("what", ["on", "options", "provides"])
def test_what_is_declared_in_both_is_refused(plugin: Plugin, routes: Routes, what: str) -> None:
    for group in (plugin, routes):
        match what:
            case "on":
                group.on("entry_sign_in")(look)
            case "options":
                group.options("groups")(step)
            case _:
                group.provides(doors)
    with pytest.raises(DeclarationError, match=r"two handlers|two functions|provided twice"):
        plugin.include(routes)


def test_routes_are_included_once_and_a_plugin_never(plugin: Plugin, routes: Routes) -> None:
    plugin.include(routes)
    with pytest.raises(DeclarationError, match="included once"):
        plugin.include(routes)
    with pytest.raises(DeclarationError, match="can't include another plugin, 'other'"):
        plugin.include(Plugin("other", config=DoorConfig))


LATE: list[Callable[[Routes], object]] = [
    lambda routes: routes.on("entry_sign_in")(look),
    lambda routes: routes.validation("credentials")(step),
    lambda routes: routes.provides(doors),
    lambda routes: routes.middleware(middleware),
    lambda routes: routes.on_startup(hook),
]


@pytest.mark.parametrize("declare", LATE)
def test_what_is_declared_too_late_to_be_included_is_refused(
    plugin: Plugin, routes: Routes, declare: Callable[[Routes], object]
) -> None:
    plugin.include(routes)
    with pytest.raises(DeclarationError, match="declared after its routes were included"):
        declare(routes)


def test_a_check_looks_at_setup_steps_too(plugin: Plugin) -> None:
    async def groups(doors: Doors) -> list[object]:
        return []

    plugin.options("groups")(groups)
    with pytest.raises(DeclarationError, match="'doors' asks for Doors, which nothing provides"):
        plugin.check()
    plugin.provides(doors)
    plugin.check()
