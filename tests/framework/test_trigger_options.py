"""`envoy-plugin trigger`: many events, odd ones, forged ones, saved ones, and those that are only shown."""

import asyncio
import json
import shlex
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from yarl import URL

from envoy_plugin.cli.sending.fixture_files import read_fixture
from envoy_plugin.envoy.signature import sign, verify
from envoy_plugin.errors import BadSignature
from envoy_plugin.simulator import defaults
from envoy_plugin.simulator.jobs import JobStatus, Update
from envoy_plugin.simulator.oddities import Oddity
from envoy_plugin.simulator.platform import INSTALLS, TOKENS
from tests.framework.command_line import PATIENCE
from tests.framework.recording_plugin import RecordingPlugin, recording_plugin

BODY = (
    b'{ "meta" : {"event":"entry_sign_in","install_id":"7",\n"config":{"a":1},"job":{"id":"j7"}},'
    b'"payload":{"x":"\\/"}}\n'
)


@pytest.fixture
async def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RecordingPlugin]:
    """With an empty working directory."""
    monkeypatch.chdir(tmp_path)
    async with recording_plugin() as plugin:
        yield plugin


@pytest.fixture
def fixture_file(tmp_path: Path) -> Path:
    path = tmp_path / "late_guest.json"
    path.write_bytes(BODY)
    return path


def is_genuine(body: bytes, signature: str) -> bool:
    try:
        verify(body, signature, [defaults.CLIENT_SECRET])
    except BadSignature:
        return False
    return True


async def test_events_of_every_kind_and_the_plugins_own_url(plugin: RecordingPlugin) -> None:
    for event in ("takeover_started", "plugin_uninstalled", "host_notification"):
        ended = await plugin.invoke("trigger", event, "--to", f"{plugin.url}/hooks/{event}?name=x", "--json")
        assert (ended.code, plugin.requests[-1][0]) == (0, f"/hooks/{event}?name=x")
        assert plugin.document["meta"]["event"] == ended.told["event"] == event


async def test_many_events_have_jobs_and_seeds_of_their_own(plugin: RecordingPlugin) -> None:
    ended = await plugin.invoke(
        "trigger", "entry_sign_in", "--repeat", "6", "--concurrency", "3", "--rate", "1000/s", "--seed", "5", "--json"
    )
    told = ended.told
    assert (ended.code, told["outcomes"], len(told["deliveries"])) == (0, {"done": 6}, 6)
    assert [row["seed"] for row in told["deliveries"]] == [5, 6, 7, 8, 9, 10]
    assert len({row["job_id"] for row in told["deliveries"]}) == 6
    assert (told["status"], told["job_id"]) == (200, told["deliveries"][0]["job_id"])


async def test_a_given_job_is_numbered_where_there_are_several(plugin: RecordingPlugin) -> None:
    ended = await plugin.invoke("trigger", "entry_sign_in", "--repeat", "2", "--job", "j", "--json")
    assert [row["job_id"] for row in ended.told["deliveries"]] == ["j-1", "j-2"]


async def test_starts_keep_to_the_rate(plugin: RecordingPlugin) -> None:
    plugin.answer = (202, None)
    ended = await plugin.invoke("trigger", "entry_sign_in", "--repeat", "3", "--concurrency", "3", "--rate", "20")
    assert (ended.code, len(plugin.requests)) == (0, 3)
    assert "3 deliveries: 3 ongoing" in ended.out


async def test_duplicates_are_the_same_bytes(plugin: RecordingPlugin) -> None:
    ended = await plugin.invoke("trigger", "entry_sign_in", "--duplicate", "3")
    assert (ended.code, len(plugin.requests), len({body for _, body, _ in plugin.requests})) == (0, 3, 1)
    assert "3 deliveries: 3 done" in ended.out


