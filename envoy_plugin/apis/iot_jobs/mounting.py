"""The device API as routes of an aiohttp application. All else is imported at its first request: most do without it.

Its first path words are `things` and `jobs`.
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from aiohttp import web

from envoy_plugin.engine.engine import Engine
from envoy_plugin.settings import Settings

if TYPE_CHECKING:
    from envoy_plugin.apis.iot_jobs.application import IotJobs

PATHS: Final = ("/things", "/things/{path:.*}", "/jobs", "/jobs/{path:.*}", "/command-executions")
"""At the last one SDKs have an operation that isn't done here: it is refused by their rules."""


class DeviceApi:
    """What answers devices and operators; without weight until somebody asks."""

    def __init__(self, engine: Engine, settings: Settings, *, clock: Callable[[], float] = time.time) -> None:
        """Signatures and keys go by `clock`, in seconds since 1970, whatever clock the engine goes by."""
        self._parts = (engine, settings, clock)
        self._made: IotJobs | None = None

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one request, whatever it is."""
        if self._made is None:
            from envoy_plugin.apis.iot_jobs.application import IotJobs  # noqa: PLC0415 - see above
            from envoy_plugin.apis.iot_jobs.shapes import Place  # noqa: PLC0415 - see above

            engine, settings, clock = self._parts
            place = Place(region=settings.things_region, account=settings.things_account)
            self._made = IotJobs(engine, place, clock=clock)
        return await self._made.answer(request)


IOT_JOBS: Final = web.AppKey("iot_jobs", DeviceApi)


async def answer(request: web.Request) -> web.StreamResponse:
    """The handler of every path in `PATHS`. `app[IOT_JOBS]` is to be set before a request."""
    return await request.app[IOT_JOBS].answer(request)
