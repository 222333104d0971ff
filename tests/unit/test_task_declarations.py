"""Declaring tasks and schedules: what is an argument and what is given, and what makes no sense."""

import enum
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from envoy_plugin import (
    Config,
    DeclarationError,
    Entry,
    EnvoyPluginJob,
    EnvoyUserAPI,
    Event,
    GlobalStorage,
    Meta,
    Plugin,
    Routes,
    Run,
    Secret,
    Storage,
)
from envoy_plugin.errors import WrongState
from envoy_plugin.worker.ending import Together

MINUTE = timedelta(minutes=1)


class DoorConfig(Config):
    api_key: Secret


class OtherConfig(Config):
    """Another plugin's."""


class Doors:
    """Nothing that JSON can hold."""


@dataclass
class Badge:
    """Something that JSON can hold."""

    number: int


@dataclass
class Key:
    secrets: list[Secret]


class Colour(enum.Enum):
    RED = "red"


@pytest.fixture
def plugin() -> Plugin:
    return Plugin("visitor-doors", config=DoorConfig)


def provide(plugin: Plugin, given: type) -> None:
    async def provider() -> Any: ...

    provider.__annotations__["return"] = given
    plugin.provides(provider)


async def plain() -> None: ...


def taking(annotation: Any, *, default: Any = ..., name: str = "it") -> Callable[..., Any]:
    """A function with one parameter of this type."""
    scope: dict[str, Any] = {"annotation": annotation, "default": default}
    equals = "" if default is ... else " = default"
    exec(f"async def take({name}: annotation{equals}): ...", scope)  # noqa: S102 - a function for each case
    function: Callable[..., Any] = scope["take"]
    function.__module__ = __name__
    return function


def test_own_arguments_are_told_from_what_is_given(plugin: Plugin) -> None:
    @plugin.task()
    async def work(
        doors: Doors, badge: Badge, colour: Colour, run: Run, config: DoorConfig, note: str = ""
    ) -> None: ...

    provide(plugin, Doors)
    plugin.check()
    task = plugin.find_task("work")
    assert task is not None
    assert list(task.arguments.signature.parameters) == ["badge", "colour", "note"]
    assert task.needs == (("doors", Doors), ("run", Run), ("config", DoorConfig))


def test_what_json_could_hold_is_given_where_it_is_provided(plugin: Plugin) -> None:
    plugin.task(name="work")(taking(Badge))
    provide(plugin, Badge)
    plugin.check()
    task = plugin.find_task("work")
    assert task is not None
    assert task.needs == (("it", Badge),)
    assert plugin.find_task("unknown") is None


SECRET = "holds a secret, which is never kept with a job; ask for the config"
GIVEN_NEVER = "a task runs without the event; hand over as arguments what it needs of it"
NO_JSON = "can't be kept as JSON"


@pytest.mark.parametrize(
    ("annotation", "fault"),
    [
        (Secret, SECRET),
        (list[Secret], SECRET),
        (Key | None, SECRET),
        (Event, GIVEN_NEVER),
        (Meta, GIVEN_NEVER),
        (Entry, GIVEN_NEVER),
        (EnvoyUserAPI, GIVEN_NEVER),
        (OtherConfig, "the plugin's config is DoorConfig"),
        (Plugin, "that is nothing a task is given"),
        (Callable[[], None], NO_JSON),
        (Doors | None, NO_JSON),
        (type, NO_JSON),
        ("Nowhere", "the annotation 'Nowhere' can't be found at run time"),
    ],
)
def test_what_a_task_can_never_have_is_refused_at_import(plugin: Plugin, annotation: Any, fault: str) -> None:
    with pytest.raises(DeclarationError, match=fault):
        plugin.task()(taking(annotation))
    assert plugin.tasks == {}


def test_what_nothing_provides_is_found_once_the_plugin_is_complete(plugin: Plugin) -> None:
    plugin.task(name="work")(taking(Doors))
    with pytest.raises(
        DeclarationError, match="parameter 'it' asks for Doors, which nothing provides, and which can't"
    ):
        plugin.check()


def test_a_default_of_what_is_given_would_never_be_used(plugin: Plugin) -> None:
    with pytest.raises(DeclarationError, match="has a default, which would never be used"):
        plugin.task()(taking(Run, default=None))
    plugin.task(name="work")(taking(Doors, default=None))
    provide(plugin, Doors)
    with pytest.raises(DeclarationError, match="has a default, which would never be used"):
        plugin.check()


async def any_number(*numbers: int) -> None: ...
async def by_place(number: int, /) -> None: ...
async def untyped(number) -> None: ...  # type: ignore[no-untyped-def]  # the fault itself
def at_once() -> None: ...


class Methods:
    async def method(self) -> None: ...


@pytest.mark.parametrize(
    ("function", "fault"),
    [
        (any_number, "takes any number of arguments"),
        (by_place, "is positional-only"),
        (untyped, "has no type"),
        (at_once, "must be an async function"),
        (Methods().method, "must be an async function"),
        (taking(int, name="key"), "'key' has the name of an option of enqueue; call it otherwise"),
    ],
)
def test_functions_of_another_form_are_refused(plugin: Plugin, function: Any, fault: str) -> None:
    with pytest.raises(DeclarationError, match=fault):
        plugin.task()(function)


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"retries": -1}, "retries must be a whole number from 0, not -1"),
        ({"retries": True}, "retries must be a whole number"),
        ({"retries": "2"}, "retries must be a whole number"),
        ({"timeout": timedelta(0)}, "timeout must be a timedelta above zero"),
        ({"timeout": 60}, "timeout must be a timedelta above zero"),
        ({"queue": "thing:7"}, "A queue of tasks is named by .* and not 'thing:7'"),
        ({"queue": "default"}, "other claimants'"),
        ({"queue": "unassigned"}, "other claimants'"),
        ({"queue": "report"}, "other claimants'"),
        ({"queue": "a,b"}, "and not 'a,b'"),
        ({"queue": None}, "and not None"),
        ({"name": "print badge"}, "a task's name is 1 to 64 of"),
        ({"name": ""}, "a task's name is 1 to 64 of"),
    ],
)
def test_options_that_make_no_sense_are_refused(plugin: Plugin, options: Any, fault: str) -> None:
    with pytest.raises(DeclarationError, match=fault):
        plugin.task(**options)(plain)


