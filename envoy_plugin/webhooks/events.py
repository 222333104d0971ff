"""Webhooks of events: parse, dedupe, run or enqueue, answer."""

import hashlib
import logging
from collections.abc import Awaitable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from aiohttp import web

from envoy_plugin.context import Entered
from envoy_plugin.deadline import Overdue, within
from envoy_plugin.engine.model import Enqueued
from envoy_plugin.engine.retries import REPORT_DEBT
from envoy_plugin.engine.verbs import Enqueue, Listing, Unique
from envoy_plugin.envoy.events import Event, Meta
from envoy_plugin.envoy.routes import parse_delivery
from envoy_plugin.envoy.user_api import EnvoyUserAPI
from envoy_plugin.errors import ApiUnavailable, BadPayload, ConfigMismatch
from envoy_plugin.injection.sources import Subject
from envoy_plugin.invocation import HandlerFailed, call_handler, check_subject
from envoy_plugin.logs import bind_more, get_logger
from envoy_plugin.outcomes import Answer, Done, Ignored, Ongoing, answer, answer_raised, timed_out
from envoy_plugin.reports import enqueue_report, inline_report
from envoy_plugin.routing import Handler
from envoy_plugin.runtime import Runtime
from envoy_plugin.tasks.task import LIMIT_GRACE
from envoy_plugin.webhooks.doorway import Doorway

QUEUE: Final = "events"
REDIS_TIME: Final = timedelta(seconds=8)
"""How long a delivery waits for a Redis that says nothing; Envoy waits longer, and delivers again after a 503."""
UNINSTALLED: Final = "plugin_uninstalled"
PLAIN_ID: Final = 64
ACCEPTED: Final = answer(Ongoing())

log = get_logger(__name__)


class Webhooks:
    """Answers Envoy's deliveries of events."""

    def __init__(self, runtime: Runtime, doorway: Doorway) -> None:
        self._runtime = runtime
        self._doorway = doorway

    def receive(self, request: web.Request) -> Awaitable[web.Response]:
        """Answer one delivery: `POST /envoy/events` or `/envoy/events/{event}`."""
        return self._doorway.answer(request, partial(self._received, request.match_info.get("event")))

    def _received(self, named: str | None, body: bytes) -> Awaitable[Answer]:
        event = parse_delivery(body)
        if not isinstance(event, Event):
            raise BadPayload("The URL is for events, and the body is a route.")
        if named is not None and named != event.name:
            raise BadPayload(f"The URL is for {named!r}, and the body is another event.")
        self._doorway.check_plugin(event.meta)
        bind_more(install=event.meta.install_id, event_kind=event.name)
        handler = self._runtime.plugin.find(event.name)
        if event.name == UNINSTALLED:
            return self._uninstalled(handler, event, body)
        if handler is None:
            log.info("event.ignored", why="no handler")
            raise Ignored(f"This plugin does nothing on {event.name}.")
        return self._passed_on(handler, event, body)

    async def _uninstalled(self, handler: Handler | None, event: Event, body: bytes) -> Answer:
        """Whatever the plugin does about it, what is kept of the install goes."""
        try:
            return await self._passed_on(handler, event, body) if handler else answer(Done())
        finally:
            await within(REDIS_TIME, self._runtime.forget(event.meta.install_id))

    def _passed_on(self, handler: Handler, event: Event, body: bytes) -> Awaitable[Answer]:
        reason = handler.why_not(event)
        if reason is not None:
            log.info("event.ignored", why="filtered")
            raise Ignored(reason)
        return (self._enqueued if handler.background else self._answered)(handler, event, body)

    def _enqueued(self, handler: Handler, event: Event, body: bytes) -> Awaitable[Answer]:
        """202 once the job is in Redis. The same event again finds the job.

        What waits for Redis holds no event: hundreds of them kept the garbage collector busy for a sixth of the time.
        """
        check_subject(handler, Subject(event), self._runtime.inline_sources)
        user = event.meta if handler.asks_for(EnvoyUserAPI) else None
        return self._stored(self._job(handler, event, body), event.meta.config, user)

    async def _stored(self, job: Enqueue, config: Mapping[str, Any], user: Meta | None) -> Answer:
        runtime = self._runtime
        await within(REDIS_TIME, runtime.configs.remember(job.install, config))
        if user is None:
            made = await runtime.batcher.run(job, limit=REDIS_TIME)
        else:
            made = await within(REDIS_TIME, self._with_token(job, user))
        if log.isEnabledFor(logging.DEBUG):  # structlog takes 2 µs to find out that nobody wants a line
            log.debug("job.enqueued" if made.created else "job.known", id=made.id, state=made.state)
        return ACCEPTED

    async def _with_token(self, job: Enqueue, user: Meta) -> Enqueued:
        """Enqueue a job that acts as the user. Its token is there before it is; a job that was known keeps its own."""
        tokens = self._runtime.user_tokens
        await tokens.keep(job.id, user)
        made = await self._runtime.batcher.run(job)
        if not made.created:
            await tokens.forget(job.id)
        return made

    def _job(self, handler: Handler, event: Event, body: bytes) -> Enqueue:
        runtime = self._runtime
        return Enqueue(
            queue=QUEUE,
            kind=event.name,
            install=event.meta.install_id,
            payload=runtime.engine.seal(event.without_secrets()),
            retries=handler.retries,
            limit=runtime.timeout_of(handler) + LIMIT_GRACE,
            unique=Unique(key=delivery_name(event, body), until=datetime.now(UTC) + runtime.settings.delivery_window),
            owes=REPORT_DEBT if event.meta.job else None,
            listed=(Listing.INSTALL, Listing.KIND),
        )

    def _answered(self, handler: Handler, event: Event, body: bytes) -> Awaitable[Answer]:
        runtime = self._runtime
        if not runtime.settings.delivery_records:
            return self._run(handler, event)
        handle = partial(self._run, handler, event)
        return runtime.records.once(delivery_name(event, body), handle, timeout=runtime.timeout_of(handler))

    async def _run(self, handler: Handler, event: Event) -> Answer:
        runtime = self._runtime
        subject, timeout = Subject(event), runtime.timeout_of(handler)
        envoy_job = subject.envoy_job
        try:
            with Entered(runtime.context(event.meta.install_id, envoy_job=envoy_job)):
                outcome = await call_handler(runtime.plugin, handler, subject, runtime.inline_sources, timeout)
        except Overdue:
            log.error("handler.timed_out", seconds=timeout.total_seconds())
            return timed_out()
        except ApiUnavailable as error:
            log.warning("envoy.unavailable", status=error.status)
            return answer_raised(error)
        except (ConfigMismatch, HandlerFailed) as error:
            return answer_raised(error)
        report = inline_report(outcome, envoy_job)
        if report is not None:
            await runtime.batcher.run(enqueue_report(runtime.engine, report, event.meta.install_id))
        return answer(outcome)


def delivery_name(event: Event, body: bytes) -> str:
    """What two deliveries of one event share: the install and Envoy's job id, else the body."""
    if event.meta.job is None:
        return hashlib.sha256(body).hexdigest()
    name = f"{event.meta.install_id}:{event.meta.job.id}"
    return name if len(name) <= PLAIN_ID and name.isprintable() else hashlib.sha256(name.encode()).hexdigest()
