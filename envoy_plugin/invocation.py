"""Calling a handler: its arguments made by type, its time-out kept, its outcome read."""

from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from functools import partial
from typing import Any, Final, TypeVar

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from envoy_plugin.deadline import within
from envoy_plugin.declarations.handlers import Middleware, Next
from envoy_plugin.envoy.events import Event
from envoy_plugin.envoy.routes import Route
from envoy_plugin.errors import ApiUnavailable, BadPayload, ConfigMismatch, DeclarationError
from envoy_plugin.injection.handlers import gather_arguments, place
from envoy_plugin.injection.sources import Sources, Subject
from envoy_plugin.logs import get_logger
from envoy_plugin.outcomes import Outcome, to_outcome
from envoy_plugin.plugin import Plugin
from envoy_plugin.routing import Handler
from envoy_plugin.run import Run

Given = TypeVar("Given")

UNDERSTOOD: Final = (BadPayload, ConfigMismatch, ApiUnavailable, RedisConnectionError, RedisTimeoutError)
"""What the caller of a plugin's function knows how to answer; all else that it raises is an error of its own."""

log = get_logger(__name__)


class HandlerFailed(Exception):
    """The handler raised an error, its cause. It was logged, and `on_error` told."""


def call_handler(
    plugin: Plugin, handler: Handler, subject: Subject, sources: Sources, timeout: timedelta
) -> Coroutine[Any, Any, Outcome]:
    """Run a handler, within the plugin's middleware, to its outcome; one that is raised is as good as one returned.

    Raises:
        Overdue: it took longer than its time-out, and was cancelled.
        HandlerFailed: see there.
        BadPayload: the event lacks what the handler asks for.
        ConfigMismatch: the install's config doesn't fit.
        ApiUnavailable, and Redis' errors of the connection: what the handler needs can't be reached.
    """

    async def innermost() -> Outcome:
        arguments = await gather_arguments(handler.needs, sources, subject)
        return to_outcome(await handler.function(**arguments), handler=handler)

    call: Next = innermost
    for middleware in reversed(plugin.middlewares):
        call = partial(_within, middleware, subject.event, call)
    return within(timeout, watched(plugin, subject.event, call))


async def _within(middleware: Middleware, event: Event, call: Next) -> Outcome:
    given: object = await middleware(event, partial(_caught, call))
    if not isinstance(given, Outcome):  # nothing returned is no Done: it would hide what the handler said
        raise DeclarationError(
            f"{place(middleware)} returned a {type(given).__name__}; middleware returns an outcome,"
            " that of the handler with: return await call()."
        )
    return given


async def _caught(call: Next) -> Outcome:
    """The outcome, returned or raised."""
    try:
        return await call()
    except Outcome as outcome:
        return outcome


async def watched(plugin: Plugin, about: Event | Route | Run, call: Callable[[], Awaitable[Given]]) -> Given | Outcome:
    """What `call` gives, or the outcome that it raised, or the one that an `on_error` gives for its error.

    Raises:
        HandlerFailed: it raised an error, and no `on_error` gave an outcome.
    What is in `UNDERSTOOD` is raised as it is.
    """
    try:
        return await call()
    except Outcome as outcome:
        return outcome
    except UNDERSTOOD:
        raise
    except Exception as error:
        log.exception("handler.raised")
        said = await _tell(plugin, error, about)
        if said is None:
            raise HandlerFailed from error
        return said


async def _tell(plugin: Plugin, error: Exception, about: Event | Route | Run) -> Outcome | None:
    """Tell every `on_error`; the first outcome that one of them gives."""
    found: Outcome | None = None
    for hook in plugin.error_hooks:
        try:
            said: object = await hook(error, about)
        except Outcome as outcome:
            said = outcome
        except Exception:
            log.exception("on_error.raised")
            continue
        if isinstance(said, Outcome):
            found = found or said
        elif said is not None:
            log.error("on_error.refused", gave=type(said).__name__)
    return found


def check_subject(handler: Handler, subject: Subject, inline_sources: Sources) -> None:
    """Make sure that a background handler will be able to read the event, while Envoy can still be told that it can't.

    Raises:
        BadPayload, ConfigMismatch: as `call_handler`.
        Failed: it asks for a user's API, and the event carries no token.
    """
    for _, wanted in handler.needs:
        make = inline_sources.get(wanted)
        if make is not None:
            make(subject)
