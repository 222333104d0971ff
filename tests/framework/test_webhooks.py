"""What is answered to a request that is no delivery of ours, and that nothing else happens."""

import asyncio
import gzip
import io
import json
from collections.abc import AsyncIterator, Mapping

import pytest
from redis.asyncio import Redis
from yarl import URL

from envoy_plugin import Config, Entry, Meta, Plugin, Secret
from envoy_plugin.envoy.signature import HEADER, sign
from envoy_plugin.logs import get_logger
from tests.envoy_server import CLIENT_SECRET
from tests.framework.served import Served, Stage, a_webhook, redis_values

Calls = list[str]
OLD_SECRET = "the-client-secret-before"
SIGNATURE_OF_NOTHING = sign(b"", CLIENT_SECRET)


class DoorConfig(Config):
    api_key: Secret


@pytest.fixture
def calls() -> Calls:
    """The handlers that have been called."""
    return []


@pytest.fixture
def plugin(calls: Calls) -> Plugin:
    """Handles one event inline and one in the background."""
    plugin = Plugin("visitor-doors", config=DoorConfig)

    @plugin.on("entry_sign_in")
    async def inline(entry: Entry) -> None:
        calls.append(f"inline {entry.id}")

    @plugin.on("entry_sign_out", background=True)
    async def background(entry: Entry, config: DoorConfig) -> None:
        calls.append(f"background {entry.id}")

    @plugin.on("entry_screened")
    async def lazy(meta: Meta) -> None:
        calls.append(f"lazy {meta.location}")

    return plugin


@pytest.fixture
async def served(stage: Stage, plugin: Plugin) -> Served:
    return await stage.serve(plugin, worker=False, MAX_BODY="65536")


async def nothing_happened(served: Served, calls: Calls) -> bool:
    """Whether no handler was called, Redis holds nothing, and Envoy was asked nothing."""
    return not calls and not await redis_values(served.engine.redis) and not served.envoy.requests()


@pytest.mark.parametrize(
    "signature",
    [
        None,
        "",
        SIGNATURE_OF_NOTHING,
        "short",
        "00" * 32,
        "ÿ" * 44,
        "漢" * 10,
        "=" * 44,
        "A" * 5000,
    ],
)
async def test_a_request_that_is_not_signed_is_a_401(served: Served, calls: Calls, signature: str | None) -> None:
    headers = {} if signature is None else {HEADER: signature}
    reply = await unsigned(served, a_webhook().body, headers)
    assert reply.startswith(b"HTTP/1.1 401 ")
    assert b'{"message":"The' in reply
    assert await nothing_happened(served, calls)


async def unsigned(served: Served, body: bytes, headers: Mapping[str, str]) -> bytes:
    """The answer to a request with these headers as they stand, in UTF-8 where they aren't ASCII."""
    usual = {"Host": "x", "Connection": "close", "Content-Type": "application/json", "Content-Length": str(len(body))}
    lines = [f"{name}: {value}" for name, value in (usual | dict(headers)).items()]
    return await speak(served, "\r\n".join(["POST /envoy/events HTTP/1.1", *lines, "", ""]).encode() + body)


async def speak(served: Served, request: bytes, *, breaks_off: bool = False) -> bytes:
    """What is answered to these bytes, until the connection is closed; `breaks_off`: there, by us."""
    url = URL(served.url)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    try:
        writer.write(request)
        if breaks_off:
            writer.write_eof()
        async with asyncio.timeout(10):
            return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


async def test_a_signature_over_other_bytes_of_the_same_json_is_a_401(served: Served, calls: Calls) -> None:
    body = a_webhook().body
    assert (await served.post(body + b" ", signed=body)).status == 401
    assert await nothing_happened(served, calls)


async def test_an_unsigned_request_costs_no_redis_command_and_no_login(served: Served, redis: Redis) -> None:
    async with redis.monitor() as monitor:
        await served.post(a_webhook("entry_sign_out").body, signed=b"other")
        await redis.echo("over")
        commands = []
        while not (command := await monitor.next_command())["command"].startswith("ECHO"):
            commands.append(command)
    ours = [row["command"] for row in commands if row["client_type"] != "lua"]
    expected = ("HELLO", "CLIENT", "EVALSHA")  # this test's own connection, and the sweeping each second
    assert [command for command in ours if not command.startswith(expected) or "enqueue" in command] == []
    assert served.envoy.requests() == []


async def test_an_unsigned_request_is_a_401_without_redis_and_without_envoy(stage: Stage, plugin: Plugin) -> None:
    served = await stage.serve(
        plugin, worker=False, REDIS_URL="redis://127.0.0.1:1/0", ENVOY_BASE_URL="http://127.0.0.1:1"
    )
    assert (await served.post(a_webhook().body, signed=b"other")).status == 401


