"""Requests in, answers out: find the operation, check who asks, do it, answer; nothing that fails inside is told."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web
from pydantic_core import to_json
from redis.exceptions import RedisError

from envoy_plugin.apis.workflow_manager.access import PARAMETER, Access, token_of
from envoy_plugin.apis.workflow_manager.asked import Asked, Service
from envoy_plugin.apis.workflow_manager.errors import refusal_of
from envoy_plugin.apis.workflow_manager.hub import Hub
from envoy_plugin.apis.workflow_manager.operation import HEALTH, Operation, Source
from envoy_plugin.apis.workflow_manager.reading import parse, read_form, read_json
from envoy_plugin.apis.workflow_manager.refusals import HEADERS, Refused, bad_request, not_found, unavailable
from envoy_plugin.apis.workflow_manager.routing import Place, find_place, segments_of
from envoy_plugin.apis.workflow_manager.tokens import Operator, OperatorTokens, Revocations
from envoy_plugin.apis.workflow_manager.uploads import read_upload
from envoy_plugin.apis.workflow_manager.wire import shape
from envoy_plugin.engine.engine import Engine
from envoy_plugin.errors import EngineError, SchemaTooNew, SealError, WorkflowError
from envoy_plugin.logs import get_logger
from envoy_plugin.settings import Settings
from envoy_plugin.workflows.definitions.store import Store
from envoy_plugin.workflows.links import needed

GET: Final = "GET"
MOST_UNKNOWN: Final = 8
UNKNOWN_SECONDS: Final = 60
"""How many forms are read at once whose token is in them, and for how long each."""
LINK: Final = "(link)"
"""Who reads an attachment by its URL: the name of nobody in particular."""

log = get_logger(__name__)


def make_application(
    engine: Engine, store: Store, settings: Settings, is_stopping: Callable[[], bool]
) -> "Application":
    """What answers operators, over the jobs of a store."""
    access = Access(OperatorTokens(settings.root_secrets), Revocations(engine.redis, engine.keys.operators_revoked))
    service = Service(
        engine=engine,
        store=store,
        links=needed(store.links),
        access=access,
        hub=Hub(store, access, is_stopping),
    )
    return Application(service)


class Application:
    """The operator API."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._unknown = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one request, whatever it is."""
        try:
            return await self._answered(request)
        except Refused as refused:
            return _refuse(refused)
        except ConnectionError:
            log.info("operator.gone")  # nobody is there who could read an answer
        except SchemaTooNew as error:
            log.error("operator.unavailable", error=type(error).__name__)
        except (WorkflowError, EngineError) as error:
            return _refuse(refusal_of(error))
        except (RedisError, TimeoutError, SealError) as error:
            log.error("operator.unavailable", error=type(error).__name__)
        except Exception:
            log.exception("operator.failed", method=request.method)
            return Refused(HTTPStatus.INTERNAL_SERVER_ERROR, "The server failed unexpectedly.").answer()
        return unavailable().answer()

    async def close(self) -> None:
        """Close the websockets."""
        await self._service.hub.close()

    async def _answered(self, request: web.Request) -> web.StreamResponse:
        segments = segments_of(request.rel_url.raw_path)[1:]
        if segments == (HEALTH,):
            _check_method(request, [GET])
            await self._service.engine.check_schema()
            return respond({"status": "ok"})
        place = find_place(segments[1:])
        if place is None:
            raise not_found()
        _check_method(request, list(place.operations))
        return await self._operate(request, segments[0], place)

    async def _operate(self, request: web.Request, item: str, place: Place) -> web.StreamResponse:
        operations = place.operations[request.method]
        told, operator = await self._told_by(request, item, place, operations[0])
        operation = _chosen(operations, told)
        asked = Asked(service=self._service, request=request, operator=operator, item=item, path=place.path)
        answer = await operation.does(asked, parse(operation.takes, told))
        return answer if isinstance(answer, web.StreamResponse) else respond(answer)

    async def _told_by(
        self, request: web.Request, item: str, place: Place, operation: Operation[Any]
    ) -> tuple[object, Operator]:
        """What a request says, and who says it: nothing of it is read before the token, unless that is in the form."""
        if operation.by_link and self._has_link(request, item, place):
            return await _read(operation, request), _bearer_of_link(item)
        if operation.source is Source.MULTIPART and token_of(request) is None:
            upload = await self._read_unknown(request)
            return upload, await self._service.access.check(request, item, given=upload.get(PARAMETER))
        operator = await self._service.access.check(request, item)
        return await _read(operation, request), operator

    async def _read_unknown(self, request: web.Request) -> dict[str, Any]:
        """A form of somebody who isn't known until it is read: few at once, since each may hold a file.

        Raises:
            Refused: as `read_upload`; 400, it takes too long; 503, there are too many.
        """
        if self._unknown >= MOST_UNKNOWN:
            raise unavailable()
        self._unknown += 1
        try:
            async with asyncio.timeout(UNKNOWN_SECONDS):
                return await read_upload(request)
        except TimeoutError:
            raise bad_request("The form takes too long.") from None
        finally:
            self._unknown -= 1

    def _has_link(self, request: web.Request, item: str, place: Place) -> bool:
        token = request.query.get(PARAMETER, "")
        return bool(token) and self._service.links.opens(token, item, place.path["jobId"], place.path["attachmentId"])


def respond(answer: object) -> web.Response:
    """An answer as JSON."""
    return web.Response(body=to_json(shape(answer), inf_nan_mode="null"), headers=HEADERS)


async def _read(operation: Operation[Any], request: web.Request) -> object:
    match operation.source:
        case Source.JSON:
            return await read_json(request)
        case Source.FORM:
            return await read_form(request)
        case Source.MULTIPART:
            return await read_upload(request)
        case Source.QUERY:
            return dict(request.query)
    return {}


def _chosen(operations: Sequence[Operation[Any]], told: object) -> Operation[Any]:
    """The operation that the body's `type` means, and then a member that only one of them takes.

    Raises:
        Refused: 400, there is none.
    """
    if len(operations) == 1 or not isinstance(told, dict):
        return operations[0]
    meant = [one for one in operations if one.type == told.get("type")]
    if not meant:
        raise bad_request(f"type must be one of: {', '.join(dict.fromkeys(one.type for one in operations))}.")
    return next((one for one in meant if one.member and told.get(one.member) is not None), meant[0])


def _check_method(request: web.Request, allowed: Sequence[str]) -> None:
    if request.method not in allowed:
        headers = {"Allow": ", ".join(sorted(allowed))}
        raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "Method Not Allowed", headers=headers)


def _refuse(refused: Refused) -> web.Response:
    log.info("operator.refused", status=int(refused.status), error=refused.kind)
    return refused.answer()


def _bearer_of_link(item: str) -> Operator:
    """Whoever has the URL of an attachment: nobody in particular, who may read that."""
    now = datetime.now(UTC)
    none: frozenset[str] = frozenset()
    return Operator(name=LINK, items=frozenset({item}), groups=none, privileges=none, jti="", issued=now, exp=now)
