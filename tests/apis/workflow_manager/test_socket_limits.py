"""The websocket: whom it isn't opened for, how much it takes, and when and how it is closed."""

import asyncio
import base64
import contextlib
import socket
import struct
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from aiohttp import WSServerHandshakeError
from pydantic_core import to_json
from yarl import URL

from envoy_plugin.apis.workflow_manager import hub as hubs
from envoy_plugin.apis.workflow_manager import socket as sockets
from envoy_plugin.apis.workflow_manager.frames import MOST_JOBS
from envoy_plugin.apis.workflow_manager.outbox import MOST_CHARACTERS, MOST_WAITING, Outbox
from envoy_plugin.apis.workflow_manager.session import MOST_FAULTS
from envoy_plugin.apis.workflow_manager.tokens import OperatorTokens
from envoy_plugin.settings import Settings
from tests.apis.workflow_manager.site import BASE, ENVIRONMENT, SETTINGS, Site, make_store, serving
from tests.apis.workflow_manager.socket_site import PATIENCE, opened, served

HOUR = timedelta(hours=1)
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": base64.b64encode(b"0123456789abcdef").decode(),
}


async def refusal(site: Site, **headers: str) -> tuple[int, str]:
    """The status and the type of the error that a handshake is answered with."""
    reply = await site.ask("GET", "/notificationWs", headers={**UPGRADE, **headers}, token=None)
    return reply.status, reply.error["type"]


async def test_nobody_opens_it_without_a_token_that_is_good_for_the_item(site: Site) -> None:
    other = {"Authorization": f"Bearer {site.token(items=['1001'])}"}
    assert await refusal(site) == (401, "Unauthorized")
    assert await refusal(site, Authorization="Bearer nonsense") == (401, "Unauthorized")
    assert await refusal(site, **other) == (404, "NotFound")
    with pytest.raises(WSServerHandshakeError) as refused:
        await site.http.ws_connect(f"{site.url}{BASE}/notificationWs?token=nonsense")
    assert refused.value.status == 401


async def test_what_is_no_websocket_is_told_so(site: Site) -> None:
    reply = await site.ask("GET", "/notificationWs")
    assert (reply.status, reply.headers["Upgrade"], reply.error["message"]) == (
        426,
        "websocket",
        "This is a websocket.",
    )


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://evil.example", 403),
        ("null", 403),
        ("", 403),
        ("http://127.0.0.1", 403),
        ("https://{host}", 101),
        ("http://{host}", 101),
        ("http://{host}@evil.example", 403),
        ("ftp://{host}", 403),
        ("http://[", 403),
    ],
)
async def test_a_page_of_another_site_does_not_open_it(site: Site, origin: str, status: int) -> None:
    host = site.url.removeprefix("http://")
    headers = {**UPGRADE, "Authorization": f"Bearer {site.token()}", "Origin": origin.format(host=host)}
    async with site.http.get(f"{site.url}{BASE}/notificationWs", headers=headers) as answer:
        assert answer.status == status


