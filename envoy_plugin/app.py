"""The composition root: from a plugin and its settings to an aiohttp application."""

import asyncio
import contextlib
import os
import random
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from http import HTTPStatus
from importlib.util import find_spec
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic_core import to_json
from redis.exceptions import RedisError

from envoy_plugin.errors import SchemaTooNew
from envoy_plugin.logs import bind_alone, get_logger
from envoy_plugin.opened import OpenedPlugin
from envoy_plugin.plugin import Plugin
from envoy_plugin.runtime import Runtime, open_runtime
from envoy_plugin.settings import Settings
from envoy_plugin.webhooks.doorway import Doorway
from envoy_plugin.webhooks.events import Webhooks
from envoy_plugin.webhooks.setup_steps import RouteWebhooks

RUNTIME: Final = web.AppKey("runtime", Runtime)
WEBHOOKS: Final = web.AppKey("webhooks", Webhooks)
ROUTE_WEBHOOKS: Final = web.AppKey("route_webhooks", RouteWebhooks)
REQUEST_ID: Final = "X-Request-Id"
GOOD_ID: Final = re.compile(r"[\w.:=-]{1,64}")
READY_SECONDS: Final = 2
HAS_APIS: Final = find_spec("envoy_plugin.apis") is not None
"""Plugins are served where the package has been left out, too."""

log = get_logger(__name__)


def create_app(plugin: Plugin, settings: Settings | None = None) -> web.Application:
    """The application that serves `plugin` to Envoy, for any aiohttp runner; `settings` left out are the environment's.

    Raises:
        SettingsError: the environment can't be used.
    """
    given = settings or Settings.from_env(os.environ)

    async def opened(app: web.Application) -> AsyncIterator[None]:
        async with open_runtime(plugin, given) as runtime, _prepared(app, runtime):
            yield

    return _application(given, opened)


@contextlib.asynccontextmanager
async def open_plugin(plugin: Plugin, settings: Settings | None = None) -> AsyncIterator[OpenedPlugin]:
    """All that a process of `plugin` has, for as long as the block runs, without answering or working: for a script.

    Within it tasks can be enqueued, and `get` of what it gives has the rest: `get(JobsManager, install="1001")`.
    `settings` left out are the environment's.

    Raises:
        SettingsError: the environment can't be used.
        DeclarationError: a handler asks for what nothing provides.
    """
    async with open_runtime(plugin, settings or Settings.from_env(os.environ)) as runtime:
        yield OpenedPlugin(runtime)


def serve_runtime(runtime: Runtime) -> web.Application:
    """The application over a runtime that somebody else opens and closes."""

    async def opened(app: web.Application) -> AsyncIterator[None]:
        async with _prepared(app, runtime):
            yield

    return _application(runtime.settings, opened)


@contextlib.asynccontextmanager
async def _prepared(app: web.Application, runtime: Runtime) -> AsyncIterator[None]:
    """What the handlers of an application take from it."""
    app[RUNTIME] = runtime
    doorway = Doorway(runtime)
    app[WEBHOOKS] = Webhooks(runtime, doorway)
    app[ROUTE_WEBHOOKS] = RouteWebhooks(runtime, doorway)
    async with contextlib.AsyncExitStack() as stack:
        if HAS_APIS:
            _open_devices(app, runtime)
            _open_operators(app, runtime)
        if runtime.settings.titan_access is not None:
            await stack.enter_async_context(_titan_opened(app, runtime))
        yield


@contextlib.asynccontextmanager
async def _titan_opened(app: web.Application, runtime: Runtime) -> AsyncIterator[None]:
    from envoy_plugin.apis.titan.mounting import TITAN, open_titan  # noqa: PLC0415 - plugins do without it

    async with open_titan(runtime.engine, runtime.batcher, runtime.settings, lambda: runtime.stopping) as titan:
        app[TITAN] = titan
        yield


