"""A websocket through the door: frames are passed on both ways, and how one side ends is told to the other."""

import asyncio
from collections.abc import Mapping
from typing import Final, TypeAlias

from aiohttp import ClientSession, ClientWebSocketResponse, WSCloseCode, WSMsgType, web
from multidict import CIMultiDict
from yarl import URL

Socket: TypeAlias = ClientWebSocketResponse | web.WebSocketResponse
HANDSHAKE: Final = "sec-websocket-"
"""How headers begin that are about one of the two connections."""


def is_websocket(request: web.Request) -> bool:
    """Whether a request asks for a websocket."""
    return request.headers.get("Upgrade", "").lower() == "websocket"


async def tunnel(
    request: web.Request, session: ClientSession, url: URL, headers: Mapping[str, str]
) -> web.WebSocketResponse:
    """Open a websocket at `url`, then the one that is asked for, and pass on what comes until either ends.

    Raises:
        WSServerHandshakeError: it isn't opened there.
        ClientError: nobody answers there.
    """
    told = CIMultiDict((name, value) for name, value in headers.items() if not name.lower().startswith(HANDSHAKE))
    async with session.ws_connect(url, headers=told, max_msg_size=0, autoclose=False) as there:
        here = web.WebSocketResponse(max_msg_size=0, compress=False, autoclose=False)
        await here.prepare(request)
        ways = [asyncio.create_task(_pass_on(here, there)), asyncio.create_task(_pass_on(there, here))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
    return here


async def _pass_on(source: Socket, target: Socket) -> None:
    while True:
        message = await source.receive()
        if message.type is WSMsgType.TEXT:
            await target.send_str(message.data)
        elif message.type is WSMsgType.BINARY:
            await target.send_bytes(message.data)
        else:
            break
    if message.type is WSMsgType.CLOSE:
        await target.close(code=message.data or WSCloseCode.OK, message=str(message.extra or "").encode())
        await source.close()
    elif message.type is not WSMsgType.CLOSING:  # that is said where the other way has ended
        await target.close(code=WSCloseCode.GOING_AWAY)