async def test_while_a_client_secret_is_replaced_both_sign(stage: Stage, plugin: Plugin) -> None:
    served = await stage.serve(plugin, worker=False, ENVOY_CLIENT_SECRET=f"{CLIENT_SECRET} {OLD_SECRET}")
    for secret in (CLIENT_SECRET, OLD_SECRET):
        body = a_webhook(job=secret).body
        assert (await served.post(body, headers={HEADER: sign(body, secret)})).status == 200


@pytest.mark.parametrize("signed", [True, False])
async def test_a_body_over_the_limit_is_a_413(served: Served, calls: Calls, *, signed: bool) -> None:
    body = a_webhook(attributes={"full-name": "x" * 65536}).body
    assert (await served.post(body, signed=None if signed else b"other")).status == 413
    assert await nothing_happened(served, calls)


async def in_chunks(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 1000):
        yield body[start : start + 1000]


async def test_a_chunked_body_over_the_limit_is_a_413(served: Served, calls: Calls) -> None:
    body = b" " * 70_000
    assert (await served.post(in_chunks(body), signed=body)).status == 413
    assert await nothing_happened(served, calls)


async def test_a_small_body_that_unzips_to_a_large_one_is_a_413(served: Served, calls: Calls) -> None:
    body = b" " * 10_000_000
    reply = await served.post(gzip.compress(body), signed=body, headers={"Content-Encoding": "gzip"})
    assert reply.status == 413
    assert await nothing_happened(served, calls)


async def test_a_background_event_too_large_to_keep_is_a_413_and_changes_nothing(
    stage: Stage, plugin: Plugin, calls: Calls
) -> None:
    served = await stage.serve(plugin, worker=False)
    large = a_webhook("entry_sign_out", config={"api_key": "k"}, attributes={"nda": "x" * 300_000})
    assert (await served.post(large.body)).status == 413
    assert await nothing_happened(served, calls)


async def test_chunked_and_zipped_bodies_are_read(served: Served, calls: Calls) -> None:
    chunked, zipped = a_webhook(job="a").body, a_webhook(job="b").body
    assert (await served.post(in_chunks(chunked), signed=chunked)).status == 200
    compressed = gzip.compress(zipped)
    assert (await served.post(compressed, signed=zipped, headers={"Content-Encoding": "gzip"})).status == 200
    assert len(calls) == 2


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_body_that_does_not_unzip_is_a_422(served: Served, calls: Calls, encoding: str) -> None:
    reply = await served.post(a_webhook().body, headers={"Content-Encoding": encoding})
    assert reply.status == 422
    assert await nothing_happened(served, calls)


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 5000\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nff\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nnonsense\r\n",
    ],
)
async def test_a_body_that_breaks_off_changes_nothing(
    served: Served, calls: Calls, caplog: pytest.LogCaptureFixture, head: bytes
) -> None:
    body = a_webhook().body[:200]
    line = b"POST /envoy/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    await speak(served, line + f"{HEADER}: {sign(body, CLIENT_SECRET)}\r\n".encode() + head + body, breaks_off=True)
    assert await nothing_happened(served, calls)
    assert "request.failed" not in caplog.text


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonx", ";", '";', "\\"]
)
async def test_a_type_that_is_not_json_is_a_415(served: Served, calls: Calls, content_type: str) -> None:
    reply = await served.post(a_webhook().body, headers={"Content-Type": content_type})
    assert reply.status == 415
    assert await nothing_happened(served, calls)


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "Application/JSON ;x", "application/vnd.api+json"]
)
async def test_both_types_of_json_are_taken(served: Served, calls: Calls, content_type: str) -> None:
    assert (await served.post(a_webhook().body, headers={"Content-Type": content_type})).status == 200
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b'{"meta": {"event": "entry_sign_in", "install_id": NaN}}', "not valid JSON"),
        (b'\xff\xfe{"meta": {}}', "not valid JSON"),
        (b"[" * 10_000 + b"]" * 10_000, "not valid JSON"),
        (b"[]", "neither an event nor a route"),
        (b'"text"', "neither an event nor a route"),
        (b'{"payload": {}}', "neither an event nor a route"),
        (b'{"meta": []}', "neither an event nor a route"),
        (b'{"meta": {"install_id": "1"}}', "neither an event nor a route"),
        (b'{"meta": {"event": {"canary": 1}, "install_id": "1"}}', "meta.event"),
        (b'{"meta": {"event": "entry_sign_in"}}', "meta.install_id"),
        (b'{"meta": {"event": "entry_sign_in", "install_id": "1", "config": "canary"}}', "meta.config"),
        (b'{"meta": {"event": "entry_sign_in", "install_id": "1", "job": {"id": ""}}}', "meta.job.id"),
        (b'{"meta": {"event": "entry_sign_in", "install_id": "1"}}', "payload"),
        (b'{"meta": {"event": "entry_sign_in", "install_id": "1"}, "payload": {"id": []}}', "payload.id"),
        (
            b'{"meta": {"event": "entry_sign_out", "install_id": "1", "config": {"api_key": "k"}}, "payload": 7}',
            "payload",
        ),
        (b'{"meta": {"event": "entry_screened", "install_id": "1", "location": {"id": []}}}', "meta.location.id"),
    ],
)
async def test_a_signed_body_that_cannot_be_read_is_a_422_that_names_the_place(
    served: Served, calls: Calls, body: bytes, why: str
) -> None:
    reply = await served.post(body)
    assert (reply.status, list(reply.body)) == (422, ["message"])
    assert why in reply.message
    assert "canary" not in reply.message
    assert await nothing_happened(served, calls)


