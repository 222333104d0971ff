"""Secrets and visitors' data are planted in every error path, and looked for wherever something comes out."""

import asyncio
import gc
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import timedelta

import pytest
from aiohttp.test_utils import TestServer
from pydantic import BaseModel
from redis.asyncio import Redis

from envoy_plugin import Config, Done, Entry, EnvoyPluginJob, Event, Failed, Link, Meta, Password, Plugin, Run, Secret
from envoy_plugin.engine.verbs import Note
from envoy_plugin.envoy.config import parse_config
from envoy_plugin.envoy.events import decode_payload, parse_event
from envoy_plugin.envoy.signature import HEADER, sign
from envoy_plugin.logs import get_logger
from envoy_plugin.reports import Report
from envoy_plugin.simulator.faults import Fault
from envoy_plugin.simulator.platform import TOKENS, create_platform
from tests.envoy_server import CLIENT_ID, TOKEN_PATH, SimulatedEnvoy
from tests.framework.served import UPDATES, Reply, Served, Stage, a_webhook, redis_values

CANARY = "canary"
CLIENT_SECRET = "canary-client-secret-4711"
ROOT_SECRET = "canary-root-secret-4711"
VISITOR = {"full-name": "Zoë canary", "email": "canary@example.com", "phone-number": "+351 canary"}
CONFIG = {"api_key": "canary-api-key"}
META = {"auth": {"access_token": "canary-token", "expires_in": 60}, "forwarded_bearer_token": "canary-forwarded"}

Path = Callable[[Served], Awaitable[list[Reply]]]


class DoorConfig(Config):
    api_key: Secret


class Strict(BaseModel):
    number: int


def quote_everything(entry: Entry, config: DoorConfig) -> Exception:
    """An error as a careless developer writes it."""
    return ValueError(f"{entry.full_name} {entry.email} {entry.phone_number} {config.api_key.reveal()} PIN canary")


async def raises(entry: Entry, config: DoorConfig) -> None:
    try:
        raise quote_everything(entry, config)
    except ValueError as error:
        raise KeyError("canary") from error


async def validates(entry: Entry) -> None:
    Strict.model_validate({"number": entry.full_name, "canary": entry.email})


async def takes_too_long(entry: Entry) -> None:
    name = entry.full_name
    await asyncio.Event().wait()
    raise AssertionError(name)


async def updates(entry: Entry, job: EnvoyPluginJob) -> None:
    await job.update(f"Hello {entry.full_name}", Password("PIN", "canary-pin"))


async def logs(entry: Entry, event: Event, config: DoorConfig, meta: Meta) -> None:
    log = get_logger("plugin")
    log.info("visitor", full_name=entry.full_name, email=entry.email, api_key=config.api_key.reveal(), pin="canary")
    log.error(
        "visitor", entry=entry, event_itself=event, config=config, meta=meta, error=quote_everything(entry, config)
    )


async def forgets_a_task(entry: Entry, config: DoorConfig) -> None:
    async def raise_it() -> None:
        raise quote_everything(entry, config)

    await asyncio.wait([asyncio.create_task(raise_it())])
    gc.collect()


async def says_too_much(entry: Entry) -> Done:
    return Done("x" * 300_000, Link("Door", "canary", "https://example.com/canary"), data={"canary": object()})


HANDLERS = (raises, validates, takes_too_long, updates, logs, forgets_a_task, says_too_much)


async def keeps(entry: Entry, config: DoorConfig, run: Run) -> Failed:
    async def find() -> str:
        return str(quote_everything(entry, config))

    await run.progress(await run.once("piece", find))
    return Failed(await find(), "canary", attachments=[Password("PIN", "canary-pin")])


@pytest.fixture
def plugin() -> Plugin:
    """A plugin whose events are named after what their handlers do: inline, and in the background."""
    plugin = Plugin("visitor-doors", config=DoorConfig)
    soon = timedelta(milliseconds=50)
    for handler in HANDLERS:
        plugin.on(f"{handler.__name__}_inline", timeout=soon)(handler)
        plugin.on(f"{handler.__name__}_later", timeout=soon, background=True, retries=0)(handler)
    plugin.on("keeps_later", background=True)(keeps)
    return plugin


@pytest.fixture
async def envoy() -> AsyncIterator[SimulatedEnvoy]:
    """One whose client secret is a canary."""
    app = create_platform(client_id=CLIENT_ID, client_secret=CLIENT_SECRET)
    async with TestServer(app) as server:
        yield SimulatedEnvoy(app=app, url=str(server.make_url("")).rstrip("/"))


@pytest.fixture
async def served(stage: Stage, plugin: Plugin, logged: io.StringIO) -> Served:
    """Served with secrets that are canaries, from before its first log line."""
    return await stage.serve(plugin, ENVOY_CLIENT_SECRET=CLIENT_SECRET, SECRET_KEY=ROOT_SECRET, ENVOY_PLUGIN_ID="77")


