"""`envoy-plugin doctor`: what is wrong, and what to do about it."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from redis.asyncio import Redis

from envoy_plugin.cli.commands.doctor import look_at_work
from envoy_plugin.cli.findings.envoy import clock_finding
from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.keys import SCHEMA
from envoy_plugin.engine.states import Reason
from envoy_plugin.engine.verbs import Enqueue
from envoy_plugin.settings import Settings
from envoy_plugin.simulator.faults import Fault
from tests.envoy_server import CLIENT_SECRET, SimulatedEnvoy
from tests.framework.cli.project import Project

Findings = dict[str, dict[str, str]]


async def doctor(project: Project, *arguments: str, **environment: str) -> tuple[int | None, Findings]:
    """The exit code, and what was found about each thing; nothing of it is a secret."""
    code, out, err = await project.run_here("doctor", "--json", *arguments, **environment)
    assert (err, CLIENT_SECRET in out) == ("", False)
    told = json.loads(out)
    assert told["ok"] == (code == 0)
    return code, {found["about"]: found for found in told["checks"]}


async def test_everything_in_order_is_exit_code_0(served: Project, envoy: SimulatedEnvoy) -> None:
    code, found = await doctor(served, ENVOY_BASE_URL=envoy.url)
    good = ("settings", "plugin", "envoy login", "clock", "redis", "redis connection", "redis keys", "reports")
    assert (code, {found[about]["status"] for about in good}) == (0, {"ok"})
    assert envoy.grants() == ["client_credentials"]


async def test_it_writes_nothing(served: Project, envoy: SimulatedEnvoy, redis: Redis) -> None:
    await doctor(served, ENVOY_BASE_URL=envoy.url)
    assert await redis.dbsize() == 0


async def test_everything_that_is_wrong_comes_with_what_to_do(project: Project) -> None:
    code, found = await doctor(project)
    bad = {about: one["advice"] for about, one in found.items() if one["status"] != "ok"}
    assert (code, sorted(bad)) == (1, ["clock", "envoy login", "redis"])
    assert "ENVOY_BASE_URL" in bad["envoy login"]
    assert "REDIS_URL" in bad["redis"]
    ended, out, err = await project.run("doctor")
    assert (ended, f"-> {bad['redis']}" in err, f"-> {bad['clock']}" in out) == (1, True, True)


async def test_credentials_that_are_refused_are_pointed_out(served: Project, envoy: SimulatedEnvoy) -> None:
    environment = {"ENVOY_BASE_URL": envoy.url, "ENVOY_CLIENT_SECRET": "canary-0123456789"}
    code, found = await doctor(served, **environment)
    login = found["envoy login"]
    assert (code, login["status"], "ENVOY_CLIENT_SECRET" in login["advice"]) == (1, "failed", True)
    assert "canary" not in json.dumps(found)


async def test_an_envoy_that_is_down_is_told_from_one_that_refuses(served: Project, envoy: SimulatedEnvoy) -> None:
    envoy.fail(Fault(status=503))
    code, found = await doctor(served, ENVOY_BASE_URL=envoy.url)
    assert (code, "503" in found["envoy login"]["text"], found["clock"]["status"]) == (1, True, "ok")


@asynccontextmanager
async def dated(date: str | None) -> AsyncIterator[str]:
    """The URL of an Envoy that lets everybody log in and says that it is this date."""

    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"access_token": "at", "expires_in": 60})

    async def date_it(_: web.Request, response: web.StreamResponse) -> None:
        response.headers["Date"] = date or "yesterday"

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    app.on_response_prepare.append(date_it)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


async def test_a_clock_that_is_far_off_is_a_failure(served: Project) -> None:
    async with dated("Sat, 21 Nov 2015 09:00:00 GMT") as url:
        code, found = await doctor(served, ENVOY_BASE_URL=url)
    assert (code, found["clock"]["status"], "ahead of Envoy's" in found["clock"]["text"]) == (1, "failed", True)
    assert "NTP" in found["clock"]["advice"]


async def test_an_answer_without_a_date_is_a_warning(served: Project) -> None:
    async with dated(None) as url:
        code, found = await doctor(served, ENVOY_BASE_URL=url)
    assert (code, found["clock"]["status"]) == (0, "warning")


@pytest.mark.parametrize(
    ("ahead", "status", "words"),
    [
        (-4, "ok", "agrees"),
        (20, "warning", "is 20 s ahead of"),
        (-59, "warning", "is 59 s behind"),
        (61, "failed", "61"),
    ],
)
def test_how_far_off_a_clock_may_be(ahead: float, status: str, words: str) -> None:
    finding = clock_finding(ahead)
    assert (finding.status, words in finding.text) == (status, True)


async def test_bad_settings_are_told_and_nobody_is_asked(project: Project, envoy: SimulatedEnvoy) -> None:
    code, found = await doctor(project, ENVOY_BASE_URL=envoy.url, JOB_LEASE="soon", REDIS_URL="")
    assert (code, found["settings"]["status"], found["REDIS_URL"]["status"]) == (78, "failed", "warning")
    assert ("envoy login" in found, envoy.requests()) == (False, [])


async def test_offline_nobody_is_asked(project: Project) -> None:
    code, found = await doctor(project, "--offline")
    assert (code, sorted(found)) == (0, ["plugin", "settings"])


async def test_without_a_plugin_the_rest_is_told(served: Project, envoy: SimulatedEnvoy) -> None:
    (served.directory / "pyproject.toml").unlink()
    code, found = await doctor(served, ENVOY_BASE_URL=envoy.url)
    assert (code, found["plugin"]["status"], "--app" in found["plugin"]["advice"]) == (0, "warning", True)
    assert ("redis keys" in found, "reports" in found) == (False, False)
    code, _, err = await served.run_here("doctor", "--app", "doors")
    assert (code, "MODULE:ATTR" in err) == (2, True)


async def test_without_redis_the_rest_is_told(project: Project, envoy: SimulatedEnvoy) -> None:
    code, found = await doctor(project, ENVOY_BASE_URL=envoy.url, REDIS_URL="")
    assert (code, found["REDIS_URL"]["status"], found["envoy login"]["status"]) == (0, "warning", "ok")


async def fail_a_report(redis: Redis, reason: str) -> None:
    engine = Engine(redis, prefix="shop-doors")
    await engine.run(Enqueue(queue="report", kind="report", install="1001"))
    (held,) = await engine.claim("report", 1, who="here", lease=timedelta(minutes=1))
    await engine.fail(held, reason=reason)


async def test_reports_that_envoy_never_got_are_counted(served: Project, envoy: SimulatedEnvoy, redis: Redis) -> None:
    await fail_a_report(redis, Reason.UNREPORTED)
    await fail_a_report(redis, Reason.REFUSED)
    code, found = await doctor(served, ENVOY_BASE_URL=envoy.url)
    reports = found["reports"]
    assert (code, reports["status"], reports["text"][:2]) == (0, "warning", "2 ")
    assert "jobs list --state failed" in reports["advice"]


async def test_keys_of_a_newer_release_are_a_failure(served: Project, envoy: SimulatedEnvoy, redis: Redis) -> None:
    await redis.set("{shop-doors}:schema", SCHEMA + 1)
    code, found = await doctor(served, ENVOY_BASE_URL=envoy.url)
    assert (code, found["redis keys"]["status"], "reports" in found) == (1, "failed", False)


async def test_a_redis_that_goes_away_meanwhile_is_a_warning(project: Project) -> None:
    (finding,) = await look_at_work(Settings.from_env(project.settings), "shop-doors")
    assert (finding.status, finding.text) == ("warning", "can't be looked at: ConnectionError")


async def test_what_is_stuck_is_told(served: Project, envoy: SimulatedEnvoy, redis: Redis) -> None:
    before = Engine(redis, prefix="shop-doors", clock=lambda: int(time.time() * 1000) - 3_600_000)
    await before.call([Enqueue(queue="events", kind="k"), Enqueue(queue="events", kind="k")])
    await before.claim("events", 1, who="w", lease=timedelta(minutes=1))
    code, found = await doctor(served, ENVOY_BASE_URL=envoy.url)
    assert (code, found["jobs on time"]["status"], found["jobs claimed"]["status"]) == (0, "warning", "warning")
    assert (found["redis latency"]["status"], found["jobs blocked"]["status"]) == ("ok", "ok")
