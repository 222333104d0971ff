"""Opens the storage that the settings name."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from envoy_plugin.connection import connect_redis
from envoy_plugin.envoy.api import EnvoyPluginAPI
from envoy_plugin.envoy.redis_storage import Keys, RedisStorages
from envoy_plugin.envoy.storage import EnvoyStorages, Storages
from envoy_plugin.sealing import Sealer
from envoy_plugin.settings import Settings, StorageKind

CONNECTIONS: Final = 2


@asynccontextmanager
async def open_storage(
    settings: Settings, *, api: EnvoyPluginAPI, keys_of: Callable[[str | None], Keys], client_name: str = "envoy_plugin"
) -> AsyncIterator[Storages]:
    """The storage that STORAGE names: `storages.of_install(id)`, `storages.of_plugin()`. Nothing is connected yet.

    Redis gets connections of its own, at most two, that repeat no command: callers would get a second run's answers.
    """
    if settings.storage is StorageKind.ENVOY:
        yield EnvoyStorages(api)
        return
    async with connect_redis(
        settings.redis_url,
        tls_verify=settings.tls_verify,
        client_name=client_name,
        max_connections=CONNECTIONS,
        retries=0,
    ) as redis:
        yield RedisStorages(redis, Sealer(settings.root_secrets), keys_of=keys_of)
