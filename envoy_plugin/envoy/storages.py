"""The storage that the settings name."""

from collections.abc import Callable

from redis.asyncio import Redis

from envoy_plugin.envoy.api import EnvoyPluginAPI
from envoy_plugin.envoy.oauth import Clock
from envoy_plugin.envoy.redis_storage import Keys, RedisStorages
from envoy_plugin.envoy.storage import EnvoyStorages, Storages
from envoy_plugin.sealing import Sealer
from envoy_plugin.settings import Settings, StorageKind


def make_storages(
    settings: Settings,
    *,
    api: EnvoyPluginAPI,
    redis: Redis,
    keys_of: Callable[[str | None], Keys],
    clock: Clock | None = None,
) -> Storages:
    """The storage that STORAGE names: `storages.of_install(id)` and `storages.of_plugin()`.

    `redis` may repeat commands: storage sends none twice. A `clock` of seconds since 1970 stands in for Redis' own.
    """
    if settings.storage is StorageKind.ENVOY:
        return EnvoyStorages(api)
    now = None if clock is None else lambda: int(clock() * 1000)
    return RedisStorages(redis, Sealer(settings.root_secrets), keys_of=keys_of, clock=now)
