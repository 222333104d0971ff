"""What `check` and `doctor` find about Redis; nothing is written there."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from envoy_plugin.cli.findings import Finding, failed, ok, warning
from envoy_plugin.cli.redis_access import RETRIES, find_schema
from envoy_plugin.connection import connect_redis
from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.keys import SCHEMA
from envoy_plugin.settings import Settings
from envoy_plugin.variables import is_loopback

PATIENCE_SECONDS: Final = 20
OLDEST: Final = (6, 2)
KEEPS_EVERYTHING: Final = "noeviction"
START: Final = "See that it runs, that REDIS_URL is its address and password, and that this machine may reach it."
UPGRADE: Final = "Take a newer version at your host."
ENCRYPT: Final = "Take the rediss:// URL that your host shows."
KEEP: Final = "Set maxmemory-policy to noeviction at your host, or by CONFIG SET."
PERSIST: Final = "Set appendonly to yes, or take a plan of your host's that keeps what is in it."
DEPLOY: Final = "Deploy the release that wrote them, or a newer one."


async def look_at_redis(settings: Settings, plugin_name: str | None) -> list[Finding]:
    """Whether it answers, whether others can listen, what it forgets, and whose keys it holds."""
    redis = connect_redis(
        settings.redis_url, tls_verify=settings.tls_verify, client_name="envoy-plugin-check", retries=RETRIES
    )
    prefix = settings.redis_prefix or plugin_name
    try:
        async with redis, asyncio.timeout(PATIENCE_SECONDS):
            await redis.ping()
            facts = await _facts(redis)
            schema = [] if prefix is None else [_schema(await find_schema(Engine(redis, prefix=prefix)))]
    except (RedisError, TimeoutError) as error:
        return [failed("redis", f"can't be used: {type(error).__name__}", START), _way(settings.redis_url)]
    return [version_finding(facts), _way(settings.redis_url), _policy(facts), _persistence(facts), *schema]


async def _facts(redis: Redis) -> Mapping[str, Any]:
    """What Redis tells of itself; nothing where it doesn't tell."""
    try:
        return dict(await redis.info())
    except ResponseError:
        return {}


def version_finding(facts: Mapping[str, Any]) -> Finding:
    """Whether `redis_version` is one that will do; where it isn't told, it will."""
    version = str(facts.get("redis_version", ""))
    numbers = tuple(int(word) for word in version.split(".")[:2] if word.isdecimal())
    if numbers and numbers < OLDEST:
        return failed("redis", f"is version {version}; 6.2 or later is needed", UPGRADE)
    return ok("redis", f"answers, version {version or 'unknown'}")


def _way(url: str) -> Finding:
    parts = urlsplit(url)
    if parts.scheme == "rediss":
        return ok("redis connection", "TLS")
    if parts.scheme == "unix" or is_loopback(parts.hostname or ""):
        return ok("redis connection", "on this machine")
    text = "neither TLS nor on this machine: use rediss:// unless the network is private"
    return warning("redis connection", text, ENCRYPT)


def _policy(facts: Mapping[str, Any]) -> Finding:
    policy = facts.get("maxmemory_policy")
    if policy == KEEPS_EVERYTHING:
        return ok("redis memory", "refuses when it is full (noeviction)")
    if policy is None:
        return warning("redis memory", "doesn't tell its maxmemory-policy, which must be noeviction", KEEP)
    text = f"may forget jobs when it is full: maxmemory-policy is {policy}, not noeviction"
    return warning("redis memory", text, KEEP)


def _persistence(facts: Mapping[str, Any]) -> Finding:
    if facts.get("aof_enabled") == 1:
        return ok("redis persistence", "append-only file")
    if "aof_enabled" not in facts:
        return warning("redis persistence", "doesn't tell whether it is append-only", PERSIST)
    return warning("redis persistence", "not append-only: jobs may be lost when Redis itself is restarted", PERSIST)


def _schema(found: int) -> Finding:
    if found > SCHEMA:
        return failed("redis keys", f"are of schema {found}; this release knows {SCHEMA}: deploy a newer one", DEPLOY)
    return ok("redis keys", f"schema {found}" if found else "none yet")
