"""Looking into a plugin's Redis, from a terminal: only what that needs is asked for."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final, TypeVar

from redis.exceptions import RedisError

from envoy_plugin.cli.environment import has_redis, load_env_file
from envoy_plugin.cli.loading import load_plugin
from envoy_plugin.cli.ports import DEV_REDIS_URL
from envoy_plugin.connection import connect_redis
from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.keys import SCHEMA
from envoy_plugin.errors import EnvoyPluginError, Problem, SchemaTooNew, SettingsError
from envoy_plugin.sealing import Sealer
from envoy_plugin.settings import Settings
from envoy_plugin.simulator import defaults

Answer = TypeVar("Answer")

RETRIES: Final = 1
OF_DEV: Final[Mapping[str, str]] = {
    "ENVOY_CLIENT_ID": defaults.CLIENT_ID,
    "ENVOY_CLIENT_SECRET": defaults.CLIENT_SECRET,
    "ENVOY_BASE_URL": defaults.PLATFORM_URL,
}
"""What `dev` has; it stands in for what is asked of every process that serves."""
NO_REDIS: Final = Problem(
    name="REDIS_URL",
    fault=f"is not set, and no `envoy-plugin dev` has its Redis at {DEV_REDIS_URL}",
    source="Your host's Redis or Key-Value add-on shows it.",
    example="redis://127.0.0.1:6379/0",
)


class RedisLost(EnvoyPluginError):
    """Redis doesn't answer, or not as it should."""


def ask_engine(app: str | None, env_file: Path | None, question: Callable[[Engine], Awaitable[Answer]]) -> Answer:
    """What `question` answers about the jobs of the plugin whose keys REDIS_PREFIX or its name are in front of.

    Without a Redis in the environment it is the one of `envoy-plugin dev` on this machine. The secrets of the plugin
    may be missing: what is sealed can't be opened then.

    Raises:
        SettingsError: there is no Redis, or the environment can't be used.
        RedisLost: Redis doesn't answer.
        SchemaTooNew: a newer release has written its keys.
    """
    load_env_file(env_file)
    return _ask(_settings(OF_DEV), app, question)


def ask_with_secrets(app: str | None, env_file: Path | None, question: Callable[[Engine], Awaitable[Answer]]) -> Answer:
    """The same for a question that seals or opens: where a Redis is named, the plugin's secrets must be, too.

    Raises: as `ask_engine`.
    """
    load_env_file(env_file)
    return _ask(settings_with_secrets(), app, question)


def settings_with_secrets() -> Settings:
    """The settings of the environment; where no Redis is named, those of `dev`.

    Raises:
        SettingsError: the environment can't be used.
    """
    return _settings({} if has_redis() else OF_DEV)


def _settings(stand_in: Mapping[str, str]) -> Settings:
    given = {name: value for name, value in os.environ.items() if value}
    dev = {} if has_redis() else {"REDIS_URL": DEV_REDIS_URL}
    return Settings.from_env({**stand_in, **dev, **given})


def _ask(settings: Settings, app: str | None, question: Callable[[Engine], Awaitable[Answer]]) -> Answer:
    prefix = settings.redis_prefix or load_plugin(app).name
    try:
        return asyncio.run(ask_redis(settings, prefix, question))
    except (RedisError, TimeoutError) as error:
        raise lost(settings, error) from None


def lost(settings: Settings, error: Exception) -> EnvoyPluginError:
    """What it means that the Redis of these settings doesn't answer."""
    if settings.redis_url == DEV_REDIS_URL and not has_redis():
        return SettingsError([NO_REDIS])
    return RedisLost(f"Redis can't be read: {type(error).__name__}.")


async def ask_redis(settings: Settings, prefix: str, question: Callable[[Engine], Awaitable[Answer]]) -> Answer:
    """What `question` answers about the keys with `prefix` in front, at the Redis of these settings.

    Raises:
        RedisError, TimeoutError: Redis doesn't answer.
        SchemaTooNew: a newer release has written the keys.
    """
    redis = connect_redis(
        settings.redis_url, tls_verify=settings.tls_verify, client_name="envoy-plugin", retries=RETRIES
    )
    async with redis:
        engine = Engine(redis, prefix=prefix, codec=Sealer(settings.root_secrets), keep_bytes=settings.keep_payload)
        found = await find_schema(engine)
        if found > SCHEMA:
            raise SchemaTooNew(found=found, known=SCHEMA)
        return await question(engine)


async def find_schema(engine: Engine) -> int:
    """The layout of the keys that are there; 0 where there are none."""
    return int(await engine.redis.get(engine.keys.schema) or 0)
