"""`envoy-plugin dev`: everything in one terminal, as processes."""

import json
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from redis.asyncio import Redis

from tests.framework.cli.project import PLUGIN, Project, Running

FREE_PORTS = ("--port", "0", "--platform-port", "0", "--redis-port", "0")
STARTED = r'"event": "web.started"'
BROKEN = "1 +\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dev:
    """A running `dev`, and the variables that it says another terminal needs."""

    project: Project
    running: Running
    variables: dict[str, str]

    async def run(self, *arguments: str) -> tuple[int, str, str]:
        """A command in another terminal, run in this process."""
        return await self.project.run_here(*arguments, **self.variables)

    async def trigger(self, *arguments: str) -> dict[str, object]:
        """What became of an event."""
        code, out, err = await self.run("trigger", "entry_sign_in", "--json", *arguments)
        assert code == 0, err
        return dict(json.loads(out))


@asynccontextmanager
async def started(project: Project, *arguments: str) -> AsyncIterator[Dev]:
    async with project.running("dev", *FREE_PORTS, *arguments) as running:
        hints = [(await running.line(command)).string for command in ("trigger entry_sign_in", "jobs list")]
        await running.line(STARTED)
        variables = dict(word.split("=", 1) for hint in hints for word in hint.split() if "=" in word)
        yield Dev(project=project, running=running, variables=variables)


@pytest.fixture
def bare(project: Project) -> Project:
    """A project on a machine without any settings."""
    project.settings.clear()
    return project


async def test_a_visit_needs_no_account_and_no_redis(bare: Project) -> None:
    async with started(bare) as dev:
        told = await dev.trigger("--follow", "--expect", "done")
        _, jobs, _ = await bare.run("jobs", "list", **dev.variables)
        assert (await dev.run("things", "add", "door"))[0] == 0  # it seals
        assert await dev.running.stop(signal.SIGINT) == 0
    assert told["job"]["status_message"] == "Door open"  # type: ignore[index] # JSON
    assert "entry_sign_in" in jobs
    assert '"path": "/envoy/events", "status": 202' in dev.running.output
    assert '"method": "PATCH", "path": "/api/v2/plugin-services/jobs/' in dev.running.output


async def test_it_says_in_a_few_lines_what_runs_and_what_to_type(bare: Project) -> None:
    async with started(bare) as dev:
        said = [line for line in dev.running.lines if not line.startswith("{")]
    assert 6 <= len(said) <= 9
    text = "".join(said)
    for variable in ("PORT", "ENVOY_BASE_URL", "REDIS_URL"):
        assert dev.variables[variable] in text
    assert "doors:plugin" in text
    assert "Ctrl-C" in text


async def test_the_urls_for_the_dev_dashboard_begin_where_the_tunnel_does(bare: Project) -> None:
    async with started(bare, "--public-url", "https://doors.example.com/") as dev:
        said = "".join(line for line in dev.running.lines if not line.startswith("{"))
    assert "Dev Dashboard    https://doors.example.com/envoy/events  (for every event)" in said
    (command,) = (line.split() for line in said.splitlines() if "envoy-plugin routes" in line)
    code, out, _ = await bare.run_here(*command[1:])
    assert (code, "https://doors.example.com/envoy/events/entry_sign_in" in out) == (0, True)


async def test_a_public_url_that_is_none_starts_nothing(bare: Project) -> None:
    code, out, err = await bare.run("dev", "--public-url", "doors.example.com")
    assert (code, out, "https://doors.example.com" in err) == (2, "", True)


async def test_a_save_starts_the_plugin_again_and_loses_no_job(bare: Project) -> None:
    async with started(bare) as dev:
        first = await dev.trigger("--follow")
        bare.write(PLUGIN.replace("Door open", "Door wide open"))
        await dev.running.line(r"doors\.py was saved: starting again")
        await dev.running.line(STARTED)
        second = await dev.trigger("--follow")
        _, jobs, _ = await dev.run("jobs", "list", "--state", "succeeded", "--json")
    assert [told["job"]["status_message"] for told in (first, second)] == ["Door open", "Door wide open"]  # type: ignore[index] # JSON
    assert [job["kind"] for job in json.loads(jobs)["jobs"]].count("entry_sign_in") == 2


