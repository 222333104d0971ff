"""What our errors are to a client: the one table of statuses.

Source: the REST reference has 400 for most failures, and 404 for a diagram that isn't there and a comment on no job. So
404 is of what isn't there, 403 of a missing privilege, and 409 of what somebody else has changed meanwhile.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final

from pydantic.alias_generators import to_camel

from envoy_plugin.apis.workflow_manager.refusals import Refused
from envoy_plugin.errors import (
    BadCondition,
    BadDiagram,
    BadLocation,
    BadProperty,
    BadQuery,
    CallRefused,
    DependencyCycle,
    EngineError,
    EnvoyPluginError,
    JobNotFound,
    JobRefused,
    NoAttachment,
    NotAllowed,
    NoTemplate,
    StateError,
    TooLarge,
    WorkflowError,
)
from envoy_plugin.workflows.operating.privileges import Privilege

STATUSES: Final[Mapping[type[EnvoyPluginError], HTTPStatus]] = {
    BadCondition: HTTPStatus.BAD_REQUEST,
    BadDiagram: HTTPStatus.BAD_REQUEST,
    BadLocation: HTTPStatus.BAD_REQUEST,
    BadProperty: HTTPStatus.BAD_REQUEST,
    BadQuery: HTTPStatus.BAD_REQUEST,
    DependencyCycle: HTTPStatus.BAD_REQUEST,
    JobNotFound: HTTPStatus.NOT_FOUND,
    JobRefused: HTTPStatus.BAD_REQUEST,
    NoAttachment: HTTPStatus.NOT_FOUND,
    NoTemplate: HTTPStatus.NOT_FOUND,
    NotAllowed: HTTPStatus.FORBIDDEN,
    StateError: HTTPStatus.CONFLICT,
    TooLarge: HTTPStatus.BAD_REQUEST,
    EngineError: HTTPStatus.CONFLICT,
    WorkflowError: HTTPStatus.BAD_REQUEST,
}
"""By the nearest class of an error that is here; its type is that class' name."""


def refusal_of(error: WorkflowError | EngineError) -> Refused:
    """The answer that an error of the layers below is."""
    first = next(iter(error.refusals.values())) if isinstance(error, CallRefused) else error
    known = next(kind for kind in type(first).__mro__ if kind in STATUSES)
    return Refused(STATUSES[known], _message(first), kind=known.__name__, details=_details(first))


def _message(error: EnvoyPluginError) -> str:
    """A sentence; of a property with its name on the wire."""
    return f"{to_camel(error.field)} can't be this: {error.why}." if isinstance(error, BadProperty) else str(error)


def _details(error: EnvoyPluginError) -> Sequence[str]:
    if isinstance(error, BadDiagram):
        return error.faults
    if isinstance(error, DependencyCycle):
        return error.cycle
    return [error.privilege] if isinstance(error, NotAllowed) and error.privilege in set(Privilege) else []
