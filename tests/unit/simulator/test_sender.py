"""Sending a webhook, and telling the simulated Envoy of it."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from yarl import URL

from envoy_plugin.envoy.signature import sign, verify
from envoy_plugin.errors import BadSignature
from envoy_plugin.simulator import sender as sender_module
from envoy_plugin.simulator.control import SimulatedEnvoy, SimulatedEnvoyLost, is_local_url
from envoy_plugin.simulator.overrides import override, parse_override
from envoy_plugin.simulator.payloads import build_webhook
from envoy_plugin.simulator.platform import JOBS
from envoy_plugin.simulator.redelivery import ONCE, WAITS, RetryPolicy, deliver_until_answered
from envoy_plugin.simulator.sender import Sender, send
from envoy_plugin.simulator.tampering import SignatureFault, Tampering, pieces_of
from tests.unit.simulator.conftest import Envoy

SECRET = "plugin-client-secret"
Serve = Callable[[Callable[[web.Request], Awaitable[web.StreamResponse]]], Awaitable[str]]


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with ClientSession() as session:
        yield session


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Serve a handler; gives its URL."""
    servers: list[TestServer] = []

    async def start(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> str:
        app = web.Application(client_max_size=8 * 1024 * 1024)
        app.router.add_route("*", "/envoy/events", handler)
        server = TestServer(app)
        servers.append(server)
        await server.start_server()
        return str(server.make_url("/envoy/events"))

    yield start
    for server in servers:
        await server.close()


@pytest.fixture
def simulated(session: ClientSession, base_url: str) -> SimulatedEnvoy:
    return SimulatedEnvoy(session=session, base_url=URL(base_url))


@pytest.fixture
def lost(session: ClientSession) -> SimulatedEnvoy:
    """Nobody answers there: the port was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    return SimulatedEnvoy(session=session, base_url=URL(f"http://127.0.0.1:{port}"))


@pytest.mark.parametrize("body", [b'{"n":"\xc3\x9cn\xc3\xaf \xe2\x98\x83"}', b"", b"x" * 2_000_000])
async def test_the_signature_covers_the_bytes_that_arrive(session: ClientSession, serve: Serve, body: bytes) -> None:
    async def handler(request: web.Request) -> web.Response:
        arrived = await request.read()
        verify(arrived, request.headers["X-Envoy-Signature"], [SECRET])
        return web.json_response({"size": len(arrived), "type": request.content_type})

    delivery = await send(session, url=await serve(handler), body=body, secret=SECRET)
    assert delivery.answer is not None
    assert delivery.answer.body == {"size": len(body), "type": "application/json"}


@pytest.mark.parametrize(
    ("status", "outcome", "understood"),
    [
        (200, "done", True),
        (202, "ongoing", True),
        (400, "ignored", True),
        (412, "failed", True),
        (500, "failed", False),
    ],
)
async def test_the_answer_is_read_as_envoy_reads_it(
    session: ClientSession, serve: Serve, status: int, outcome: str, *, understood: bool
) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=status, text="Grüße")

    delivery = await send(session, url=await serve(handler), body=b"{}", secret=SECRET)
    assert delivery.answer is not None
    assert (delivery.outcome, delivery.answer.is_understood, delivery.answer.body) == (outcome, understood, "Grüße")


async def test_a_redirect_is_not_followed(session: ClientSession, serve: Serve) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=307, headers={"Location": "/envoy/events"})

    delivery = await send(session, url=await serve(handler), body=b"{}", secret=SECRET)
    assert delivery.answer is not None
    assert (delivery.answer.status, delivery.answer.body, delivery.outcome) == (307, None, "failed")


async def test_a_late_answer_is_none(session: ClientSession, serve: Serve) -> None:
    gate = asyncio.Event()

    async def handler(_: web.Request) -> web.Response:
        await gate.wait()
        return web.Response()

    url = await serve(handler)
    delivery = await send(session, url=url, body=b"{}", secret=SECRET, timeout=timedelta(milliseconds=50))
    gate.set()
    assert (delivery.answer, delivery.outcome, delivery.fault) == (None, None, "No answer within 0.05 s.")


async def test_a_dropped_connection_is_no_answer(session: ClientSession, serve: Serve) -> None:
    async def handler(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    delivery = await send(session, url=await serve(handler), body=b"{}", secret=SECRET)
    assert delivery.answer is None
    assert str(delivery.fault).startswith("No answer: ")


async def test_a_long_answer_is_cut(session: ClientSession, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender_module, "MAX_ANSWER_BYTES", 10)

    async def handler(_: web.Request) -> web.Response:
        return web.Response(text="x" * 1000)

    delivery = await send(session, url=await serve(handler), body=b"{}", secret=SECRET)
    assert delivery.answer is not None
    assert delivery.answer.content == b"x" * 10


async def test_no_secret_shows_in_a_sender(session: ClientSession) -> None:
    assert SECRET not in repr(Sender(session=session, url="http://127.0.0.1", secret=SECRET))


async def test_the_simulated_envoy_knows_the_job_before_and_the_answer_after(
    session: ClientSession, serve: Serve, simulated: SimulatedEnvoy, envoy: Envoy
) -> None:
    webhook = build_webhook("entry_sign_in", seed=1)

    async def handler(_: web.Request) -> web.Response:
        known = envoy.app[JOBS].get(str(webhook.job_id))
        return web.json_response({"message": known.identifier if known else "unknown"}, status=412)

    sender = Sender(session=session, url=await serve(handler), secret=SECRET, envoy=simulated)
    await sender.deliver(webhook)
    job = await simulated.job(str(webhook.job_id))
    assert (job["status"], job["status_message"]) == ("failed", webhook.job_identifier)


async def test_a_delivery_without_an_answer_leaves_the_job_in_progress(
    session: ClientSession, simulated: SimulatedEnvoy, lost: SimulatedEnvoy
) -> None:
    webhook = build_webhook("entry_sign_in", seed=1)
    sender = Sender(session=session, url=str(lost.base_url), secret=SECRET, envoy=simulated)
    assert (await sender.deliver(webhook)).outcome is None
    moments = await simulated.timeline(str(webhook.job_id))
    assert (moments[-1]["what"], moments[-1]["http_status"], moments[-1]["status"]) == ("answered", None, "in_progress")


async def test_nothing_is_sent_when_the_simulated_envoy_is_lost(
    session: ClientSession, serve: Serve, lost: SimulatedEnvoy
) -> None:
    arrived: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        arrived.append(request.path)
        return web.Response()

    sender = Sender(session=session, url=await serve(handler), secret=SECRET, envoy=lost)
    with pytest.raises(SimulatedEnvoyLost):
        await sender.deliver(build_webhook("entry_sign_in", seed=1))
    assert arrived == []


async def test_a_webhook_without_a_job_and_a_token_is_sent_and_told_to_nobody(
    session: ClientSession, serve: Serve, lost: SimulatedEnvoy
) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response()

    changes = [parse_override("meta.job=null"), parse_override("meta.auth=null")]
    webhook = override(build_webhook("entry_sign_in", seed=1), changes)
    sender = Sender(session=session, url=await serve(handler), secret=SECRET, envoy=lost)
    assert (await sender.deliver(webhook)).outcome == "done"


async def test_a_simulated_envoy_is_told_from_another_server(
    session: ClientSession, serve: Serve, simulated: SimulatedEnvoy, lost: SimulatedEnvoy
) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.json_response({})

    other = SimulatedEnvoy(session=session, base_url=URL(await serve(handler)))
    found = [await candidate.is_there() for candidate in (simulated, other, lost)]
    assert found == [True, False, False]


async def test_the_real_envoy_is_never_asked(session: ClientSession) -> None:
    assert not await SimulatedEnvoy(session=session, base_url=URL("https://app.envoy.com")).is_there()


async def test_a_job_is_awaited_until_it_is_over(simulated: SimulatedEnvoy, envoy: Envoy) -> None:
    waiting = asyncio.create_task(simulated.settled_job("j1", timeout=timedelta(seconds=30)))
    await envoy.update("j1", status="done")
    assert (await waiting)["status"] == "done"


async def test_a_wait_is_bounded(simulated: SimulatedEnvoy) -> None:
    assert (await simulated.settled_job("j1", timeout=timedelta(milliseconds=60)))["status"] == "in_progress"


async def test_an_install_is_unknown_until_its_config_is_put(simulated: SimulatedEnvoy) -> None:
    before = await simulated.install_config("a/b")
    await simulated.put_install_config("a/b", {"greeting": "Olá"})
    assert (before, await simulated.install_config("a/b")) == (None, {"greeting": "Olá"})


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://localhost:1", True),
        ("http://127.0.0.1", True),
        ("http://[::1]:80", True),
        ("http://localhost.example", False),
        ("https://app.envoy.com", False),
        ("/path", False),
    ],
)
def test_a_local_url_has_a_local_host(url: str, *, local: bool) -> None:
    assert is_local_url(URL(url)) is local


@pytest.mark.parametrize("fault", SignatureFault)
async def test_a_forged_signature_is_refused_by_whoever_looks(
    session: ClientSession, serve: Serve, fault: SignatureFault
) -> None:
    async def handler(request: web.Request) -> web.Response:
        with pytest.raises(BadSignature):
            verify(await request.read(), request.headers.get("X-Envoy-Signature"), [SECRET])
        return web.Response(status=401)

    delivery = await send(
        session, url=await serve(handler), body=b"{}", secret=SECRET, tampering=Tampering(signature=fault)
    )
    assert delivery.answer is not None
    assert delivery.answer.status == 401
    assert ("X-Envoy-Signature" in delivery.request.headers) == (fault is not SignatureFault.MISSING)


async def test_half_of_a_truncated_body_arrives_under_the_signature_of_the_whole(
    session: ClientSession, serve: Serve
) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.json_response([await request.text(), request.headers["X-Envoy-Signature"]])

    tampering = Tampering(truncated=True)
    delivery = await send(session, url=await serve(handler), body=b"12345678", secret=SECRET, tampering=tampering)
    assert delivery.answer is not None
    assert delivery.answer.body == ["1234", sign(b"12345678", SECRET)]


async def test_a_slow_body_takes_its_time_and_arrives_whole(session: ClientSession, serve: Serve) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.json_response([len(await request.read()), request.headers["Content-Length"]])

    slow = Tampering(slow=timedelta(milliseconds=100))
    short = timedelta(milliseconds=500)
    delivery = await send(
        session, url=await serve(handler), body=b"x" * 1005, secret=SECRET, tampering=slow, timeout=short
    )
    assert delivery.answer is not None
    assert (delivery.answer.body, delivery.elapsed >= slow.slow) == ([1005, "1005"], True)


@pytest.mark.parametrize("size", [0, 1, 9, 10, 11, 1005])
def test_pieces_are_the_body(size: int) -> None:
    pieces = pieces_of(b"x" * size)
    assert (b"".join(pieces), len(pieces) <= 10) == (b"x" * size, True)


def refusing(*statuses: int) -> tuple[list[bytes], Callable[[web.Request], Awaitable[web.StreamResponse]]]:
    """A handler that answers these statuses in turn, and what it has received."""
    bodies: list[bytes] = []

    async def handler(request: web.Request) -> web.Response:
        bodies.append(await request.read())
        return web.Response(status=statuses[min(len(bodies), len(statuses)) - 1])

    return bodies, handler


async def retried(
    session: ClientSession, url: str, policy: RetryPolicy, envoy: SimulatedEnvoy | None = None
) -> tuple[list[object], timedelta]:
    """The statuses that came, and the time that would have passed."""
    waits: list[timedelta] = []

    async def wait(duration: timedelta) -> None:
        waits.append(duration)

    sender = Sender(session=session, url=url, secret=SECRET, envoy=envoy)
    deliveries = await deliver_until_answered(sender, build_webhook("entry_sign_in", seed=1), policy, wait=wait)
    return [delivery.answer and delivery.answer.status for delivery in deliveries], sum(waits, timedelta())


@pytest.mark.parametrize(
    ("statuses", "policy", "came", "seconds"),
    [
        ((200,), RetryPolicy(), [200], 0),
        ((500, 503, 200), RetryPolicy(), [500, 503, 200], 40),
        ((500,), RetryPolicy(), [500] * 6, 600),
        ((400,), RetryPolicy(), [400], 0),
        ((412,), RetryPolicy(), [412], 0),
        ((412, 400, 200), RetryPolicy(every_non_2xx=True), [412, 400, 200], 40),
        ((500,), RetryPolicy(waits=WAITS[:1]).faster(10), [500, 500], 1),
        ((500,), ONCE, [500], 0),
    ],
)
async def test_a_delivery_is_sent_again_while_the_policy_wants_it(
    session: ClientSession, serve: Serve, statuses: tuple[int, ...], policy: RetryPolicy, came: list[int], seconds: int
) -> None:
    bodies, handler = refusing(*statuses)
    assert await retried(session, await serve(handler), policy) == (came, timedelta(seconds=seconds))
    assert (len(bodies), len(set(bodies))) == (len(came), 1)


async def test_no_answer_at_all_is_a_reason_to_send_again(session: ClientSession, lost: SimulatedEnvoy) -> None:
    statuses, passed = await retried(session, str(lost.base_url), RetryPolicy())
    assert (statuses, passed) == ([None] * 6, timedelta(minutes=10))


async def test_waits_pass_in_real_time_unless_told_otherwise(session: ClientSession, serve: Serve) -> None:
    _, handler = refusing(500, 200)
    sender = Sender(session=session, url=await serve(handler), secret=SECRET)
    policy = RetryPolicy(waits=(timedelta(milliseconds=10),))
    assert len(await deliver_until_answered(sender, build_webhook("entry_sign_in", seed=1), policy)) == 2


async def test_every_attempt_is_in_the_jobs_timeline_and_the_last_one_counts(
    session: ClientSession, serve: Serve, simulated: SimulatedEnvoy
) -> None:
    _, handler = refusing(500, 200)
    await retried(session, await serve(handler), RetryPolicy(), simulated)
    moments = await simulated.timeline(str(build_webhook("entry_sign_in", seed=1).job_id))
    assert [(moment["what"], moment["status"]) for moment in moments] == [
        ("created", "in_progress"),
        ("answered", "failed"),
        ("answered", "done"),
    ]


async def test_the_token_of_the_webhook_opens_the_simulated_envoy(
    session: ClientSession, serve: Serve, simulated: SimulatedEnvoy, envoy: Envoy
) -> None:
    async def handler(request: web.Request) -> web.Response:
        token = (await request.json())["meta"]["auth"]["access_token"]
        me = await envoy.client.get("/api/v2/users/me", headers={"Authorization": f"Bearer {token}"})
        return web.Response(status=me.status)

    sender = Sender(session=session, url=await serve(handler), secret=SECRET, envoy=simulated)
    assert (await sender.deliver(build_webhook("entry_sign_in", seed=1))).outcome == "done"
