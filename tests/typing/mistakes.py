"""Mistakes that a type checker finds before the plugin runs: each line marked is a fault, and no other. Never run."""

from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from envoy_plugin import (
    Config,
    Done,
    Entry,
    EnvoyPluginJob,
    Event,
    Failed,
    Ignored,
    Ongoing,
    Plugin,
    Retry,
    Snooze,
    Text,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Doors:
    """A client of a door system."""


plugin = Plugin("doors", config=Doors)  # type: ignore[arg-type]
plugin = Plugin("doors", Config)  # type: ignore[call-arg]


@plugin.on("entry_sign_in")  # type: ignore[type-var]
def not_async(entry: Entry) -> Done:
    return Done()


@plugin.on("entry_sign_out")  # type: ignore[type-var]
async def wrong_result(entry: Entry) -> str:
    return "done"


@plugin.on("invite_created", timeout=10)  # type: ignore[arg-type]
async def wrong_timeout() -> None: ...


@plugin.on("invite_updated", True)  # type: ignore[arg-type]  # noqa: FBT003 - the fault itself
async def positional_option() -> None: ...


@plugin.provides  # type: ignore[type-var]
def at_once() -> Doors:
    return Doors()


@plugin.provides  # type: ignore[type-var]
async def with_parameter(entry: Entry) -> Doors:
    return Doors()


@plugin.provides  # type: ignore[type-var]
@asynccontextmanager
async def as_context() -> "AsyncIterator[Doors]":
    yield Doors()


@plugin.options("groups")  # type: ignore[type-var]
def groups_at_once() -> list[str]:
    return []


@plugin.middleware  # type: ignore[type-var]
async def without_call(event: Event) -> Done:
    return Done()


@plugin.middleware  # type: ignore[type-var]
async def forgets_to_return(event: Event, call: Callable[[], Awaitable[Done]]) -> None:
    await call()


@plugin.on_startup  # type: ignore[type-var]
async def takes_something(event: Event) -> None: ...


@plugin.task(retries="2")  # type: ignore[arg-type]
async def written_retries() -> None: ...


@plugin.task()  # type: ignore[arg-type]
def task_at_once() -> None: ...


@plugin.task()  # type: ignore[type-var]
async def wrong_result_of_a_task(door: int) -> str:
    return str(door)


@plugin.every(10)  # type: ignore[arg-type]
async def every_what() -> None: ...


@plugin.task()
async def lock(door: int, *, doors: Doors) -> Done:
    return Done()


async def tasks() -> None:
    await lock("7", doors=Doors())  # type: ignore[arg-type]
    await lock(7)  # type: ignore[call-arg]
    await lock.enqueue(7, delay=60)  # type: ignore[arg-type]
    await lock.enqueue(7, after={"a1": "wait"})  # type: ignore[dict-item]
    await lock.enqueue(7, priority="high")  # type: ignore[arg-type]
    Ongoing(after=7)  # type: ignore[arg-type]
    (await lock.enqueue(7)).created = False  # type: ignore[misc]


@plugin.on("ticket_created", when="is_delivery")  # type: ignore[arg-type]
async def named_condition() -> None: ...


async def outcomes(job: EnvoyPluginJob) -> None:
    Ignored()  # type: ignore[call-arg]
    Failed(reason="why")  # type: ignore[call-arg]
    Snooze(60)  # type: ignore[arg-type]
    Retry("later", timedelta(1))  # type: ignore[call-arg]
    Done("a", "b")  # type: ignore[arg-type]
    Text("label", 7)  # type: ignore[arg-type]
    await job.attach("text")  # type: ignore[arg-type]
