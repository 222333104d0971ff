"""The Redis in memory of `dev`: what the engine needs of a Redis works on it, from many clients and processes."""

import asyncio
import importlib
import sys
import threading
from collections.abc import AsyncIterator, Iterator

import pytest
from redis.asyncio import Redis
from redis.exceptions import NoScriptError, ResponseError

from envoy_plugin.connection import connect_redis
from envoy_plugin.errors import SettingsError
from envoy_plugin.memory_redis import memory_redis


@pytest.fixture
def url() -> Iterator[str]:
    with memory_redis() as url:
        yield url


@pytest.fixture
async def client(url: str) -> AsyncIterator[Redis]:
    async with connect_redis(url, client_name="of-memory", retries=0) as client:
        yield client


async def test_a_script_runs_by_its_digest(client: Redis) -> None:
    digest = await client.script_load("redis.call('HSET', KEYS[1], 'f', ARGV[1]) return redis.call('HGETALL', KEYS[1])")
    assert await client.evalsha(digest, 1, "{plugin}:key", b"\r\n\x00\xff") == [b"f", b"\r\n\x00\xff"]


async def test_after_an_error_the_connection_goes_on(client: Redis) -> None:
    me = await client.client_id()
    with pytest.raises(NoScriptError):
        await client.evalsha("f" * 40, 0)
    with pytest.raises(ResponseError, match=r"^REFUSED because$"):
        await client.eval("return redis.error_reply('REFUSED because')", 0)
    with pytest.raises(ResponseError, match="two lines"):
        await client.eval("error('two\\nlines')", 0)
    assert await client.client_id() == me


async def test_a_pipeline_answers_each_of_its_commands(client: Redis) -> None:
    async with client.pipeline(transaction=False) as pipe:
        pipe.set("key", "value")
        pipe.evalsha("f" * 40, 0)
        pipe.get("key")
        first, second, third = await pipe.execute(raise_on_error=False)
    assert (first, third) == (True, b"value")
    assert isinstance(second, NoScriptError)


async def test_a_transaction_answers_together(client: Redis) -> None:
    async with client.pipeline(transaction=True) as pipe:
        pipe.zadd("index", {"a": 1, "b": 2, "c": 3})
        pipe.zrange("index", "-inf", "(3", byscore=True, offset=0, num=10)
        assert await pipe.execute() == [3, [b"a", b"b"]]


async def test_a_blocking_pop_ends_empty_and_wakes_for_what_a_script_pushes(client: Redis) -> None:
    assert await client.blpop(["queue"], timeout=0.1) is None
    waiting = asyncio.ensure_future(client.blpop(["queue"], timeout=5))
    assert await client.eval("return redis.call('RPUSH', KEYS[1], 'token')", 1, "queue") == 1
    assert await waiting == (b"queue", b"token")


async def test_a_large_answer_arrives_whole(client: Redis) -> None:
    large = b"0123456789abcdef" * 400_000
    await client.set("large", large)
    assert await client.get("large") == large


async def test_several_processes_share_it(client: Redis, url: str) -> None:
    code = "import sys, redis; c = redis.Redis.from_url(sys.argv[1]); [c.incr('n') for _ in range(100)]; c.close()"
    children = [await asyncio.create_subprocess_exec(sys.executable, "-c", code, url) for _ in range(2)]
    assert [await child.wait() for child in children] == [0, 0]
    assert await client.get("n") == b"200"


async def test_many_commands_at_once_are_each_answered(client: Redis) -> None:
    script = "return redis.call('INCRBY', KEYS[1], ARGV[1])"
    answers = await asyncio.gather(*(client.eval(script, 1, "sum", 1) for _ in range(200)))
    assert sorted(answers) == list(range(1, 201))


def test_each_is_empty_and_leaves_no_thread_behind() -> None:
    before = threading.active_count()
    with memory_redis() as one, memory_redis() as other:
        assert one != other
    assert threading.active_count() == before


@pytest.mark.parametrize("package", ["fakeredis", "lupa"])
def test_without_the_extra_it_says_what_to_install(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, "envoy_plugin.memory_redis")
    with pytest.raises(SettingsError, match=r"envoy_plugin\[dev\]"):
        importlib.import_module("envoy_plugin.memory_redis")
