"""`envoy-plugin route`: the questions of setup steps, and how the answers are read."""

import json
from collections.abc import AsyncIterator

import pytest

from envoy_plugin.envoy.signature import verify
from envoy_plugin.simulator import defaults
from envoy_plugin.simulator.platform import INSTALLS, TOKENS
from tests.framework.command_line import run
from tests.framework.recording_plugin import RecordingPlugin, recording_plugin

OPTIONS = [{"label": "Aloha", "value": "aloha"}, {"label": "Gone", "value": "gone", "isDisabled": True}]


@pytest.fixture
async def plugin() -> AsyncIterator[RecordingPlugin]:
    async with recording_plugin() as plugin:
        plugin.envoy[INSTALLS].put("1001", {"greeting": "Hola", "level": 3})
        yield plugin


async def test_a_question_arrives_signed_with_what_was_asked(plugin: RecordingPlugin) -> None:
    plugin.answer = (200, OPTIONS)
    asked = ("options", "step-0-field-1-options", "--param", "search=al", "--param", "page=2", "--config", "level=4")
    code, out, _ = await run("route", *asked, "--to", plugin.url, "--json", ENVOY_BASE_URL=plugin.envoy_url)
    told = json.loads(out)
    assert (code, told["status"], told["outcome"], told["body"]) == (0, 200, "done", OPTIONS)
    path, body, signature = plugin.requests[0]
    verify(body, signature, [defaults.CLIENT_SECRET])
    meta = plugin.document["meta"]
    assert path == "/envoy/routes/options/step-0-field-1-options"
    assert (meta["route"], meta["params"]) == ("step-0-field-1-options", {"search": "al", "page": 2})
    assert (meta["config"], list(plugin.document)) == ({"greeting": "Hola", "level": 4}, ["meta"])
    assert plugin.envoy[TOKENS].is_valid(meta["auth"]["access_token"])


@pytest.mark.parametrize(
    ("kind", "answer", "config"),
    [
        ("validation", {"level": None, "name": "Ada"}, {"greeting": "Hola", "name": "Ada"}),
        ("migration", {"version": 2}, {"version": 2}),
        ("remote-value", {"value": "text"}, {"greeting": "Hola", "level": 3}),
        ("selected-values", OPTIONS, {"greeting": "Hola", "level": 3}),
    ],
)
async def test_an_answer_changes_the_installs_config_as_its_kind_does(
    plugin: RecordingPlugin, kind: str, answer: object, config: object
) -> None:
    plugin.answer = (200, answer)
    ended = await plugin.invoke("route", kind, "setup", "--json")
    assert (ended.code, ended.told["outcome"], ended.told["config"]) == (0, "done", config)
    assert plugin.envoy[INSTALLS].config("1001") == config
    text = await plugin.invoke("route", kind, "setup")
    assert ("The install's config is now" in text.out) == (kind in {"validation", "migration"})


async def test_a_form_is_the_payload_of_a_validation(plugin: RecordingPlugin) -> None:
    plugin.answer = (200, {})
    form = ("--form", "api_key=abc", "--form", "floor=1", "--form", "floor=2", "--form", "name=Zoë")
    await plugin.invoke("route", "validation", "credentials", *form, "--install", "7")
    assert plugin.document["payload"] == {"api_key": "abc", "floor": [1, 2], "name": "Zoë"}
    assert plugin.document["meta"]["install_id"] == "7"


