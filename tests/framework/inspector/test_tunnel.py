"""Websockets pass the door, both ways, and what ends one side ends the other."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import WSMsgType, WSServerHandshakeError, web
from aiohttp.test_utils import TestServer

from tests.framework.inspector.conftest import Inspect
from tests.framework.inspector.inspected import Inspected

PATIENCE = 10
ENDED = web.AppKey("ended", asyncio.Future[int | None])


async def echo(request: web.Request) -> web.StreamResponse:
    """Somebody in the plugin's place, who says back what he hears, and goes when he is told to."""
    if request.query.get("token") != "good":
        return web.Response(status=401, text="who are you?")
    ws = web.WebSocketResponse()
    await ws.prepare(request)
    await ws.send_str(request.headers["Host"])
    async for frame in ws:
        if frame.data == "go":
            await ws.close(code=1013, message=b"You read too slowly.")
        elif frame.type is WSMsgType.BINARY:
            await ws.send_bytes(frame.data)
        else:
            await ws.send_str(frame.data)
    request.app[ENDED].set_result(ws.close_code)
    return ws


@pytest.fixture
async def upstream() -> AsyncIterator[TestServer]:
    app = web.Application()
    app[ENDED] = asyncio.get_running_loop().create_future()
    app.router.add_get("/workflow/default/notificationWs", echo)
    server = TestServer(app)
    async with server:
        yield server


@pytest.fixture
async def inspected(inspect: Inspect, upstream: TestServer) -> Inspected:
    return await inspect(str(upstream.make_url("")))


def url_of(inspected: Inspected, who: str = "good") -> str:
    return f"{inspected.url}/workflow/default/notificationWs?token={who}"


async def test_frames_pass_both_ways(inspected: Inspected) -> None:
    async with inspected.browser.ws_connect(url_of(inspected)) as ws:
        assert f"http://{await ws.receive_str()}" == inspected.url
        await ws.send_str("hello")
        await ws.send_bytes(b"\0\1")
        assert (await ws.receive_str(), await ws.receive_bytes()) == ("hello", b"\0\1")


async def test_how_the_plugin_ends_it_is_told(inspected: Inspected) -> None:
    async with inspected.browser.ws_connect(url_of(inspected)) as ws:
        await ws.receive_str()
        await ws.send_str("go")
        frame = await ws.receive()
        assert (frame.type, frame.data, frame.extra) == (WSMsgType.CLOSE, 1013, "You read too slowly.")


@pytest.mark.parametrize("politely", [True, False])
async def test_the_plugin_is_told_when_the_other_side_goes(
    inspected: Inspected, upstream: TestServer, *, politely: bool
) -> None:
    ws = await inspected.browser.ws_connect(url_of(inspected))
    await ws.receive_str()
    if politely:
        await ws.close(code=1000)
    else:
        connection = ws._response.connection
        assert connection is not None
        assert connection.transport is not None
        connection.transport.abort()
    async with asyncio.timeout(PATIENCE):
        code = await upstream.app[ENDED]
    assert code in (1000, 1001)
    await ws.close()


async def test_what_the_plugin_refuses_is_answered_as_it_does(inspected: Inspected) -> None:
    with pytest.raises(WSServerHandshakeError) as refused:
        await inspected.browser.ws_connect(url_of(inspected, "bad"))
    assert refused.value.status == 401
