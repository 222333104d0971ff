"""`envoy-plugin trigger` against a plugin and a simulated Envoy of this process; what a process adds, as one."""

import json
import socket
from collections.abc import AsyncIterator

import pytest

from envoy_plugin.envoy.signature import verify
from envoy_plugin.simulator import defaults
from envoy_plugin.simulator.jobs import JobStatus, Update
from envoy_plugin.simulator.platform import INSTALLS
from tests.framework.command_line import run
from tests.framework.recording_plugin import RecordingPlugin, recording_plugin, run_here

SECRET = "plugin-client-secret"


@pytest.fixture
async def plugin() -> AsyncIterator[RecordingPlugin]:
    async with recording_plugin() as plugin:
        yield plugin


async def trigger(plugin: RecordingPlugin, *arguments: str, **environment: str) -> tuple[int | None, str, str]:
    """As `plugin.trigger`, by a process."""
    return await run("trigger", "--to", plugin.url, *arguments, ENVOY_BASE_URL=plugin.envoy_url, **environment)


@pytest.fixture
def free_port() -> int:
    """A port on which nobody listens; it was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.mark.parametrize(
    ("status", "outcome", "code"),
    [
        (200, "done", 0),
        (202, "ongoing", 0),
        (400, "ignored", 0),
        (412, "failed", 0),
        (500, "failed", 1),
        (401, "failed", 1),
    ],
)
async def test_json_tells_how_the_plugin_answered(
    plugin: RecordingPlugin, status: int, outcome: str, code: int
) -> None:
    plugin.answer = (status, {"message": "Grüße"})
    exit_code, out, _ = await plugin.trigger("entry_sign_in", "--json", "--job", "j1")
    told = json.loads(out)
    assert (exit_code, told["status"], told["outcome"]) == (code, status, outcome)
    assert (told["job_id"], told["body"]) == ("j1", {"message": "Grüße"})
    assert told["job"]["status"] == ("in_progress" if status == 202 else outcome)


@pytest.mark.parametrize(
    ("suffix", "arrives"),
    [
        ("", "/envoy/events"),
        ("/", "/envoy/events"),
        ("/hooks/entry", "/hooks/entry"),
        ("/hooks?name=a%20b", "/hooks?name=a%20b"),
    ],
)
async def test_an_origin_gets_the_path_of_events_and_a_path_stays(
    plugin: RecordingPlugin, suffix: str, arrives: str
) -> None:
    plugin.url += suffix
    await plugin.trigger("entry_sign_in", "--json")
    assert plugin.requests[0][0] == arrives


@pytest.mark.parametrize(("given", "used"), [(f"{SECRET} an-older-secret", SECRET), (None, defaults.CLIENT_SECRET)])
async def test_the_body_is_signed_with_the_first_secret(plugin: RecordingPlugin, given: str | None, used: str) -> None:
    environment = {} if given is None else {"ENVOY_CLIENT_SECRET": given}
    _, out, err = await plugin.trigger("entry_sign_in", **environment)
    _, body, signature = plugin.requests[0]
    verify(body, signature, [used])
    assert used not in out + err


async def test_an_override_reaches_the_plugin_whatever_the_alphabet(plugin: RecordingPlugin) -> None:
    overrides = ("-o", "attributes.full-name=Zoë 木村", "--override", "meta.install_id=1001")
    code, out, _ = await trigger(plugin, "entry_sign_in", *overrides, LC_ALL="C.UTF-8")
    assert code == 0
    assert plugin.document["payload"]["attributes"]["full-name"] == "Zoë 木村"
    assert plugin.document["meta"]["install_id"] == 1001
    assert "Zoë 木村" in out


async def test_the_same_seed_and_job_are_the_same_bytes(plugin: RecordingPlugin) -> None:
    for _ in range(2):
        await plugin.trigger("invite_created", "--seed", "7", "--job", "j1")
    await plugin.trigger("invite_created", "--job", "j1")
    first, second, unseeded = (body for _, body, _ in plugin.requests)
    assert first == second != unseeded


async def test_the_config_is_the_same_in_the_event_and_at_the_simulated_envoy(plugin: RecordingPlugin) -> None:
    plugin.envoy[INSTALLS].put("42", {"greeting": "Hola", "level": 3})
    code, _, _ = await plugin.trigger("entry_sign_in", "--install", "42", "--config", "level=4", "--config", "name=Ada")
    assert code == 0
    config = {"greeting": "Hola", "level": 4, "name": "Ada"}
    assert plugin.document["meta"]["config"] == config
    assert plugin.envoy[INSTALLS].config("42") == config


async def test_following_waits_for_the_end_that_the_plugin_reports(plugin: RecordingPlugin) -> None:
    plugin.answer = (202, {"message": "Started"})
    pin = {"type": "password", "label": "PIN", "value": "0042"}
    plugin.job_ends = Update(status=JobStatus.DONE, status_message="Badge ready", attachments=(pin,))
    code, out, _ = await plugin.trigger("entry_sign_in", "--follow", "--expect", "done")
    assert code == 0
    assert "<- 202 Accepted" in out
    assert out.index("-> POST") < out.index("<- 202") < out.index("Timeline") < out.index("Envoy's dashboard")
    assert "Status:   done" in out
    assert "Message:  Badge ready" in out
    assert "0042" not in out.partition("Envoy's dashboard")[2]


async def test_following_is_bounded(plugin: RecordingPlugin) -> None:
    plugin.answer = (202, None)
    code, out, err = await plugin.trigger("entry_sign_in", "--follow", "--timeout", "0", "--json")
    assert (code, json.loads(out)["outcome"]) == (1, "ongoing")
    assert "still in progress" in err


async def test_following_needs_a_simulated_envoy_before_anything_is_sent(
    plugin: RecordingPlugin, free_port: int
) -> None:
    plugin.envoy_url = f"http://127.0.0.1:{free_port}"
    code, out, err = await trigger(plugin, "entry_sign_in", "--follow")
    assert (code, out, plugin.requests) == (1, "", [])
    assert plugin.envoy_url in err


@pytest.mark.parametrize(
    ("status", "expected", "code"),
    [(202, "ongoing", 0), (202, "done", 3), (400, "ignored", 0), (500, "failed", 0), (200, "failed", 3)],
)
async def test_another_outcome_than_expected_is_exit_code_3(
    plugin: RecordingPlugin, status: int, expected: str, code: int
) -> None:
    plugin.answer = (status, {})
    exit_code, _, err = await plugin.trigger("entry_sign_in", "--expect", expected)
    assert exit_code == code
    assert ("Expected" in err) == (code == 3)


@pytest.mark.parametrize("arguments", [(), ("--expect", "failed"), ("--json", "--follow")])
async def test_no_answer_is_a_failure(plugin: RecordingPlugin, free_port: int, arguments: tuple[str, ...]) -> None:
    plugin.url = f"http://127.0.0.1:{free_port}"
    code, out, err = await plugin.trigger("entry_sign_in", *arguments)
    assert (code, "can't be reached. Is the plugin running?" in err) == (1, True)
    if "--json" in arguments:
        assert (json.loads(out)["status"], json.loads(out)["outcome"]) == (None, None)


async def test_without_a_simulated_envoy_the_event_is_sent_all_the_same(
    plugin: RecordingPlugin, free_port: int
) -> None:
    plugin.envoy_url = f"http://127.0.0.1:{free_port}"
    code, out, _ = await plugin.trigger("entry_sign_in")
    assert (code, len(plugin.requests)) == (0, 1)
    assert "No simulated Envoy answers" in out


async def test_port_names_the_plugin_where_nothing_else_does(plugin: RecordingPlugin) -> None:
    port = plugin.url.rpartition(":")[2]
    code, _, _ = await run_here("trigger", "entry_sign_in", PORT=port, ENVOY_BASE_URL=plugin.envoy_url)
    assert (code, len(plugin.requests)) == (0, 1)


async def test_an_unknown_event_is_sent_only_when_meant(plugin: RecordingPlugin) -> None:
    code, _, err = await trigger(plugin, "entry_sigin")
    assert (code, plugin.requests) == (2, [])
    assert "entry_sign_in" in err
    meant, _, _ = await plugin.trigger("tea_served", "--unknown")
    assert (meant, plugin.document["meta"]["event"]) == (0, "tea_served")


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("zzz",), "invite_created"),
        (("entry_sign_in", "-o", "attributes.full-nme=x"), "attributes.full-name"),
        (("entry_sign_in", "-o", "no-equals-sign"), "PATH=VALUE"),
        (("entry_sign_in", "--config", "novalue"), "KEY=VALUE"),
        (("entry_sign_in", "--expect", "dne"), "done"),
        (("entry_sign_in", "--to", "http://192.0.2.1:8000"), "--i-know"),
        (("entry_sign_in", "--to", "http://user:pw@127.0.0.1"), "without"),
        (("entry_sign_in", "--to", "127.0.0.1:8000"), "http://127.0.0.1:8000"),
        (("entry_sign_in", "--to", "ftp://127.0.0.1"), "http://127.0.0.1:8000"),
        (("entry_sign_in", "--to", "http://["), "http://127.0.0.1:8000"),
        (("entry_sign_in", "-o", "attributes.full-name=\udcff"), "UTF-8"),
    ],
)
async def test_a_wrong_argument_is_a_usage_error_with_a_hint(
    plugin: RecordingPlugin, arguments: tuple[str, ...], hint: str
) -> None:
    code, out, err = await plugin.trigger(*arguments)
    assert (code, out, plugin.requests) == (2, "", [])
    assert hint in " ".join(err.split())


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({"PORT": "eighty"}, "PORT"),
        ({"PORT": "0"}, "PORT"),
        ({"ENVOY_CLIENT_SECRET": " "}, "ENVOY_CLIENT_SECRET"),
        ({"ENVOY_BASE_URL": "envoy"}, "ENVOY_BASE_URL"),
        ({"ENVOY_BASE_URL": "http://["}, "ENVOY_BASE_URL"),
    ],
)
async def test_a_bad_setting_is_exit_code_78(environment: dict[str, str], name: str) -> None:
    code, out, err = await run_here("trigger", "entry_sign_in", **environment)
    assert (code, out) == (78, "")
    assert err.startswith(f"{name}: ")


async def test_the_secret_of_development_is_not_used_for_another_machine() -> None:
    code, _, err = await run("trigger", "entry_sign_in", "--to", "http://192.0.2.1", "--i-know")
    assert (code, err.startswith("ENVOY_CLIENT_SECRET: ")) == (78, True)


@pytest.mark.parametrize("text", ["Grüße\nzwei", ""])
async def test_an_answer_that_is_no_json_is_shown_as_text(plugin: RecordingPlugin, text: str) -> None:
    plugin.text = text
    code, out, _ = await plugin.trigger("entry_sign_in")
    shown = out.partition("<- 200 OK")[2].partition("Timeline")[0]
    assert (code, all(f"   {line}\n" in shown for line in text.splitlines())) == (0, True)


@pytest.mark.parametrize(("body", "shown"), [({"message": "In"}, "-  (the answer's follows in a moment)"), ({}, "-")])
async def test_that_the_message_of_an_answer_follows_is_said(
    plugin: RecordingPlugin, body: dict[str, str], shown: str
) -> None:
    plugin.answer = (200, body)
    _, out, _ = await plugin.trigger("entry_sign_in")
    assert f"Message:  {shown}\n" in f"{out}\n"


async def test_the_dashboard_shows_why_a_job_failed_and_where_a_link_leads(plugin: RecordingPlugin) -> None:
    link = {"type": "link", "label": "Report", "value": "open", "url": "http://127.0.0.1/r"}
    plugin.job_ends = Update(status=JobStatus.FAILED, failure_reason="No contact", attachments=(link,))
    plugin.answer = (202, None)
    _, out, _ = await plugin.trigger("entry_sign_in", "--follow")
    dashboard = out.partition("Envoy's dashboard")[2]
    assert "Reason:   No contact" in dashboard
    assert "Attached: Report: open (http://127.0.0.1/r)" in dashboard


@pytest.mark.parametrize(("arguments", "expected"), [((), 0), (("--follow",), 1)])
async def test_a_delivery_is_reported_though_the_simulated_envoy_died_meanwhile(
    plugin: RecordingPlugin, arguments: tuple[str, ...], expected: int
) -> None:
    plugin.envoy_dies = True
    code, out, _ = await plugin.trigger("entry_sign_in", "--json", *arguments)
    told = json.loads(out)
    assert (code, told["outcome"], "job" in told) == (expected, "done", False)


async def test_an_answer_cannot_steer_the_terminal(plugin: RecordingPlugin) -> None:
    plugin.answer = (
        412,
        {"message": "red \x1b[31m", "attachments": [{"label": "\x1b]0;x", "value": [1], "url": "/\x07"}]},
    )
    _, out, _ = await plugin.trigger("entry_sign_in")
    assert not any(letter in out for letter in "\x1b\x07")


async def test_names_survive_a_terminal_without_unicode(plugin: RecordingPlugin) -> None:
    code, out, _ = await trigger(plugin, "entry_sign_in", "--json", PYTHONIOENCODING="ascii", LC_ALL="C.UTF-8")
    assert (code, json.loads(out)["status"]) == (0, 200)
