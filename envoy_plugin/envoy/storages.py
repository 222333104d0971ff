"""The storage that the settings name."""

from collections.abc import Callable

from redis.asyncio import Redis

from envoy_plugin.envoy.api import EnvoyPluginAPI
from envoy_plugin.envoy.redis_storage import Keys, RedisStorages
from envoy_plugin.envoy.storage import EnvoyStorages, Storages
from envoy_plugin.sealing import Sealer
from envoy_plugin.settings import Settings, StorageKind


def make_storages(
    settings: Settings, *, api: EnvoyPluginAPI, redis: Redis, keys_of: Callable[[str | None], Keys]
) -> Storages:
    """The storage that STORAGE names: `storages.of_install(id)` and `storages.of_plugin()`.

    `redis` may repeat commands: storage sends none twice.
    """
    if settings.storage is StorageKind.ENVOY:
        return EnvoyStorages(api)
    return RedisStorages(redis, Sealer(settings.root_secrets), keys_of=keys_of)
