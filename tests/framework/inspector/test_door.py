"""The door: requests pass as they came, webhooks are recorded, and a plugin that starts again is waited for."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.framework.inspector.conftest import MOST_BODY, Inspect
from tests.framework.inspector.inspected import Inspected
from tests.framework.served import until
from tests.redis_server import free_port


@dataclass(slots=True)
class Upstream:
    """Somebody in the plugin's place, who keeps what it got."""

    port: int
    requests: list[web.Request] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    cut: bool = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        self.bodies.append(await request.read())
        if self.cut:
            assert request.transport is not None
            request.transport.abort()
        answer = web.Response(status=202, text='{"a": 1}', content_type="application/json")
        answer.set_cookie("one", "1")
        answer.set_cookie("two", "2")
        return answer

    def server(self) -> TestServer:
        app = web.Application(client_max_size=2**30)
        app.router.add_route("*", "/{path:.*}", self.answer)
        return TestServer(app, port=self.port)


@pytest.fixture
def upstream() -> Upstream:
    return Upstream(port=free_port())


@pytest.fixture
async def behind(inspect: Inspect, upstream: Upstream) -> AsyncIterator[Inspected]:
    """The door in front of `upstream`, which runs."""
    async with upstream.server():
        yield await inspect(upstream.url)


async def test_a_webhook_passes_as_it_came_but_for_an_id(behind: Inspected, upstream: Upstream) -> None:
    body = b'{ "meta":\t{"event": "x"}, "payload": "\\u00e9/\\/" }'
    status, text = await behind.post(body, path="/envoy/events/a%2Fb?c=%20d", Host="doors.example", Accept="x/y")
    (request,) = upstream.requests
    assert (status, text, upstream.bodies) == (202, '{"a": 1}', [body])
    assert (request.raw_path, request.host, request.headers["Accept"]) == (
        "/envoy/events/a%2Fb?c=%20d",
        "doors.example",
        "x/y",
    )
    assert request.headers["X-Request-Id"] == behind.newest.request_id
    assert (behind.newest.body, behind.newest.path) == (body, "/envoy/events/a/b")


async def test_an_id_that_a_request_has_stays(behind: Inspected, upstream: Upstream) -> None:
    await behind.post(b"{}", **{"X-Request-Id": "from-the-host"})
    await behind.post(b"{}", **{"X-Request-Id": "not good"})
    ids = [request.headers["X-Request-Id"] for request in upstream.requests]
    assert ids[0] == "from-the-host"
    assert ids[1] not in {"from-the-host", "not good"}


async def test_what_is_signed_is_recorded_wherever_it_goes_and_the_rest_is_not(behind: Inspected) -> None:
    await behind.post(b"{}", path="/wrong")
    assert behind.newest.path == "/wrong"
    assert (await behind.get("/healthz")).status == 202
    assert behind.newest.path == "/wrong"


async def test_a_large_body_passes_whole_where_it_is_no_webhook(behind: Inspected, upstream: Upstream) -> None:
    large = b"x" * (4 * MOST_BODY)
    async with behind.browser.put(f"{behind.url}/things/1", data=large) as answer:
        cookies = answer.headers.getall("Set-Cookie")
    assert upstream.bodies == [large]
    assert [cookie[:3] for cookie in cookies] == ["one", "two"]


async def test_of_a_webhook_that_is_too_large_the_plugin_gets_enough_to_refuse_it(
    behind: Inspected, upstream: Upstream
) -> None:
    await behind.post(b"x" * (2 * MOST_BODY))
    assert [len(body) for body in upstream.bodies] == [MOST_BODY + 1]
    assert behind.newest.cut


async def test_a_request_waits_for_a_plugin_that_starts(inspect: Inspect, upstream: Upstream) -> None:
    inspected = await inspect(upstream.url)
    waiting = asyncio.ensure_future(inspected.post(b"{}"))
    assert not (await until(inspected.recorder.newest)).is_over
    async with upstream.server():
        assert (await waiting)[0] == 202
    assert inspected.newest.outcome == "ongoing"


async def test_while_the_plugin_has_ended_a_webhook_is_answered_at_once(inspect: Inspect, upstream: Upstream) -> None:
    inspected = await inspect(upstream.url)
    inspected.door.close()
    status, text = await inspected.post(b"{}")
    assert (status, "The plugin isn't running" in text) == (503, True)
    assert inspected.newest.answer is None
    assert str(inspected.newest.fault).startswith("The plugin isn't running")
    inspected.door.open()
    async with upstream.server():
        assert (await inspected.post(b"{}"))[0] == 202


async def test_a_plugin_that_cuts_the_connection_is_said(behind: Inspected, upstream: Upstream) -> None:
    upstream.cut = True
    status, text = await behind.post(b"{}")
    assert (status, "closed the connection" in text) == (502, True)
    assert str(behind.newest.fault).startswith("The plugin closed the connection")
