"""What a request says, as a value: read so much and no more, as JSON, as a query or as a form."""

from http import HTTPStatus
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

from aiohttp import web
from pydantic import ValidationError
from pydantic_core import ErrorDetails, from_json

from envoy_plugin.apis.workflow_manager.refusals import Refused, bad_request
from envoy_plugin.apis.workflow_manager.wire import Wire
from envoy_plugin.request_bodies import BodyTooLarge, UnreadableBody, media_type, read_at_most

Model = TypeVar("Model", bound=Wire)

MOST_BODY: Final = 1024 * 1024
"""In bytes: far more than the largest diagram, or a geometry of 256 KiB as a text."""
MOST_FIELDS: Final = 16
MOST_DETAILS: Final = 20
JSON: Final = "application/json"


async def read_body(request: web.Request, most: int = MOST_BODY) -> bytes:
    """The body, if it has at most so many bytes; no more of it is read, whatever the application's own limit is.

    Raises:
        Refused: 413, it has more; 400, it can't be read.
    """
    try:
        return await read_at_most(request, most)
    except BodyTooLarge:
        raise too_large(most) from None
    except UnreadableBody:
        raise bad_request("The body can't be read.") from None


async def read_json(request: web.Request) -> dict[str, Any]:
    """A body that is a JSON object, whatever it is said to be; no body at all is one without members.

    Raises:
        Refused: as `read_body`; 400, it is no JSON object.
    """
    body = await read_body(request)
    try:
        found = from_json(body, allow_inf_nan=False) if body.strip() else {}
    except ValueError:
        raise bad_request("The body is no JSON.") from None
    if not isinstance(found, dict):
        raise bad_request("The body is no JSON object.")
    return found


async def read_form(request: web.Request) -> dict[str, str]:
    """The fields of an urlencoded form, the first of each name; of JSON, the members of the object.

    Raises:
        Refused: as `read_json`.
    """
    if media_type(request) == JSON:
        return await read_json(request)
    body = await read_body(request)
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise bad_request(f"The form isn't UTF-8, or has more than {MOST_FIELDS} fields.") from None
    return dict(reversed(pairs))


def parse(model: type[Model], told: object) -> Model:
    """What was sent, as a value of the model; what the model doesn't know is ignored.

    Raises:
        Refused: 400, with each member that isn't what it must be; no value is quoted.
    """
    try:
        return model.model_validate(told)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False, include_context=False)
    raise bad_request("The request isn't what it must be.", [_fault(fault) for fault in faults[:MOST_DETAILS]])


def too_large(most: int) -> Refused:
    """413: there is more than is read."""
    return Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"There are more than {most} bytes.")


def _fault(fault: ErrorDetails) -> str:
    """Where, and what is wrong there. Of the place only what we have named is told, and counts of lists."""
    place = ".".join(str(part) for part in fault["loc"] if isinstance(part, int) or str(part).isidentifier())
    return f"{place}: {fault['msg']}" if place else fault["msg"]
