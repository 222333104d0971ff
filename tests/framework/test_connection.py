"""`connect_redis` against real servers that close, die, refuse, encrypt and keep silent."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, NoScriptError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError

from envoy_plugin.connection import ANSWER, BLOCK, call_once, connect_redis
from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.queries import find_job
from envoy_plugin.engine.verbs import Enqueue
from envoy_plugin.engine.waiting import listening
from envoy_plugin.errors import SettingsError
from envoy_plugin.settings import TlsVerify
from tests.redis_server import RedisServer, RedisServers, TlsFiles, free_port

SECRET = "hunter2-is-a-password"


async def closed_by_server(client: Redis, killer: Redis) -> None:
    """Have the server close the client's only connection, and wait until that has arrived here."""
    await client.ping()
    await killer.client_kill_filter(_type="normal", skipme=True)
    (connection,) = client.connection_pool._available_connections
    async with asyncio.timeout(5):
        while not await connection.can_read():  # noqa: ASYNC110  # redis-py has no event for it
            await asyncio.sleep(0)


@pytest.mark.parametrize("retries", [0, 5])
async def test_a_connection_that_the_server_closed_in_a_silence_is_replaced(
    redis: Redis, redis_url: str, retries: int
) -> None:
    async with connect_redis(redis_url, retries=retries) as client:
        await closed_by_server(client, redis)
        assert await client.set("key", "value")


async def test_a_command_waits_for_a_killed_server_that_comes_back(redis_server: RedisServers) -> None:
    server = redis_server(appendonly="yes", appendfsync="always")
    async with connect_redis(server.url) as client:
        await client.set("key", "value")
        server.kill()
        answer = asyncio.ensure_future(client.get("key"))
        await asyncio.to_thread(server.start)
        assert await answer == b"value"


async def test_without_retries_a_command_fails_at_once_while_the_server_is_down(redis_server: RedisServers) -> None:
    server = redis_server()
    server.kill()
    async with connect_redis(server.url, retries=0) as client:
        began = time.monotonic()
        with pytest.raises(RedisConnectionError):
            await client.get("key")
        assert time.monotonic() - began < 1


@pytest.fixture
async def losing_url(redis: Redis, shared_redis: RedisServer) -> AsyncIterator[str]:
    """A Redis behind a proxy that loses the answer to each first INCR of a key, and the connection with it."""
    lost: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        near, far = await asyncio.open_connection("127.0.0.1", shared_redis.port)
        while command := await reader.read(65536):
            far.write(command)
            answer = await near.read(65536)
            if b"INCR" in command and not lost:
                lost.append(answer)
                break
            writer.write(answer)
        far.close()
        writer.close()
        await asyncio.gather(far.wait_closed(), writer.wait_closed())

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as proxy:
        yield f"redis://127.0.0.1:{proxy.sockets[0].getsockname()[1]}/0"


async def count_by_command(client: Redis) -> int:
    return int(await client.incr("INCR"))


async def count_by_script(client: Redis) -> int:
    digest = await client.script_load("return redis.call('incr', KEYS[1])")
    return int(await client.evalsha(digest, 1, "INCR"))


@pytest.mark.parametrize("count", [count_by_command, count_by_script])
async def test_what_lost_its_answer_runs_again(losing_url: str, count: Callable[[Redis], Awaitable[int]]) -> None:
    async with connect_redis(losing_url) as client:
        assert await count(client) == 2


@pytest.mark.parametrize("count", [count_by_command, count_by_script])
async def test_without_retries_what_lost_its_answer_runs_once(
    losing_url: str, redis: Redis, count: Callable[[Redis], Awaitable[int]]
) -> None:
    async with connect_redis(losing_url, retries=0) as client:
        with pytest.raises(RedisConnectionError):
            await count(client)
    assert await redis.get("INCR") == b"1"


async def test_a_script_that_fails_or_is_not_known_is_an_error_and_the_connection_goes_on(redis_url: str) -> None:
    async with connect_redis(redis_url, max_connections=1) as client:
        fails = await client.script_load("return redis.error_reply('NO such thing')")
        for digest, error in ((fails, ResponseError), ("0" * 40, NoScriptError)):
            with pytest.raises(error):
                await client.evalsha(digest, 0)
        assert await client.ping()


async def test_what_is_called_once_runs_once_whatever_the_retries(losing_url: str, redis: Redis) -> None:
    async with connect_redis(losing_url) as client:
        with pytest.raises(RedisConnectionError):
            await call_once(client, "INCR", "count")
        assert await call_once(client, "GET", "count") == b"1"
    assert await redis.get("count") == b"1"


