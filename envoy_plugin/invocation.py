"""Calling a handler: its arguments made by type, its time-out kept, its outcome read."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any, TypeAlias

from envoy_plugin.declarations import Middleware, Next
from envoy_plugin.envoy.api import EnvoyPluginAPI
from envoy_plugin.envoy.config import InstallConfigs, parse_config
from envoy_plugin.envoy.events import PAYLOADS, Event, Meta, decode_payload
from envoy_plugin.envoy.job import EnvoyPluginJob
from envoy_plugin.envoy.routes import Route
from envoy_plugin.errors import BadPayload
from envoy_plugin.injection import gather_arguments, place
from envoy_plugin.outcomes import Outcome, to_outcome
from envoy_plugin.logs import get_logger
from envoy_plugin.plugin import Plugin
from envoy_plugin.routing import Handler
from envoy_plugin.run import Run


@dataclass(frozen=True, slots=True)
class Subject:
    """What a handler is called for: an event and, in the background, the run of its job."""

    event: Event
    run: Run | None = field(default=None)


Sources: TypeAlias = Mapping[type, Callable[[Subject], object]]
"""For each type that a handler can ask for, what makes it."""


log = get_logger(__name__)


class HandlerTimedOut(Exception):
    """The handler took longer than its time-out, and was cancelled."""


def make_sources(
    plugin: Plugin, *, api: EnvoyPluginAPI, configs: InstallConfigs, provided: Mapping[type, object]
) -> tuple[Sources, Sources]:
    """What handlers are given: inline, where the delivery has the config, and in the background, where none does."""
    shared: dict[type, Callable[[Subject], object]] = {
        Event: lambda subject: subject.event,
        Meta: lambda subject: subject.event.meta,
        EnvoyPluginAPI: lambda _: api,
        EnvoyPluginJob: lambda subject: EnvoyPluginJob(api, _job_id(subject.event)),
        Run: lambda subject: subject.run,
    }
    shared |= {model: _payload_source(model) for model in PAYLOADS.values()}
    shared |= {wanted: _constant(value) for wanted, value in provided.items()}
    model = plugin.config
    if model is None:
        return shared, shared

    async def stored_config(subject: Subject) -> object:
        return parse_config(model, await configs.get(subject.event.meta.install_id))

    inline = {model: lambda subject: parse_config(model, subject.event.meta.config)}
    return shared | inline, shared | {model: stored_config}


async def call_handler(
    plugin: Plugin, handler: Handler, subject: Subject, sources: Sources, timeout: timedelta
) -> Outcome:
    """Run a handler, within the plugin's middleware, to its outcome; one that is raised is as good as one returned.

    Raises:
        HandlerTimedOut: it took longer than `timeout`.
        BadPayload: the event lacks what the handler asks for.
        ConfigMismatch: the install's config doesn't fit.
    What else the handler raises is its own.
    """

    async def innermost() -> Outcome:
        arguments = await gather_arguments(handler.needs, sources, subject)
        return to_outcome(await handler.function(**arguments), handler=handler)

    call: Next = innermost
    for middleware in reversed(plugin.middlewares):
        call = partial(_within, middleware, subject.event, call)
    async with limit(timeout):
        return await _caught(call)


async def _within(middleware: Middleware, event: Event, call: Next) -> Outcome:
    return to_outcome(await middleware(event, partial(_caught, call)), handler=place(middleware))


async def _caught(call: Next) -> Outcome:
    """The outcome, returned or raised."""
    try:
        return await call()
    except Outcome as outcome:
        return outcome


@contextlib.asynccontextmanager
async def limit(timeout: timedelta) -> AsyncIterator[None]:
    """Cancel what takes longer.

    Raises:
        HandlerTimedOut: it was cancelled.
    """
    scope = asyncio.timeout(timeout.total_seconds())
    try:
        async with scope:
            yield
    except TimeoutError as error:
        if scope.expired():
            raise HandlerTimedOut from error
        raise


async def tell_error(plugin: Plugin, error: Exception, about: Event | Route) -> Outcome | None:
    """Tell the plugin's `on_error` what was raised; the first outcome that one of them gives goes in its place."""
    found: Outcome | None = None
    for hook in plugin.error_hooks:
        try:
            said = await hook(error, about)
            found = found or said
        except Exception:
            log.exception("on_error.raised")
    return found


def check_subject(handler: Handler, subject: Subject, inline_sources: Sources) -> None:
    """Make sure that a background handler will be able to read the event, while Envoy can still be told that it can't.

    Raises:
        BadPayload, ConfigMismatch: as `call_handler`.
    """
    for _, wanted in handler.needs:
        if wanted is not Run:
            inline_sources[wanted](subject)


def _job_id(event: Event) -> str:
    if event.meta.job is None:
        raise BadPayload("The event names no job: meta.job is missing.")
    return event.meta.job.id


def _payload_source(model: Any) -> Callable[[Subject], object]:
    return lambda subject: decode_payload(subject.event, model)


def _constant(value: object) -> Callable[[Subject], object]:
    return lambda _: value
