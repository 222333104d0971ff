"""`envoy-plugin config`: an install's config at Envoy, as a terminal shows and changes it."""

import asyncio
import json
from pathlib import Path

import aiohttp
import pytest

from envoy_plugin import Config, Secret
from envoy_plugin.cli.commands.config import merged
from envoy_plugin.cli.envoy_access import OneLogin
from envoy_plugin.cli.masking import MASK, masked, secret_fields
from envoy_plugin.envoy.api import EnvoyPluginAPI
from envoy_plugin.envoy.oauth import OAuthClient
from envoy_plugin.simulator.faults import Fault
from envoy_plugin.simulator.platform import INSTALLS
from tests.envoy_server import SimulatedEnvoy
from tests.framework.cli.project import CREDENTIALS, Project
from tests.framework.command_line import run
from tests.framework.recording_plugin import Ended, invoke

PIN = 824_193_557
BEFORE = {"greeting": "Hola", "level": 3, "door": {"floor": 1, "pin": PIN}, "api_key": "canary", "words": ["a"]}
CONFIGURED = """\
from envoy_plugin import Config, Plugin, Secret


class DoorConfig(Config):
    greeting: Secret = Secret("")


plugin = Plugin("shop-doors", config=DoorConfig)
"""


@pytest.fixture
def known(envoy: SimulatedEnvoy) -> SimulatedEnvoy:
    """A simulated Envoy that has a config for install 1001."""
    envoy.app[INSTALLS].put("1001", BEFORE)
    return envoy


async def config(envoy: SimulatedEnvoy, *arguments: str) -> Ended:
    """A command of `config` for install 1001, in a thread of this process."""
    environment = {**CREDENTIALS, "ENVOY_BASE_URL": envoy.url}
    return await asyncio.to_thread(invoke, "config", [*arguments, "--install", "1001"], b"", environment)


async def test_a_config_is_shown_without_its_secrets(known: SimulatedEnvoy) -> None:
    ended = await config(known, "get", "--json")
    door = {"floor": 1, "pin": MASK}
    assert (ended.code, ended.told["install"]) == (0, "1001")
    assert ended.told["config"] == {**BEFORE, "api_key": MASK, "door": door}
    text = (await config(known, "get")).out
    assert f"Install 1001 at {known.url}" in text
    assert ("canary" in text, str(PIN) in text, '"Hola"' in text) == (False, False, True)


async def test_secrets_are_shown_to_who_asks_for_them(known: SimulatedEnvoy) -> None:
    assert (await config(known, "get", "--json", "--reveal")).told["config"] == BEFORE


async def test_keys_are_set_and_removed_and_others_stay(known: SimulatedEnvoy) -> None:
    changes = ("greeting=Olá", "level=4", "group=a", "group=b", "words=null", "--unset", "api_key")
    ended = await config(known, "set", *changes, "--json")
    after = {"greeting": "Olá", "level": 4, "door": BEFORE["door"], "group": ["a", "b"]}
    assert (ended.code, known.app[INSTALLS].config("1001")) == (0, after)
    assert ended.told["config"]["greeting"] == "Olá"


async def test_an_object_is_merged_into_the_one_that_is_there(known: SimulatedEnvoy) -> None:
    ended = await config(
        known, "merge", 'door={"floor": null, "wing": {"a": 1, "b": null}}', "level=4", "--unset", "no"
    )
    after = {**BEFORE, "level": 4, "door": {"pin": PIN, "wing": {"a": 1}}}
    assert (ended.code, known.app[INSTALLS].config("1001")) == (0, after)


@pytest.mark.parametrize(
    ("before", "changes", "after"),
    [
        ({"a": "b"}, {"a": {"c": 1}}, {"a": {"c": 1}}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [1]}, {"a": [2]}, {"a": [2]}),
        ([1], {"a": {"b": {"c": None}}}, {"a": {"b": {}}}),
    ],
)
def test_merging_is_that_of_the_standard(before: object, changes: dict[str, object], after: object) -> None:
    assert merged(before, changes) == after


async def test_an_empty_config_says_so(envoy: SimulatedEnvoy) -> None:
    assert "The config is empty." in (await config(envoy, "get")).out


async def test_the_plugins_own_secrets_are_masked_whatever_they_are_called(
    project: Project, known: SimulatedEnvoy
) -> None:
    project.write(CONFIGURED)
    code, out, _ = await project.run_here("config", "get", "--install", "1001", "--json", ENVOY_BASE_URL=known.url)
    told = json.loads(out)["config"]
    assert (code, told["greeting"], told["level"]) == (0, MASK, 3)


