"""Looking into a plugin's Redis, from a terminal: only what that needs is asked for, and nothing is written."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final, TypeVar

from redis.exceptions import RedisError

from envoy_plugin.cli.environment import load_env_file
from envoy_plugin.cli.loading import load_plugin
from envoy_plugin.cli.ports import DEV_REDIS_URL
from envoy_plugin.connection import connect_redis
from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.keys import SCHEMA
from envoy_plugin.errors import EnvoyPluginError, Problem, SchemaTooNew, SettingsError
from envoy_plugin.settings import REDIS_VARIABLES, Settings
from envoy_plugin.simulator import defaults

Answer = TypeVar("Answer")

RETRIES: Final = 1
NOT_NEEDED: Final[Mapping[str, str]] = {
    "ENVOY_CLIENT_ID": defaults.CLIENT_ID,
    "ENVOY_CLIENT_SECRET": defaults.CLIENT_SECRET,
}
"""Stands in for what is asked of every process that serves: nothing sealed is opened here."""
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

    Without a Redis in the environment it is the one of `envoy-plugin dev` on this machine.

    Raises:
        SettingsError: there is no Redis, or the environment can't be used.
        RedisLost: Redis doesn't answer.
        SchemaTooNew: a newer release has written its keys.
    """
    load_env_file(env_file)
    settings = Settings.from_env({**NOT_NEEDED, "REDIS_URL": DEV_REDIS_URL, **_filled(os.environ)})
    prefix = settings.redis_prefix or load_plugin(app).name
    try:
        return asyncio.run(ask_redis(settings, prefix, question))
    except (RedisError, TimeoutError) as error:
        if settings.redis_url == DEV_REDIS_URL and not any(os.environ.get(name) for name in REDIS_VARIABLES):
            raise SettingsError([NO_REDIS]) from None
        raise RedisLost(f"Redis can't be read: {type(error).__name__}.") from None


def _filled(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if value}


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
        engine = Engine(redis, prefix=prefix)
        found = await find_schema(engine)
        if found > SCHEMA:
            raise SchemaTooNew(found=found, known=SCHEMA)
        return await question(engine)


async def find_schema(engine: Engine) -> int:
    """The layout of the keys that are there; 0 where there are none."""
    return int(await engine.redis.get(engine.keys.schema) or 0)
