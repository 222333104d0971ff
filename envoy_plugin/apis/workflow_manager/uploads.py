"""The bytes of attachments, in and out: a form that is read part by part, and answers that no browser renders.

Sources: RFC 7578 for the form, RFC 6266 and RFC 8187 for the name in an answer; `@arcgis/workflow-manager` 1.0.9,
AddAttachmentsRequest, for the fields. The Python client loses alias and folder on the way.
"""

import re
import zlib
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError
from pydantic import Field

from envoy_plugin.apis.workflow_manager.reading import too_large
from envoy_plugin.apis.workflow_manager.refusals import SAFE_HEADERS, Refused, bad_request
from envoy_plugin.apis.workflow_manager.wire import Wire
from envoy_plugin.request_bodies import media_type

MULTIPART: Final = "multipart/form-data"
CONTENT: Final = "attachment"
FIELDS: Final = frozenset({"alias", "folder", "stepId", "token"})
MOST_CONTENT: Final = 10 * 1024 * 1024
"""In bytes. Source: REST, execute web hook, names 10 MB as the usual limit of an attachment."""
MOST_FIELD: Final = 8 * 1024
MOST_PARTS: Final = 16
MOST_FORM: Final = MOST_CONTENT + 2 * MOST_PARTS * MOST_FIELD
"""A file and as many fields, with their headers: whoever sends the token in the form is nobody until it is read."""
MOST_NAME: Final = 128
PIECE: Final = 64 * 1024
UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Characters that make a name look like another one, or break a header."""
UNPLAIN: Final = re.compile(r'[^ -~]|["\\%]')
NO_NAME: Final = "attachment"
UNREADABLE: Final = (
    web.RequestPayloadError,
    HttpProcessingError,
    AssertionError,
    EOFError,
    LookupError,
    RuntimeError,
    ValueError,
    zlib.error,
)
"""What a form that isn't as it must be raises in aiohttp's reader."""


class Upload(Wire):
    """A form with a file in it."""

    attachment: bytes | None = Field(default=None, repr=False)
    file_name: str = Field(default="", repr=False, exclude=True)
    alias: str | None = Field(default=None, repr=False)
    folder: str | None = Field(default=None, repr=False)
    step_id: str | None = None


async def read_upload(request: web.Request) -> dict[str, Any]:
    """The members of an `Upload`, and a `token` where the form has one. Of each name, the first part counts.

    Raises:
        Refused: 415, it is no such form; 400, it can't be read, or has two files; 413, a part is too large, or all of
            them are.
    """
    if media_type(request) != MULTIPART:
        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"The body must be {MULTIPART}.")
    if (request.content_length or 0) > MOST_FORM:
        raise too_large(MOST_FORM)
    try:
        return await _parts(request)
    except UNREADABLE:
        raise bad_request("The form can't be read.") from None


async def _parts(request: web.Request) -> dict[str, Any]:
    found: dict[str, Any] = {}
    reader = await request.multipart()
    for _ in range(MOST_PARTS):
        part = await reader.next()
        if part is None:
            return found
        if not isinstance(part, BodyPartReader):
            raise bad_request("The form has a form in it.")
        name = part.name or ""
        if name == CONTENT and CONTENT in found:
            raise bad_request("The form has two files: send them one by one.")
        content = await _content(part, MOST_CONTENT if name == CONTENT else MOST_FIELD)
        if name == CONTENT:
            found |= {CONTENT: content, "fileName": plain_name(part.filename or "")}
        elif name in FIELDS:
            found.setdefault(name, content.decode())
    raise bad_request(f"The form has more than {MOST_PARTS} parts.")


async def _content(part: BodyPartReader, most: int) -> bytes:
    content = bytearray()
    while piece := await part.read_chunk(PIECE):
        content += piece
        if len(content) > most:
            raise too_large(most)
    return bytes(content)


def plain_name(name: str) -> str:
    """The last part of a file's name, without what could make it another's: `C:\\photos\\face.jpg` is `face.jpg`."""
    last = UNSAFE.sub("", name.replace("\\", "/").rpartition("/")[2]).strip(" .")
    return last[:MOST_NAME].strip(" .") or NO_NAME


def download(content: bytes, name: str) -> web.Response:
    """Bytes to be saved under a name, and never shown by a browser, whatever they are."""
    safe = plain_name(name)
    encoded = quote(safe, safe="", errors="replace")
    disposition = f"attachment; filename=\"{UNPLAIN.sub('_', safe)}\"; filename*=UTF-8''{encoded}"
    headers = {
        **SAFE_HEADERS,
        "Content-Type": "application/octet-stream",
        "Content-Disposition": disposition,
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    return web.Response(body=content, headers=headers)
