"""`envoy-plugin deliveries`, `replay` and `save`, against a running `dev`."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.framework.cli.project import PLUGIN, Project
from tests.framework.cli.test_dev import FREE_PORTS, STARTED, Dev, started

EDITOR = (
    "import pathlib, sys\npath = pathlib.Path(sys.argv[1])\npath.write_text(path.read_text().replace({!r}, {!r}))\n"
)


@pytest.fixture
async def dev(project: Project) -> AsyncIterator[Dev]:
    """A running `dev` that has had a visit's begin and its end."""
    project.settings.clear()
    async with started(project) as dev:
        await dev.trigger("--seed", "7", "--follow")
        await dev.run("trigger", "entry_sign_out", "--seed", "7")
        yield dev


async def json_of(dev: Dev, *arguments: str) -> Any:
    code, out, err = await dev.run(*arguments, "--json")
    assert code == 0, err
    return json.loads(out)


async def check_lists(dev: Dev) -> None:
    rows = await json_of(dev, "deliveries")
    assert [(row["id"], row["event"], row["status"]) for row in rows] == [
        (2, "entry_sign_out", 200),
        (1, "entry_sign_in", 202),
    ]
    code, listed, _ = await dev.run("deliveries")
    assert (code, [line.split()[0] for line in listed.splitlines()]) == (0, ["ID", "2", "1"])


async def check_page(dev: Dev) -> None:
    _, page, _ = await dev.run("deliveries", "1")
    for words in (
        "-> POST /envoy/events",
        "X-Envoy-Signature: [hidden]",
        "<- 202 Accepted",
        "Job ",
        "job.ended",
        "done, Door open",
    ):
        assert words in page


async def check_editor(dev: Dev) -> None:
    dev.project.write(EDITOR.format("entry_sign_in", "entry_sign_up"), "editor.py")
    _, out, _ = await dev.project.run("replay", "1", "--edit", "--json", EDITOR="python editor.py", **dev.variables)
    shown = json.loads(out)
    assert (shown["event"], shown["outcome"]) == ("entry_sign_up", "ignored")


async def check_same(dev: Dev) -> None:
    first = await json_of(dev, "deliveries", "1")
    another, same = await json_of(dev, "replay", "1"), await json_of(dev, "replay", "1", "--same")
    assert another["job_id"] != first["job_id"] == same["job_id"]
    code, page, _ = await dev.run("replay", "1")
    assert (code, "<- 202 Accepted" in page) == (0, True)


async def test_deliveries_are_listed_and_shown_and_sent_again_as_they_were_or_changed(dev: Dev) -> None:
    """All of it by one `dev`, which takes far longer to start than each of these."""
    await check_lists(dev)
    await check_page(dev)
    await check_same(dev)
    await check_editor(dev)


async def test_a_reload_forgets_no_delivery_and_a_replay_runs_the_new_code(dev: Dev) -> None:
    dev.project.write(PLUGIN.replace("Closed on", "Shut on"))
    await dev.running.line(r"doors\.py was saved: starting again")
    await dev.running.line(STARTED)
    shown = await json_of(dev, "replay", "--last")
    assert (shown["id"], shown["replay_of"], shown["outcome"]) == (3, 2, "done")
    assert [row["id"] for row in await json_of(dev, "deliveries")] == [3, 2, 1]
    code, page, _ = await dev.run("deliveries", "last")
    assert (code, "a replay of 2" in page) == (0, True)


@pytest.mark.soak
async def test_what_an_editor_breaks_is_not_sent(dev: Dev) -> None:
    dev.project.write(EDITOR.format("{", "<"), "editor.py")
    code, _, err = await dev.project.run("replay", "1", "--edit", EDITOR="python editor.py", **dev.variables)
    assert (code, "isn't a JSON object" in err) == (2, True)
    assert len(await json_of(dev, "deliveries")) == 2