async def test_whoever_goes_while_it_is_opened_is_no_failure(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    lines = [f"GET {BASE}/notificationWs?token={site.token()} HTTP/1.1", "Host: a"]
    lines += [f"{name}: {value}" for name, value in UPGRADE.items()]
    for _ in range(50):  # it is a matter of moments; from Python 3.13 on nothing needs to be said of it
        with socket.create_connection(("127.0.0.1", URL(site.url).port or 0)) as gone:
            gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            gone.sendall("\r\n".join([*lines, "", ""]).encode())
            await site.ask("GET", "/nothing")
        if "operator.gone" in caplog.text:
            break
    assert "operator.failed" not in caplog.text


async def test_a_page_of_the_public_url_opens_it_whatever_a_proxy_sends_on_as_host(site: Site) -> None:
    public = Settings.from_env(ENVIRONMENT | {"PUBLIC_URL": "https://doors.example.com"})
    headers = {**UPGRADE, "Authorization": f"Bearer {site.token()}", "Host": "internal:8000"}
    statuses = []
    async with serving(site.engine, make_store(site.engine, public), public) as url:
        for origin in ("https://doors.example.com", "https://evil.example"):
            there = {**headers, "Origin": origin}
            async with site.http.get(f"{url}{BASE}/notificationWs", headers=there) as answer:
                statuses.append(answer.status)
    assert statuses == [101, 403]


async def test_headers_are_as_good_as_the_query(site: Site) -> None:
    for name in ("Authorization", "X-Esri-Authorization"):
        headers = {name: f"Bearer {site.token()}"}
        async with site.http.ws_connect(f"{site.url}{BASE}/notificationWs", headers=headers) as ws:
            assert await ws.receive_json() == {"connected": True}


async def test_a_job_of_another_item_is_unknown(site: Site) -> None:
    job_id = await site.job()
    async with opened(site, site.token(items=["1001"]), item="/workflow/1001") as other:
        [mine, none] = await other.subscribe(job_id, "a000000000000000")
        texts = [frame["message"]["msg"].replace(job_id, "ID").replace("a" + "0" * 15, "ID") for frame in (mine, none)]
        assert texts[0] == texts[1]
        async with opened(site) as one:
            await one.subscribe(job_id)
            assert (await other.subscribe(job_id))[0]["message"]["type"] == "JobNotFound"


async def test_a_socket_takes_five_hundred_jobs_and_no_more(site: Site) -> None:
    many = [f"nobody-{number}" for number in range(MOST_JOBS)]
    job_id = await site.job()
    async with opened(site) as client:
        await client.subscribe(job_id)
        await client.say("subscribe", jobIds=many)
        assert (await client.until("Error"))["msg"] == "A socket is told of at most 500 jobs."
        await client.say("subscribe", jobIds=[*many, "one-more"])
        assert "at most 500 items" in (await client.until("Error"))["msg"]
        assert [frame["msgType"] for frame in await client.subscribe(job_id)] == ["JobState"]


async def test_a_frame_of_more_than_64_kib_closes_it(site: Site) -> None:
    async with opened(site) as client:
        await client.ws.send_str(" " * (64 * 1024))
        assert await client.kinds(1) == ["Error"]
        await client.ws.send_str(" " * (64 * 1024 + 1))
        assert (await client.closed())[0] == 1009


async def test_bytes_and_what_is_no_text_close_it(site: Site) -> None:
    async with opened(site) as client:
        await client.ws.send_bytes(b"{}")
        assert await client.closed() == (1003, "Frames are text.")
    async with opened(site) as client:
        await client.ws.send_frame(b"\xff\xfe", 1)  # type: ignore[arg-type] # a text that isn't UTF-8
        assert (await client.closed())[0] == 1007


async def test_whoever_sends_nothing_but_nonsense_is_left(site: Site) -> None:
    async with opened(site) as client:
        for _ in range(MOST_FAULTS + 1):
            await client.ws.send_str("nonsense")
        assert await client.closed() == (1008, "Too many frames that can't be read.")


async def test_a_token_that_ends_closes_it(site: Site) -> None:
    tokens = OperatorTokens(SETTINGS.root_secrets, lambda: time.time() - 0.8)
    _, token = tokens.mint("ada", items=["default"], life=timedelta(seconds=1))
    async with opened(site, token) as client:
        assert await client.closed() == (1008, "The token has ended.")


async def test_nothing_is_told_once_the_token_has_ended(site: Site) -> None:
    ahead = [0.0]
    job_id = await site.job()
    async with served(site, lambda: time.time() + ahead[0]) as late, opened(late) as client:
        await client.subscribe(job_id)
        ahead[0] = 13 * HOUR.total_seconds()
        await site.plugin.add_job_comment(job_id, "secret")
        async with asyncio.timeout(PATIENCE):
            frame = await client.ws.receive()
        assert (frame.data, frame.extra) == (1008, "The token has ended.")


async def test_a_token_that_lasts_longer_keeps_it_open(site: Site) -> None:
    ahead = [0.0]
    job_id = await site.job()
    later = site.tokens.mint("ada", items=["default"], life=24 * HOUR)[1]
    async with served(site, lambda: time.time() + ahead[0]) as late, opened(late) as client:
        await client.subscribe(job_id, token=later)
        ahead[0] = 13 * HOUR.total_seconds()
        await site.plugin.add_job_comment(job_id, "hello")
        assert await client.kinds(1) == ["JobCommentUpdated"]


async def test_a_token_that_is_revoked_closes_it(site: Site) -> None:
    operator, token = site.tokens.mint("ada", items=["default"])
    async with opened(site, token) as client, opened(site) as other:
        await site.revocations.revoke(operator.jti)
        assert await client.closed() == (1008, "The token was revoked.")
        await other.say("nonsense")
        assert await other.kinds(1) == ["Error"]


async def test_nothing_can_be_asked_once_the_token_has_ended(site: Site) -> None:
    ahead = [0.0]
    job_id = await site.job()
    async with served(site, lambda: time.time() + ahead[0]) as late, opened(late) as client:
        ahead[0] = 13 * HOUR.total_seconds()
        await client.say("subscribe", jobIds=[job_id])
        assert (await client.until("Error"))["type"] == "Unauthorized"


async def test_a_frame_with_a_token_that_is_not_good_is_refused(site: Site) -> None:
    job_id = await site.job()
    async with opened(site) as client:
        for token in ("nonsense", site.token(user="bob"), site.token(items=["1001"])):
            await client.say("subscribe", jobIds=[job_id], token=token)
            assert (await client.until("Error"))["type"] in {"Unauthorized", "NotAllowed"}
        await site.plugin.add_job_comment(job_id, "hello")
        assert [frame["msgType"] for frame in await client.subscribe(job_id)] == ["JobState"]


async def test_a_process_that_stops_says_so(site: Site) -> None:
    async with serving(site.engine, site.store) as url:
        ws = await site.http.ws_connect(f"{url}{BASE}/notificationWs?token={site.token()}")
        assert await ws.receive_json() == {"connected": True}
        start = time.monotonic()
        task = asyncio.create_task(ws.receive())
    frame = await task
    assert (frame.data, frame.extra, time.monotonic() - start < PATIENCE) == (1001, "The server is stopping.", True)


async def test_so_many_sockets_and_no_more_are_open(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hubs, "MOST_SOCKETS", 1)
    async with opened(site):
        headers = {"Authorization": f"Bearer {site.token()}"}
        assert await refusal(site, **headers) == (503, "Unavailable")


@asynccontextmanager
async def stuck(site: Site, job_id: str) -> AsyncIterator[asyncio.StreamReader]:
    """Somebody who subscribes to a job, and then reads nothing."""
    with socket.socket() as plain:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plain.setblocking(False)  # noqa: FBT003 - the standard library's
        host, _, port = site.url.removeprefix("http://").partition(":")
        await asyncio.get_running_loop().sock_connect(plain, (host, int(port)))
        reader, writer = await asyncio.open_connection(sock=plain, limit=1024)
        headers = {"Host": f"{host}:{port}", **UPGRADE}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        writer.write(f"GET {BASE}/notificationWs?token={site.token()} HTTP/1.1\r\n{head}\r\n".encode())
        said = to_json({"msgType": "subscribe", "jobIds": [job_id]})
        writer.write(bytes([0x81, 0x80 | len(said), 0, 0, 0, 0]) + said)
        await reader.readuntil(b"JobState")
        yield reader
        writer.close()


async def test_whoever_reads_too_slowly_is_dropped_and_the_others_are_told_all(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    job_id = await site.job()
    table = {"identifier": "t.x", "value": "x" * 60_000}
    async with opened(site) as client, stuck(site, job_id):
        await client.subscribe(job_id)
        told = 0
        while "socket.dropped" not in caplog.text:
            told += 1
            changed = {"extendedProperties": [{**table, "value": f"{told}{table['value']}"}]}
            assert (await site.ask("POST", f"/jobs/{job_id}/update", json=changed)).status == 200
            frame = await client.next()
            assert frame["message"]["properties"]["extendedProperties"][0]["properties"][0]["value"].startswith(
                f"{told}x"
            )
        await client.say("nonsense")
        assert (await client.kinds(1), told < 100) == (["Error"], True)


async def test_an_outbox_takes_so_many_messages_and_so_many_characters() -> None:
    many, large = Outbox(), Outbox()
    assert [many.put("x") for _ in range(MOST_WAITING + 1)] == [True] * MOST_WAITING + [False]
    assert [large.put("x" * (MOST_CHARACTERS // 2 + 1)) for _ in range(2)] == [True, False]
    room = asyncio.create_task(many.room())
    for _ in range(MOST_WAITING // 2):
        assert await many.next() == "x"
        assert not room.done()
    await many.next()
    async with asyncio.timeout(PATIENCE):
        await room


async def test_what_fails_inside_closes_one_socket_and_is_logged_without_what_was_sent(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    job_id = await site.job()
    redis, keys = site.engine.redis, site.engine.keys
    await redis.hset(keys.described(job_id), "_walk", site.engine.seal(b"no JSON"))
    async with opened(site) as other, opened(site) as client:
        await client.say("subscribe", jobIds=[job_id], senderId="canary")
        assert await client.closed() == (1011, "The server failed unexpectedly.")
        await other.say("nonsense")
        assert await other.kinds(1) == ["Error"]
    assert ("socket.failed" in caplog.text, "canary" in caplog.text) == (True, False)


async def test_a_redis_that_does_not_say_who_is_revoked_closes_nothing(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(site) as client:
        await site.engine.redis.set(site.engine.keys.operators_revoked, "no set")
        async with asyncio.timeout(PATIENCE):
            while "socket.tokens_unread" not in caplog.text:
                assert (await client.subscribe("nobody"))[0]["msgType"] == "Error"


async def test_whoever_answers_no_ping_is_given_up(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "HEARTBEAT_SECONDS", 0.05)
    job_id = await site.job()
    async with stuck(site, job_id) as reader, asyncio.timeout(PATIENCE):
        with contextlib.suppress(ConnectionError):
            assert b"\x89\x00" in await reader.read(), "a ping, and then the end"
    async with opened(site) as client:
        for _ in range(3):
            assert [frame["msgType"] for frame in await client.subscribe(job_id)] == ["JobState"]