def _application(settings: Settings, opened: Callable[[web.Application], AsyncIterator[None]]) -> web.Application:
    app = web.Application(client_max_size=settings.max_body)
    app.cleanup_ctx.append(opened)
    for method, path, handler in ROUTES:
        app.router.add_route(method, path, _answering(handler))
        app.router.add_route("*", path, _refuse_method(method))
    if settings.titan_access is not None:
        from envoy_plugin.apis.titan.mounting import titan_routes  # noqa: PLC0415 - plugins do without it

        for method, path, handler in titan_routes():
            app.router.add_route(method, path, _answering(handler))
    if HAS_APIS:
        _mount_devices(app)
        _mount_operators(app, settings)
    app.router.add_route("*", "/{path:.*}", _refuse_path)
    return app


def _mount_devices(app: web.Application) -> None:
    from envoy_plugin.apis.iot_jobs.mounting import PATHS, answer  # noqa: PLC0415 - plugins do without it

    for path in PATHS:
        app.router.add_route("*", path, _answering(answer))


def _open_devices(app: web.Application, runtime: Runtime) -> None:
    from envoy_plugin.apis.iot_jobs.mounting import IOT_JOBS, DeviceApi  # noqa: PLC0415 - plugins do without it

    app[IOT_JOBS] = DeviceApi(runtime.engine, runtime.settings)


def _mount_operators(app: web.Application, settings: Settings) -> None:
    from envoy_plugin.apis.workflow_manager.mounting import (  # noqa: PLC0415 - plugins do without it
        answer,
        close,
        paths_of,
    )

    for path in paths_of(settings):
        app.router.add_route("*", path, _answering(answer))
    app.on_shutdown.append(close)


def _open_operators(app: web.Application, runtime: Runtime) -> None:
    from envoy_plugin.apis.workflow_manager.mounting import (  # noqa: PLC0415 - plugins do without it
        OPERATOR_API,
        OperatorApi,
    )

    app[OPERATOR_API] = OperatorApi(runtime.engine, runtime.workflows, runtime.settings, lambda: runtime.stopping)


def _answering(handler: Handler) -> Handler:
    """Give every request an id in the logs and a JSON answer, which never tells what went wrong inside.

    A middleware would do the same, and cost every delivery more.
    """

    async def answer(request: web.Request) -> web.StreamResponse:
        request_id = request.headers.get(REQUEST_ID)
        if request_id is None or not GOOD_ID.fullmatch(request_id):
            request_id = f"{random.getrandbits(64):016x}"
        bind_alone(request_id=request_id)
        try:
            return await handler(request)
        except Exception:
            log.exception("request.failed", method=request.method)
            return _json(HTTPStatus.INTERNAL_SERVER_ERROR, {"message": "The plugin failed unexpectedly"})

    return answer


def _refuse_method(*allowed: str) -> Handler:
    """405, with what is allowed. Source: RFC 9110, 15.5.6."""

    async def refuse(_: web.Request) -> web.StreamResponse:
        answer = _json(HTTPStatus.METHOD_NOT_ALLOWED, {"message": "Method Not Allowed"})
        answer.headers["Allow"] = ",".join(allowed)
        return answer

    return refuse


async def _refuse_path(_: web.Request) -> web.StreamResponse:
    return _json(HTTPStatus.NOT_FOUND, {"message": "Not Found"})


def _receive(request: web.Request) -> Awaitable[web.StreamResponse]:
    return request.app[WEBHOOKS].receive(request)


def _receive_route(request: web.Request) -> Awaitable[web.StreamResponse]:
    return request.app[ROUTE_WEBHOOKS].receive(request)


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


ROUTES: Final[Sequence[tuple[str, str, Handler]]] = (
    ("POST", "/envoy/events", _receive),
    ("POST", "/envoy/events/{event}", _receive),
    ("POST", "/envoy/routes/{kind}/{name}", _receive_route),
    ("GET", "/healthz", _healthz),
    ("GET", "/readyz", _readyz),
)


def _json(status: int, body: dict[str, str]) -> web.Response:
    return web.Response(status=status, body=to_json(body), content_type="application/json")
