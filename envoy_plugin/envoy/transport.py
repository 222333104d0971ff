"""One HTTP exchange with Envoy: bounded in time and size, and never led to another origin."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import aiohttp
from pydantic_core import from_json, to_json
from yarl import URL

from envoy_plugin.errors import ApiUnavailable

ANSWER_BYTES: Final = 4 * 1024 * 1024
REDIRECTS: Final = 3
LONGEST_WAIT: Final = 86_400.0
REDIRECTED: Final = frozenset({301, 302, 307, 308})
KEEPS_METHOD: Final = frozenset({307, 308})


class Dropped(ApiUnavailable):
    """Sent, but not answered in a usable way: Envoy may or may not have acted on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request: `name` stands for it in errors, `body` is JSON or None for no body."""

    name: str
    method: str
    url: URL
    headers: Mapping[str, str]
    body: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back. `retry_after` is in seconds from now."""

    status: int
    body: bytes
    retry_after: float | None = None

    def json(self) -> Any:
        """The body as JSON; None for an empty one.

        Raises:
            ValueError: it isn't JSON.
        """
        return from_json(self.body, allow_inf_nan=False) if self.body.strip() else None


def encode(value: object) -> bytes:
    """JSON in UTF-8."""
    return to_json(value, inf_nan_mode="null")


async def exchange(session: aiohttp.ClientSession, call: Call, *, timeout: float) -> Answer:
    """Send `call` and read the answer, whatever its status; `timeout` is in seconds for all of it.

    Raises:
        ApiUnavailable: it could not be sent.
        Dropped: it was sent, and no whole answer came.
    """
    limits = aiohttp.ClientTimeout(total=timeout)
    try:
        return await _follow(session, call, limits)
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
        raise ApiUnavailable(f"{call.name}: no connection to Envoy.") from None
    except TimeoutError:
        raise Dropped(f"{call.name}: no answer within {timeout:.3g} s.") from None
    except (aiohttp.ClientError, OSError):
        raise Dropped(f"{call.name}: the connection broke before the answer was complete.") from None


async def _follow(session: aiohttp.ClientSession, call: Call, limits: aiohttp.ClientTimeout) -> Answer:
    url = call.url
    for _ in range(REDIRECTS):
        async with session.request(
            call.method, url, headers=call.headers, data=call.body, timeout=limits, allow_redirects=False
        ) as response:
            target = _target(response, call.method)
            if target is None:
                return await _read(response, call.name)
        url = target
    raise Dropped(f"{call.name}: redirected more than {REDIRECTS} times.")


def _target(response: aiohttp.ClientResponse, method: str) -> URL | None:
    """Where to go on; None for an answer that is to be read, a redirect to another origin included."""
    location = response.headers.get("Location")
    if location is None or response.status not in (REDIRECTED if method == "GET" else KEEPS_METHOD):
        return None
    try:
        target = response.url.join(URL(location))
    except ValueError:
        return None
    return target if is_within(target, response.url) else None


def is_within(target: URL, origin: URL) -> bool:
    """Whether `target` is on the origin of another address, and brings no credentials of its own."""
    if target.scheme not in {"http", "https"} or target.user is not None or target.password is not None:
        return False
    return target.origin() == origin.origin()


async def _read(response: aiohttp.ClientResponse, name: str) -> Answer:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > ANSWER_BYTES:
            response.close()
            raise Dropped(f"{name}: the answer is over {ANSWER_BYTES} bytes.", status=response.status)
    retry_after = read_retry_after(response.headers.get("Retry-After"), now=datetime.now(UTC))
    return Answer(status=response.status, body=bytes(body), retry_after=retry_after)


def read_retry_after(value: str | None, *, now: datetime) -> float | None:
    """Seconds from `now` until the time that `Retry-After` names (seconds or an HTTP date), a day at most; else None.

    Source: RFC 9110, 10.2.3.
    """
    if value is None:
        return None
    if value.strip().isdecimal():
        return min(float(value), LONGEST_WAIT)
    try:
        then = parsedate_to_datetime(value)
    except ValueError:
        return None
    left = (then if then.tzinfo else then.replace(tzinfo=UTC)) - now
    return min(max(0.0, left.total_seconds()), LONGEST_WAIT)