@pytest.mark.parametrize(
    ("lane", "annotation", "fault"),
    [
        ("door:{it", int, "lane 'door:{it' can't be read"),
        ("", int, "a lane is named as in 'door:{door_id}'"),
        ("door:{it.number}", Badge, "a lane is named as in"),
        ("door:{it:02}", int, "a lane is named as in"),
        ("door:{it!r}", str, "a lane is named as in"),
        ("door:{}", int, "a lane is named as in"),
        ("door:{door}", int, "named after 'door', which isn't an argument of the task's own"),
        ("door:{it}", Run, "named after 'it', which isn't an argument of the task's own"),
        ("door:{it}", Badge, "named after 'it', which is neither str, int, UUID nor an Enum"),
        ("door:{it}", list[int], "which is neither str, int, UUID nor an Enum"),
    ],
)
def test_a_lane_is_named_after_plain_arguments(plugin: Plugin, lane: str, annotation: Any, fault: str) -> None:
    plugin.task(lane=lane)(taking(annotation))
    with pytest.raises(DeclarationError, match=fault):
        plugin.check()


def test_a_task_of_a_name_is_there_once(plugin: Plugin) -> None:
    async def work() -> None: ...

    plugin.task()(work)
    with pytest.raises(DeclarationError, match=r"There are two tasks 'work', .* give one another name"):
        plugin.task(name="work")(plain)
    with pytest.raises(DeclarationError, match=r"is a task already; @plugin.every and @plugin.cron stand above"):
        plugin.task()(work)
    plugin.task(name="rest")(plain)
    assert list(plugin.tasks) == ["work", "rest"]


def test_routes_bring_their_tasks_schedules_and_queues(plugin: Plugin) -> None:
    routes = Routes()
    routes.every("10m")(routes.task(queue="slow")(plain))
    plugin.task(name="own")(taking(int))
    plugin.include(routes)
    plugin.check()
    assert (list(plugin.tasks), list(plugin.schedules)) == (["own", "plain"], ["plain:every 600s"])
    assert plugin.queues == ["slow", "tasks"]
    with pytest.raises(DeclarationError, match="declared after its routes were included"):
        routes.task(name="late")(taking(int))
    with pytest.raises(DeclarationError, match="declared after its routes were included"):
        routes.every("1m")(plain)


def test_two_files_with_a_task_of_one_name_do_not_fit(plugin: Plugin) -> None:
    routes = Routes()
    routes.task(name="work")(plain)
    plugin.task(name="work")(taking(int))
    with pytest.raises(DeclarationError, match="There are two tasks 'work'"):
        plugin.include(routes)


@pytest.mark.parametrize(
    ("schedule", "fault"),
    [
        (lambda plugin: plugin.every("soon"), "@plugin.every: must be a duration such as 15"),
        (lambda plugin: plugin.cron("0 25 * * *"), "@plugin.cron: can't be read: Bad hour"),
        (lambda plugin: plugin.cron("0 6 * * *", tz="Mars/Base"), "there is no time zone 'Mars/Base' here"),
        (lambda plugin: plugin.every, r'every takes a time, as in @plugin\.every\("10m"\), not a function'),
        (lambda plugin: plugin.cron, r'cron takes a time, as in @plugin\.cron\("0 6 \* \* 1-5"\), not a function'),
    ],
)
def test_a_schedule_that_cannot_be_read_is_refused_at_import(plugin: Plugin, schedule: Any, fault: str) -> None:
    with pytest.raises(DeclarationError, match=fault):
        schedule(plugin)(plain)
    assert plugin.tasks == {}


def test_a_function_has_a_schedule_once(plugin: Plugin) -> None:
    plugin.every("60")(plugin.every("10m")(plain))
    with pytest.raises(DeclarationError, match="has the schedule 'every 60s' twice"):
        plugin.every("1m")(plain)


@pytest.mark.parametrize(
    ("annotation", "needs"), [(int, "it"), (Storage, "Storage"), (DoorConfig, "DoorConfig"), (EnvoyPluginJob, "EnvoyP")]
)
def test_a_schedule_gives_neither_arguments_nor_an_install(plugin: Plugin, annotation: Any, needs: str) -> None:
    plugin.every("10m")(taking(annotation))
    with pytest.raises(DeclarationError, match=f"needs {needs}.*, and a schedule gives neither arguments nor"):
        plugin.check()


def test_a_schedule_gives_what_belongs_to_the_plugin(plugin: Plugin) -> None:
    plugin.cron("0 6 * * *")(taking(GlobalStorage))
    plugin.every("10m")(plugin.task(name="other")(taking(int, default=3)))
    plugin.check()


def test_a_refusal_that_is_nobodys_else_is_the_jobs_own() -> None:
    refusal = WrongState("a1", "running", "owes_already")
    with pytest.raises(WrongState):
        Together(verbs=(), heir="a2").otherwise({0: refusal})
    with pytest.raises(WrongState):
        Together(verbs=(), heir="a2", instead={"owes_already": Together(verbs=(), heir="")}).otherwise({1: refusal})