async def test_a_refusal_keeps_the_step_and_shows_its_message(plugin: RecordingPlugin) -> None:
    plugin.answer = (412, {"message": "The door system rejected this API key."})
    ended = await plugin.invoke("route", "validation", "credentials", "--form", "api_key=no")
    told = await plugin.invoke("route", "validation", "credentials", "--json", "--expect", "failed")
    assert (ended.code, told.code, told.told["outcome"]) == (0, 0, "failed")
    assert "the step stays, and says: The door system rejected this API key." in ended.out
    assert plugin.envoy[INSTALLS].config("1001") == {"greeting": "Hola", "level": 3}


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [((200, {"options": []}), 1, "array"), ((500, None), 1, "message"), ((404, {"message": "Unknown"}), 1, "404")],
)
async def test_an_answer_that_envoy_cannot_use_is_a_failure(
    plugin: RecordingPlugin, answer: tuple[int, object], code: int, said: str
) -> None:
    plugin.answer = answer
    ended = await plugin.invoke("route", "options", "groups")
    assert (ended.code, said in ended.err, said in ended.out) == (code, True, True)
    expecting = await plugin.invoke("route", "options", "groups", "--expect", "done")
    assert (expecting.code, "Expected done" in expecting.err) == (3, True)


async def test_a_cursor_is_shown_with_how_to_go_on(plugin: RecordingPlugin) -> None:
    plugin.answer = (200, {"data": OPTIONS, "cursor": "p2"})
    assert "--param cursor=p2" in (await plugin.invoke("route", "options", "groups")).out
    assert (await plugin.invoke("route", "options", "groups", "--json")).told["cursor"] == "p2"


async def test_a_question_may_be_odd_or_forged_or_lack_something(plugin: RecordingPlugin) -> None:
    plugin.answer = (200, [])
    changes = ("--odd", "numeric-ids", "--odd", "spaced", "--remove", "meta.params", "-o", "meta.zone=null")
    await plugin.invoke(
        "route", "options", "groups", *changes, "--signature", "missing", "--to", f"{plugin.url}/own?x=1"
    )
    path, body, signature = plugin.requests[0]
    meta = json.loads(body)["meta"]
    assert (path, signature, b" :\n " in body) == ("/own?x=1", "", True)
    assert (meta["install_id"], meta["zone"], "params" in meta) == (1001, None, False)


async def test_without_a_simulated_envoy_nobody_keeps_the_config(plugin: RecordingPlugin) -> None:
    plugin.answer = (200, {"a": 1})
    plugin.envoy_url = "http://127.0.0.1:9"
    ended = await plugin.invoke("route", "validation", "setup")
    assert (ended.code, "nobody keeps it" in ended.out) == (0, True)
    assert (await plugin.invoke("route", "validation", "setup", "--json")).told["config"] is None


async def test_no_answer_is_a_failure(plugin: RecordingPlugin) -> None:
    nobody = ("--to", "http://127.0.0.1:9")
    ended = await plugin.invoke("route", "options", "groups", *nobody, "--json", "--expect", "done")
    assert (ended.code, ended.told["status"], ended.told["outcome"]) == (1, None, None)
    assert "No answer" in (await plugin.invoke("route", "options", "groups", *nobody)).err


async def test_a_simulated_envoy_that_dies_is_a_failure(plugin: RecordingPlugin) -> None:
    plugin.answer, plugin.envoy_dies = (200, {"a": 1}), True
    ended = await plugin.invoke("route", "validation", "setup")
    assert (ended.code, "No simulated Envoy answers" in ended.err) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("teapot", "x"), "selected-values"),
        (("options", ""), "can't stand in a URL"),
        (("options", ".."), "can't stand in a URL"),
        (("options", "a/b"), "can't stand in a URL"),
        (("options", "x", "--form", "a=1"), "--param"),
        (("validation", "x", "--form", "a"), "KEY=VALUE"),
        (("options", "x", "-o", "meta.parms=1"), "meta.params"),
        (("options", "x", "--param", "a=\udcff"), "UTF-8"),
        (("options", "x", "--to", "http://192.0.2.1"), "--i-know"),
    ],
)
async def test_a_wrong_argument_asks_nothing(plugin: RecordingPlugin, arguments: tuple[str, ...], hint: str) -> None:
    ended = await plugin.invoke("route", *arguments)
    assert (ended.code, plugin.requests) == (2, [])
    assert hint in " ".join(ended.err.replace("│", " ").split())
