"""The websocket at `GET {base}/notificationWs`: whoever opens it is told of jobs as they change.

Sources: the websocket reference of Workflow Manager; RFC 6455 for the codes with which a socket is closed.
"""

import socket as sockets
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from envoy_plugin.apis.workflow_manager.asked import Asked
from envoy_plugin.apis.workflow_manager.operation import Nothing
from envoy_plugin.apis.workflow_manager.refusals import Refused
from envoy_plugin.apis.workflow_manager.session import CLOSE_SECONDS

MOST_FRAME: Final = 64 * 1024
"""In bytes. aiohttp refuses a frame that reaches its limit, so that is one more."""
HEARTBEAT_SECONDS: Final = 25
"""Less than the 55 s after which hosts' routers end a silent connection (devcenter.heroku.com, "HTTP Routing")."""
SEND_BUFFER: Final = 64 * 1024
"""What the kernel keeps for one socket; by itself it would let one that isn't read grow to some MiB."""
PORTS: Final = {"http": 80, "https": 443}


async def notify(asked: Asked, _: Nothing) -> web.WebSocketResponse:
    """Open a socket for whoever asks, and answer it until it is closed.

    Raises:
        Refused: 403, for a page of another site; 426, not asked for a websocket; 503, there are too many, or the
            process is stopping. All before the socket is opened.
    """
    request, hub = asked.request, asked.service.hub
    check_origin(request.headers.getall("Origin", []), request.headers.get("Host", ""), asked.service.links.base_url)
    socket = web.WebSocketResponse(
        timeout=CLOSE_SECONDS, heartbeat=HEARTBEAT_SECONDS, compress=False, max_msg_size=MOST_FRAME + 1
    )
    if not socket.can_prepare(request):
        raise Refused(HTTPStatus.UPGRADE_REQUIRED, "This is a websocket.", headers={"Upgrade": "websocket"})
    hub.admit()
    await socket.prepare(request)
    transport = request.transport
    if transport is not None:
        _bound_buffer(transport.get_extra_info("socket"))
        await hub.serve(socket, asked.operator, asked.item, transport.abort)
    return socket


def check_origin(origins: list[str], host: str, public_url: str) -> None:
    """Refuse a page of another site; browsers say whose it is.

    A proxy may send another `Host` on: then `public_url` says what it was, an origin, or nothing.

    Raises:
        Refused: 403.
    """
    if not origins or (public_url and origins == [public_url]):
        return
    if len(origins) > 1 or not _is_same(origins[0], host):
        raise Refused(HTTPStatus.FORBIDDEN, "The page is another site's.")


def _is_same(origin: str, host: str) -> bool:
    try:
        asked, told = urlsplit(origin), urlsplit(f"//{host}")
        default = PORTS.get(asked.scheme)
        ports = asked.port or default, told.port or default
    except ValueError:
        return False
    return default is not None and asked.hostname == told.hostname and ports[0] == ports[1]


def _bound_buffer(found: sockets.socket | None) -> None:
    """Let the kernel keep no more for one who doesn't read. uvloop's sockets can't, so it is done by the descriptor."""
    if found is not None and found.family in {sockets.AF_INET, sockets.AF_INET6}:
        with sockets.socket(fileno=sockets.dup(found.fileno())) as one:
            one.setsockopt(sockets.SOL_SOCKET, sockets.SO_SNDBUF, SEND_BUFFER)
