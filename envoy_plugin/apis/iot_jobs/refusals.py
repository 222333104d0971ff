"""The errors of the wire, and the answers that carry them.

Source: the errors and statuses of botocore's service models; for what the models leave out, AWS' "Common error types".
An SDK reads the name from `x-amzn-ErrorType`, and the message from the body.
"""

from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

from envoy_plugin.errors import ThingRefused


class Refusal(StrEnum):
    """What an SDK's user catches."""

    INVALID = "InvalidRequestException"
    NOT_FOUND = "ResourceNotFoundException"
    EXISTS = "ResourceAlreadyExistsException"
    TRANSITION = "InvalidStateTransitionException"
    VERSION = "VersionConflictException"
    TERMINAL = "TerminalStateException"
    LIMIT = "LimitExceededException"
    UNAVAILABLE = "ServiceUnavailableException"
    UNSIGNED = "MissingAuthenticationTokenException"
    INCOMPLETE = "IncompleteSignatureException"
    UNKNOWN_KEY = "UnrecognizedClientException"
    SIGNATURE = "InvalidSignatureException"
    EXPIRED = "RequestExpired"
    DENIED = "AccessDeniedException"
    TOO_LARGE = "RequestEntityTooLargeException"
    TOO_SLOW = "RequestTimeoutException"
    UNKNOWN = "UnknownOperationException"


STATUSES: Final[Mapping[Refusal, HTTPStatus]] = MappingProxyType(
    {
        Refusal.INVALID: HTTPStatus.BAD_REQUEST,
        Refusal.NOT_FOUND: HTTPStatus.NOT_FOUND,
        Refusal.EXISTS: HTTPStatus.CONFLICT,
        Refusal.TRANSITION: HTTPStatus.CONFLICT,
        Refusal.VERSION: HTTPStatus.CONFLICT,
        Refusal.TERMINAL: HTTPStatus.GONE,
        Refusal.LIMIT: HTTPStatus.GONE,
        Refusal.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
        Refusal.UNSIGNED: HTTPStatus.FORBIDDEN,
        Refusal.INCOMPLETE: HTTPStatus.FORBIDDEN,
        Refusal.UNKNOWN_KEY: HTTPStatus.FORBIDDEN,
        Refusal.SIGNATURE: HTTPStatus.FORBIDDEN,
        Refusal.EXPIRED: HTTPStatus.BAD_REQUEST,
        Refusal.DENIED: HTTPStatus.FORBIDDEN,
        Refusal.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        Refusal.TOO_SLOW: HTTPStatus.REQUEST_TIMEOUT,
        Refusal.UNKNOWN: HTTPStatus.NOT_FOUND,
    }
)


def status_of(refused: ThingRefused) -> HTTPStatus:
    """The status of the answer."""
    return STATUSES[Refusal(refused.error)]


def invalid(message: str, **facts: Any) -> ThingRefused:
    """InvalidRequestException."""
    return ThingRefused(Refusal.INVALID, message, **facts)


def no_thing(name: str) -> ThingRefused:
    """ResourceNotFoundException for a thing."""
    return ThingRefused(Refusal.NOT_FOUND, f"Thing {name} cannot be found.")


def no_job(job_id: str) -> ThingRefused:
    """ResourceNotFoundException for a job."""
    return ThingRefused(Refusal.NOT_FOUND, f"Job {job_id} cannot be found.")


def no_execution(job_id: str, thing: str) -> ThingRefused:
    """ResourceNotFoundException for a job's execution on a thing."""
    return ThingRefused(Refusal.NOT_FOUND, f"Job {job_id} not found for {thing}")


def busy() -> ThingRefused:
    """ServiceUnavailableException: others were faster, again and again."""
    return ThingRefused(Refusal.UNAVAILABLE, "Too many at once: try again.")