async def test_a_long_list_is_cut_and_one_bad_end_is_a_failure(
    plugin: RecordingPlugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("envoy_plugin.cli.sending.delivery_text.MOST_LINES", 1)
    plugin.answer = (500, None)
    ended = await plugin.invoke("trigger", "entry_sign_in", "--repeat", "3", "--expect", "done")
    assert (ended.code, "and 2 more" in ended.out, "Expected done" in ended.err) == (3, True, True)


async def test_a_failure_is_sent_again_as_envoy_does(plugin: RecordingPlugin) -> None:
    plugin.answer = (503, {"message": "Later"})
    speed = ("--retry-speed", "100000")
    ended = await plugin.invoke("trigger", "entry_sign_in", "--retries", "failures", *speed, "--json", "--job", "j1")
    assert (ended.code, len(plugin.requests)) == (1, 6)
    assert [attempt["status"] for attempt in ended.told["attempts"]] == [503] * 6
    plugin.answer = (412, None)
    text = await plugin.invoke("trigger", "entry_sign_in", "--retries", "non-2xx", *speed)
    assert (len(plugin.requests), text.out.count("the same again")) == (12, 5)


@pytest.mark.parametrize(
    "arguments", [("--bad-signature",), ("--signature", "hex"), ("--signature", "missing"), ("--truncate",)]
)
async def test_a_forged_delivery_is_no_genuine_one(plugin: RecordingPlugin, arguments: tuple[str, ...]) -> None:
    plugin.answer = (401, None)
    ended = await plugin.invoke("trigger", "entry_sign_in", *arguments)
    _, body, signature = plugin.requests[0]
    assert (ended.code, is_genuine(body, signature)) == (1, False)


async def test_a_slow_body_arrives_whole(plugin: RecordingPlugin) -> None:
    ended = await plugin.invoke("trigger", "entry_sign_in", "--slow", "0.1s", "--json")
    _, body, signature = plugin.requests[0]
    assert (ended.code, is_genuine(body, signature), ended.told["elapsed_ms"] >= 100) == (0, True, True)


async def test_oddities_are_signed_as_they_are(plugin: RecordingPlugin) -> None:
    odd = [argument for oddity in Oddity for argument in ("--odd", oddity)]
    ended = await plugin.invoke("trigger", "entry_sign_in", *odd, "--json")
    _, body, signature = plugin.requests[0]
    assert (ended.code, is_genuine(body, signature), len(body) > 100 * 1024) == (0, True, True)
    assert (ended.told["event"], ended.told["job_id"], ended.told["install_id"]) == ("tea_served", None, 1001)


async def test_what_is_removed_does_not_arrive(plugin: RecordingPlugin) -> None:
    ended = await plugin.invoke("trigger", "entry_sign_in", "--remove", "relationships.invite", "--remove", "meta.auth")
    assert ended.code == 0
    assert "invite" not in plugin.document["payload"]["relationships"]
    assert "auth" not in plugin.document["meta"]


async def test_a_fixture_goes_out_byte_for_byte(plugin: RecordingPlugin, fixture_file: Path) -> None:
    ended = await plugin.invoke("trigger", "--fixture", str(fixture_file), "--json")
    _, body, signature = plugin.requests[0]
    assert (body, is_genuine(body, signature)) == (BODY, True)
    assert (ended.code, ended.told["job_id"], ended.told["event"]) == (0, "j7", "entry_sign_in")
    assert (ended.told["job"]["status"], plugin.envoy[INSTALLS].config("7")) == ("done", {"a": 1})


async def test_a_fixture_may_be_for_another_job_install_and_config(plugin: RecordingPlugin, fixture_file: Path) -> None:
    other = ("--job", "j8", "--install", "8", "--config", "a=2", "--config", "b=3", "-o", "x=4")
    await plugin.invoke("trigger", "entry_sign_in", "--fixture", str(fixture_file), *other)
    meta = plugin.document["meta"]
    assert (meta["job"]["id"], meta["install_id"], meta["config"]) == ("j8", "8", {"a": 2, "b": 3})
    assert plugin.document["payload"] == {"x": 4}


async def test_any_bytes_at_all_are_sent_as_they_are(plugin: RecordingPlugin, tmp_path: Path) -> None:
    (tmp_path / "odd.bin").write_bytes(b"\xff{\0")
    ended = await plugin.invoke("trigger", "entry_sign_in", "--body", f"@{tmp_path / 'odd.bin'}")
    assert (ended.code, plugin.requests[0][1]) == (0, b"\xff{\0")


async def test_a_saved_body_is_the_one_that_was_sent_and_is_sent_again(plugin: RecordingPlugin) -> None:
    saved = await plugin.invoke("trigger", "invite_created", "--save", "bo", "-o", "attributes.full-name=Bo", "--json")
    sent = plugin.requests[0][1]
    assert (saved.code, read_fixture("bo"), saved.told["event"]) == (0, sent, "invite_created")
    await plugin.invoke("trigger", "--fixture", "bo")
    assert plugin.requests[1][1] == sent
    taken = await plugin.invoke("trigger", "invite_created", "--save", "bo")
    assert (taken.code, "there already" in taken.err, len(plugin.requests)) == (2, True, 2)


@pytest.mark.parametrize(
    ("editor", "code", "name"),
    [
        ("sed -i s/Hopper/Murray/", 0, "Grace Murray"),
        ("true", 0, "Grace Hopper"),
        ("sed -i s/{/[/", 2, None),
        ("sed -i s/{/{{/", 2, None),
        ("false", 2, None),
        ('"', 2, None),
    ],
)
async def test_an_event_is_edited_first(plugin: RecordingPlugin, editor: str, code: int, name: str | None) -> None:
    event = ("entry_sign_in", "-o", "attributes.full-name=Grace Hopper")
    ended = await plugin.invoke("trigger", *event, "--edit", EDITOR=editor, VISUAL=editor)
    sent = [json.loads(body)["payload"]["attributes"]["full-name"] for _, body, _ in plugin.requests]
    assert (ended.code, sent) == (code, [name] if name else [])


async def test_a_dry_run_shows_the_request_and_changes_nothing(plugin: RecordingPlugin) -> None:
    plan = ("entry_sign_in", "--dry-run", "--config", "a=1", "--seed", "1", "--job", "j1")
    text, told = await plugin.invoke("trigger", *plan), (await plugin.invoke("trigger", *plan, "--json")).told
    assert (text.code, plugin.requests, plugin.envoy[INSTALLS].ids()) == (0, [], ())
    assert text.out.startswith(f"POST {plugin.url.replace('localhost', '127.0.0.1')}/envoy/events\n")
    assert told["headers"]["X-Envoy-Signature"] == sign(told["body"].encode(), defaults.CLIENT_SECRET)
    assert json.loads(told["body"])["meta"]["config"] == {"a": 1}


@pytest.mark.parametrize("extra", [(), ("--odd", "large"), ("-o", "attributes.full-name=O'Neill $(x)")])
async def test_curl_sends_the_very_same(plugin: RecordingPlugin, extra: tuple[str, ...]) -> None:
    event = ("trigger", "entry_sign_in", "--seed", "1", "--job", "j1", *extra)
    command = (await plugin.invoke(*event, "--curl")).out
    shown = command.replace("curl -sS -i -X POST", "printf '%s\\n'")
    shell = await asyncio.create_subprocess_exec("sh", stdin=PIPE, stdout=PIPE)
    printed, _ = await asyncio.wait_for(shell.communicate(shown.encode()), PATIENCE)
    await plugin.invoke(*event)
    _, body, signature = plugin.requests[0]
    assert signature.encode() in printed
    assert body in printed or "base64 -d" in command
    assert defaults.CLIENT_SECRET not in command


def test_a_curl_command_of_odd_bytes_goes_through_a_pipe(tmp_path: Path) -> None:
    from envoy_plugin.cli.sending.request_text import as_curl  # noqa: PLC0415 - what this test alone looks at
    from envoy_plugin.simulator.tampering import UNTOUCHED  # noqa: PLC0415 - likewise

    command = as_curl(URL("http://127.0.0.1"), b"\xff\0", "s", UNTOUCHED)
    assert shlex.split(command)[:3] == ["printf", "%s", "/wA="]
    assert "--data-raw" in as_curl(URL("http://127.0.0.1"), b"@x", "s", UNTOUCHED)


async def test_the_token_of_an_event_is_good_at_the_simulated_envoy(plugin: RecordingPlugin) -> None:
    await plugin.invoke("trigger", "entry_sign_in")
    assert plugin.envoy[TOKENS].is_valid(plugin.document["meta"]["auth"]["access_token"])


async def test_every_job_is_followed(plugin: RecordingPlugin) -> None:
    plugin.answer, plugin.job_ends = (202, None), Update(status=JobStatus.DONE)
    ended = await plugin.invoke(
        "trigger", "entry_sign_in", "--repeat", "2", "--concurrency", "2", "--follow", "--expect", "done", "--json"
    )
    assert (ended.code, [row["job_status"] for row in ended.told["deliveries"]]) == (0, ["done", "done"])


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ((), "--fixture"),
        (("invite_created", "--fixture", "late_guest.json"), "The body is entry_sign_in"),
        (("--fixture", "late_guest.json", "--body", "@late_guest.json"), "not both"),
        (("--fixture", "nowhere.json"), "can't be read"),
        (("--fixture", "../x"), "can't be read"),
        (("--body", "late_guest.json"), "Give @"),
        (("entry_sign_in", "--remove", "relationships.invit"), "relationships.invite"),
        (("entry_sign_in", "--remove", ""), "empty"),
        (("entry_sign_in", "--rate", "fast"), "10/s"),
        (("entry_sign_in", "--rate", "0/s"), "10/s"),
        (("entry_sign_in", "--slow", "soon"), "40s"),
        (("entry_sign_in", "--repeat", "2", "--save", "x"), "one delivery"),
        (("entry_sign_in", "--duplicate", "2", "--edit"), "one delivery"),
        (("entry_sign_in", "--save", "../x"), "is no name"),
        (("entry_sign_in", "--bad-signature", "--signature", "hex"), "not both"),
        (("entry_sign_in", "--odd", "purple"), "spaced"),
    ],
)
async def test_a_wrong_argument_sends_nothing(
    plugin: RecordingPlugin, fixture_file: Path, arguments: tuple[str, ...], hint: str
) -> None:
    ended = await plugin.invoke("trigger", *arguments)
    assert (ended.code, plugin.requests) == (2, [])
    assert hint in " ".join(ended.err.replace("│", " ").split())


async def test_progress_is_shown_on_a_terminal_alone(plugin: RecordingPlugin, monkeypatch: pytest.MonkeyPatch) -> None:
    silent = await plugin.invoke("trigger", "entry_sign_in", "--repeat", "2")
    monkeypatch.setattr("envoy_plugin.cli.progress.on_a_terminal", lambda: True)
    shown = await plugin.invoke("trigger", "entry_sign_in", "--repeat", "2", "--follow")
    assert silent.err == ""
    assert ("2 of 2" in shown.err, "Waiting for the end" in shown.err) == (True, True)
