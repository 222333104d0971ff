"""A simulated Envoy, and the plugin served beside it: web and worker in this process, and a Redis in memory."""

import asyncio
import secrets
import signal
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer
from yarl import URL

from envoy_plugin import Settings
from envoy_plugin.memory_redis import memory_redis
from envoy_plugin.serving import Role, serve
from envoy_plugin.simulator.control import SimulatedEnvoy
from envoy_plugin.simulator.overrides import Override, override
from envoy_plugin.simulator.payloads import build_webhook
from envoy_plugin.simulator.platform import create_platform
from envoy_plugin.simulator.sender import Sender
from example_plugin.plugin import plugin

CLIENT_ID = "example-client"
SECRET = "example-client-secret-0123456789"
AT_MOST = timedelta(seconds=20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """How a delivery was answered, and what Envoy's dashboard shows in the end."""

    http_status: int | None
    shown: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontDesk:
    """Sends events as Envoy does, and looks at Envoy's dashboard."""

    sender: Sender
    envoy: SimulatedEnvoy

    async def send(
        self, event: str, *, config: dict[str, Any] | None = None, job_id: str = "", attributes: Mapping[str, Any] = {}
    ) -> Told:
        """Send one event, and wait until its job is over; the same `job_id` is the same event again."""
        webhook = build_webhook(event, seed=7, job_id=job_id or str(uuid.uuid4()), config=config)
        changes = [Override(path=("payload", "attributes", name), value=value) for name, value in attributes.items()]
        webhook = override(webhook, changes)
        assert webhook.job_id is not None
        await self.envoy.put_install_config(str(webhook.install_id), config or {})
        delivery = await self.sender.deliver(webhook)
        shown = await self.envoy.settled_job(webhook.job_id, timeout=AT_MOST)
        return Told(http_status=delivery.answer.status if delivery.answer else None, shown=shown)


@pytest.fixture(scope="session")
def redis_in_memory() -> Iterator[str]:
    """The URL of a Redis for all tests; each has a prefix of its own there."""
    with memory_redis() as url:
        yield url


@pytest.fixture
async def front_desk(redis_in_memory: str) -> AsyncIterator[FrontDesk]:
    """A simulated Envoy with one install, 1001, and the plugin that it sends events to."""
    platform = create_platform(client_id=CLIENT_ID, client_secret=SECRET)
    async with TestServer(platform) as envoy, ClientSession() as session:
        origin = URL.build(scheme="http", host="127.0.0.1", port=envoy.port)
        simulated = SimulatedEnvoy(session=session, base_url=origin)
        async with served(str(origin), redis_in_memory) as url:
            yield FrontDesk(sender=Sender(session=session, url=url, secret=SECRET, envoy=simulated), envoy=simulated)


@asynccontextmanager
async def served(envoy: str, redis: str) -> AsyncIterator[str]:
    """Serve the plugin as `envoy-plugin run` does, and yield the URL of its events."""
    settings = Settings.from_env(
        {
            "ENVOY_BASE_URL": envoy,
            "ENVOY_CLIENT_ID": CLIENT_ID,
            "ENVOY_CLIENT_SECRET": SECRET,
            "HOST": "127.0.0.1",
            "PORT": "0",
            "REDIS_PREFIX": secrets.token_hex(4),
            "REDIS_URL": redis,
        }
    )
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve(plugin, settings, {Role.WEB, Role.WORKER}, ready=port.set_result))
    either: set[asyncio.Future[Any]] = {serving, port}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if not port.done():
        await serving
    yield f"http://127.0.0.1:{port.result()}/envoy/events"
    signal.raise_signal(signal.SIGTERM)
    await serving
