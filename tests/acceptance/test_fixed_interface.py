"""What other programs rely on: the commands, their options and variables, and the shapes of what they print."""

import asyncio
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer
from redis.asyncio import Redis
from typer.core import TyperGroup
from typer.testing import CliRunner

from envoy_plugin.cli import COMMANDS
from envoy_plugin.cli import app as cli
from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.queries import list_jobs
from envoy_plugin.engine.states import State
from tests.acceptance.effects import effects_in
from tests.acceptance.envoy_side import Envoy, Event
from tests.acceptance.processes import (
    CLI,
    CLIENT_ID,
    CLIENT_SECRET,
    Ended,
    Process,
    Site,
    eventually,
    passed_on,
    run_command,
)
from tests.redis_server import free_port

REPOSITORY = Path(__file__).parents[2]
SIGNED = {"ENVOY_CLIENT_SECRET": CLIENT_SECRET}
OUTCOMES = {
    "entry_sign_in": (200, "done", {"said": "done"}),
    "entry_sign_out": (202, "ongoing", {}),
    "entry_screened": (400, "ignored", {"message": "Nothing to do"}),
    "entry_reviewed": (412, "failed", {"message": "It can't be done"}),
    "invite_created": (500, "failed", {"message": "The plugin failed unexpectedly"}),
    "invite_removed": (400, "ignored", {"message": "This plugin does nothing on invite_removed."}),
}


@pytest.fixture
def words(site: Site) -> Site:
    """A site whose plugin answers each event with another word."""
    site.app = "words:plugin"
    return site


async def trigger(site: Site, event: str, to: str, *options: str, **environment: str) -> Ended:
    """What `trigger` says with the secret alone in its environment, and whatever a test adds."""
    return await site.run("trigger", event, "--to", to, "--json", *options, environment=SIGNED | environment)


# The five variables


async def test_everything_starts_with_five_variables_and_the_example_is_the_plugin_here(site: Site) -> None:
    site.app, site.cwd = None, REPOSITORY
    envoy = await site.platform()
    web, _ = await site.web(), await site.worker()
    job = (await trigger(site, "entry_sign_in", web.url, "--job", "visit-1", ENVOY_BASE_URL=envoy.url)).json
    assert (job["status"], job["outcome"], job["job_id"]) == (202, "ongoing", "visit-1")
    await eventually("the example is done", lambda: is_done(envoy, "visit-1"))
    rows = (await site.run("jobs", "list", "--json")).json["jobs"]
    assert {(row["queue"], row["state"]) for row in rows} == {("events", "succeeded"), ("report", "succeeded")}
    assert await prefixes(site) == {"{example-doors}"}


async def is_done(envoy: Envoy, job_id: str) -> bool:
    return bool((await envoy.job(job_id))["status"] == "done")


async def prefixes(site: Site) -> set[str]:
    """What the keys in Redis begin with."""
    async with Redis.from_url(site.redis.url, decode_responses=True) as redis:
        return {str(key).partition(":")[0] for key in await redis.keys()}


async def test_run_check_and_routes_need_no_more_than_the_five_variables(site: Site) -> None:
    both = site.process("run", ("run", "--app", "doors:plugin", "--port", "0"), ready=r'"port": (\d+)')
    await both.start()
    site.touch("go")
    answer = await site.deliver(both, Event.make("entry_sign_out", "visit-1"))
    await eventually("it was worked on", lambda: effects_in(site.directory, "opened"))
    commands = [("check", "--app", "doors:plugin"), ("routes", "--app", "doors:plugin", "--json")]
    ended = [await site.run(*command) for command in commands]
    assert answer is not None
    assert answer.status == 202
    assert [each.code for each in ended] == [0, 0], [each.out + each.err for each in ended]


@pytest.mark.parametrize("command", [("web", "--port", "0"), ("worker",), ("run", "--port", "0")])
async def test_what_is_missing_is_named_all_at_once_and_ends_with_78(site: Site, command: tuple[str, ...]) -> None:
    ended = await site.run(*command, "--app", "doors:plugin", environment={})
    assert ended.code == 78
    assert all(name in ended.err for name in ("ENVOY_CLIENT_ID", "ENVOY_CLIENT_SECRET", "REDIS_URL"))


# --app, --port, and JOB_LEASE


