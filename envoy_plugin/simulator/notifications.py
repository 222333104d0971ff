"""Notifications that the plugin asks Envoy to send, kept instead of sent.

Source: Node SDK 2.5.2, src/sdk/EnvoyPluginAPI.ts. What a notification may hold isn't documented: any object is taken.
"""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Final

from aiohttp import web
from pydantic import JsonValue, TypeAdapter

from envoy_plugin.simulator.installs import config_of
from envoy_plugin.simulator.times import CLOCK, iso
from envoy_plugin.simulator.wire import JsonObject, api_answer, read_json

MAX_NOTIFICATIONS: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One that the plugin asked for."""

    id: str
    install_id: str
    time: datetime
    body: JsonObject = field(repr=False)

    def as_json(self) -> JsonObject:
        """What the plugin sent, and which install, when, and under which id."""
        return {**self.body, "id": self.id, "install_id": self.install_id, "time": iso(self.time)}


class Notifications:
    """The last notifications, oldest first; the oldest go first."""

    def __init__(self) -> None:
        self._rows: deque[Notification] = deque(maxlen=MAX_NOTIFICATIONS)
        self._ids = count(1)

    def add(self, install_id: str, body: JsonObject, *, time: datetime) -> Notification:
        """Keep one."""
        notification = Notification(id=str(next(self._ids)), install_id=install_id, time=time, body=body)
        self._rows.append(notification)
        return notification

    def rows(self) -> tuple[Notification, ...]:
        """Every one that is kept."""
        return tuple(self._rows)

    def clear(self) -> None:
        """Forget every one."""
        self._rows.clear()


NOTIFICATIONS: Final = web.AppKey("notifications", Notifications)
BODY: Final = TypeAdapter(dict[str, JsonValue])
routes = web.RouteTableDef()


@routes.post("/api/v2/plugin-services/installs/{id}/notifications")
async def create_notification(request: web.Request) -> web.Response:
    """Keep a notification."""
    body = await read_json(request, BODY)
    config_of(request)
    made = request.app[NOTIFICATIONS].add(request.match_info["id"], body, time=request.app[CLOCK]())
    return api_answer({"id": made.id, "type": "notifications"}, status=201)


@routes.get("/_sim/notifications")
async def show_notifications(request: web.Request) -> web.Response:
    """Every notification as an array, oldest first."""
    return web.json_response([row.as_json() for row in request.app[NOTIFICATIONS].rows()])


@routes.delete("/_sim/notifications")
async def forget_notifications(request: web.Request) -> web.Response:
    """Forget them."""
    request.app[NOTIFICATIONS].clear()
    return web.Response(status=204)
