"""The API as routes of an aiohttp application: who may, what a request may do, and that nothing inside is told."""

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from http import HTTPStatus
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler
from redis.exceptions import RedisError

from envoy_plugin.apis.titan.access import Access
from envoy_plugin.apis.titan.consuming import Consumer
from envoy_plugin.apis.titan.ending import end_jobs
from envoy_plugin.apis.titan.jobs import Jobs
from envoy_plugin.apis.titan.openapi import document_json
from envoy_plugin.apis.titan.operations import BASE, OPERATIONS, Operation
from envoy_plugin.apis.titan.refusals import Refused, unavailable
from envoy_plugin.apis.titan.routes import HANDLERS, HEADERS, Asked, TitanApi
from envoy_plugin.apis.titan.tokens import Tokens
from envoy_plugin.apis.titan.words import QUEUE
from envoy_plugin.engine.batching import Batcher
from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.gathering import Gathering
from envoy_plugin.engine.waiting import listening
from envoy_plugin.logs import get_logger
from envoy_plugin.settings import Settings

TITAN: Final = web.AppKey("titan", TitanApi)
DOCUMENT: Final = "/openapi.json"
Route = tuple[str, str, Handler]

log = get_logger(__name__)


@contextlib.asynccontextmanager
async def open_titan(
    engine: Engine, batcher: Batcher, settings: Settings, is_stopping: Callable[[], bool]
) -> AsyncIterator[TitanApi]:
    """What the routes work with, for as long as the block runs; it waits for work on a connection of its own."""
    async with listening(engine.redis, engine.keys, [QUEUE]) as alarm:
        yield TitanApi(
            engine=engine,
            batcher=batcher,
            jobs=Jobs(engine),
            ends=Gathering(partial(end_jobs, engine)),
            consumer=Consumer(engine=engine, alarm=alarm, is_stopping=is_stopping),
            access=Access.of(settings, Tokens(engine.redis, engine.keys.titan_tokens)),
        )


def titan_routes() -> Iterator[Route]:
    """Method, path and handler of every operation, and of what there isn't. `app[TITAN]` is to be set before a request.

    A GET is not also a HEAD: that would take jobs which nobody gets to see.
    """
    for path in dict.fromkeys(operation.path for operation in OPERATIONS):
        for operation in OPERATIONS:
            if operation.path == path:
                yield operation.method, BASE + path, _guarded(_operate(operation))
        yield "*", BASE + path, _guarded(_refuse_method(path))
    yield "GET", f"{BASE}{DOCUMENT}", _guarded(_describe)
    yield "*", f"{BASE}{DOCUMENT}", _guarded(_refuse_method(DOCUMENT))
    yield "*", f"{BASE}/{{path:.*}}", _guarded(_refuse_path)


def _guarded(handler: Handler) -> Handler:
    """Answer refusals and failures as `Error`; nothing that went wrong inside is told."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except Refused as refused:
            return refused.answer()
        except (RedisError, TimeoutError) as error:
            log.error("titan.unavailable", error=type(error).__name__)
            return unavailable().answer()
        except Exception:
            log.exception("titan.failed", method=request.method)
            return Refused(HTTPStatus.INTERNAL_SERVER_ERROR, "The server failed unexpectedly.").answer()

    return answer


def _operate(operation: Operation) -> Handler:
    work = HANDLERS[operation.name]

    async def operate(request: web.Request) -> web.StreamResponse:
        api = request.app[TITAN]
        who = await api.access.check(request, operation.scopes)
        return await work(Asked(api=api, request=request, who=who))

    return operate


async def _describe(request: web.Request) -> web.StreamResponse:
    request.app[TITAN].access.check_place(request)
    return web.Response(body=document_json(), headers=HEADERS)


def _refuse_method(path: str) -> Handler:
    allowed = ",".join(sorted(o.method for o in OPERATIONS if o.path == path)) or "GET"

    async def refuse(request: web.Request) -> web.StreamResponse:
        request.app[TITAN].access.check_place(request)
        raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "Method Not Allowed", headers={"Allow": allowed})

    return refuse


async def _refuse_path(_: web.Request) -> web.StreamResponse:
    raise Refused(HTTPStatus.NOT_FOUND, "Not Found")