def every_command() -> Iterator[list[str]]:
    """The words of each command, those of groups included."""
    for name in COMMANDS:
        command = typer.main.get_command(import_module(f"envoy_plugin.cli.commands.{name}").app)
        yield from ([name, word] for word in command.commands) if isinstance(command, TyperGroup) else [[name]]


@pytest.mark.parametrize("command", list(every_command()), ids=" ".join)
def test_every_command_takes_app(command: list[str]) -> None:
    shown = CliRunner().invoke(cli, [*command, "--help"])
    assert shown.exit_code == 0
    assert "--app" in shown.output


async def test_without_app_the_pyproject_of_the_working_directory_counts_for_the_prefix_too(site: Site) -> None:
    (site.cwd / "pyproject.toml").write_text('[tool.envoy_plugin]\napp = "words:plugin"\n')
    site.app = None
    web = await site.web()
    job = (await trigger(site, "entry_sign_out", web.url)).json
    listed = (await site.run("jobs", "list", "--json")).json["jobs"]
    assert job["outcome"] == "ongoing"
    assert [(row["kind"], row["state"]) for row in listed] == [("entry_sign_out", "available")]
    assert await prefixes(site) == {"{acceptance-words}"}


async def test_app_goes_before_the_pyproject(site: Site) -> None:
    (site.cwd / "pyproject.toml").write_text('[tool.envoy_plugin]\napp = "words:plugin"\n')
    ended = await site.run("routes", "--app", "doors:plugin", "--json", environment={})
    assert ended.json["plugin"] == "acceptance-doors"


async def test_the_working_directory_is_first_on_the_import_path(site: Site) -> None:
    elsewhere = site.directory / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "words.py").write_text("raise RuntimeError('the wrong module')")
    script = str(Path(sys.executable).with_name("envoy-plugin"))
    environment = passed_on() | {"PYTHONPATH": str(elsewhere)}
    for program in ([script], CLI):
        command = [*program, "routes", "--app", "words:plugin", "--json"]
        assert (await run_command(command, environment=environment, cwd=site.cwd)).json["plugin"] == "acceptance-words"


async def test_web_listens_on_the_port_it_is_told(words: Site) -> None:
    port = free_port()
    ready = rf'"port": ({port}), "event": "web.started"'
    web = words.process("web", ("web", "--app", "words:plugin", "--port", str(port)), ready=ready)
    await web.start()
    assert (await trigger(words, "entry_sign_in", f"http://127.0.0.1:{port}")).json["outcome"] == "done"


async def test_job_lease_is_in_seconds(site: Site, engine: Engine) -> None:
    site.variables["JOB_LEASE"] = "60"
    web, _ = await site.web(), await site.worker()
    await site.deliver(web, Event.make("entry_sign_out", "visit-1"))
    await eventually("the handler runs", lambda: effects_in(site.directory, "started"))
    (job,) = [job for job in await list_jobs(engine, {State.RUNNING}) if job.queue == "events"]
    until = await engine.redis.zscore(engine.keys.index("running"), job.id)
    assert until is not None
    assert 30 < until / 1000 - time.time() <= 60


# platform


async def start_platform(site: Site, *options: str) -> tuple[Process, Envoy]:
    """A platform with nothing in its environment."""
    process = site.process("platform", ("platform", *options), ready=r"ready at http://127\.0\.0\.1:(\d+)")
    process.environment = passed_on()
    await process.start()
    return process, Envoy(session=site.session, url=process.url)


async def log_in(site: Site, url: str, **credentials: str) -> Any:
    login = {"grant_type": "client_credentials", "scope": "plugin,token.refresh"} | credentials
    async with site.session.post(f"{url}/a/auth/v0/token", json=login) as response:
        return await response.json()


async def test_platform_knows_client_installs_and_jobs_by_its_options(site: Site) -> None:
    port = free_port()
    credentials = ("--client-id", CLIENT_ID, "--client-secret", CLIENT_SECRET)
    known = ("--install", "41", "--install", "42", "--job", "visit-1", "--job", "visit-2")
    _, envoy = await start_platform(site, "--port", str(port), *credentials, *known)
    token = (await log_in(site, envoy.url, client_id=CLIENT_ID, client_secret=CLIENT_SECRET))["access_token"]
    refused = await log_in(site, envoy.url, client_id=CLIENT_ID, client_secret="another-secret-0123456789")
    bearer = {"Authorization": f"Bearer {token}"}
    base = f"{envoy.url}/api/v2/plugin-services"
    statuses = [
        (await site.session.get(f"{base}/installs/{install}/config", headers=bearer)).status
        for install in ("41", "42", "43")
    ]
    assert envoy.url == f"http://127.0.0.1:{port}"
    assert "access_token" not in refused
    assert statuses == [200, 200, 404]
    assert await envoy.statuses(["visit-1", "visit-2"]) == {"in_progress": 2}


