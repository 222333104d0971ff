"""Storage in Redis while processes compete for it, and while they or Redis are killed."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis

from envoy_plugin import Item
from envoy_plugin.connection import connect_redis
from envoy_plugin.envoy.storage import Storage
from tests.framework import storage_client
from tests.framework.storage_places import KEYS, redis_storages
from tests.redis_server import RedisServers

ROOT = Path(__file__).parents[2]
PATIENCE = 60
KILLS = 4


async def start(url: str, what: str, name: str, count: int = 0) -> asyncio.subprocess.Process:
    """A process that uses the storage."""
    program = (sys.executable, "-m", storage_client.__name__, url, what, name, str(count))
    return await asyncio.create_subprocess_exec(*program, cwd=ROOT, stdout=-1, stderr=-3 if what == "turn" else None)


@asynccontextmanager
async def turning(url: str, name: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that has begun to change all keys at once, again and again; killed at the end."""
    process = await start(url, "turn", name)
    try:
        assert process.stdout is not None
        assert await asyncio.wait_for(process.stdout.readline(), PATIENCE)
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def read(process: asyncio.subprocess.Process, lines: int) -> int:
    """The number of the last of so many pipelines that went well."""
    assert process.stdout is not None
    said = [await asyncio.wait_for(process.stdout.readline(), PATIENCE) for _ in range(lines)]
    return int(said[-1])


async def check_whole(storage: Storage, redis: Redis, names: list[str]) -> dict[str, int]:
    """Every pipeline has left all of it or nothing; the number of the last one of each process."""
    items = {item.key: item.value for item in await storage.list()}
    last = {}
    for name in names:
        (last[name],) = {items.pop(f"{name}-{key:02}") for key in range(storage_client.KEYS)}
    assert items.pop("twin") in last.values()
    assert items.pop("guest", None) in {None, *last.values()}
    assert items.keys() == {"card"}
    held = await redis.hgetall(KEYS.storage("1001")[2])
    digest = held[b"kcard"]
    assert isinstance(digest, bytes)
    assert held == {b"kcard": digest, b"v" + digest: b"card"}
    return {name: int(str(number)) for name, number in last.items()}


async def test_two_processes_never_get_one_value_twice(redis: Redis, redis_url: str, soak: int) -> None:
    count = 150 * soak
    processes = [await start(redis_url, "hammer", name, count) for name in ("a", "b")]
    answers = await asyncio.gather(*(asyncio.wait_for(process.communicate(), PATIENCE) for process in processes))
    given = [value for out, _ in answers for value in json.loads(out)]
    storage = redis_storages(redis).of_install("1001")
    pages = [await storage.list(page) for page in range(1, 2 * count // 100 + 2)]
    assert sorted(value for value in given if value) == sorted(set(range(1, 2 * count + 1)))
    assert sorted(item.value for page in pages for item in page if isinstance(item.value, int)) == sorted(given)


@pytest.mark.soak
async def test_a_killed_client_leaves_all_of_a_pipeline_or_nothing(redis: Redis, redis_url: str, soak: int) -> None:
    storage = redis_storages(redis).of_install("1001")
    for number in range(KILLS * soak):
        async with turning(redis_url, "a") as one, turning(redis_url, "b") as other:
            done = await read(one, 5 + 7 * number), await read(other, 3)
            one.kill()
            other.kill()
            await asyncio.gather(one.wait(), other.wait())
        last = await check_whole(storage, redis, ["a", "b"])
        assert last["a"] >= done[0]
        assert last["b"] >= done[1]


async def test_a_killed_redis_leaves_all_of_a_pipeline_or_nothing(redis_server: RedisServers, soak: int) -> None:
    server = redis_server(appendonly="yes", appendfsync="always")
    for number in range(KILLS * soak):
        async with turning(server.url, "a") as client:
            done = await read(client, 10 + 7 * number)
            server.kill()
            await asyncio.wait_for(client.wait(), PATIENCE)
        server.start()
        async with connect_redis(server.url) as redis:
            last = await check_whole(redis_storages(redis).of_install("1001"), redis, ["a"])
        assert last["a"] >= done


async def test_a_cut_off_append_only_file_ends_with_a_whole_pipeline(redis_server: RedisServers) -> None:
    server = redis_server(appendonly="yes", appendfsync="always")
    async with turning(server.url, "a") as client:
        await read(client, 10)
        server.kill()
        await asyncio.wait_for(client.wait(), PATIENCE)
    (log,) = server.directory.glob("**/*.incr.aof")
    whole = log.read_bytes()
    for missing in (1, 100, 700, 1500, 2500):
        log.write_bytes(whole[:-missing])
        server.start()
        async with connect_redis(server.url) as redis:
            await check_whole(redis_storages(redis).of_install("1001"), redis, ["a"])
        server.kill()


async def test_processes_see_what_others_store(redis: Redis, redis_url: str) -> None:
    process = await start(redis_url, "hammer", "a", 1)
    ((out, _),) = [await asyncio.wait_for(process.communicate(), PATIENCE)]
    assert await redis_storages(redis).of_install("1001").get("a-0") == Item("a-0", json.loads(out)[0])
