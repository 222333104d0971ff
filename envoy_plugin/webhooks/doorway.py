"""The doorway of every webhook: its limits, its signature, and the answers that keep the rest from being done.

Source of the statuses: Envoy's plugin guide, "Plugin Responses": 200 done, 202 ongoing, 400 ignored, 412 failed,
anything else an assumed failure. So a bad request is never a 400 here.
"""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Final

from aiohttp import hdrs, web
from pydantic_core import to_json
from redis.exceptions import RedisError

from envoy_plugin.envoy.meta import WebhookMeta
from envoy_plugin.envoy.signature import HEADER, verify
from envoy_plugin.errors import BadPayload, BadSignature, ConfigMismatch, TooLarge
from envoy_plugin.logs import get_logger
from envoy_plugin.outcomes import Answer, Outcome, answer_raised
from envoy_plugin.request_bodies import BodyTooLarge, UnreadableBody, media_type, read_at_most
from envoy_plugin.runtime import Runtime

JSON_TYPES: Final = frozenset({"application/json", "application/vnd.api+json"})
TOO_LARGE: Final = "The body is too large."
JSON_HEADERS: Final[Mapping[str, str]] = {hdrs.CONTENT_TYPE: "application/json"}

log = get_logger(__name__)


class Refused(Exception):
    """The request gets this answer and nothing else happens."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.answer = Answer(status=status, body={"message": message}, retry_after=_retry_after(status))


def _retry_after(status: HTTPStatus) -> int | None:
    return 5 if status is HTTPStatus.SERVICE_UNAVAILABLE else None


class Doorway:
    """Lets signed bodies in."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._secrets = runtime.settings.client_secrets

    async def answer(self, request: web.Request, handle: Callable[[bytes], Awaitable[Answer]]) -> web.Response:
        """Answer a webhook by `handle`, which is given the signed bytes; nothing is done for whoever can't sign."""
        try:
            body = await _read(request)
            self._check(request, body)
            given = await handle(body)
        except Refused as refused:
            given = refused.answer
        except BadPayload as error:
            given = Refused(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)).answer
        except (ConfigMismatch, Outcome) as error:
            given = answer_raised(error)
        except TooLarge as error:
            given = Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, str(error)).answer
        except (RedisError, TimeoutError) as error:
            log.error("webhook.unavailable", error=type(error).__name__)
            given = Refused(HTTPStatus.SERVICE_UNAVAILABLE, "Not available now").answer
        return _response(given)

    def check_plugin(self, meta: WebhookMeta) -> None:
        """Refuse what is for another plugin than the pinned one."""
        pinned = self._runtime.settings.plugin_id
        if pinned is not None and meta.plugin_id != pinned:
            raise BadPayload("The webhook is for another plugin: meta.plugin_id is not ENVOY_PLUGIN_ID.")

    def _check(self, request: web.Request, body: bytes) -> None:
        try:
            verify(body, request.headers.get(HEADER), self._secrets)
        except BadSignature as error:
            log.warning("webhook.unsigned", size=len(body))
            raise Refused(HTTPStatus.UNAUTHORIZED, str(error)) from None
        if media_type(request) not in JSON_TYPES:
            raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body must be application/json.")
        if self._runtime.stopping:
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "Shutting down")


async def _read(request: web.Request) -> bytes:
    try:
        return await read_at_most(request, request.client_max_size)
    except BodyTooLarge:
        raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, TOO_LARGE) from None
    except UnreadableBody:
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "The body can't be read.") from None


def _response(given: Answer) -> web.Response:
    body = to_json(given.body, inf_nan_mode="null")
    response = web.Response(status=given.status, body=body, headers=JSON_HEADERS)
    if given.retry_after is not None:
        response.headers[hdrs.RETRY_AFTER] = str(given.retry_after)
    return response