@pytest.mark.parametrize("size", [1, 100_000, 20_000_000])
async def test_a_command_of_any_size_arrives_whole(redis_url: str, size: int) -> None:
    async with connect_redis(redis_url, max_connections=1) as client:
        await asyncio.gather(*(client.set(f"k{number}", b"x" * size) for number in range(3)))
        assert await client.strlen("k2") == size


async def test_after_a_silence_a_connection_is_asked_before_it_is_used(redis: Redis, redis_url: str) -> None:
    async with connect_redis(redis_url) as client:
        await client.ping()
        (connection,) = client.connection_pool._available_connections
        connection.next_health_check = 0
        await redis.config_resetstat()
        await client.set("key", "value")
    commands = await redis.info("commandstats")
    assert commands["cmdstat_ping"]["calls"] == 1


async def test_a_blocking_pop_of_an_empty_queue_is_no_time_out(redis_url: str) -> None:
    assert BLOCK < ANSWER / 2
    async with connect_redis(redis_url) as client:
        assert await client.blpop(["empty"], timeout=BLOCK.total_seconds()) is None


async def test_commands_wait_their_turn_for_a_connection(redis: Redis, redis_url: str) -> None:
    async with connect_redis(redis_url, max_connections=2, client_name="of-two") as client:
        await asyncio.gather(*(client.incr("count") for _ in range(50)))
        names = [each["name"] for each in await redis.client_list()]
    assert names.count("of-two") == 2


async def test_whoever_waits_for_a_connection_gets_one_that_is_given_back(redis_url: str) -> None:
    async with connect_redis(redis_url, max_connections=1) as client:
        first = await client.connection_pool.get_connection()  # type: ignore[no-untyped-call]  # redis-py leaves it untyped
        waiting = [asyncio.ensure_future(client.incr("n")) for _ in range(3)]
        await asyncio.sleep(0)
        await client.connection_pool.release(first)
        async with asyncio.timeout(5):
            assert sorted(await asyncio.gather(*waiting, client.incr("n"))) == [1, 2, 3, 4]


async def test_of_many_who_wait_or_give_up_nobody_keeps_a_connection(redis: Redis, redis_url: str) -> None:
    async with connect_redis(redis_url, max_connections=3) as client:
        asked = [asyncio.ensure_future(client.blpop(["nothing"], timeout=BLOCK.total_seconds())) for _ in range(9)]
        async with asyncio.timeout(5):
            while (await redis.info("clients"))["blocked_clients"] < 3:
                pass
        for one in asked:
            one.cancel()
        assert all(
            isinstance(one, asyncio.CancelledError) for one in await asyncio.gather(*asked, return_exceptions=True)
        )
        assert sorted(await asyncio.gather(*(client.incr("n") for _ in range(30)))) == list(range(1, 31))
        assert not client.connection_pool._in_use_connections


@pytest.mark.parametrize("size", [5, 40_000])
@pytest.mark.parametrize("turns", range(12))
async def test_a_cancelled_command_is_cancelled_whenever_that_happens(redis_url: str, turns: int, size: int) -> None:
    async with connect_redis(redis_url) as client:
        await client.set("key", "value")
        command = asyncio.ensure_future(client.getrange("x" * size, 0, 1))
        for _ in range(turns):
            await asyncio.sleep(0)
        was_under_way = command.cancel()
        await asyncio.wait({command})
        assert command.cancelled() == was_under_way
        assert await client.get("key") == b"value"


async def test_a_unix_socket_will_do(redis_server: RedisServers, tmp_path: Path) -> None:
    redis_server(unixsocket=str(tmp_path / "redis.sock"))
    async with connect_redis(f"unix://{tmp_path}/redis.sock?db=1") as client:
        assert await client.ping()


async def test_a_wrong_password_is_named_as_such_and_not_shown(
    redis_server: RedisServers, caplog: pytest.LogCaptureFixture
) -> None:
    server = redis_server(requirepass="another-password")
    url = server.url.replace("another-password", SECRET)
    async with connect_redis(url, retries=0) as client:
        with pytest.raises(AuthenticationError, match="password") as caught:
            await client.ping()
        assert SECRET not in f"{caught.value!r} {client!r} {client.connection_pool!r} {caplog.text}"


