"""A client of the websocket, as one of the original's is: it reads frames, and says what it wants to be told."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, cast

from aiohttp import ClientWebSocketResponse, WSMsgType, web
from aiohttp.test_utils import TestServer
from pydantic_core import from_json, to_json

from envoy_plugin.apis.workflow_manager.access import Access
from envoy_plugin.apis.workflow_manager.application import Application
from envoy_plugin.apis.workflow_manager.asked import Service
from envoy_plugin.apis.workflow_manager.hub import Hub
from envoy_plugin.workflows.definitions.diagrams import Step
from envoy_plugin.workflows.definitions.templates import Template
from envoy_plugin.workflows.links import needed
from tests.apis.workflow_manager.site import BASE, Site

PATIENCE = 10
"""For how many seconds a test waits for what must come."""


@dataclass(frozen=True, slots=True)
class Client:
    """An open socket."""

    ws: ClientWebSocketResponse

    async def next(self) -> Any:
        """The next frame."""
        async with asyncio.timeout(PATIENCE):
            frame = await self.ws.receive()
        assert frame.type is WSMsgType.TEXT, frame
        return from_json(frame.data)

    async def kinds(self, many: int) -> list[str]:
        """The types of so many frames."""
        return [str((await self.next())["msgType"]) for _ in range(many)]

    async def until(self, kind: str) -> Any:
        """The message of the next frame of this type."""
        while (frame := await self.next())["msgType"] != kind:
            pass
        return frame["message"]

    async def say(self, kind: str, **more: object) -> None:
        """Send a frame."""
        await self.ws.send_str(to_json({"msgType": kind, **more}).decode())

    async def subscribe(self, *job_ids: str, **more: object) -> list[Any]:
        """Ask for these jobs; what is answered of each."""
        await self.say("subscribe", jobIds=job_ids, **more)
        return [await self.next() for _ in job_ids]

    async def closed(self) -> tuple[int | None, str]:
        """The code and the reason with which the socket is closed; what comes before is passed over."""
        async with asyncio.timeout(PATIENCE):
            while (frame := await self.ws.receive()).type is WSMsgType.TEXT:
                pass
        return self.ws.close_code, str(frame.extra or "")


@asynccontextmanager
async def opened(
    site: Site, token: str | None = None, *, item: str = BASE, headers: dict[str, str] | None = None
) -> AsyncIterator[Client]:
    """An open socket of somebody, which has been told that it is."""
    url = f"{site.url}{item}/notificationWs"
    async with site.http.ws_connect(url, params={"token": token or site.token()}, headers=headers) as ws:
        client = Client(ws)
        assert await client.next() == {"connected": True}
        yield client


def define(site: Site, template_id: str, *steps: Step, **facts: Any) -> None:
    """Make a template known, as a plugin's code does."""
    own = cast("dict[str, Template]", site.store.own)
    own[template_id] = Template.of(template_id, *steps, **{"closes": False} | facts)


@asynccontextmanager
async def served(site: Site, clock: Callable[[], float]) -> AsyncIterator[Site]:
    """The same site once more, whose sockets go by a clock of the test's."""
    access = Access(site.tokens, site.revocations)
    hub = Hub(site.store, access, clock=clock)
    links = needed(site.store.links)
    service = Service(engine=site.engine, store=site.store, links=links, access=access, hub=hub)
    app = web.Application()
    app.router.add_route("*", "/workflow/{path:.*}", Application(service).answer)
    async with TestServer(app) as server:
        yield replace(site, url=str(server.make_url("")).rstrip("/"))
        await hub.close()
