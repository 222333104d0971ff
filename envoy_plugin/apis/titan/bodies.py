"""What clients send in bodies, as they really send it.

Sources: measured of the JavaScript client `titan-api` 0.2.5, read in those for Go and Ruby: a cancel's body is raw text
under `application/json` (Go: a JSON string); multipart ends without CRLF; a log is a part with a file name, a plain
field, or bytes that aren't UTF-8; Go and Ruby send /fail as an urlencoded form.
"""

import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qsl

from aiohttp import web
from pydantic_core import from_json

from envoy_plugin.apis.titan.refusals import Refused, bad_request
from envoy_plugin.request_bodies import BodyTooLarge, UnreadableBody, media_type, read_at_most

MOST_BODY: Final = 16 * 1024 * 1024
MOST_DETAILS: Final = 16 * 1024
MOST_PARTS: Final = 64

BOUNDARY: Final = re.compile(r';\s*boundary=(?:"([^"]{1,200})"|([^\s;"]{1,200}))', re.IGNORECASE)
PART_NAME: Final = re.compile(rb'^content-disposition:[^\r\n]*?;[ \t]*name=(?:"([^"\r\n]*)"|([^\s;"]+))', re.I | re.M)
JSON: Final = "application/json"
MULTIPART: Final = "multipart/form-data"
URLENCODED: Final = "application/x-www-form-urlencoded"


async def read_body(request: web.Request, most: int = MOST_BODY) -> bytes:
    """The body, whatever the application's own limit is.

    Raises:
        Refused: 413, more than `most` bytes; 400, it can't be read.
    """
    try:
        return await read_at_most(request, most)
    except BodyTooLarge:
        raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body has more than {most} bytes.") from None
    except UnreadableBody:
        raise bad_request("The body can't be read.", "body") from None


async def read_json(request: web.Request) -> bytes:
    """A body that is said to be JSON, not parsed.

    Raises:
        Refused: as `read_body`; 415, it is said to be something else.
    """
    if media_type(request) != JSON:
        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"The body must be {JSON}.")
    return await read_body(request)


async def read_details(request: web.Request) -> str:
    """The bare string that is the body of a cancel: as JSON, as text, or nothing.

    An object gives its member `details`. JSON that is neither is the text that it is: `123` was typed by somebody.

    Raises:
        Refused: as `read_body`.
    """
    text = (await read_body(request, MOST_DETAILS)).decode(errors="replace")
    try:
        value = from_json(text)
    except ValueError:
        return text
    if isinstance(value, dict):
        value = value.get("details")
    return value if isinstance(value, str) else text


async def read_form(request: web.Request) -> Mapping[str, bytes]:
    """The fields of a form: `log`, `reason`, `details`; the first of each name. Any other body has none.

    Raises:
        Refused: as `read_body`; 400, it is no such form.
    """
    body = await read_body(request)
    kind = media_type(request)
    if kind == URLENCODED:
        return _urlencoded(body)
    if kind != MULTIPART:
        return {}
    boundary = BOUNDARY.search(request.headers["Content-Type"])
    if boundary is None:
        raise bad_request("multipart/form-data needs a boundary.", "Content-Type")
    return _first_of_each(parts_of(body, (boundary[1] or boundary[2]).encode(errors="replace")) if body else iter(()))


def _urlencoded(body: bytes) -> Mapping[str, bytes]:
    try:
        pairs = parse_qsl(body.decode("latin-1"), keep_blank_values=True, max_num_fields=MOST_PARTS, encoding="latin-1")
    except ValueError:
        raise bad_request(f"The form has more than {MOST_PARTS} fields.", "body") from None
    return _first_of_each((name, value.encode("latin-1")) for name, value in pairs)


def _first_of_each(pairs: Iterator[tuple[str, bytes]]) -> Mapping[str, bytes]:
    fields: dict[str, bytes] = {}
    for name, value in pairs:
        fields.setdefault(name, value)
    return fields


def parts_of(body: bytes, boundary: bytes) -> Iterator[tuple[str, bytes]]:
    """Name and content of each part of a form. What follows the last part doesn't matter, nor does how it is closed.

    Source: RFC 2046, 5.1.1; RFC 7578, 4. Neither charset nor transfer encoding of a part is looked at.

    Raises:
        Refused: 400, a part without a name or without an end, or more than 64 parts.
    """
    _, *pieces = (b"\r\n" + body).split(b"\r\n--" + boundary, MOST_PARTS + 1)
    for piece in pieces[:-1]:
        head, blank, content = piece.partition(b"\r\n\r\n")
        name = PART_NAME.search(head)
        if not blank or name is None:
            raise bad_request("A part of the form has no name.", "body")
        yield (name[1] if name[1] is not None else name[2]).decode(errors="replace"), content
    if not pieces or not pieces[-1].startswith(b"--"):
        raise bad_request("The form is cut off, has another boundary, or too many parts.", "body")
