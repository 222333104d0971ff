"""Bodies of requests, read so far and no further, whatever the application's own limit is."""

from aiohttp import StreamReader, web


class BodyTooLarge(Exception):
    """There is more than may be read."""


class UnreadableBody(Exception):
    """It isn't what its headers say, or its sender has gone."""


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
        body = content.read_nowait() if content.is_eof() else await _arriving(content, most)
    except (web.RequestPayloadError, ConnectionError, ValueError):
        raise UnreadableBody from None
    if len(body) > most:
        raise BodyTooLarge
    return body


async def _arriving(content: StreamReader, most: int) -> bytes:
    """What hadn't all arrived when it was asked for, as it nearly always has; not read on once it is too much."""
    body = bytearray()
    async for chunk in content.iter_any():
        body += chunk
        if len(body) > most:
            break
    return bytes(body)
