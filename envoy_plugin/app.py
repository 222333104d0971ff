"""The composition root: from a plugin and its settings to an aiohttp application."""

import asyncio
import os
import re
import secrets
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic_core import to_json
from redis.exceptions import RedisError

from envoy_plugin.doorway import Doorway
from envoy_plugin.errors import SchemaTooNew
from envoy_plugin.logs import Bound, get_logger
from envoy_plugin.plugin import Plugin
from envoy_plugin.route_webhooks import RouteWebhooks
from envoy_plugin.runtime import Runtime, open_runtime
from envoy_plugin.settings import Settings
from envoy_plugin.webhooks import Webhooks

RUNTIME: Final = web.AppKey("runtime", Runtime)
WEBHOOKS: Final = web.AppKey("webhooks", Webhooks)
ROUTES: Final = web.AppKey("routes", RouteWebhooks)
REQUEST_ID: Final = "X-Request-Id"
GOOD_ID: Final = re.compile(r"[\w.:=-]{1,64}")
READY_SECONDS: Final = 2
KEPT_HEADERS: Final = frozenset({"Allow"})
"""What a refusal of aiohttp's own says beyond its status. Source: RFC 9110, 15.5.6."""

log = get_logger(__name__)


def create_app(plugin: Plugin, settings: Settings | None = None) -> web.Application:
    """The application that serves `plugin` to Envoy, for any aiohttp runner; `settings` left out are the environment's.

    Raises:
        SettingsError: the environment can't be used.
    """
    given = settings or Settings.from_env(os.environ)

    async def opened(app: web.Application) -> AsyncIterator[None]:
        async with open_runtime(plugin, given) as runtime:
            _put(app, runtime)
            yield

    return _application(given, opened)


def serve_runtime(runtime: Runtime) -> web.Application:
    """The application over a runtime that somebody else opens and closes."""

    async def opened(app: web.Application) -> AsyncIterator[None]:
        _put(app, runtime)
        yield

    return _application(runtime.settings, opened)


def _put(app: web.Application, runtime: Runtime) -> None:
    app[RUNTIME] = runtime
    doorway = Doorway(runtime)
    app[WEBHOOKS] = Webhooks(runtime, doorway)
    app[ROUTES] = RouteWebhooks(runtime, doorway)


def _application(settings: Settings, opened: Callable[[web.Application], AsyncIterator[None]]) -> web.Application:
    app = web.Application(middlewares=[_answer_always], client_max_size=settings.max_body)
    app.cleanup_ctx.append(opened)
    app.add_routes(
        [
            web.post("/envoy/events", _receive),
            web.post("/envoy/events/{event}", _receive),
            web.post("/envoy/routes/{kind}/{name}", _receive_route),
            web.get("/healthz", _healthz),
            web.get("/readyz", _readyz),
        ]
    )
    return app


@web.middleware
async def _answer_always(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give every request an id in the logs and a JSON answer, which never tells what went wrong inside."""
    request_id = request.headers.get(REQUEST_ID)
    if request_id is None or not GOOD_ID.fullmatch(request_id):
        request_id = secrets.token_hex(8)
    with Bound(request_id=request_id):
        try:
            return await handler(request)
        except web.HTTPException as error:
            answer = _json(error.status, {"message": error.reason})
            answer.headers.update({name: value for name, value in error.headers.items() if name in KEPT_HEADERS})
            return answer
        except Exception:
            log.exception("request.failed", method=request.method)
            return _json(HTTPStatus.INTERNAL_SERVER_ERROR, {"message": "The plugin failed unexpectedly"})


async def _receive(request: web.Request) -> web.StreamResponse:
    return await request.app[WEBHOOKS].receive(request)


async def _receive_route(request: web.Request) -> web.StreamResponse:
    return await request.app[ROUTES].receive(request)


async def _healthz(_: web.Request) -> web.Response:
    """Whether the process answers."""
    return _json(HTTPStatus.OK, {"status": "ok"})


async def _readyz(request: web.Request) -> web.Response:
    """Whether it should be sent requests: Redis answers, holds keys that it knows, and it isn't stopping."""
    runtime = request.app[RUNTIME]
    status = HTTPStatus.SERVICE_UNAVAILABLE
    try:
        async with asyncio.timeout(READY_SECONDS):
            await runtime.engine.check_schema()
        if not runtime.stopping:
            status = HTTPStatus.OK
    except (RedisError, TimeoutError, SchemaTooNew) as error:
        log.warning("readyz.failed", error=type(error).__name__)
    return _json(status, {"status": "ready" if status is HTTPStatus.OK else "not ready"})


def _json(status: int, body: dict[str, str]) -> web.Response:
    return web.Response(status=status, body=to_json(body), content_type="application/json")
