"""What a worker does for a job: it runs an event's handler or sends a report, and answers the verb that ends it."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final, TypeAlias

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from envoy_plugin.deadline import Overdue
from envoy_plugin.engine.model import Claimed
from envoy_plugin.engine.states import Reason
from envoy_plugin.engine.verbs import MOST_PAYLOAD, Fail, Release, Succeed, Verb
from envoy_plugin.envoy.events import parse_event
from envoy_plugin.errors import ApiUnavailable, BadPayload, ConfigMismatch, SealError, TooLarge
from envoy_plugin.invocation import HandlerFailed, call_handler
from envoy_plugin.logs import get_logger
from envoy_plugin.outcomes import Done, Failed, Ignored, Ongoing, Outcome, Retry, Snooze
from envoy_plugin.reports import QUEUE as REPORTS
from envoy_plugin.reports import REDIS_AWAY, Report, deliver
from envoy_plugin.routing import Handler
from envoy_plugin.run import Run
from envoy_plugin.runtime import Runtime
from envoy_plugin.sources import Subject

ENVOY_AWAY: Final = timedelta(seconds=10)
"""When a handler that could not reach Envoy runs again, if Envoy didn't say. Its being away spends nobody's retries."""

log = get_logger(__name__)


async def execute(runtime: Runtime, held: Claimed) -> Verb[Any]:
    """Do what a claimed job is for."""
    if held.kind == REPORTS:
        return await deliver(runtime.engine, runtime.api, held)
    try:
        event = parse_event(runtime.engine.open(held.payload or b""))
    except (SealError, BadPayload) as error:
        log.error("job.unreadable", why=type(error).__name__)
        return Fail.of(held, reason=Reason.UNREADABLE)
    handler = runtime.plugin.find(event.name)
    if handler is None:
        log.error("job.unreadable", why="no handler")
        return Fail.of(held, reason=Reason.UNREADABLE)
    subject = Subject(event, Run(runtime.engine, held, runtime))
    try:
        outcome = await _run(runtime, handler, subject)
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        log.exception("handler.raised")  # the handler cancelled itself, or awaited what was cancelled
        outcome = Reason.ERROR
    return _end(runtime, held, outcome)


async def _run(runtime: Runtime, handler: Handler, subject: Subject) -> Outcome | Reason:
    """The handler's outcome, or why it has none."""
    timeout = runtime.timeout_of(handler)
    try:
        return await call_handler(runtime.plugin, handler, subject, runtime.background_sources, timeout)
    except Overdue:
        log.error("handler.timed_out", seconds=timeout.total_seconds())
        return Reason.TIMEOUT
    except ApiUnavailable as error:
        log.warning("envoy.unavailable", status=error.status)
        return Snooze(timedelta(seconds=error.retry_after) if error.retry_after else ENVOY_AWAY)
    except (RedisConnectionError, RedisTimeoutError) as error:
        log.warning("redis.unavailable", error=type(error).__name__)
        return Snooze(REDIS_AWAY)
    except (BadPayload, ConfigMismatch) as error:
        return Failed(str(error))
    except HandlerFailed:
        return Reason.ERROR


def _end(runtime: Runtime, held: Claimed, outcome: Outcome | Reason) -> Verb[Any]:
    if isinstance(outcome, Reason):
        return Fail.of(held, reason=outcome)
    try:
        content = _encode(outcome)
    except (TooLarge, ValueError, TypeError, AttributeError) as error:  # a handler may have put anything into it
        log.error("outcome.refused", why=type(error).__name__)
        return Fail.of(held, reason=Reason.ERROR)
    return _end_of(outcome)(held, outcome, runtime.engine.seal(content))


def _end_of(outcome: Outcome) -> "End":
    """How an outcome, or one of the plugin's own made of it, ends its job; a bare one has failed."""
    return next((end for kind, end in ENDS.items() if isinstance(outcome, kind)), _retry)


def _encode(outcome: Outcome) -> bytes:
    content = Report.of(outcome).encode()
    if len(content) > MOST_PAYLOAD:
        raise TooLarge("An outcome", size=len(content), limit=MOST_PAYLOAD)
    return content


def _succeed(held: Claimed, _: Outcome, content: bytes) -> Verb[Any]:
    return Succeed.of(held, outcome=content)


def _ignore(held: Claimed, _: Outcome, content: bytes) -> Verb[Any]:
    return Succeed.of(held, reason=Reason.IGNORED, outcome=content)


def _reject(held: Claimed, _: Outcome, content: bytes) -> Verb[Any]:
    return Fail.of(held, reason=Reason.REJECTED, outcome=content)


def _retry(held: Claimed, outcome: Outcome, content: bytes) -> Verb[Any]:
    return Fail.of(held, reason=Reason.ERROR, delay=outcome.after, outcome=content)


def _snooze(held: Claimed, outcome: Outcome, _: bytes) -> Verb[Any]:
    return Release.of(held, delay=outcome.after or timedelta())


End: TypeAlias = Callable[[Claimed, Outcome, bytes], Verb[Any]]
ENDS: Final[Mapping[type[Outcome], End]] = {
    Done: _succeed,
    Ongoing: _succeed,
    Ignored: _ignore,
    Failed: _reject,
    Retry: _retry,
    Snooze: _snooze,
}
"""How each outcome ends its job."""