async def test_a_job_at_the_platform_and_its_log_have_their_shapes(site: Site) -> None:
    credentials = ("--client-id", CLIENT_ID, "--client-secret", CLIENT_SECRET)
    _, envoy = await start_platform(site, "--port", "0", *credentials, "--job", "visit-1")
    token = (await log_in(site, envoy.url, client_id=CLIENT_ID, client_secret=CLIENT_SECRET))["access_token"]
    attachment = {"type": "text", "label": "Badge", "value": "7"}
    told = {"status": "failed", "status_message": "No", "failure_reason": "why", "attachments": [attachment]}
    url = f"{envoy.url}/api/v2/plugin-services/jobs/visit-1"
    async with site.session.patch(url, json=told, headers={"Authorization": f"Bearer {token}"}) as response:
        assert response.status == 200
    rows = await envoy.requests()
    assert await envoy.job("visit-1") == told
    assert [(row["method"], row["path"], row["status"]) for row in rows] == [
        ("POST", "/a/auth/v0/token", 200),
        ("PATCH", "/api/v2/plugin-services/jobs/visit-1", 200),
    ]
    assert rows[1]["body"] == told
    assert CLIENT_SECRET not in str(rows)


async def test_platform_listens_on_127_0_0_1_alone(site: Site) -> None:
    _, envoy = await start_platform(site, "--port", "0")
    port = int(envoy.url.rpartition(":")[2])
    with pytest.raises(OSError, match="Connect call failed"):
        await asyncio.open_connection("127.0.0.2", port)


# trigger


async def test_trigger_prints_one_object_that_says_what_became_of_an_event(words: Site) -> None:
    web = await words.web()
    said = {event: (await trigger(words, event, web.url)).json for event in OUTCOMES}
    assert {event: (each["status"], each["outcome"], each["body"]) for event, each in said.items()} == OUTCOMES
    assert all(isinstance(each["job_id"], str) for each in said.values())


async def test_trigger_adds_a_path_to_an_origin_and_to_nothing_else(words: Site) -> None:
    web = await words.web()
    targets = ["", "/envoy/events", "/envoy/events/entry_sign_out", "/elsewhere"]
    said = [(await trigger(words, "entry_sign_in", web.url + target)).json["status"] for target in targets]
    assert said == [200, 200, 422, 404]


async def test_trigger_makes_a_job_known_to_the_simulated_envoy_that_answers(words: Site) -> None:
    envoy = await words.platform()
    web, _ = await words.web(), await words.worker()
    told = {"ENVOY_BASE_URL": envoy.url}
    said = (await trigger(words, "entry_sign_out", web.url, "--job", "visit-1", **told)).json
    ignored = (await trigger(words, "entry_screened", web.url, "--job", "visit-2", **told)).json
    await eventually("the job is done", lambda: is_done(envoy, "visit-1"))
    assert (said["job_id"], ignored["job_id"]) == ("visit-1", "visit-2")
    assert (await envoy.job("visit-1"))["status_message"] == "It went on and ended"
    assert (await envoy.job("visit-2"))["status"] == "ignored"


async def test_trigger_delivers_though_no_simulated_envoy_answers(words: Site) -> None:
    web = await words.web()
    nobody = {"ENVOY_BASE_URL": f"http://127.0.0.1:{free_port()}"}
    said = [(await trigger(words, "entry_sign_in", web.url, "--job", "visit-1", **told)).json for told in (nobody, {})]
    assert [(each["status"], each["outcome"], each["job_id"]) for each in said] == [(200, "done", "visit-1")] * 2


async def test_trigger_says_that_nobody_answers(site: Site) -> None:
    ended = await trigger(site, "entry_sign_in", f"http://127.0.0.1:{free_port()}")
    assert ended.code == 1
    assert (ended.json["status"], ended.json["outcome"], ended.json["body"]) == (None, None, None)