@pytest.mark.soak
async def test_a_saved_delivery_is_exactly_what_was_sent(dev: Dev) -> None:
    body = b'{ "meta" : {"event": "entry_sign_out", "install_id": "7"} }'
    (dev.project.directory / "odd.json").write_bytes(body)
    await dev.run("trigger", "--body", "@odd.json")
    saved = await json_of(dev, "save", "last", "odd")
    assert saved == {"name": "odd", "event": "entry_sign_out", "bytes": len(body), "file": "fixtures/odd.json"}
    assert (dev.project.directory / "fixtures/odd.json").read_bytes() == body
    code, out, _ = await dev.run("save", "3", "again", "--dir", "kept")
    assert (code, out) == (0, "Saved kept/again.json\n")
    code, _, err = await dev.run("save", "1", "odd")
    assert (code, "is there already" in err) == (2, True)


@asynccontextmanager
async def another_plugin(dev: Dev) -> AsyncIterator[str]:
    """The URL of a `run` beside `dev`, with its Redis and its simulated Envoy."""
    environment = {"ENVOY_CLIENT_ID": "dev-client-id", "ENVOY_CLIENT_SECRET": "dev-client-secret-0123456789"}
    environment |= {name: value for name, value in dev.variables.items() if name != "PORT"}
    async with dev.project.running("run", "--port", "0", "--host", "127.0.0.1", **environment) as other:
        found = await other.line(r'"port": (\d+)')
        yield f"http://127.0.0.1:{found[1]}"


@pytest.mark.soak
async def test_a_replay_goes_to_another_plugin_on_this_machine(dev: Dev) -> None:
    async with another_plugin(dev) as url:
        shown = await json_of(dev, "replay", "2", "--to", url)
        code, text, _ = await dev.run("replay", "2", "--to", url)
    assert (shown["status"], shown["outcome"], shown["error"]) == (200, "done", None)
    assert (code, text.startswith("<- 200 OK")) == (0, True)
    assert len(await json_of(dev, "deliveries")) == 2


@pytest.mark.soak
async def test_a_replay_goes_nowhere_else(dev: Dev) -> None:
    code, _, err = await dev.run("replay", "1", "--to", "https://plugin.example.com")
    assert (code, "A replay goes to this machine alone" in err) == (2, True)


@pytest.mark.soak
async def test_a_replay_that_nobody_answers_fails(dev: Dev) -> None:
    code, out, _ = await dev.run("replay", "1", "--to", "http://127.0.0.1:9", "--json")
    assert (code, json.loads(out)["status"]) == (1, None)
    dev.project.write("1 +\n")
    await dev.running.line("ended with exit code 1")
    code, out, _ = await dev.run("replay", "1")
    assert (code, "<- The plugin isn't running" in out or "<- 503" in out) == (1, True)


@pytest.mark.soak
async def test_a_delivery_that_isnt_there_is_said(dev: Dev) -> None:
    assert await dev.run("deliveries", "9") == (
        1,
        "",
        "There is no such delivery, or it is so old that it is forgotten.\n",
    )


@pytest.mark.parametrize("arguments", [("replay",), ("replay", "1", "--last"), ("replay", "x"), ("save", "-1", "a")])
async def test_what_names_no_delivery_is_refused(project: Project, arguments: tuple[str, ...]) -> None:
    assert (await project.run_here(*arguments))[0] == 2


@pytest.mark.parametrize("arguments", [("deliveries",), ("replay", "1"), ("save", "1", "a")])
async def test_without_a_dev_that_is_said(project: Project, arguments: tuple[str, ...]) -> None:
    said = "No `envoy-plugin dev` of yours answers on port 9. --port says another one.\n"
    assert await project.run(*arguments, PORT="9") == (1, "", said)
    token = project.directory / "envoy-plugin" / "dev-9.token"
    token.parent.mkdir()
    token.write_text("left behind")
    for mode in (0o644, 0o600):
        token.chmod(mode)
        assert await project.run_here(*arguments, "--port", "9") == (1, "", said)


async def test_nothing_yet_is_said_with_what_to_type(project: Project) -> None:
    project.settings.clear()
    async with started(project) as dev:
        code, out, _ = await dev.run("deliveries")
    assert (code, "envoy-plugin trigger" in out) == (0, True)


async def test_a_dev_that_can_keep_no_token_runs_all_the_same(project: Project) -> None:
    project.settings.clear()
    project.settings["XDG_RUNTIME_DIR"] = "/dev/null"
    async with project.running("dev", *FREE_PORTS) as running:
        await running.line("inspector.token_not_kept")
        await running.line(STARTED)
        assert await running.stop() == 0
