"""The simulated Envoy answers each sample request as Envoy does; the samples go over the wire byte for byte."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestServer

from envoy_plugin.envoy.signature import verify
from envoy_plugin.simulator.logins import INSTALLER, PLUGIN, Code, Refreshable
from envoy_plugin.simulator.payloads import read_webhook
from envoy_plugin.simulator.platform import INSTALLS, JOBS, NOTIFICATIONS, TOKENS, create_platform
from tests.samples.reading import Answer, Sample, answer_to, read_samples
from tests.unit.simulator.conftest import Envoy, MovableClock, ServeApplication

CLIENT_ID, CLIENT_SECRET = "plugin-client-id", "plugin-client-secret"
JOB_ID = "18d84a69-acd2-4b61-9dd4-f95b3b589283"
SAMPLES = read_samples("api")
WEBHOOKS = read_samples("webhooks")


@pytest.fixture
async def envoy(aiohttp_client: ServeApplication, clock: MovableClock) -> Envoy:
    """Knows whatever the samples speak of."""
    app = create_platform(
        client_id=CLIENT_ID, client_secret=CLIENT_SECRET, users={"u": "p"}, job_ids=[JOB_ID], clock=clock
    )
    app[JOBS].know(JOB_ID, name="entry_sign_in", identifier="vr:entry:19")
    app[INSTALLS].put("1001", {"greeting": "Hola", "level": 3, "drop": 1})
    until, tokens = clock() + timedelta(hours=1), app[TOKENS]
    tokens.accept("at-6f0c", until=until)
    tokens._codes["abc"] = Code(until=until, redirect_uri="https://p.example/cb?x=1")
    tokens._refresh["rt-91aa"] = Refreshable(until=until, lifetimes=PLUGIN, extras={})
    return Envoy(app, await aiohttp_client(app), clock)


async def answered(envoy: Envoy, sample: Sample) -> Answer:
    """What the simulated Envoy answers to a sample."""
    server = envoy.client.server
    assert isinstance(server, TestServer)
    assert server.port is not None
    return await answer_to(sample, server.host, server.port)


def is_grant(body: Any) -> bool:
    installer = "state" in body
    lifetimes = INSTALLER if installer else PLUGIN
    assert body["refresh_token_expires_in"] in {int(lifetimes.refresh.total_seconds()), 2592000}
    return {"token_type", "access_token", "expires_in", "refresh_token"} < set(body) and body["token_type"] == "Bearer"


def is_job(body: Any) -> bool:
    return bool(body == {"data": {"id": JOB_ID, "name": "entry_sign_in", "identifier": "vr:entry:19"}})


def is_storage(body: Any) -> bool:
    door, read, pin, card, unset, listed = body["data"]
    assert door == read == unset == {"key": "door", "value": {"id": 7}}
    assert (len(pin["value"]), 100 <= card["value"] <= 200) == (6, True)
    return bool(listed == [card, pin])


def is_resource(body: Any) -> bool:
    return {"id", "type", "attributes"} <= set(body["data"])


def is_list(body: Any) -> bool:
    return isinstance(body["data"], list) and "total" in body["meta"]


SHAPES: dict[str, Callable[[Any], bool]] = {
    "token": is_grant,
    "authorize": lambda body: body is None,
    "job": is_job,
    "storage_all": is_storage,
    "storage_missing": lambda body: bool(body == {"data": [None]}),
    "storage_global": lambda body: bool(body["data"][1] == [{"key": "k", "value": "Grüße"}]),
    "config_get": lambda body: bool(body == {"data": {"greeting": "Hola", "level": 3, "drop": 1}}),
    "config_merge": lambda body: bool(body == {"data": {"greeting": "Hola", "level": 4}}),
    "notification": lambda body: bool(body["data"]["id"] == "1"),
    "purpose": lambda body: bool(body["data"]),
    "me": is_resource,
    "get": lambda body: is_resource(body) and bool(body["data"]["type"] == "companies" or body["included"]),
    "list": is_list,
    "employee": is_list,
    "invite_remove": lambda body: body is None,
    "invite": is_resource,
    "reservation": is_resource,
}


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
async def test_a_sample_is_answered_as_envoy_answers_it(envoy: Envoy, sample: Sample) -> None:
    status, _, body = await answered(envoy, sample)
    assert status == int(sample.answer), body
    shape = next(shape for prefix, shape in SHAPES.items() if sample.name.startswith(prefix))
    assert shape(body)


@pytest.mark.parametrize(
    "sample",
    [one for one in SAMPLES if "envoy-integrations-sdk" in (one.header("user-agent") or "")],
    ids=lambda s: s.name,
)
async def test_every_success_satisfies_the_node_sdk(envoy: Envoy, sample: Sample) -> None:
    """Each model of `included` and `data` must be something, except for a missing key and a removal: there it throws.

    Source: Node SDK 2.5.2, src/base/EnvoyAPI.ts.
    """
    _, headers, body = await answered(envoy, sample)
    if sample.name in {"storage_missing_key", "invite_remove"}:
        return
    assert headers["content-type"].startswith("application/vnd.api+json")
    models = body["data"] if isinstance(body["data"], list) else [body["data"]]
    assert all(model is not None for model in body.get("included", []) + models)


async def test_the_authorize_url_of_the_node_sdk_leads_back_with_a_code(envoy: Envoy) -> None:
    (sample,) = (one for one in SAMPLES if one.name == "authorize")
    _, headers, _ = await answered(envoy, sample)
    assert headers["location"].startswith("https://p.example/cb?x=1&code=")


async def test_what_the_samples_say_is_kept(envoy: Envoy) -> None:
    for sample in SAMPLES:
        if sample.name in {"job_attach", "job_fail", "notification"}:
            await answered(envoy, sample)
    shown = await envoy.shown(JOB_ID)
    assert (shown["status"], shown["failure_reason"]) == ("failed", "connect refused")
    assert [row.body["message"] for row in envoy.app[NOTIFICATIONS].rows()] == ["Your guest is here"]


@pytest.mark.parametrize("sample", SAMPLES + WEBHOOKS, ids=lambda sample: sample.name)
def test_every_sample_names_its_source(sample: Sample) -> None:
    assert len(sample.source) > 10
    assert sample.answer


@pytest.mark.parametrize("sample", WEBHOOKS, ids=lambda sample: sample.name)
def test_a_webhooks_bytes_carry_their_signature_and_are_sent_again_unchanged(sample: Sample) -> None:
    verify(sample.body, sample.header("X-Envoy-Signature"), [CLIENT_SECRET])
    webhook = read_webhook(sample.body)
    assert (webhook.body, webhook.event != "-") == (sample.body, True)
