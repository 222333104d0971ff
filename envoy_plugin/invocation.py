"""Calling a handler: its arguments made by type, its time-out kept, its outcome read."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial

from envoy_plugin.declarations import Middleware, Next
from envoy_plugin.envoy.events import Event
from envoy_plugin.envoy.routes import Route
from envoy_plugin.injection import gather_arguments, place
from envoy_plugin.logs import get_logger
from envoy_plugin.outcomes import Outcome, to_outcome
from envoy_plugin.plugin import Plugin
from envoy_plugin.routing import Handler
from envoy_plugin.sources import Sources, Subject

log = get_logger(__name__)


class HandlerTimedOut(Exception):
    """The handler took longer than its time-out, and was cancelled."""


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
        BadPayload, ConfigMismatch, AuthFailed: as `call_handler`; the last, that the event carries no token of a user.
    """
    for _, wanted in handler.needs:
        make = inline_sources.get(wanted)
        if make is not None:
            make(subject)