@pytest.mark.parametrize(
    "url",
    [
        f"redis://:{SECRET}/more@127.0.0.1:6379",
        f"redis://127.0.0.1:{SECRET}",
        f"redis://127.0.0.1?{SECRET}=1",
        f"redis://127.0.0.1?db={SECRET}",
        f"rediss://127.0.0.1?ssl_cert_reqs={SECRET}",
        f"http://:{SECRET}@127.0.0.1",
    ],
)
async def test_a_url_that_is_no_use_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        connect_redis(url)
    assert SECRET not in f"{caught.value} {caught.value.__context__}"


@pytest.fixture
def tls_url(redis_server: RedisServers, tls_files: TlsFiles) -> str:
    return redis_server(tls=tls_files).url


@pytest.mark.parametrize(
    ("verify", "query"),
    [(TlsVerify.AUTO, ""), (TlsVerify.FULL, ""), (TlsVerify.FULL, "?ssl_cert_reqs=none&ssl_check_hostname=no")],
)
async def test_a_certificate_that_nobody_known_signed_is_refused(tls_url: str, verify: TlsVerify, query: str) -> None:
    async with connect_redis(tls_url + query, tls_verify=verify, retries=0) as client:
        with pytest.raises(RedisConnectionError, match="certificate verify failed"):
            await client.ping()


@pytest.mark.parametrize(("verify", "query"), [(TlsVerify.NONE, ""), (TlsVerify.AUTO, "?ssl_cert_reqs=none")])
async def test_a_certificate_is_not_checked_when_told_so_and_one_line_says_it(
    tls_url: str, verify: TlsVerify, query: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with connect_redis(tls_url + query, tls_verify=verify, client_name="web") as client:
        assert await client.ping()
    (line,) = [record.getMessage() for record in caplog.records if "certificate" in record.getMessage()]
    assert "redis.certificate_unchecked" in line


async def test_a_pinned_authority_is_checked_against(
    tls_url: str, tls_files: TlsFiles, caplog: pytest.LogCaptureFixture
) -> None:
    pinned = f"{tls_url}?ssl_ca_certs={tls_files.authority}"
    async with connect_redis(pinned, tls_verify=TlsVerify.FULL) as client:
        assert await client.ping()
    assert "redis.certificate_unchecked" not in caplog.text


@asynccontextmanager
async def elsewhere(*ports: int, host: str = "127.0.0.1") -> AsyncIterator[tuple[str, list[int]]]:
    """The URL of a cluster's node that has no keys: it names each of these ports in turn, and then the last. And to
    which ports it has sent clients."""
    sent: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while command := await reader.read(65536):
            if b"CLIENT" in command:
                writer.write(b"+OK\r\n" * command.count(b"CLIENT"))
                continue
            sent.append(ports[min(len(sent), len(ports) - 1)])
            writer.write(f"-MOVED 6918 {host}:{sent[-1]}\r\n".encode())
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as node:
        yield f"redis://127.0.0.1:{node.sockets[0].getsockname()[1]}/0", sent


@pytest.mark.parametrize("host", ["127.0.0.1", "", "?"])
async def test_the_node_of_a_cluster_that_has_the_keys_is_gone_to_once(shared_redis: RedisServer, host: str) -> None:
    async with elsewhere(shared_redis.port, host=host) as (url, sent), connect_redis(url) as client:
        assert await client.set("key", "value")
        async with client.pipeline(transaction=False) as pipe:
            pipe.get("key")
            pipe.get("key")
            assert await pipe.execute() == [b"value", b"value"]
    assert sent == [shared_redis.port]


async def test_what_is_called_once_is_asked_of_the_right_node_too(shared_redis: RedisServer, redis: Redis) -> None:
    async with elsewhere(shared_redis.port) as (url, _), connect_redis(url) as client:
        assert await call_once(client, "INCR", "count") == 1


async def test_where_that_node_has_gone_the_first_one_is_asked_again(shared_redis: RedisServer) -> None:
    async with elsewhere(free_port(), shared_redis.port) as (url, sent), connect_redis(url) as client:
        assert await client.ping()
    assert len(sent) == 2


async def test_jobs_live_and_wake_their_workers_over_tls(tls_url: str, tls_files: TlsFiles) -> None:
    pinned = f"{tls_url}?ssl_ca_certs={tls_files.authority}"
    async with connect_redis(pinned, tls_verify=TlsVerify.FULL) as client:
        engine = Engine(client, prefix="doors")
        async with listening(client, engine.keys, ["q"]) as alarm:
            made = await engine.enqueue(Enqueue(queue="q", kind="k", payload=b"{}"))
            await alarm.wait("q", at_most=ANSWER)
        (held,) = await engine.claim("q", 1, who="w", lease=ANSWER)
        await engine.succeed(held)
        assert (await find_job(engine, made.id)).state == "succeeded"
