"""Storage in Redis: sealed, kept for a time, unique while secrets are replaced, and given up in one step."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError

from envoy_plugin import Item, RedisGlobalStorage, RedisStorage, SealError, Storage, StorageRefused
from envoy_plugin.connection import connect_redis
from envoy_plugin.envoy.redis_storage import forget_storage
from envoy_plugin.envoy.storages import make_storages
from envoy_plugin.memory_redis import memory_redis
from tests.envoy_server import SimulatedEnvoy
from tests.framework.served import settings_for
from tests.framework.storage_places import KEYS, api_of, losing_answers, redis_storages
from tests.redis_server import RedisServer, RedisServers

MINUTE = timedelta(minutes=1)
NOW = 1_800_000_000_000
OLD, NEW = "the-old-secret-of-some-length", "the-new-secret-of-some-length"


@pytest.fixture(params=["redis", "memory"])
async def server(request: pytest.FixtureRequest, redis_url: str) -> AsyncIterator[Redis]:
    """A Redis, and the one of `dev`."""
    if request.param == "redis":
        async with connect_redis(redis_url, retries=0) as client:
            yield client
        return
    with memory_redis() as url:
        async with connect_redis(url, retries=0) as client:
            yield client


def storage_in(redis: Redis, *secrets: str, after: timedelta = timedelta()) -> RedisStorage:
    """An install's storage, `after` a moment."""
    return redis_storages(redis, *secrets, now=NOW + after // timedelta(milliseconds=1)).of_install("1001")


async def everything(redis: Redis) -> bytes:
    """All keys and all that they hold, as it is held."""
    keys = await redis.keys()
    return repr(
        [(key, await (redis.hgetall(key) if await redis.type(key) == b"hash" else redis.zrange(key, 0, -1)))
         for key in keys]
    ).encode()  # fmt: skip


async def test_no_value_can_be_read_in_redis(server: Redis) -> None:
    for storage in (redis_storages(server).of_install("1001"), redis_storages(server).of_plugin()):
        await storage.set("k", {"canary": "canary"})
        await storage.set_if_absent("lock", "canary", MINUTE)
        await storage.set_unique("unique", chars="q", size=9)
        await storage.set_unique_num("number", min=987654321, max=987654321)
    held = await everything(server)
    assert len(await server.keys()) == 8
    assert not [plain for plain in (b"canary", b"qqqqqqqqq", b"987654321") if plain in held]


async def test_the_same_unique_value_looks_different_in_each_scope(server: Redis) -> None:
    storages = redis_storages(server)
    for scope in (storages.of_install("1"), storages.of_install("2"), storages.of_plugin()):
        await scope.set_unique_num("k", min=5, max=5)
    keys = [KEYS.storage(install)[2] for install in ("1", "2", None)]
    assert len({await server.hget(key, "kk") for key in keys}) == 3


async def test_every_key_has_the_hash_tag(server: Redis) -> None:
    storage = storage_in(server)
    await storage.set("k", 1)
    await storage.set_unique("u")
    await storage.set_if_absent("lock", 1, MINUTE)
    assert {key.partition(b":")[0] for key in await server.keys() if isinstance(key, bytes)} == {b"{doors}"}


async def test_no_install_is_taken_for_the_plugin(server: Redis) -> None:
    storages = redis_storages(server)
    for install in ("", ":", "None"):
        await storages.of_install(install).set("k", install)
    assert await storages.of_plugin().list() == []
    assert isinstance(storages.of_plugin(), RedisGlobalStorage)


async def test_of_many_at_once_one_sets_what_is_absent(server: Redis) -> None:
    storage = storage_in(server)
    won = await asyncio.gather(*(storage.set_if_absent("lock", number, MINUTE) for number in range(20)))
    (item,) = [item for item in won if item]
    assert await storage.get("lock") == item


async def test_what_was_set_for_a_time_ends(server: Redis) -> None:
    assert await storage_in(server).set_if_absent("lock", "first", MINUTE) == Item("lock", "first")
    just_before, then = (storage_in(server, after=MINUTE - timedelta(milliseconds=one)) for one in (1, 0))
    assert await just_before.set_if_absent("lock", "second", MINUTE) is None
    assert await just_before.list() == [Item("lock", "first")]
    assert (await then.list(), await then.get("lock")) == ([], None)
    assert await then.set_if_absent("lock", "second", MINUTE) == Item("lock", "second")


async def test_redis_own_clock_counts(server: Redis) -> None:
    storage = redis_storages(server).of_install("1001")
    await storage.set_if_absent("lock", 1, timedelta(milliseconds=1))
    async with asyncio.timeout(10):
        while await storage.get("lock"):
            pass
    assert await server.keys() == []


@pytest.mark.parametrize("other", ["set", "unset", "set_unique"])
async def test_what_takes_its_place_has_no_end(server: Redis, other: str) -> None:
    pipeline = storage_in(server).pipeline().set_if_absent("lock", 1, MINUTE)
    match other:
        case "set":
            pipeline.set("lock", 2)
        case "unset":
            pipeline.unset("lock").set("lock", 2)
        case _:
            pipeline.set_unique_num("lock", min=2, max=2)
    await pipeline.execute()
    assert await storage_in(server, after=2 * MINUTE).get("lock") == Item("lock", 2)


async def test_very_many_end_at_once(server: Redis) -> None:
    storage, later = storage_in(server), storage_in(server, after=MINUTE)
    for first in range(0, 2500, 500):
        pipeline = storage.pipeline().set("kept", 1)
        for number in range(first, first + 499):
            pipeline.set_if_absent(f"lock-{number}", number, MINUTE)
        await pipeline.execute()
    assert await later.list() == [Item("kept", 1)]
    assert len(await server.keys()) == 2


async def test_in_a_crowded_range_what_is_free_is_found(server: Redis) -> None:
    storage = storage_in(server)
    for first in range(0, 1450, 50):
        pipeline = storage.pipeline()
        for number in range(first, first + 50):
            pipeline.set_unique_num(f"k{number}", min=number, max=number)
        assert None not in await pipeline.execute()
    given = [await storage.set_unique_num(f"last{number}", min=0, max=1499) for number in range(10)]
    assert len({item.value for item in given if item}) == 10


async def test_many_who_want_what_is_taken_try_fewer_values_each(server: Redis) -> None:
    storage = storage_in(server)
    await storage.set_unique_num("k", min=1, max=1)
    pipeline = storage.pipeline()
    for number in range(40):
        pipeline.set_unique_num(f"full-{number}", min=1, max=1)
    for number in range(40):
        pipeline.set_unique_num(f"free-{number}", min=1, max=41)
    results = await pipeline.execute()
    assert results[:40] == [None] * 40
    assert {item.value for item in results[40:] if isinstance(item, Item)} == set(range(2, 42))


async def test_a_full_range_of_very_many_is_none(server: Redis) -> None:
    storage = storage_in(server)
    for number in range(1, 1002):
        await storage.set_unique_num(f"k{number}", min=number, max=number)
    results = await storage.pipeline().set("before", 1).set_unique_num("k", min=1, max=1001).get("k").execute()
    assert results == [Item("before", 1), None, None]


async def test_while_a_secret_is_replaced_all_processes_see_each_other(server: Redis) -> None:
    before, after = storage_in(server, OLD), storage_in(server, NEW, OLD)
    assert await before.set_unique_num("a", min=5, max=5) == await after.get("a")
    assert await after.set_unique_num("b", min=5, max=5) is None
    assert await after.set_unique_num("c", min=6, max=6) == Item("c", 6)
    assert await before.set_unique_num("d", min=6, max=6) is None
    await after.unset("c")
    assert await after.set_unique_num("d", min=6, max=6) == Item("d", 6)


async def test_what_no_secret_opens_is_not_guessed_at(server: Redis) -> None:
    await storage_in(server, OLD).set("k", 1)
    pipeline = storage_in(server, NEW).pipeline().set("l", 2).get("k")
    with pytest.raises(SealError):
        await pipeline.execute()
    assert (len(pipeline), await storage_in(server, NEW).get("l")) == (0, Item("l", 2))


async def test_a_server_that_forgot_the_script_is_given_it(server: Redis) -> None:
    storage = storage_in(server)
    await storage.set("k", 1)
    await server.script_flush()
    assert await storage.get("k") == Item("k", 1)


async def test_an_uninstalled_plugin_leaves_nothing_of_that_install(server: Redis) -> None:
    storages = redis_storages(server)
    scopes: list[Storage] = [storages.of_install("1"), storages.of_install("2"), storages.of_plugin()]
    for scope in scopes:
        await scope.set("k", 1)
        await scope.set_unique("u")
    await storages.of_install("1").set_if_absent("lock", 1, MINUTE)
    await forget_storage(server, KEYS.storage("1"))
    assert [len(await scope.list()) for scope in scopes] == [0, 2, 2]
    assert [key for key in await server.keys() if isinstance(key, bytes) and key.endswith(b":1")] == []


@pytest.mark.parametrize(("kind", "cls"), [("envoy", "Storage"), ("redis", "RedisStorage")])
async def test_a_setting_says_where_storage_is(
    envoy: SimulatedEnvoy, redis: Redis, redis_url: str, kind: str, cls: str
) -> None:
    settings = settings_for(redis_url, envoy, STORAGE=kind)
    async with api_of(envoy, redis) as api:
        storages = make_storages(settings, api=api, redis=redis, keys_of=KEYS.storage)
        storage = storages.of_install("1001")
        assert (await storage.set("k", 1), await storages.of_plugin().get("k")) == (Item("k", 1), None)
    assert type(storage).__name__ == cls
    assert await redis.exists(*KEYS.storage("1001")) == (2 if kind == "redis" else 0)
    assert bool(envoy.requests("/api/v2/plugin-services/storage")) == (kind == "envoy")


async def test_what_did_not_run_can_be_run_again(redis_server: RedisServers) -> None:
    server = redis_server(appendonly="yes", appendfsync="always")
    async with connect_redis(server.url, retries=0) as redis:
        pipeline = storage_in(redis).pipeline().set("k", 1)
        server.kill()
        with pytest.raises(RedisConnectionError):
            await pipeline.execute()
        server.start()
        assert await pipeline.get("k").execute() == [Item("k", 1), Item("k", 1)]


async def test_a_full_redis_refuses_a_pipeline_whole(redis_server: RedisServers) -> None:
    server, large = redis_server(maxmemory="3mb", maxmemory_policy="noeviction"), "x" * 30_000
    async with connect_redis(server.url, retries=0) as redis:
        storage = storage_in(redis)
        with pytest.raises(OutOfMemoryError):  # noqa: PT012 - filled until it refuses
            for number in range(1000):
                await storage.pipeline().set(f"a-{number}", large).set(f"b-{number}", large).execute()
        kept = [item.key for item in await storage.list()]
    assert len(kept) == 2 * number
    assert {f"a-{number}", f"b-{number}"}.isdisjoint(kept)


def test_a_ttl_that_cannot_be_is_refused(redis: Redis) -> None:
    with pytest.raises(StorageRefused):
        storage_in(redis).pipeline().set_if_absent("lock", 1, timedelta())


async def test_a_pipeline_whose_answer_is_lost_has_run_once(redis: Redis, shared_redis: RedisServer) -> None:
    async with losing_answers(shared_redis.port) as url, connect_redis(url) as client:
        with pytest.raises(RedisConnectionError):
            await redis_storages(client).of_install("1001").set_unique("k")
    kept = await redis_storages(redis).of_install("1001").list()
    digests = await redis.hgetall(KEYS.storage("1001")[2])
    assert ([item.key for item in kept], len(digests)) == (["k"], 2)
