"""An install's config: typed, hidden, and kept sealed in a real Redis."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta

import aiohttp
import pytest
from pydantic import Field, ValidationError, model_validator
from redis.asyncio import Redis

from envoy_plugin.envoy.api import EnvoyPluginAPI
from envoy_plugin.envoy.config import REMEMBERED, Config, InstallConfigs, Secret, parse_config
from envoy_plugin.envoy.tokens import OAuthClient, TokenCache
from envoy_plugin.errors import ApiRefused, ApiUnavailable, ConfigMismatch
from envoy_plugin.sealing import Sealer
from envoy_plugin.simulator.faults import Fault
from envoy_plugin.simulator.installs import INSTALLS
from tests.envoy_server import CLIENT_ID, CLIENT_SECRET, Clock, SimulatedEnvoy, running_envoy

CONFIG_PATH = "/api/v2/plugin-services/installs/"
KEY = "{doors}:config:1001"


class DoorConfig(Config):
    api_key: Secret
    group: str = ""
    floors: dict[str, int] = Field(default_factory=dict)


class Picky(Config):
    @model_validator(mode="after")
    def _never(self) -> "Picky":
        raise ValueError("canary")


def test_a_config_becomes_the_plugins_type() -> None:
    config = parse_config(DoorConfig, {"api_key": "k-1", "group": 7, "unknown": 1})
    assert (config.api_key.reveal(), config.group) == ("k-1", "7")


def test_a_config_is_frozen_and_shows_names_alone() -> None:
    config = parse_config(DoorConfig, {"api_key": "canary", "group": "canary"})
    assert repr(config) == "DoorConfig(api_key=…, group=…, floors=…)"
    assert "canary" not in f"{config} {config.api_key!r} {config.api_key}"
    assert "canary" not in str(config.model_dump(include={"api_key"})) + DoorConfig(api_key="canary").model_dump_json()
    with pytest.raises(ValidationError, match="frozen"):
        config.group = "x"  # type: ignore[misc]  # a type checker refuses it, too


@pytest.mark.parametrize(
    ("raw", "fields"),
    [
        ({}, ("api_key",)),
        ({"api_key": ["canary"], "group": []}, ("api_key", "group")),
        ({"api_key": "k", "floors": {"canary": "canary", "b": "x"}}, ("floors",)),
    ],
)
def test_a_config_that_does_not_fit_names_the_fields_alone(raw: dict[str, object], fields: tuple[str, ...]) -> None:
    with pytest.raises(ConfigMismatch) as caught:
        parse_config(DoorConfig, raw)
    assert caught.value.fields == fields
    assert "canary" not in str(caught.value)
    assert caught.value.__context__ is None


def test_a_config_refused_by_a_rule_of_the_plugin_shows_nothing_of_it() -> None:
    with pytest.raises(ConfigMismatch) as caught:
        parse_config(Picky, {})
    assert "canary" not in str(caught.value)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def envoy(clock: Clock) -> AsyncIterator[SimulatedEnvoy]:
    async with running_envoy(clock, install_ids=["1001"]) as running:
        running.app[INSTALLS].put("1001", {"greeting": "Hola"})
        yield running


@pytest.fixture
async def configs(envoy: SimulatedEnvoy, redis: Redis, clock: Clock) -> AsyncIterator[InstallConfigs]:
    sealer = Sealer(["a-root-secret-of-some-length"])
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        oauth = OAuthClient(session, base_url=envoy.url, client_id=CLIENT_ID, client_secret=CLIENT_SECRET, clock=clock)
        tokens = TokenCache(redis, sealer, oauth, key="{doors}:token", clock=clock)
        stack.push_async_callback(tokens.close)
        api = EnvoyPluginAPI(session, base_url=envoy.url, tokens=tokens, backoff=timedelta(milliseconds=1))
        made = InstallConfigs(redis, sealer, api, key_of=lambda install: f"{{doors}}:config:{install}", clock=clock)
        stack.push_async_callback(made.close)
        yield made


async def test_what_a_delivery_brought_is_had_without_asking_envoy(
    configs: InstallConfigs, envoy: SimulatedEnvoy
) -> None:
    await configs.remember("1001", {"greeting": "Moin", "none": None, "list": []})
    assert await configs.get("1001") == {"greeting": "Moin", "none": None, "list": []}
    assert envoy.requests() == []


async def test_redis_holds_a_config_sealed_and_not_for_ever(configs: InstallConfigs, redis: Redis) -> None:
    await configs.remember("1001", {"greeting": "canary"})
    sealed = await redis.get(KEY)
    assert isinstance(sealed, bytes)
    assert b"canary" not in sealed
    assert 0 < await redis.ttl(KEY) <= 300


async def test_an_old_config_is_read_from_envoy_and_kept(
    configs: InstallConfigs, envoy: SimulatedEnvoy, clock: Clock
) -> None:
    await configs.remember("1001", {"greeting": "Moin"})
    clock.advance(minutes=5)
    assert await configs.get("1001") == await configs.get("1001") == {"greeting": "Hola"}
    assert len(envoy.requests(CONFIG_PATH)) == 1


async def test_many_who_ask_at_once_are_one_question(configs: InstallConfigs, envoy: SimulatedEnvoy) -> None:
    answers = await asyncio.gather(*(configs.get("1001") for _ in range(20)))
    assert answers == [{"greeting": "Hola"}] * 20
    assert len(envoy.requests(CONFIG_PATH)) == 1


async def test_without_envoy_an_old_config_is_not_used(
    configs: InstallConfigs, envoy: SimulatedEnvoy, clock: Clock
) -> None:
    await configs.remember("1001", {"greeting": "Moin"})
    clock.advance(minutes=6)
    envoy.fail(Fault(status=503))
    with pytest.raises(ApiUnavailable):
        await configs.get("1001")


async def test_an_unchanged_config_is_written_once_a_minute(
    configs: InstallConfigs, redis: Redis, clock: Clock
) -> None:
    written = []
    for seconds in (0, 30, 31):
        clock.advance(seconds=seconds)
        await configs.remember("1001", {"greeting": "Moin"})
        written.append(await redis.get(KEY))
    assert written[0] == written[1] != written[2]


async def test_a_changed_config_is_written_at_once(configs: InstallConfigs) -> None:
    for greeting in ("Moin", "Servus"):
        await configs.remember("1001", {"greeting": greeting})
    assert await configs.get("1001") == {"greeting": "Servus"}


async def test_what_no_key_opens_is_read_from_envoy(configs: InstallConfigs, redis: Redis) -> None:
    await redis.set(KEY, b"not sealed by us")
    assert await configs.get("1001") == {"greeting": "Hola"}


async def test_a_change_is_merged_at_envoy_and_had_at_once(
    configs: InstallConfigs, envoy: SimulatedEnvoy, redis: Redis
) -> None:
    await configs.remember("1001", {"greeting": "Moin"})
    assert await configs.merge("1001", {"level": 4, "greeting": None}) == {"level": 4}
    assert await configs.get("1001") == {"level": 4}
    assert [request.method for request in envoy.requests(CONFIG_PATH)] == ["PUT"]
    assert b"level" not in (await redis.get(KEY) or b"")


async def test_after_a_change_that_failed_or_emptied_it_the_config_is_read_from_envoy(
    configs: InstallConfigs, envoy: SimulatedEnvoy
) -> None:
    assert await configs.get("1001") == {"greeting": "Hola"}
    envoy.fail(Fault(status=404))
    with pytest.raises(ApiRefused):
        await configs.merge("1001", {"level": 4})
    envoy.fail()
    assert await configs.get("1001") == {"greeting": "Hola"}
    assert await configs.merge("1001", {"greeting": None}) == {}
    assert await configs.get("1001") == {}
    methods = [request.method for request in envoy.requests(CONFIG_PATH)]
    assert methods == ["GET", "PUT", "GET", "PUT", "GET"]


async def test_a_forgotten_install_leaves_nothing_behind(configs: InstallConfigs, redis: Redis) -> None:
    await configs.remember("1001", {"greeting": "Moin"})
    await configs.forget("1001")
    assert await redis.dbsize() == 0
    await configs.remember("1001", {"greeting": "Moin"})
    assert await configs.get("1001") == {"greeting": "Moin"}


async def test_what_a_process_recalls_is_bounded(configs: InstallConfigs) -> None:
    for number in range(REMEMBERED + 5):
        configs._note(str(number), b"", 0)
    assert len(configs._written) == REMEMBERED
