"""The simulated Envoy inside `dev`, which shows what it is asked."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from envoy_plugin.cli.ports import LOOPBACK
from envoy_plugin.logs import get_logger
from envoy_plugin.settings import Settings
from envoy_plugin.simulator.platform import create_platform

OWN_SURFACE: Final = "/_sim"
SHUTDOWN_SECONDS: Final = 1

log = get_logger(__name__)


@asynccontextmanager
async def simulated_envoy(settings: Settings, port: int) -> AsyncIterator[web.Application]:
    """Serve one on `port` of 127.0.0.1 that knows the client of these settings."""
    platform = create_platform(client_id=settings.client_id, client_secret=" ".join(settings.client_secrets))
    platform.on_response_prepare.append(_show)
    runner = web.AppRunner(platform, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        await web.TCPSite(runner, LOOPBACK, port).start()
        yield platform
    finally:
        await runner.cleanup()


async def _show(request: web.Request, response: web.StreamResponse) -> None:
    if not request.path.startswith(OWN_SURFACE):
        log.info("simulated_envoy.answered", method=request.method, path=request.path, status=response.status)