async def test_what_a_save_breaks_is_shown_and_the_next_save_mends_it(bare: Project) -> None:
    async with started(bare) as dev:
        bare.write(BROKEN)
        await dev.running.line("SyntaxError at .*doors.py:1")
        await dev.running.line("ended with exit code 1. Save a Python file to try again")
        bare.write(PLUGIN)
        await dev.running.line(STARTED)
        assert await dev.running.stop(signal.SIGTERM) == 0


async def test_a_killed_dev_leaves_no_process_behind(bare: Project) -> None:
    async with started(bare) as dev:
        dev.running.process.kill()
        await dev.running.rest()  # it ends when nobody has the other end open
    assert "process.stopped" in dev.running.output


@pytest.mark.soak
async def test_a_plugin_that_ignores_signals_is_killed(bare: Project) -> None:
    stubborn = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('stubborn', flush=True)\n"
    bare.write(f"{stubborn}time.sleep(600)\n")
    async with bare.running("dev", *FREE_PORTS, DRAIN_TIMEOUT="0") as running:
        await running.line("stubborn")
        assert await running.stop(signal.SIGTERM) == 0


@pytest.mark.parametrize("option", ["--port", "--platform-port", "--redis-port"])
async def test_a_port_in_use_is_said_with_the_option_for_another(bare: Project, option: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, _, err = await bare.run("dev", *FREE_PORTS, option, port)
    assert (code, err) == (1, f"Port {port} can't be used: Address already in use. {option} takes another one.\n")


@pytest.mark.parametrize("by_option", [True, False])
async def test_a_redis_of_ones_own_is_used_and_its_url_not_shown(
    bare: Project, redis: Redis, redis_url: str, *, by_option: bool
) -> None:
    bare.settings["REDIS_TLS_URL"] = "redis://127.0.0.1:9/0" if by_option else redis_url
    async with started(bare, *(("--redis", redis_url) if by_option else ())) as dev:
        await dev.trigger("--follow", "--expect", "done")
        assert await redis.exists("{shop-doors}:queues")
        assert await dev.running.stop() == 0
    assert redis_url not in dev.running.output


async def test_without_reload_its_end_is_the_plugins_end(bare: Project) -> None:
    bare.write(BROKEN)
    code, out, err = await bare.run("dev", *FREE_PORTS, "--no-reload")
    assert (code, "SyntaxError" in err) == (1, True)
    assert "Reload           off" in out


async def test_without_reload_a_signal_ends_it_with_0(bare: Project) -> None:
    async with started(bare, "--no-reload") as dev:
        assert await dev.running.stop(signal.SIGINT) == 0


async def test_bad_settings_are_told_before_anything_starts(bare: Project) -> None:
    code, out, err = await bare.run("dev", *FREE_PORTS, ENVOY_CLIENT_SECRET="short", JOB_LEASE="soon")
    assert (code, out) == (78, "")
    assert [line.split(":")[0] for line in err.splitlines()] == ["ENVOY_CLIENT_SECRET", "JOB_LEASE"]


async def test_files_that_cant_be_watched_are_said_with_the_way_out(bare: Project) -> None:
    refuse = "def awatch(*_, **__): raise OSError('OS file watch limit reached')"
    too_many = f"import watchfiles\n{refuse}\nwatchfiles.awatch = awatch\n"
    code, _, err = await bare.run_script(f"{too_many}from envoy_plugin.cli import main; main()", "dev", *FREE_PORTS)
    assert (code, err) == (1, "The files here can't be watched. --no-reload does without it.\n")


async def test_reloading_without_its_library_is_refused_with_the_way_out(bare: Project) -> None:
    script = "import sys; sys.modules['watchfiles'] = None; from envoy_plugin.cli import main; main()"
    code, _, err = await bare.run_script(script, "dev", *FREE_PORTS)
    assert code == 1
    assert "pip install 'envoy_plugin[dev]'" in err
    assert "--no-reload" in err
