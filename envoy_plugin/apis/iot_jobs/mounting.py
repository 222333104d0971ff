"""The device API as routes of an aiohttp application. Its first path words are `things` and `jobs`,
and that of the one operation of SDKs' clients that isn't done here."""

import contextlib
import time
from collections.abc import AsyncIterator
from typing import Final

from aiohttp import web

from envoy_plugin.apis.iot_jobs.application import IotJobs
from envoy_plugin.apis.iot_jobs.ending import closing
from envoy_plugin.apis.iot_jobs.shapes import Place
from envoy_plugin.engine.engine import Engine
from envoy_plugin.settings import Settings

IOT_JOBS: Final = web.AppKey("iot_jobs", IotJobs)
PATHS: Final = ("/things", "/things/{path:.*}", "/jobs", "/jobs/{path:.*}", "/command-executions")
"""Of the last one there is no operation here: it is refused by an SDK's rules."""


def place_of(settings: Settings) -> Place:
    """The region and the account of the settings."""
    return Place(region=settings.things_region, account=settings.things_account)


@contextlib.asynccontextmanager
async def open_iot_jobs(engine: Engine, settings: Settings) -> AsyncIterator[IotJobs]:
    """What answers devices and operators, for as long as the block runs.

    Signatures and keys go by this machine's clock, whatever clock the engine goes by.
    """
    async with closing(engine):
        yield IotJobs(engine, place_of(settings), clock=time.time)


async def answer(request: web.Request) -> web.StreamResponse:
    """The handler of every path in `PATHS`. `app[IOT_JOBS]` is to be set before a request."""
    return await request.app[IOT_JOBS].answer(request)
