"""The requests that the simulated Envoy received, without the values of credentials."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from envoy_plugin.simulator.times import Clock, iso
from envoy_plugin.simulator.wire import Json, JsonObject, decode_fields

MAX_ROWS: Final = 10_000
MAX_BODY_BYTES: Final = 16 * 1024
HIDDEN: Final = "[hidden]"
SECRET_HEADERS: Final = frozenset({"authorization", "proxy-authorization", "cookie", "x-api-key", "x-envoy-signature"})
SECRET_FIELDS: Final = frozenset({"client_secret", "refresh_token", "access_token", "password", "code"})


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedRequest:
    """One request; `status` is None where the connection was dropped, `body` where it wasn't JSON, a form, or small."""

    time: datetime
    method: str
    path: str
    status: int | None
    headers: Mapping[str, str]
    body: Json

    def as_json(self) -> JsonObject:
        """The row as `GET /_sim/requests` shows it."""
        return {
            "time": iso(self.time),
            "method": self.method,
            "path": self.path,
            "status": self.status,
            "headers": dict(self.headers),
            "body": self.body,
        }


class RequestLog:
    """The last requests outside `/_sim/`, in the order in which they were answered; the oldest go first."""

    def __init__(self, clock: Clock) -> None:
        self._rows: deque[LoggedRequest] = deque(maxlen=MAX_ROWS)
        self.clock = clock

    def add(self, row: LoggedRequest) -> None:
        """Keep a row."""
        self._rows.append(row)

    def rows(self) -> tuple[LoggedRequest, ...]:
        """Every row that is kept."""
        return tuple(self._rows)

    def clear(self) -> None:
        """Forget every row."""
        self._rows.clear()


REQUESTS: Final = web.AppKey("requests", RequestLog)
routes = web.RouteTableDef()


class Dropped(Exception):
    """The connection is to be cut without an answer."""


@web.middleware
async def record_requests(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Log every request outside `/_sim/`, and cut the connection of one that was `Dropped`."""
    if request.path.startswith("/_sim"):
        return await handler(request)
    started = request.app[REQUESTS].clock()
    status: int | None = None
    try:
        response = await handler(request)
        status = response.status
    except Dropped:
        response = _cut_off(request)
    finally:
        request.app[REQUESTS].add(await _row_of(request, started, status))
    return response


def _cut_off(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _row_of(request: web.Request, time: datetime, status: int | None) -> LoggedRequest:
    return LoggedRequest(
        time=time,
        method=request.method,
        path=request.raw_path.partition("?")[0],
        status=status,
        headers={name.lower(): _shown_header(name, value) for name, value in request.headers.items()},
        body=await _shown_body(request),
    )


def _shown_header(name: str, value: str) -> str:
    if name.lower() not in SECRET_HEADERS:
        return value
    scheme, space, _ = value.partition(" ")
    return f"{scheme} {HIDDEN}" if space and name.lower() == "authorization" else HIDDEN


async def _shown_body(request: web.Request) -> Json:
    try:
        body = await request.read()
        if not body or len(body) > MAX_BODY_BYTES:
            return None
        fields = decode_fields(request.headers.get("Content-Type", ""), body)
    except (ValueError, web.HTTPException, ConnectionError):
        return None
    if not isinstance(fields, dict):
        return fields
    return {name: HIDDEN if name in SECRET_FIELDS else value for name, value in fields.items()}


@routes.get("/_sim/requests")
async def show_requests(request: web.Request) -> web.Response:
    """The log as an array, oldest first."""
    return web.json_response([row.as_json() for row in request.app[REQUESTS].rows()])


@routes.delete("/_sim/requests")
async def forget_requests(request: web.Request) -> web.Response:
    """Empty the log."""
    request.app[REQUESTS].clear()
    return web.Response(status=204)