async def test_an_attribute_of_the_wrong_kind_is_a_422_that_names_it(served: Served, calls: Calls) -> None:
    reply = await served.post(a_webhook(attributes={"signed-in-at": "canary", "email": {"canary": 1}}).body)
    assert reply.status == 422
    assert "payload.email" in reply.message
    assert "payload.signed_in_at" in reply.message
    assert "canary" not in reply.message
    assert await nothing_happened(served, calls)


async def test_an_event_at_the_url_of_another_is_a_422(served: Served, calls: Calls) -> None:
    body = a_webhook("entry_sign_in").body
    assert (await served.post(body, path="/envoy/events/entry_sign_out")).status == 422
    assert await nothing_happened(served, calls)
    assert (await served.post(body, path="/envoy/events/entry_sign_in")).status == 200


@pytest.mark.parametrize(("plugin_id", "status"), [("77", 200), (77, 200), ("78", 422), (None, 422)])
async def test_only_the_pinned_plugin_is_served(stage: Stage, plugin: Plugin, plugin_id: object, status: int) -> None:
    served = await stage.serve(plugin, worker=False, ENVOY_PLUGIN_ID="77")
    assert (await served.post(a_webhook(meta={"plugin_id": plugin_id}).body)).status == status


@pytest.mark.parametrize("path", ["/", "/envoy", "/envoy/events/", "/envoy/events/a/b", "/envoy/options/x", "/../etc"])
async def test_an_unknown_path_is_a_404(served: Served, calls: Calls, path: str) -> None:
    reply = await served.post(a_webhook().body, path=path)
    assert (reply.status, reply.body) == (404, {"message": "Not Found"})
    assert await nothing_happened(served, calls)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
async def test_another_method_is_a_405_that_says_which_is_allowed(served: Served, method: str) -> None:
    async with served.http.request(method, f"{served.url}/envoy/events") as response:
        assert response.status == 405
        assert await response.json() == {"message": "Method Not Allowed"}
        assert response.headers["Allow"] == "POST"


@pytest.mark.parametrize("event", ["entry_sign_in", "entry_sign_out"])
async def test_without_redis_a_delivery_is_a_503_and_nothing_is_handled(
    stage: Stage, plugin: Plugin, calls: Calls, event: str
) -> None:
    served = await stage.serve(plugin, worker=False, REDIS_URL="redis://127.0.0.1:1/0")
    reply = await served.post(a_webhook(event, config={"api_key": "k"}).body)
    assert (reply.status, reply.body) == (503, {"message": "Not available now"})
    assert reply.headers["Retry-After"] == "5"
    assert calls == []


async def test_a_process_that_stops_answers_503_and_nothing_is_handled(served: Served, calls: Calls) -> None:
    served.runtime.stopping = True
    reply = await served.post(a_webhook().body)
    assert (reply.status, reply.body) == (503, {"message": "Shutting down"})
    assert reply.headers["Retry-After"] == "5"
    assert await nothing_happened(served, calls)


async def test_an_event_that_nobody_handles_is_ignored_with_the_reason(
    served: Served, calls: Calls, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    delivery = await served.deliver(event="something_new")
    assert delivery.answer is not None
    assert (delivery.answer.status, delivery.answer.body) == (
        400,
        {"message": "This plugin does nothing on something_new."},
    )
    assert served.shown()["status"] == "ignored"
    assert "event.ignored" in caplog.text
    assert calls == []


async def test_a_request_id_that_is_safe_is_on_every_line_and_any_other_is_replaced(
    stage: Stage, logged: io.StringIO
) -> None:
    plugin = Plugin("visitor-doors")

    @plugin.on("entry_sign_in")
    async def look() -> None:
        get_logger("plugin").info("looked")

    served = await stage.serve(plugin, worker=False)
    for job, given in (("a", "req-1.A:z="), ("b", "x" * 65), ("c", "a b")):
        await served.post(a_webhook(job=job).body, headers={"X-Request-Id": given})
    lines = [line for line in map(json.loads, logged.getvalue().splitlines()) if line["event"] == "looked"]
    kept = [line["request_id"] for line in lines]
    assert kept[0] == "req-1.A:z="
    assert all(len(made) == 16 and int(made, 16) for made in kept[1:])
    assert {(line["install"], line["event_kind"]) for line in lines} == {("1001", "entry_sign_in")}
