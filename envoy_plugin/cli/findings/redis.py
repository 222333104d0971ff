"""What `check` and `doctor` find about Redis; nothing is written there."""

import asyncio
import time
from collections.abc import Mapping
from statistics import median
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from envoy_plugin.cli.findings.finding import Finding, failed, ok, warning
from envoy_plugin.cli.findings.redis_health import judge, latency_finding
from envoy_plugin.cli.redis_access import RETRIES, find_schema
from envoy_plugin.connection import connect_redis
from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.keys import SCHEMA
from envoy_plugin.settings import Settings, TlsVerify
from envoy_plugin.variables import is_loopback

PATIENCE_SECONDS: Final = 20
ROUND_TRIPS: Final = 20
START: Final = "See that it runs, that REDIS_URL is its address and password, and that this machine may reach it."
ENCRYPT: Final = "Take the rediss:// URL that your host shows."
PIN: Final = "Set REDIS_TLS_VERIFY=full, or pin the certificate with ?ssl_ca_certs=FILE behind the URL."
DEPLOY: Final = "Deploy the release that wrote them, or a newer one."


async def look_at_redis(settings: Settings, plugin_name: str | None) -> list[Finding]:
    """Whether it answers and how fast, whether others can listen, what it forgets, and whose keys it holds."""
    redis = connect_redis(
        settings.redis_url, tls_verify=settings.tls_verify, client_name="envoy-plugin-check", retries=RETRIES
    )
    prefix = settings.redis_prefix or plugin_name
    try:
        async with redis, asyncio.timeout(PATIENCE_SECONDS):
            await redis.ping()
            found = [*judge(await _facts(redis)), await _latency(redis)]
            schema = [] if prefix is None else [_schema(await find_schema(Engine(redis, prefix=prefix)))]
    except (RedisError, TimeoutError) as error:
        return [failed("redis", f"can't be used: {type(error).__name__}", START), way_finding(settings)]
    return [*found, way_finding(settings), *schema]


async def _facts(redis: Redis) -> Mapping[str, Any]:
    """What Redis tells of itself; nothing where it doesn't tell."""
    try:
        return dict(await redis.info())
    except ResponseError:
        return {}


async def _latency(redis: Redis) -> Finding:
    """How long a round trip takes."""
    spans = []
    for _ in range(ROUND_TRIPS):
        began = time.perf_counter()
        await redis.ping()
        spans.append(1000 * (time.perf_counter() - began))
    return latency_finding(median(spans), max(spans))


def way_finding(settings: Settings) -> Finding:
    """Whether others can listen on the way there."""
    parts = urlsplit(settings.redis_url)
    if parts.scheme == "rediss":
        return _encrypted(settings, parts.query)
    if parts.scheme == "unix" or is_loopback(parts.hostname or ""):
        return ok("redis connection", "on this machine")
    text = "neither TLS nor on this machine: use rediss:// unless the network is private"
    return warning("redis connection", text, ENCRYPT)


def _encrypted(settings: Settings, query: str) -> Finding:
    """Heroku's certificates can't be checked, so there that is as it should be."""
    asked_for_none = parse_qs(query).get("ssl_cert_reqs") == ["none"]
    is_checked = settings.tls_verify is TlsVerify.FULL or (settings.tls_verify is TlsVerify.AUTO and not asked_for_none)
    if is_checked or settings.on_heroku:
        return ok("redis connection", "TLS" if is_checked else "TLS, whose certificate isn't checked, as on Heroku")
    return warning("redis connection", "TLS, but anybody may be at the other end: its certificate isn't checked", PIN)


def _schema(found: int) -> Finding:
    if found > SCHEMA:
        return failed("redis keys", f"are of schema {found}; this release knows {SCHEMA}: deploy a newer one", DEPLOY)
    return ok("redis keys", f"schema {found}" if found else "none yet")
