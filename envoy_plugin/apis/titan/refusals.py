"""Refusals: what is answered where a request can't be granted. None leaves anything changed.

Sources: the go-swagger client of Titan, `jobs/*_responses.go`; models `Error`, `ErrorBody`, `IdStatus`.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from aiohttp import web
from pydantic_core import to_json

from envoy_plugin.apis.titan.words import STATUS, PublicId
from envoy_plugin.engine.states import State
from envoy_plugin.errors import CallRefused, EngineError, StateError, WrongState

SAFE_HEADERS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
"""On every answer. Consuming is a GET with effects: nobody may keep what it has answered."""
NO_SUCH_JOB: Final = "Job does not exist."
WHY_NOT: Final[Mapping[str, str]] = {
    "payload_gone": "The job's payload is no longer kept.",
    "key_taken": "Another job has this job's Idempotency-Key.",
    "blob_gone": "The log took too long. Send it again.",
}
"""What else than its state stands in a job's way, as the engine says it and as clients read it."""


class Refused(Exception):
    """The request gets this answer. `fields` names what in the request is wrong, `retry_after` is in seconds."""

    def __init__(
        self,
        status: HTTPStatus,
        message: str,
        *,
        fields: str = "",
        about: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = {**(about or {}), "error": {"message": message, **({"fields": fields} if fields else {})}}
        self.headers = {**SAFE_HEADERS, "Content-Type": "application/json", **(headers or {})}

    def answer(self) -> web.Response:
        """The response."""
        return web.Response(status=self.status, body=to_json(self.body), headers=self.headers)


def bad_request(message: str, fields: str = "") -> Refused:
    """400: something in the request is missing or invalid."""
    return Refused(HTTPStatus.BAD_REQUEST, message, fields=fields)


def not_found() -> Refused:
    """404: there is no such job, or it is none of this API's."""
    return Refused(HTTPStatus.NOT_FOUND, NO_SUCH_JOB)


def unavailable() -> Refused:
    """503: Redis can't be reached now."""
    return Refused(HTTPStatus.SERVICE_UNAVAILABLE, "Not available now. Try again.", headers={"Retry-After": "1"})


def of_engine(error: EngineError, job: PublicId, message: str, *, has_status: bool = True) -> Refused:
    """What a refusal of the engine is to whoever asked for `job`: 404, or 409 with `message`.

    The body of a 409 is an `IdStatus` (with an `error` beside), or an `Error` where it isn't to have the status.
    """
    first = next(iter(error.refusals.values())) if isinstance(error, CallRefused) else error
    if not isinstance(first, StateError):
        return not_found()
    why = WHY_NOT.get(first.why) if isinstance(first, WrongState) else None
    about = {"id": str(job), "status": STATUS[State(first.state)]} if has_status else None
    return Refused(HTTPStatus.CONFLICT, why or message, about=about)
