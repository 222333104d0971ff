"""The places where storage is kept, each behind the same interface: Envoy, simulated; Redis; the Redis of `dev`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import aiohttp
from redis.asyncio import Redis

from envoy_plugin.connection import connect_redis
from envoy_plugin.engine.keys import Keys
from envoy_plugin.envoy.api import EnvoyPluginAPI
from envoy_plugin.envoy.redis_storage import RedisStorages
from envoy_plugin.envoy.storage import EnvoyStorages
from envoy_plugin.envoy.tokens import OAuthClient, TokenCache
from envoy_plugin.sealing import Sealer
from tests.envoy_server import CLIENT_ID, CLIENT_SECRET, SimulatedEnvoy

KEYS = Keys("doors")
SECRET = "a-root-secret-of-some-length"


@asynccontextmanager
async def api_of(envoy: SimulatedEnvoy, redis: Redis) -> AsyncIterator[EnvoyPluginAPI]:
    """Envoy's API as the plugin has it."""
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        oauth = OAuthClient(session, base_url=envoy.url, client_id=CLIENT_ID, client_secret=CLIENT_SECRET)
        tokens = TokenCache(redis, Sealer([SECRET]), oauth, key=KEYS.token)
        stack.push_async_callback(tokens.close)
        yield EnvoyPluginAPI(session, base_url=envoy.url, tokens=tokens, backoff=timedelta(milliseconds=1))


@asynccontextmanager
async def at_envoy(envoy: SimulatedEnvoy, redis: Redis) -> AsyncIterator[EnvoyStorages]:
    """Storage at the simulated Envoy."""
    async with api_of(envoy, redis) as api:
        yield EnvoyStorages(api)


@asynccontextmanager
async def in_redis(url: str) -> AsyncIterator[RedisStorages]:
    """Storage in the Redis at `url`."""
    async with connect_redis(url, retries=0) as redis:
        yield redis_storages(redis)


def redis_storages(redis: Redis, *secrets: str, now: int | None = None) -> RedisStorages:
    """Storage in a Redis, sealed with `secrets`; `now` (ms since 1970) stands still."""
    clock = None if now is None else lambda: now
    return RedisStorages(redis, Sealer(secrets or [SECRET]), keys_of=KEYS.storage, clock=clock)


@asynccontextmanager
async def losing_answers(port: int) -> AsyncIterator[str]:
    """A Redis behind a proxy that loses each answer of a script that has run, and the connection with it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        near, far = await asyncio.open_connection("127.0.0.1", port)
        while command := await reader.read(65536):
            far.write(command)
            answer = await near.read(65536)
            if b"EVAL" in command and not answer.startswith(b"-"):
                break
            writer.write(answer)
        far.close()
        writer.close()
        await asyncio.gather(far.wait_closed(), writer.wait_closed())

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as proxy:
        yield f"redis://127.0.0.1:{proxy.sockets[0].getsockname()[1]}/0"
