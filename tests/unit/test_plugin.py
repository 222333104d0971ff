"""Declaring a plugin: its name, its handlers, and what it provides."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from envoy_plugin.envoy.config import Config
from envoy_plugin.envoy.payloads import Entry
from envoy_plugin.errors import DeclarationError
from envoy_plugin.injection.providing import open_providers
from envoy_plugin.outcomes import Done
from envoy_plugin.plugin import Plugin


class DoorConfig(Config):
    """The plugin's config."""


class Doors:
    """Something to provide."""


class Lamps:
    """Something else."""


@pytest.fixture
def plugin() -> Plugin:
    return Plugin("visitor-doors", config=DoorConfig)


async def open_door(entry: Entry, config: DoorConfig, doors: Doors) -> Done:
    return Done()


@pytest.mark.parametrize("name", ["doors", "visitor-doors", "a", "7-eleven", "a" * 40])
def test_a_name_of_letters_digits_and_dashes_is_taken(name: str) -> None:
    assert Plugin(name).name == name


@pytest.mark.parametrize(
    "name", ["", "Doors", "door_s", "-doors", "doors-", "a--b", "a" * 41, "dörs", "a:b", "a b", "a\n"]
)
def test_a_name_that_could_not_stand_in_a_key_is_refused(name: str) -> None:
    with pytest.raises(DeclarationError, match="plugin's name"):
        Plugin(name)


@pytest.mark.parametrize("config", [dict, Doors, "DoorConfig"])
def test_a_config_is_a_subclass_of_config(config: Any) -> None:
    with pytest.raises(DeclarationError, match="subclass of Config"):
        Plugin("doors", config=config)


def test_a_handler_is_still_the_function_it_was(plugin: Plugin) -> None:
    assert plugin.on("entry_sign_in")(open_door) is open_door


def test_a_handler_is_inline_for_as_long_as_the_settings_say_unless_said_otherwise(plugin: Plugin) -> None:
    plugin.on("entry_sign_in")(open_door)
    handler = plugin.handlers["entry_sign_in"]
    assert (handler.function, handler.background) == (open_door, False)
    assert (handler.timeout, handler.retries) == (None, 0)
    assert [name for name, _ in handler.needs] == ["entry", "config", "doors"]


def test_a_background_handler_has_five_minutes_and_five_retries(plugin: Plugin) -> None:
    plugin.on("entry_sign_in", background=True)(open_door)
    handler = plugin.handlers["entry_sign_in"]
    assert (handler.background, handler.timeout, handler.retries) == (True, timedelta(minutes=5), 5)


def test_time_out_and_retries_can_be_set(plugin: Plugin) -> None:
    plugin.on("entry_sign_in", background=True, timeout=timedelta(hours=1), retries=0)(open_door)
    handler = plugin.handlers["entry_sign_in"]
    assert (handler.timeout, handler.retries) == (timedelta(hours=1), 0)


