"""A web process that is told to stop closes its websockets, and ends soon."""

import asyncio
import signal
import time

from envoy_plugin.apis.workflow_manager.tokens import OperatorTokens
from tests.acceptance.processes import JWT_SECRET, Site

SOON = 10
"""In seconds; without sockets it is about one."""


async def test_open_websockets_are_told_and_keep_no_process(site: Site) -> None:
    web = await site.web()
    token = OperatorTokens([JWT_SECRET]).mint("ada", items=["default"])[1]
    url = f"{web.url}/workflow/default/notificationWs?token={token}"
    sockets = [await site.session.ws_connect(url, autoclose=closes) for closes in (True, True, False)]
    for one in sockets:
        assert await one.receive_json() == {"connected": True}
    start = time.monotonic()
    web.send(signal.SIGTERM)
    async with asyncio.timeout(SOON):
        frames = [await one.receive() for one in sockets]
        assert await web.ended() == 0
    assert [(frame.data, frame.extra) for frame in frames] == [(1001, "The server is stopping.")] * 3
    assert time.monotonic() - start < SOON
    assert "Traceback" not in web.output
