"""`envoy-plugin platform` as a process of its own."""

import asyncio
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from io import StringIO

import pytest
from aiohttp import ClientSession

from envoy_plugin import cli
from envoy_plugin.cli import COMMANDS
from envoy_plugin.errors import JobNotFound, Problem, SettingsError
from tests.framework.command_line import PATIENCE, run
from tests.framework.command_line import start as start_command
from tests.framework.recording_plugin import run_here

StartPlatform = Callable[..., Awaitable[tuple[str, asyncio.subprocess.Process]]]


@asynccontextmanager
async def running_platform(*arguments: str) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    process = await start_command("platform", "--port", "0", *arguments)
    try:
        assert process.stdout is not None
        line = (await asyncio.wait_for(process.stdout.readline(), PATIENCE)).decode()
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        assert found is not None, line
        yield found.group(), process
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.communicate(), PATIENCE)


@pytest.fixture
async def platform() -> AsyncIterator[StartPlatform]:
    """Starts a platform on a free port; gives its URL and the process, which is stopped afterwards."""
    async with AsyncExitStack() as stack:

        async def start(*arguments: str) -> tuple[str, asyncio.subprocess.Process]:
            return await stack.enter_async_context(running_platform(*arguments))

        yield start


async def test_a_plugin_logs_in_and_finishes_its_job(platform: StartPlatform) -> None:
    url, _ = await platform("--client-id", "cid", "--client-secret", "s3cret", "--job", "j1", "--job", "j2")
    login = {"grant_type": "client_credentials", "client_id": "cid", "client_secret": "s3cret"}
    async with ClientSession(url) as session:
        token = (await (await session.post("/a/auth/v0/token", json=login)).json())["access_token"]
        bearer = {"Authorization": f"Bearer {token}"}
        body = {"attachments": [], "status": "done", "status_message": "Ready, 木村"}
        await session.patch("/api/v2/plugin-services/jobs/j2", json=body, headers=bearer)
        shown = await (await session.get("/_sim/jobs/j2")).json()
        untouched = await (await session.get("/_sim/jobs/j1")).json()
    assert shown == body | {"failure_reason": None}
    assert untouched["status"] == "in_progress"


async def test_installs_and_the_lifetime_of_tokens_are_options(platform: StartPlatform) -> None:
    url, _ = await platform("--install", "41", "--install", "42", "--token-lifetime", "7")
    form = {
        "grant_type": "client_credentials",
        "client_id": "dev-client-id",
        "client_secret": "dev-client-secret-0123456789",
    }
    async with ClientSession(url) as session:
        grant = await (await session.post("/oauth2/token", data=form)).json()
        bearer = {"Authorization": f"Bearer {grant['access_token']}"}
        paths = [f"/api/v2/plugin-services/installs/{install}/config" for install in ("41", "42", "1001")]
        statuses = [(await session.get(path, headers=bearer)).status for path in paths]
    assert (grant["expires_in"], statuses) == (7, [200, 200, 404])


async def test_users_and_what_is_final_are_options(platform: StartPlatform) -> None:
    url, _ = await platform("--user", "ada:s3cret", "--keep-refresh-tokens", "--final-jobs", "--job", "j1")
    client = {"client_id": "dev-client-id", "client_secret": "dev-client-secret-0123456789"}
    async with ClientSession(url) as session:
        login = {"grant_type": "password", "username": "ada", "password": "s3cret", **client}
        grant = await (await session.post("/oauth2/token", json=login)).json()
        again = {"grant_type": "refresh_token", "refresh_token": grant["refresh_token"], **client}
        refreshed = [(await session.post("/oauth2/token", json=again)).status for _ in range(2)]
        path, bearer = "/api/v2/plugin-services/jobs/j1", {"Authorization": f"Bearer {grant['access_token']}"}
        updates = [(await session.patch(path, headers=bearer, json={"status": "done"})).status for _ in range(2)]
    assert (refreshed, updates) == ([200, 200], [200, 409])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_well(platform: StartPlatform, number: signal.Signals) -> None:
    _, process = await platform()
    process.send_signal(number)
    assert await asyncio.wait_for(process.wait(), PATIENCE) == 0


async def test_a_port_in_use_is_a_failure_with_a_reason() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, out, err = await run("platform", "--port", port)
    assert (code, out) == (1, "")
    assert port in err


@pytest.mark.parametrize(
    "arguments", [("--port", "x"), ("--client-secret", " "), ("--token-lifetime", "0"), ("--user", "ada"), ("--nope",)]
)
async def test_a_wrong_option_is_a_usage_error(arguments: tuple[str, ...]) -> None:
    code, _, _ = await run_here("platform", *arguments)
    assert code == 2


async def test_help_names_every_command_without_importing_it() -> None:
    script = "import sys; from envoy_plugin.cli import main\ntry: main()\nfinally: print('aiohttp' in sys.modules)"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, "--help", stdout=asyncio.subprocess.PIPE
    )
    out, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert all(name in out.decode() for name in COMMANDS)
    assert out.decode().endswith("False\n")


@pytest.mark.parametrize("name", ["platform", "trigger"])
async def test_help_of_a_command_has_an_example(name: str) -> None:
    code, out, _ = await run_here(name, "--help")
    assert code == 0
    assert f"Example: envoy-plugin {name}" in out


async def test_a_misspelt_command_is_a_usage_error_with_a_hint() -> None:
    code, _, err = await run("triger")
    assert code == 2
    assert "Did you mean 'trigger'" in err


async def test_the_version_is_shown() -> None:
    code, out, _ = await run_here("--version")
    assert (code, bool(out.strip())) == (0, True)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SettingsError([Problem(name="PORT", fault="is odd", source="Look.", example="8000")]), 78),
        (JobNotFound("a1"), 1),
    ],
)
def test_an_error_of_the_framework_ends_as_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, code: int
) -> None:
    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr(cli, "app", fail)
    monkeypatch.setattr(sys, "stdout", StringIO())
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert (ended.value.code, capsys.readouterr().err) == (code, f"{error}\n")
