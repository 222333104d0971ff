"""Bodies in and out of the simulated Envoy: JSON, forms, and errors in the shape that each API uses."""

from collections.abc import Mapping
from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any, Final, TypeAlias, TypeVar
from urllib.parse import parse_qsl

from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import from_json

Json: TypeAlias = Any
JsonObject: TypeAlias = dict[str, Any]
Model = TypeVar("Model")

API_TYPE: Final = "application/vnd.api+json"
JSON_TYPES: Final = frozenset({"application/json", API_TYPE})
FORM_TYPE: Final = "application/x-www-form-urlencoded"
MULTIPART_TYPE: Final = "multipart/form-data"


class WireError(Exception):
    """An answer that isn't a success: its status, its JSON body, its headers."""

    def __init__(self, status: int, body: JsonObject, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.body = body
        self.headers = dict(headers or {})


class StrictModel(BaseModel):
    """What a `/_sim/` request may say; a misspelt key is refused."""

    model_config = {"extra": "forbid", "frozen": True}


def api_error(status: int, title: str, detail: str, headers: Mapping[str, str] | None = None) -> WireError:
    """An error as JSON:API writes it: `{"errors": [{"status", "title", "detail"}]}`."""
    return WireError(status, {"errors": [{"status": str(status), "title": title, "detail": detail}]}, headers)


def not_found(what: str) -> WireError:
    """The 404 for a thing that the simulated Envoy doesn't know."""
    return api_error(404, "Not found", what)


def api_answer(data: Json, *, status: int = 200, **beside: Json) -> web.Response:
    """A success with `{"data": …}`; Envoy's SDK takes a body without a truthy `data` for a failure.

    Source: Node SDK 2.5.2, src/base/EnvoyAPI.ts.
    """
    return web.json_response({"data": data, **beside}, status=status, content_type=API_TYPE)


def parse_json(body: bytes) -> Json:
    """The value of a JSON text.

    Raises:
        ValueError: it isn't JSON, or it is nested too deeply.
    """
    return from_json(body, allow_inf_nan=False)


def decode_fields(content_type: str, body: bytes) -> Json:
    """The value of a JSON, urlencoded or multipart body; forms become objects of strings.

    Raises:
        ValueError: another content type, or bytes that aren't what it says.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind in JSON_TYPES:
        return parse_json(body)
    if kind == FORM_TYPE:
        return dict(parse_qsl(body.decode(), keep_blank_values=True))
    if kind == MULTIPART_TYPE:
        return _multipart_fields(content_type, body)
    raise ValueError("The content type is not one that is read here.")


def _multipart_fields(content_type: str, body: bytes) -> dict[str, str]:
    head = b"Content-Type: " + content_type.encode() + b"\r\n\r\n"
    parts = BytesParser(policy=HTTP).parsebytes(head + body).iter_parts()
    return {str(part.get_param("name", header="content-disposition")): _part_text(part) for part in parts}


def _part_text(part: Message) -> str:
    payload = part.get_payload(decode=True)
    return payload.decode() if isinstance(payload, bytes) else ""


async def read_json(request: web.Request, shape: TypeAdapter[Model]) -> Model:
    """The request's JSON body as a `shape`.

    Raises:
        WireError: 415 for another content type, 422 for a body that isn't JSON or doesn't fit.
    """
    if request.content_type not in JSON_TYPES:
        raise api_error(415, "Unsupported media type", f"Send one of {', '.join(sorted(JSON_TYPES))}.")
    try:
        return shape.validate_python(parse_json(await request.read()))
    except ValidationError as error:
        raise api_error(422, "Unprocessable", _faults_of(error)) from None
    except ValueError:
        raise api_error(422, "Unprocessable", "The body isn't JSON.") from None


def _faults_of(error: ValidationError) -> str:
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, fault['loc'])) or 'body'}: {fault['msg']}" for fault in faults[:10])


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every refusal into its JSON answer; the one place that does."""
    try:
        return await handler(request)
    except WireError as error:
        return web.json_response(error.body, status=error.status, headers=error.headers)
    except web.HTTPException as error:
        body = api_error(error.status, error.reason, f"{request.method} {request.path}").body
        allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
        return web.json_response(body, status=error.status, headers=allow)
