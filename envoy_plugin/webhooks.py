"""Webhooks: verify, parse, dedupe, run or enqueue, answer.

Source of the statuses: Envoy's plugin guide, "Plugin Responses": 200 done, 202 ongoing, 400 ignored, 412 failed,
anything else an assumed failure. So a bad request is never a 400 here.
"""

import asyncio
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Final

from aiohttp import web
from pydantic_core import to_json
from redis.exceptions import RedisError

from envoy_plugin.engine.retries import REPORT_DEBT
from envoy_plugin.engine.verbs import Enqueue, Unique
from envoy_plugin.envoy.events import Event, parse_event
from envoy_plugin.envoy.signature import verify
from envoy_plugin.errors import BadPayload, BadSignature, ConfigMismatch, TooLarge
from envoy_plugin.invocation import HandlerTimedOut, Subject, call_handler, check_subject
from envoy_plugin.logs import Bound, get_logger
from envoy_plugin.outcomes import Answer, Done, Ignored, Ongoing, answer, answer_raised, timed_out
from envoy_plugin.reports import Report, enqueue_report
from envoy_plugin.routing import Handler
from envoy_plugin.runtime import Runtime

SIGNATURE: Final = "X-Envoy-Signature"
QUEUE: Final = "events"
LIMIT_GRACE: Final = timedelta(seconds=2)
"""The worker ends a handler that takes too long; the engine does so a little later, where the worker can't."""
JSON_TYPES: Final = frozenset({"application/json", "application/vnd.api+json"})
REDIS_SECONDS: Final = 8
"""How long a delivery waits for a Redis that says nothing; Envoy waits longer, and delivers again after a 503."""
JSON_HEADERS: Final[Mapping[str, str]] = {"Content-Type": "application/json"}
PLAIN_ID: Final = 64
ACCEPTED: Final = answer(Ongoing())


class Refused(Exception):
    """The request gets this answer and nothing else happens."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.answer = Answer(status=status, body={"message": message}, retry_after=_retry_after(status))


def _retry_after(status: HTTPStatus) -> int | None:
    return 5 if status is HTTPStatus.SERVICE_UNAVAILABLE else None


class Webhooks:
    """Answers Envoy's deliveries of events."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._secrets = runtime.settings.client_secrets

    async def receive(self, request: web.Request) -> web.Response:
        """Answer one delivery: `POST /envoy/events` or `/envoy/events/{event}`."""
        try:
            body = await self._verified_body(request)
            event = self._event(request, body)
            with Bound(install=event.meta.install_id, event_kind=event.name):
                given = await self._handled(event, body)
        except Refused as refused:
            given = refused.answer
        except BadPayload as error:
            given = Refused(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)).answer
        except TooLarge as error:
            given = Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, str(error)).answer
        except (RedisError, TimeoutError) as error:
            log.error("webhook.unavailable", error=type(error).__name__)
            given = Refused(HTTPStatus.SERVICE_UNAVAILABLE, "Not available now").answer
        return _response(given)

    async def _verified_body(self, request: web.Request) -> bytes:
        """The signed bytes. Nothing else is done for whoever can't sign."""
        body = await _read(request)
        try:
            verify(body, request.headers.get(SIGNATURE), self._secrets)
        except BadSignature as error:
            log.warning("webhook.unsigned", size=len(body))
            raise Refused(HTTPStatus.UNAUTHORIZED, str(error)) from None
        if not _is_json(request.headers.get("Content-Type", "")):
            raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body must be application/json.")
        if self._runtime.stopping:
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "Shutting down")
        return body

    def _event(self, request: web.Request, body: bytes) -> Event:
        event = parse_event(body)
        named = request.match_info.get("event")
        if named is not None and named != event.name:
            raise BadPayload(f"The URL is for {named!r}, and the body is another event.")
        pinned = self._runtime.settings.plugin_id
        if pinned is not None and event.meta.plugin_id != pinned:
            raise BadPayload("The event is for another plugin: meta.plugin_id is not ENVOY_PLUGIN_ID.")
        return event

    async def _handled(self, event: Event, body: bytes) -> Answer:
        handler = self._runtime.plugin.handlers.get(event.name)
        if handler is None:
            log.info("event.ignored", why="no handler")
            return answer(Ignored(f"This plugin does nothing on {event.name}."))
        try:
            return await (self._enqueued if handler.background else self._answered)(handler, event, body)
        except ConfigMismatch as error:
            return answer_raised(error)

    async def _enqueued(self, handler: Handler, event: Event, body: bytes) -> Answer:
        """202 once the job is in Redis. The same event again finds the job."""
        runtime = self._runtime
        check_subject(handler, Subject(event), runtime.inline_sources)
        job = self._job(handler, event, body)
        async with asyncio.timeout(REDIS_SECONDS):
            await runtime.configs.remember(event.meta.install_id, event.meta.config)
            made = await runtime.batcher.run(job)
        log.debug("job.enqueued" if made.created else "job.known", id=made.id, state=made.state)
        return ACCEPTED

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
        )

    async def _answered(self, handler: Handler, event: Event, body: bytes) -> Answer:
        runtime = self._runtime

        async def handle() -> Answer:
            return await self._run(handler, event)

        if not runtime.settings.delivery_records:
            return await handle()
        return await runtime.records.once(delivery_name(event, body), handle, timeout=runtime.timeout_of(handler))

    async def _run(self, handler: Handler, event: Event) -> Answer:
        runtime = self._runtime
        timeout = runtime.timeout_of(handler)
        try:
            outcome = await call_handler(handler, Subject(event), runtime.inline_sources, timeout)
        except HandlerTimedOut:
            log.error("handler.timed_out", seconds=timeout.total_seconds())
            return timed_out()
        except (BadPayload, RedisError):
            raise
        except ConfigMismatch as error:
            return answer_raised(error)
        except Exception as error:
            log.exception("handler.raised")
            return answer_raised(error)
        if isinstance(outcome, Done) and event.meta.job and (outcome.message or outcome.attachments):
            await runtime.batcher.run(
                enqueue_report(runtime.engine, Report.of(outcome, event.meta.job.id), event.meta.install_id)
            )
        return answer(outcome)


def delivery_name(event: Event, body: bytes) -> str:
    """What two deliveries of one event share: the install and Envoy's job id, else the body."""
    if event.meta.job is None:
        return hashlib.sha256(body).hexdigest()
    name = f"{event.meta.install_id}:{event.meta.job.id}"
    return name if len(name) <= PLAIN_ID and name.isprintable() else hashlib.sha256(name.encode()).hexdigest()


async def _read(request: web.Request) -> bytes:
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is too large.") from None
    except (web.RequestPayloadError, ValueError):
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "The body can't be read.") from None


def _is_json(content_type: str) -> bool:
    """Not by aiohttp's `content_type`, which raises for some of what is no type at all."""
    return content_type in JSON_TYPES or content_type.partition(";")[0].strip().lower() in JSON_TYPES


def _response(given: Answer) -> web.Response:
    headers = JSON_HEADERS
    if given.retry_after is not None:
        headers = {**JSON_HEADERS, "Retry-After": str(given.retry_after)}
    return web.Response(status=given.status, body=to_json(given.body, inf_nan_mode="null"), headers=headers)


log = get_logger(__name__)
