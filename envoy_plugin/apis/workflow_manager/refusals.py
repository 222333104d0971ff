"""Refusals: what is answered where a request can't be granted. None leaves anything changed.

Source: `@arcgis/workflow-manager` 1.0.9, WorkflowJsonExceptionDTO (message, type, details). `code` is ours: the status
again, since the Python client looks at the body alone, and shows it.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final

from aiohttp import web
from pydantic_core import to_json

SAFE_HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""On every answer. A path may have carried a token: no page that is led to by a link here may learn it."""
HEADERS: Final[Mapping[str, str]] = {**SAFE_HEADERS, "Content-Type": "application/json"}
CHALLENGE: Final = 'Bearer realm="workflow"'


class Refused(Exception):
    """The request gets this answer: a sentence, the kind of error, and what there is to say of details."""

    def __init__(
        self,
        status: HTTPStatus,
        message: str,
        *,
        kind: str = "",
        details: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind or KINDS.get(status, "Refused")
        self.details = tuple(details)
        self.headers = {**HEADERS, **(headers or {})}

    @property
    def body(self) -> dict[str, object]:
        """The answer, as JSON has it."""
        told = {"message": str(self), "type": self.kind, "details": list(self.details), "code": int(self.status)}
        return {"error": told}

    def answer(self) -> web.Response:
        """The response."""
        return web.Response(status=self.status, body=to_json(self.body), headers=self.headers)


KINDS: Final[Mapping[HTTPStatus, str]] = {
    HTTPStatus.BAD_REQUEST: "BadRequest",
    HTTPStatus.UNAUTHORIZED: "Unauthorized",
    HTTPStatus.FORBIDDEN: "NotAllowed",
    HTTPStatus.NOT_FOUND: "NotFound",
    HTTPStatus.METHOD_NOT_ALLOWED: "MethodNotAllowed",
    HTTPStatus.CONFLICT: "Conflict",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "TooLarge",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "UnsupportedMediaType",
    HTTPStatus.INTERNAL_SERVER_ERROR: "ServerError",
    HTTPStatus.SERVICE_UNAVAILABLE: "Unavailable",
}
"""The type of an error that has none of its own, by its status."""


def bad_request(message: str, details: Sequence[str] = ()) -> Refused:
    """400: something in the request is missing or can't be read."""
    return Refused(HTTPStatus.BAD_REQUEST, message, details=details)


def not_found(message: str = "There is nothing of this name here.") -> Refused:
    """404: what was named isn't there, or is none of this item's."""
    return Refused(HTTPStatus.NOT_FOUND, message)


def unauthorized(message: str) -> Refused:
    """401: there is no token that is good."""
    return Refused(HTTPStatus.UNAUTHORIZED, message, headers={"WWW-Authenticate": CHALLENGE})


def unavailable() -> Refused:
    """503: Redis can't be reached now."""
    return Refused(HTTPStatus.SERVICE_UNAVAILABLE, "Not available now. Try again.", headers={"Retry-After": "1"})
