"""The door: what stands on the plugin's port in `dev`, passes every request on to the plugin, and records webhooks.

A request reaches the plugin as it came, Host included; it gets an `X-Request-Id` if it has none, by which the plugin's
log lines are known again. While the plugin starts again, requests wait for it.
"""

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable
from datetime import timedelta
from http import HTTPStatus
from time import perf_counter
from typing import Final, TypeVar

from aiohttp import (
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    StreamReader,
    TCPConnector,
    WSServerHandshakeError,
    web,
)
from aiohttp.client_exceptions import ClientConnectorError
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from envoy_plugin.app import GOOD_ID, REQUEST_ID
from envoy_plugin.envoy.signature import HEADER
from envoy_plugin.inspector.recording import Recorded, Recorder
from envoy_plugin.inspector.tunnel import is_websocket, tunnel
from envoy_plugin.simulator.payloads import read_webhook
from envoy_plugin.simulator.sender import Answer

Given = TypeVar("Given")

OWN: Final = "/_envoy"
WEBHOOKS: Final = "/envoy/"
START_PATIENCE: Final = timedelta(seconds=15)
"""How long a request waits for a plugin that is starting."""
CONNECT_EVERY: Final = timedelta(milliseconds=50)
NOT_PASSED_ON: Final = frozenset(
    {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "content-length"}
)
"""Headers about one connection. Source: RFC 9110, 7.6.1."""
UNASKED: Final = ("Accept", "Accept-Encoding", "User-Agent", "Content-Type")
"""What aiohttp's client would add by itself."""
AWAY: Final = "The plugin isn't running: see the terminal of `envoy-plugin dev`"
CUT_OFF: Final = "The plugin closed the connection without an answer"

Headers = CIMultiDict[str] | CIMultiDictProxy[str]


class PluginAway(Exception):
    """The plugin has ended, or doesn't begin to answer."""


def door_session() -> ClientSession:
    """A client that changes nothing of what passes through it; a connection is used once, since the plugin restarts."""
    return ClientSession(
        connector=TCPConnector(limit=0, force_close=True),
        timeout=ClientTimeout(total=None),
        cookie_jar=DummyCookieJar(),
        skip_auto_headers=UNASKED,
        auto_decompress=False,
    )


class Door:
    """Passes requests on to the plugin at `target`. `open` and `close` say whether it is there or about to be."""

    def __init__(self, session: ClientSession, recorder: Recorder, target: URL, *, most_body: int) -> None:
        """`most_body` is the largest body that the plugin takes, in bytes: of a larger one it gets one byte more."""
        self._session = session
        self._recorder = recorder
        self._target = target
        self._most_body = most_body
        self._is_open = True

    def open(self) -> None:
        """The plugin has been started; requests wait until it answers."""
        self._is_open = True

    def close(self) -> None:
        """The plugin has ended by itself; until it is started again requests are answered at once, with 503."""
        self._is_open = False

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer any request with what the plugin answers."""
        if is_own(request.path):
            raise web.HTTPNotFound
        try:
            if is_websocket(request):
                return await self._tunnelled(request)
            return await (self._recorded(request) if _is_webhook(request) else self._passed_on(request))
        except PluginAway:
            return _refusal(HTTPStatus.SERVICE_UNAVAILABLE, AWAY)
        except ClientError:
            return _refusal(HTTPStatus.BAD_GATEWAY, CUT_OFF)

    async def _recorded(self, request: web.Request) -> web.StreamResponse:
        body = await self._body(request)
        headers = _passing(request.headers)
        row = self._begin(request, headers, body)
        headers[REQUEST_ID] = row.request_id
        started, answer, fault = perf_counter(), None, None
        try:
            answer = await self._when_there(lambda: self._ask(request, headers, body))
        except PluginAway:
            fault = f"{AWAY}."
            raise
        except ClientError:
            fault = f"{CUT_OFF}."
            raise
        finally:
            self._recorder.finish(row, answer=answer, fault=fault, elapsed=timedelta(seconds=perf_counter() - started))
        return web.Response(status=answer.status, headers=CIMultiDict(answer.headers), body=answer.content)

    def _begin(self, request: web.Request, headers: Headers, body: bytes) -> Recorded:
        return self._recorder.begin(
            request_id=_request_id(headers),
            method=request.method,
            path=request.path,
            headers=tuple(headers.items()),
            webhook=read_webhook(body),
            cut=len(body) > self._most_body,
        )

    async def _body(self, request: web.Request) -> bytes:
        """The body; of one that is too large as much as shows that it is."""
        content = bytearray()
        async for chunk in request.content.iter_any():
            content += chunk
            if len(content) > self._most_body:
                break
        return bytes(content[: self._most_body + 1])

    async def _ask(self, request: web.Request, headers: Headers, body: bytes) -> Answer:
        async with self._session.request(
            request.method, self._url(request), headers=headers, data=body or None, allow_redirects=False
        ) as response:
            content = await response.read()
            return Answer(status=response.status, headers=_passing(response.headers), content=content)

    async def _passed_on(self, request: web.Request) -> web.StreamResponse:
        headers = _passing(request.headers)
        if not request.can_read_body:
            return await self._when_there(lambda: self._stream(request, headers, None))
        if "Content-Length" in request.headers:
            headers["Content-Length"] = request.headers["Content-Length"]
        return await self._when_there(lambda: self._stream(request, headers, request.content))

    async def _tunnelled(self, request: web.Request) -> web.StreamResponse:
        """A websocket; where the plugin doesn't open one, what it answers without."""
        headers = _passing(request.headers)
        try:
            return await self._when_there(lambda: tunnel(request, self._session, self._url(request), headers))
        except WSServerHandshakeError:
            return await self._passed_on(request)

    async def _stream(self, request: web.Request, headers: Headers, content: StreamReader | None) -> web.StreamResponse:
        async with self._session.request(
            request.method, self._url(request), headers=headers, data=content, allow_redirects=False
        ) as given:
            return await _stream_back(request, given)

    async def _when_there(self, ask: Callable[[], Awaitable[Given]]) -> Given:
        """What `ask` answers, once somebody listens where the plugin is to be."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + START_PATIENCE.total_seconds()
        while True:
            try:
                return await ask()
            except ClientConnectorError:
                if not self._is_open or clock() >= deadline:
                    raise PluginAway from None
            await asyncio.sleep(CONNECT_EVERY.total_seconds())

    def _url(self, request: web.Request) -> URL:
        return URL(f"{self._target.origin()}{request.rel_url.raw_path_qs}", encoded=True)


def is_own(path: str) -> bool:
    """Whether a path is the inspector's."""
    return path == OWN or path.startswith(f"{OWN}/")


def _is_webhook(request: web.Request) -> bool:
    return request.path.startswith(WEBHOOKS) or HEADER in request.headers


def _request_id(headers: Headers) -> str:
    given = headers.get(REQUEST_ID)
    return given if given is not None and GOOD_ID.fullmatch(given) else secrets.token_hex(8)


def _passing(headers: Headers) -> CIMultiDict[str]:
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in NOT_PASSED_ON)


async def _stream_back(request: web.Request, given: ClientResponse) -> web.StreamResponse:
    response = web.StreamResponse(status=given.status, reason=given.reason, headers=_passing(given.headers))
    if given.content_length is not None:
        response.content_length = given.content_length
    await response.prepare(request)
    async for chunk in given.content.iter_any():
        await response.write(chunk)
    await response.write_eof()
    return response


def _refusal(status: HTTPStatus, message: str) -> web.Response:
    return web.Response(status=status, text=json.dumps({"message": message}), content_type="application/json")
