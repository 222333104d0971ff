"""Requests in, answers out: read so much, verify, find the operation, check what the key reaches, do it, answer."""

import asyncio
import uuid
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Final

from aiohttp import web
from pydantic_core import to_json
from redis.exceptions import RedisError

from envoy_plugin.apis.iot_jobs.access import CONTROL, Access, Signer
from envoy_plugin.apis.iot_jobs.access_keys import AccessKeys
from envoy_plugin.apis.iot_jobs.calls import Call, Service
from envoy_plugin.apis.iot_jobs.constraints import check_thing
from envoy_plugin.apis.iot_jobs.operations import Found, find_operation
from envoy_plugin.apis.iot_jobs.refusals import Refusal, invalid, no_thing, status_of
from envoy_plugin.apis.iot_jobs.registry import Clock, Registry
from envoy_plugin.apis.iot_jobs.shapes import Place, Shape
from envoy_plugin.apis.iot_jobs.signing import SignedRequest
from envoy_plugin.deadline import Overdue, within
from envoy_plugin.engine.engine import Engine
from envoy_plugin.errors import BadCursor, SealError, ThingRefused
from envoy_plugin.logs import Bound, bind_more, get_logger
from envoy_plugin.request_bodies import BodyTooLarge, UnreadableBody, read_at_most

MOST_BODY: Final = 64 * 1024
MOST_CONTROL_BODY: Final = 512 * 1024
"""A document of 32 Ki characters, each written as an escape, and a hundred targets of 2 KiB."""
CONTROL_PATH: Final = "/jobs"
BODY_TIME: Final = timedelta(seconds=20)
REDIS_SECONDS: Final = 8
ERROR_HEADER: Final = "x-amzn-ErrorType"
ID_HEADER: Final = "x-amzn-RequestId"
CONTENT_TYPE: Final = "application/json"

log = get_logger(__name__)


class IotJobs:
    """The device API over an engine. `clock` gives seconds since 1970, by which signatures and keys are good."""

    def __init__(self, engine: Engine, place: Place, *, clock: Clock) -> None:
        self._keys = AccessKeys(engine, clock)
        self._registry = Registry(engine, clock)
        self._access = Access(self._keys, region=place.region, clock=clock)
        self._service = Service(engine=engine, registry=self._registry, keys=self._keys, place=place)

    async def answer(self, request: web.Request) -> web.Response:
        """Answer one request, whatever it is; nothing of it is read before its signature."""
        request_id = str(uuid.uuid4())
        with Bound(amzn_request_id=request_id, method=request.method):
            answered = await self._answered(request)
        answered.headers[ID_HEADER] = request_id
        return answered

    async def _answered(self, request: web.Request) -> web.Response:
        try:
            body = await _read(request)
            async with asyncio.timeout(REDIS_SECONDS):
                return _response(HTTPStatus.OK, await self._done(request, body))
        except ThingRefused as refused:
            return _logged_refusal(refused)
        except BadCursor:
            return _logged_refusal(invalid("nextToken is not one of this list."))
        except (RedisError, TimeoutError, SealError) as error:
            log.error("device.unavailable", error=type(error).__name__)
        except Exception:
            log.exception("device.failed")
        return _refusal(ThingRefused(Refusal.UNAVAILABLE, "Not available now: try again."))

    async def _done(self, request: web.Request, body: bytes) -> Shape:
        signed = SignedRequest(
            method=request.method, target=request.raw_path, headers=list(request.headers.items()), body=body
        )
        signer = await self._access.verify(signed)
        found = find_operation(signer.service, request.method, request.raw_path.partition("?")[0])
        if found is None:
            raise ThingRefused(Refusal.UNKNOWN, f"{request.method} of this path is no operation of {signer.service}.")
        bind_more(thing=found.path.get("thing"))
        await self._check_reach(signer, found)
        call = Call(service=self._service, key=signer.key, path=found.path, query=request.query, content=body)
        return await found.operation(call)

    async def _check_reach(self, signer: Signer, found: Found) -> None:
        """Refuse what this key is not for; then remember that the thing has called."""
        if signer.service == CONTROL:
            if not signer.key.reaches_everything:
                raise ThingRefused(Refusal.DENIED, "This access key is for devices' work alone.")
            return
        name = check_thing(found.path["thing"])
        thing = await self._registry.find(name)
        if not signer.key.reaches(name, thing):
            raise ThingRefused(Refusal.DENIED, f"This access key is not for thing {name}.")
        if thing is None:
            raise no_thing(name)
        await self._registry.hear(thing)


async def _read(request: web.Request) -> bytes:
    """The body; no more of it is read than there may be, nor waited for longer than one takes to send."""
    most = MOST_CONTROL_BODY if request.path.startswith(CONTROL_PATH) else MOST_BODY
    if (request.content_length or 0) > most:
        raise _too_large(most)
    try:
        return await within(BODY_TIME, read_at_most(request, most))
    except BodyTooLarge:
        raise _too_large(most) from None
    except Overdue:
        raise ThingRefused(Refusal.TOO_SLOW, f"The body didn't arrive within {BODY_TIME.seconds} seconds.") from None
    except UnreadableBody:
        raise invalid("The body can't be read.") from None


def _too_large(most: int) -> ThingRefused:
    return ThingRefused(Refusal.TOO_LARGE, f"The body has more than {most // 1024} KiB.")


def _logged_refusal(refused: ThingRefused) -> web.Response:
    log.info("device.refused", error=refused.error)
    return _refusal(refused)


def _refusal(refused: ThingRefused) -> web.Response:
    body = {"message": str(refused), **refused.facts}
    return _response(status_of(refused), body, {ERROR_HEADER: refused.error})


def _response(status: HTTPStatus, body: Shape, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(status=status, body=to_json(body), headers={"Content-Type": CONTENT_TYPE, **(headers or {})})
