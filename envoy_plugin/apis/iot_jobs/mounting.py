"""The device API as routes of an aiohttp application. Its first path words are `things` and `jobs`."""

import time
from typing import Final

from aiohttp import web

from envoy_plugin.apis.iot_jobs.application import IotJobs
from envoy_plugin.apis.iot_jobs.shapes import Place
from envoy_plugin.engine.engine import Engine
from envoy_plugin.settings import Settings

IOT_JOBS: Final = web.AppKey("iot_jobs", IotJobs)
PATHS: Final = ("/things", "/things/{path:.*}", "/jobs", "/jobs/{path:.*}", "/command-executions")
"""At the last one SDKs have an operation that isn't done here: it is refused by their rules."""


def place_of(settings: Settings) -> Place:
    """The region and the account of the settings."""
    return Place(region=settings.things_region, account=settings.things_account)


def make_iot_jobs(engine: Engine, settings: Settings) -> IotJobs:
    """What answers devices and operators.

    Signatures and keys go by this machine's clock, whatever clock the engine goes by.
    """
    return IotJobs(engine, place_of(settings), clock=time.time)


async def answer(request: web.Request) -> web.StreamResponse:
    """The handler of every path in `PATHS`. `app[IOT_JOBS]` is to be set before a request."""
    return await request.app[IOT_JOBS].answer(request)