def body_of(event: str, *, config: Mapping[str, object] = CONFIG, **changes: object) -> bytes:
    return a_webhook(event, config=dict(config), meta=META, attributes=VISITOR | changes).body


async def send(served: Served, body: bytes, **headers: str) -> Reply:
    query = "/envoy/events?token=canary"
    return await served.post(body, path=query, headers={HEADER: sign(body, CLIENT_SECRET), **headers})


async def all_fail(served: Served) -> list[Reply]:
    """Every handler, inline and in the background, each for a job of its own."""
    events = [f"{handler.__name__}_{when}" for handler in HANDLERS for when in ("inline", "later")]
    webhooks = [
        a_webhook(event, job=event, config=CONFIG, meta=META, attributes=VISITOR) for event in (*events, "keeps_later")
    ]
    replies = [await send(served, webhook.body) for webhook in webhooks]
    await served.finishes()
    return replies


async def envoy_fails(served: Served) -> list[Reply]:
    faults = [Fault(path=UPDATES, status=422), Fault(path=UPDATES, drop=True), Fault(path=UPDATES, malformed=True)]
    replies = []
    for number, fault in enumerate([*faults, Fault(path=TOKEN_PATH, status=401)]):
        served.envoy.fail(fault)
        served.envoy.revoke_tokens()
        replies.append(await send(served, a_webhook("updates_inline", job=str(number), attributes=VISITOR).body))
    return replies


async def forged(served: Served) -> list[Reply]:
    body = body_of("raises_inline")
    headers = [{HEADER: "canary" * 8}, {HEADER: CLIENT_SECRET}, {"Authorization": "Bearer canary", HEADER: ""}]
    return [await send(served, body, **each) for each in headers]


async def malformed(served: Served) -> list[Reply]:
    bodies = [
        body_of("raises_inline")[:-5],
        b'"canary"',
        b'{"meta": {"event": ["canary"], "install_id": {"canary": "canary"}}}',
        b'{"meta": {"event": "raises_inline", "install_id": "1", "plugin_id": "canary"}}',
        body_of("raises_inline", email={"canary": "canary"}, host="canary", nda=["canary"]),
        body_of("raises_inline", config={"api_key": {"canary": "canary"}}),
        body_of("raises_later", config={"api_key": ["canary"]}),
        body_of("raises_later", nda="canary" * 100_000),
        b"canary" * 1_000_000,
    ]
    return [await send(served, body) for body in bodies] + [await send(served, bodies[0], **{"Content-Type": CANARY})]


@pytest.mark.parametrize("json_logs", [True, False], ids=["json", "pretty"])
@pytest.mark.parametrize("path", [all_fail, envoy_fails, forged, malformed])
async def test_no_error_path_lets_a_canary_out(served: Served, redis: Redis, logged: io.StringIO, path: Path) -> None:
    replies = await path(served)
    lines, held = logged.getvalue(), await redis_values(redis)
    assert replies
    assert len(lines.splitlines()) >= len(replies)
    assert [line for line in lines.splitlines() if shows_a_secret(served, line)] == []
    assert [key for key, value in held.items() if shows_a_secret(served, (key + value).decode(errors="replace"))] == []
    assert [reply for reply in replies if shows_a_secret(served, f"{reply.body} {reply.headers}")] == []


def shows_a_secret(served: Served, text: str) -> bool:
    tokens = served.envoy.app[TOKENS]
    return any(word in text for word in (CANARY, "Zo\\u00eb", "Zoë", *tokens._access, *tokens._refresh))


async def test_the_canaries_would_be_seen(served: Served, logged: io.StringIO) -> None:
    get_logger("plugin").info("said openly", what=CANARY)
    assert CANARY in logged.getvalue()


async def test_no_repr_shows_a_canary(served: Served) -> None:
    event = parse_event(body_of("raises_inline"))
    entry, config = decode_payload(event, Entry), parse_config(DoorConfig, event.meta.config)
    await send(served, body_of("keeps_later"))
    done = Done("In", Password("PIN", "canary"), Link("Door", "canary", "https://example.com/canary"), data=CONFIG)
    things = [
        served.runtime,
        served.runtime.settings,
        *(event, event.meta, event.meta.auth, event.meta.job, event.meta.location, entry, config, config.api_key),
        *(done, done.attachments, Report.of(done), Note(id="a", content=b"canary")),
        await served.finishes(),
        *(served.runtime.api, served.runtime.configs, served.runtime.records, served.engine, served.engine.redis),
    ]
    assert [type(thing) for thing in things if CANARY in f"{thing!r} {thing}"] == []