class DoorConfig(Config):
    token: Secret
    old: Secret | None = None
    several: tuple[Secret, ...] = ()
    plain: str = ""


def test_a_field_that_holds_secrets_in_any_way_is_one() -> None:
    assert secret_fields(DoorConfig) == {"token", "old", "several"}
    assert secret_fields(None) == frozenset()


def test_what_is_on_off_or_empty_is_no_secret() -> None:
    config = {"key_enabled": True, "pin": None, "pins": [1, 2], "doors": [{"pin": 1, "floor": 2}]}
    shown = {"key_enabled": True, "pin": None, "pins": MASK, "doors": [{"pin": MASK, "floor": 2}]}
    assert masked(config, ()) == shown


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("set",), "--unset KEY"),
        (("set", "level"), "KEY=VALUE"),
        (("merge", "a=1", "--unset", "a"), "can't be given a value and removed"),
    ],
)
async def test_a_wrong_argument_changes_nothing(known: SimulatedEnvoy, arguments: tuple[str, ...], hint: str) -> None:
    ended = await config(known, *arguments)
    assert (ended.code, known.app[INSTALLS].config("1001"), known.requests()) == (2, BEFORE, [])
    assert hint in " ".join(ended.err.split())


async def test_an_install_that_envoy_does_not_have_is_said_so(project: Project, envoy: SimulatedEnvoy) -> None:
    code, out, err = await project.run_here("config", "get", "--install", "no/such", ENVOY_BASE_URL=envoy.url)
    assert (code, out, err) == (1, "", "Envoy has no install 'no/such' of this plugin (404).\n")


@pytest.mark.parametrize("install", ["", "..", "."])
async def test_what_can_be_no_id_is_a_usage_error(envoy: SimulatedEnvoy, install: str) -> None:
    environment = {**CREDENTIALS, "ENVOY_BASE_URL": envoy.url}
    ended = await asyncio.to_thread(invoke, "config", ["get", "--install", install], b"", environment)
    assert (ended.code, "id of an install" in ended.err, envoy.requests()) == (2, True, [])


async def test_a_refusal_of_another_kind_is_told_as_it_is(project: Project, envoy: SimulatedEnvoy) -> None:
    envoy.fail(Fault(path="/api/", status=409))
    code, _, err = await project.run_here("config", "set", "a=1", "--install", "1001", ENVOY_BASE_URL=envoy.url)
    assert (code, "Envoy answered 409." in err) == (1, True)


async def test_credentials_that_envoy_refuses_are_a_failure_without_them(
    project: Project, envoy: SimulatedEnvoy
) -> None:
    environment = {"ENVOY_BASE_URL": envoy.url, "ENVOY_CLIENT_SECRET": "canary-0123456789"}
    code, _, err = await project.run_here("config", "get", "--install", "1001", **environment)
    assert (code, "refused the login" in err, "canary" in err) == (1, True, False)


async def test_without_settings_it_is_the_simulated_envoy_of_this_machine(tmp_path: Path) -> None:
    file = tmp_path / "settings"
    file.write_text("ENVOY_BASE_URL=http://127.0.0.1:9\n")
    code, _, err = await run("config", "get", "--install", "1001", "--env-file", str(file))
    assert (code, "no connection to Envoy" in err) == (1, True)


async def test_half_of_the_credentials_is_a_bad_setting() -> None:
    code, _, err = await run("config", "get", "--install", "1001", ENVOY_CLIENT_ID="cid")
    assert (code, "ENVOY_CLIENT_SECRET: is not set" in err) == (78, True)


async def test_a_token_that_was_revoked_meanwhile_is_replaced(envoy: SimulatedEnvoy) -> None:

    async with aiohttp.ClientSession() as session:
        credentials = (CREDENTIALS["ENVOY_CLIENT_ID"], CREDENTIALS["ENVOY_CLIENT_SECRET"])
        oauth = OAuthClient(session, base_url=envoy.url, client_id=credentials[0], client_secret=credentials[1])
        api = EnvoyPluginAPI(session, base_url=envoy.url, tokens=OneLogin(oauth))
        await api.get_config("1001")
        envoy.revoke_tokens()
        assert await api.get_config("1001") == {}
    assert envoy.grants() == ["client_credentials"] * 2