def test_one_function_may_handle_several_events(plugin: Plugin) -> None:
    plugin.on("entry_sign_in")(plugin.on("entry_sign_out", background=True)(open_door))
    assert sorted(plugin.handlers) == ["entry_sign_in", "entry_sign_out"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"timeout": timedelta(0)}, "timeout for 'entry_sign_in' must be a timedelta above zero"),
        ({"timeout": 10}, "must be a timedelta above zero, not 10"),
        ({"retries": 3}, "inline handler is not retried"),
        ({"background": True, "retries": -1}, "whole number from 0, not -1"),
        ({"background": True, "retries": 1.5}, "whole number from 0, not 1.5"),
    ],
)
def test_options_that_make_no_sense_are_refused(plugin: Plugin, options: dict[str, Any], message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        plugin.on("entry_sign_in", **options)


def test_a_handler_that_is_refused_is_not_registered(plugin: Plugin) -> None:
    async def handler(search: str) -> None: ...

    with pytest.raises(DeclarationError):
        plugin.on("entry_sign_in")(handler)
    assert dict(plugin.handlers) == {}


def test_a_forgotten_event_is_pointed_out(plugin: Plugin) -> None:
    with pytest.raises(DeclarationError, match=r"on takes the name of an event.*not a function"):
        plugin.on(open_door)  # type: ignore[arg-type]  # what is tried here


def test_a_second_handler_of_an_event_is_refused(plugin: Plugin) -> None:
    plugin.on("entry_sign_in")(open_door)
    with pytest.raises(DeclarationError, match="two handlers"):
        plugin.on("entry_sign_in")(open_door)


def test_a_type_may_be_provided_after_the_handler_that_asks_for_it(plugin: Plugin) -> None:
    plugin.on("entry_sign_in")(open_door)
    with pytest.raises(DeclarationError, match="'doors' asks for Doors, which nothing provides"):
        plugin.check()

    @plugin.provides
    async def doors() -> Doors:
        return Doors()

    plugin.check()


def test_a_check_names_every_missing_provider(plugin: Plugin) -> None:
    async def light(lamps: Lamps, doors: Doors) -> None: ...

    plugin.on("entry_sign_in")(open_door)
    plugin.on("entry_sign_out")(light)
    with pytest.raises(DeclarationError) as caught:
        plugin.check()
    assert len(str(caught.value).splitlines()) == 3


def test_a_type_is_provided_once(plugin: Plugin) -> None:
    async def doors() -> Doors:
        return Doors()

    async def other_doors() -> AsyncIterator[Doors]:
        yield Doors()

    assert plugin.provides(doors) is doors
    with pytest.raises(DeclarationError, match=r"Doors is provided twice, by .*\.doors .*\.other_doors "):
        plugin.provides(other_doors)
    assert plugin.providers[Doors].function is doors


async def takes_something(config: DoorConfig) -> Doors:
    return Doors()


async def says_nothing():  # type: ignore[no-untyped-def]  # what is tried here
    return Doors()


async def gives_text() -> str:
    return ""


async def gives_nothing() -> None: ...


async def gives_either() -> Doors | None:
    return None


async def gives_config() -> DoorConfig:
    return DoorConfig()


async def gives_entry() -> Entry:
    return Entry(id="1")


def gives_at_once() -> Doors:
    return Doors()


async def generator_of_anything():  # type: ignore[no-untyped-def]  # what is tried here
    yield Doors()


async def generator_of_text() -> AsyncIterator[str]:
    yield ""


@asynccontextmanager
async def context() -> AsyncIterator[Doors]:
    yield Doors()


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (takes_something, "a provider takes no parameters"),
        (says_nothing, "must say which class it gives: -> Doors"),
        (gives_text, "must say which class it gives: -> Doors"),
        (gives_nothing, "must say which class it gives: -> Doors"),
        (gives_either, "must say which class it gives: -> Doors"),
        (gives_config, "gives DoorConfig, which handlers are given already"),
        (gives_entry, "gives Entry, which handlers are given already"),
        (gives_at_once, "must be an async function"),
        (context, "without a decorator"),
        (generator_of_anything, r"must say which class it gives: -> AsyncIterator\[Doors\]"),
        (generator_of_text, r"must say which class it gives: -> AsyncIterator\[Doors\]"),
    ],
)
def test_a_provider_that_makes_no_sense_is_refused(plugin: Plugin, function: Any, message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        plugin.provides(function)


def provide_both(plugin: Plugin, log: list[str]) -> None:
    """Let `plugin` provide Doors and Lamps, writing down what happens."""

    @plugin.provides
    async def doors() -> AsyncIterator[Doors]:
        log.append("doors open")
        try:
            yield Doors()
        finally:
            log.append("doors closed")

    @plugin.provides
    async def lamps() -> AsyncGenerator[Lamps, None]:
        log.append("lamps open")
        yield Lamps()
        log.append("lamps closed")


async def test_what_is_provided_is_opened_in_order_and_closed_in_reverse(plugin: Plugin) -> None:
    log: list[str] = []
    provide_both(plugin, log)
    async with open_providers(plugin.providers.values()) as provided:
        assert {given: type(value) for given, value in provided.items()} == {Doors: Doors, Lamps: Lamps}
        log.append("in use")
    assert log == ["doors open", "lamps open", "in use", "lamps closed", "doors closed"]


async def test_a_provider_may_return_its_value(plugin: Plugin) -> None:
    made = Doors()

    @plugin.provides
    async def doors() -> Doors:
        return made

    async with open_providers(plugin.providers.values()) as provided:
        assert provided[Doors] is made


async def test_a_provider_that_fails_to_open_closes_those_before_it(plugin: Plugin) -> None:
    log: list[str] = []

    class Broken:
        """What nobody can have."""

    provide_both(plugin, log)

    @plugin.provides
    async def broken() -> Broken:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        async with open_providers(plugin.providers.values()):
            log.append("in use")
    assert log == ["doors open", "lamps open", "doors closed"]


async def test_a_provider_that_fails_to_close_leaves_none_before_it_open(plugin: Plugin) -> None:
    log: list[str] = []

    class Broken:
        """What can't be closed."""

    provide_both(plugin, log)

    @plugin.provides
    async def broken() -> AsyncIterator[Broken]:
        yield Broken()
        raise ConnectionError

    with pytest.raises(ConnectionError):
        async with open_providers(plugin.providers.values()):
            log.append("in use")
    assert log[-1] == "doors closed"


def test_the_repr_of_a_plugin_is_its_name(plugin: Plugin) -> None:
    assert repr(plugin) == "Plugin('visitor-doors')"
