"""Bodies of requests, read so far and no further, whatever the application's own limit is."""

from typing import TypeVar

from aiohttp import web

Body = TypeVar("Body", bytes, bytearray)


class BodyTooLarge(Exception):
    """There is more than may be read."""


class UnreadableBody(Exception):
    """It isn't what its headers say, or broke off."""


def media_type(request: web.Request) -> str:
    """What the body is said to be, without parameters; aiohttp's `content_type` raises for what is no type at all."""
    return request.headers.get("Content-Type", "").partition(";")[0].strip().lower()


async def read_at_most(request: web.Request, most: int) -> bytes:
    """The body.

    Raises:
        BodyTooLarge: it has more than `most` bytes.
        UnreadableBody: it can't be read.
    """
    content = request.content
    try:
        if content.is_eof():  # all of it has arrived, as it nearly always has
            return _bounded(content.read_nowait(), most)
        body = bytearray()
        async for chunk in content.iter_any():
            body += chunk
            _bounded(body, most)
    except (web.RequestPayloadError, ValueError):
        raise UnreadableBody from None
    return bytes(body)


def _bounded(body: Body, most: int) -> Body:
    if len(body) > most:
        raise BodyTooLarge
    return body
