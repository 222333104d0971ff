"""Whatever is sent: never a 500, and nothing changed unless it is an event of ours."""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
import pytest_asyncio
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from envoy_plugin import Config, Entry, EnvoyPluginJob, Invite, Meta, Plugin, Secret
from envoy_plugin.envoy.signature import HEADER, sign
from envoy_plugin.simulator.platform import create_platform
from tests.damage import damage, json_of
from tests.envoy_server import CLIENT_ID, CLIENT_SECRET, SimulatedEnvoy
from tests.framework.served import Served, Stage, a_webhook, redis_values
from tests.redis_server import RedisServer

EXAMPLES = 200
MAX_BODY = 8192
FINE = {200, 202}
REFUSED = {400, 412, 413, 422}

pytestmark = pytest.mark.asyncio(loop_scope="module")


class DoorConfig(Config):
    api_key: Secret
    floors: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Site:
    """A served plugin, what it has called, and its Redis."""

    served: Served
    calls: list[str]
    redis: Redis

    async def state(self) -> tuple[int, dict[bytes, bytes]]:
        """What may not change."""
        return len(self.calls), await redis_values(self.redis)


def make_plugin(calls: list[str]) -> Plugin:
    """A handler for each thing that can be read of an event, inline and in the background."""
    plugin = Plugin("fuzzed-doors", config=DoorConfig)

    @plugin.on("entry_sign_in")
    async def inline(entry: Entry, config: DoorConfig, job: EnvoyPluginJob) -> None:
        calls.append(entry.id + job.id + str(len(config.floors)))

    @plugin.on("entry_sign_out", background=True)
    async def background(entry: Entry, config: DoorConfig, job: EnvoyPluginJob) -> None:
        raise AssertionError

    @plugin.on("invite_created")
    async def invited(invite: Invite, meta: Meta) -> None:
        calls.append(f"{invite.id} {meta.location} {meta.company} {meta.zone} {meta.auth}")

    return plugin


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def site(shared_redis: RedisServer) -> AsyncIterator[Site]:
    """One for all examples."""
    calls: list[str] = []
    async with AsyncExitStack() as stack:
        app = create_platform(client_id=CLIENT_ID, client_secret=CLIENT_SECRET)
        envoy = SimulatedEnvoy(app=app, url=str((await stack.enter_async_context(TestServer(app))).make_url("/"))[:-1])
        stage = Stage(shared_redis.url, envoy, await stack.enter_async_context(ClientSession()), stack)
        options = {"MAX_BODY": str(MAX_BODY), "DELIVERY_RECORDS": "off"}  # so that every event is handled
        served = await stage.serve(make_plugin(calls), worker=False, **options)
        redis = await stack.enter_async_context(Redis.from_url(shared_redis.url))
        yield Site(served=served, calls=calls, redis=redis)


hard = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

EVENTS = ("entry_sign_in", "entry_sign_out", "invite_created")
VALID = {event: a_webhook(event, config={"api_key": "k"}).document for event in EVENTS}
json_values = json_of(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20))


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A real event with up to three of its values replaced or removed."""
    document = json.loads(json.dumps(VALID[draw(st.sampled_from(EVENTS))]))
    damage(draw, document, json_values, "meta")
    return json.dumps(document).encode("utf-8", "surrogatepass")


@st.composite
def spoilt(draw: st.DrawFn) -> bytes:
    """The bytes of a real event with one cut off, changed, or put in."""
    body = a_webhook(draw(st.sampled_from(EVENTS)), config={"api_key": "k"}).body
    at = draw(st.integers(0, len(body) - 1))
    return draw(st.sampled_from([body[:at], body[:at] + draw(st.binary(min_size=1, max_size=4)) + body[at + 1 :]]))


bodies = st.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode()) | mutated() | spoilt()
signatures = st.none() | st.text(max_size=60) | st.binary(max_size=40).map(lambda raw: base64.b64encode(raw).decode())


@hard
@given(body=bodies)
async def test_a_signed_body_is_an_event_or_is_refused_and_changes_nothing(site: Site, body: bytes) -> None:
    before = await site.state()
    reply = await site.served.post(body)
    assert reply.status in FINE | REFUSED
    assert isinstance(reply.body, dict)
    if reply.status in {413, 422} or "does nothing" in reply.body.get("message", ""):
        assert await site.state() == before


@hard
@given(body=bodies, signature=signatures)
async def test_a_forged_request_is_a_401_and_changes_nothing(site: Site, body: bytes, signature: str | None) -> None:
    before = await site.state()
    given_signature = {} if signature is None else {HEADER: "".join(filter(str.isprintable, signature))}
    async with site.served.http.post(
        f"{site.served.url}/envoy/events", data=body, headers={"Content-Type": "application/json"} | given_signature
    ) as response:
        assert response.status == 401
    assert await site.state() == before


@hard
@given(filling=st.integers(0, 2 * MAX_BODY), event=st.sampled_from(EVENTS))
async def test_an_oversized_body_is_a_413_and_changes_nothing(site: Site, filling: int, event: str) -> None:
    body = a_webhook(event, config={"api_key": "k"}).body.ljust(filling)
    before = await site.state()
    reply = await site.served.post(body)
    assert reply.status == (413 if len(body) > MAX_BODY else 202 if event == "entry_sign_out" else 200)
    if reply.status == 413:
        assert await site.state() == before


@hard
@given(
    path=st.text(st.characters(codec="utf-8", exclude_characters="?#"), max_size=30),
    headers=st.dictionaries(
        st.sampled_from(["Content-Type", "X-Request-Id", "Accept", "Content-Encoding"]),
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30),
        max_size=3,
    ),
)
async def test_no_path_and_no_header_makes_a_500(site: Site, path: str, headers: dict[str, str]) -> None:
    body = a_webhook("entry_sign_in", config={"api_key": "k"}).body
    usual = {"Content-Type": "application/json", HEADER: sign(body, CLIENT_SECRET)}
    async with site.served.http.post(
        f"{site.served.url}/envoy/events/{path}", data=body, headers=usual | headers, allow_redirects=False
    ) as response:
        assert response.status < 500
