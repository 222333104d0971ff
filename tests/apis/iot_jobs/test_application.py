"""Whatever comes, the answer is one that an SDK understands, and nothing that is nobody's business gets out."""

import asyncio
import io
import json
import logging
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from yarl import URL

from envoy_plugin.apis.iot_jobs import application
from envoy_plugin.apis.iot_jobs.executions import find_pending
from envoy_plugin.apis.iot_jobs.guesses import GUESSES
from envoy_plugin.apis.iot_jobs.mounting import IOT_JOBS, PATHS, DeviceApi, answer
from envoy_plugin.apis.iot_jobs.refusals import STATUSES, Refusal
from envoy_plugin.apis.iot_jobs.registry import Registry
from envoy_plugin.connection import connect_redis
from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.verbs import Enqueue, Pause, Reschedule, Unique, Unpause
from envoy_plugin.logs import configure_logs
from envoy_plugin.settings import Settings
from tests.acceptance.pages import ROOT
from tests.apis.iot_jobs.site import JOB, THING, Client, Site, open_site
from tests.engine.clock import Clock
from tests.framework.cli.project import CREDENTIALS
from tests.framework.served import until
from tests.redis_server import RedisServer, RedisServers

CANARY = "canary-4711"
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
MEMBERS = ["status", "statusDetails", "stepTimeoutInMinutes", "expectedVersion", "executionNumber", "targets",
           "document", "timeoutConfig", "jobExecutionsRetryConfig", "attributePayload", "comment"]  # fmt: skip
TARGETS = [f"/things/{THING}/jobs", f"/things/{THING}/jobs/$next", f"/things/{THING}/jobs/{JOB}", f"/things/{THING}",
           f"/things/{THING}/jobs/{JOB}/cancel", f"/things/{THING}/jobs/{JOB}/executionNumber/1", "/things", "/jobs",
           f"/jobs/{JOB}", f"/jobs/{JOB}/cancel", f"/jobs/{JOB}/things", f"/jobs/{JOB}/job-document",
           "/things/%ff/jobs", "/jobs/%00", "/things//jobs", "/things/a%2Fb/jobs"]  # fmt: skip
QUERY = st.sampled_from(["", "?force=true", "?maxResults=1", "?status=QUEUED", "?nextToken=i:a", "?executionNumber=1",
                         "?force=%ff&&=", "?nextToken=%F0%9F%92%A9"])  # fmt: skip

UNFINISHED = b"PUT /things/printer/jobs/$next HTTP/1.1\r\nHost: plugin\r\nContent-Length: 2\r\n\r\n{"


@pytest.fixture
def logged(logging_as_before: None) -> Iterator[io.StringIO]:
    """What this side logs at level debug."""
    theirs = [logging.getLogger(name) for name in ("botocore", "urllib3")]
    stream = io.StringIO()
    configure_logs(level="debug", json=True, stream=stream)
    for logger in theirs:
        logger.setLevel(logging.WARNING)
    yield stream
    for logger in theirs:
        logger.setLevel(logging.NOTSET)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    method=st.sampled_from(["GET", "PUT", "POST", "DELETE", "PATCH"]),
    target=st.sampled_from(TARGETS),
    query=QUERY,
    body=st.dictionaries(st.sampled_from(MEMBERS), ANY_JSON, max_size=4).map(json.dumps) | st.text(max_size=9),
    service=st.sampled_from(["iot", "iot-jobs-data"]),
)
async def test_any_request_is_answered_or_refused_by_name(
    site: Site, method: str, target: str, query: str, body: str, service: str
) -> None:
    reply = await site.send(
        method, target + query, body.encode(errors="replace"), key=site.operator_key, service=service
    )
    assert reply.status < 500
    assert reply.error is None if reply.status == 200 else STATUSES[Refusal(reply.error or "")] == reply.status


def freeze(server: RedisServer) -> None:
    assert server.process is not None
    server.process.send_signal(signal.SIGSTOP)


@pytest.mark.parametrize(
    ("end", "patience", "error"), [(RedisServer.kill, 8, "ConnectionError"), (freeze, 0.2, "TimeoutError")]
)
async def test_while_redis_is_away_or_says_nothing_the_service_is_unavailable(
    redis_server: RedisServers, clock: Clock, logged: io.StringIO, monkeypatch: pytest.MonkeyPatch,
    end: Callable[[RedisServer], None], patience: float, error: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(application, "REDIS_SECONDS", patience)
    server = redis_server()
    async with connect_redis(server.url, retries=0) as client, open_site(Engine(client, prefix="a"), clock) as site:
        end(server)
        async with asyncio.timeout(8):
            failure = await site.device.refused("describe_job_execution")
        assert (failure.status, failure.kind) == (503, "ServiceUnavailableException")
        [line] = [json.loads(line) for line in logged.getvalue().splitlines() if "device.unavailable" in line]
        assert (line["error"], line["level"]) == (error, "error")


async def test_a_body_that_does_not_come_is_the_senders_fault(
    site: Site, monkeypatch: pytest.MonkeyPatch, logged: io.StringIO
) -> None:
    monkeypatch.setattr(application, "BODY_TIME", timedelta(seconds=0.01))
    reader, writer = await asyncio.open_connection(URL(site.url).host, URL(site.url).port)
    writer.write(UNFINISHED)
    told = await reader.readuntil(b"}")
    writer.close()
    assert told.startswith(b"HTTP/1.1 408 ")
    assert b"x-amzn-ErrorType: RequestTimeoutException" in told
    assert [json.loads(line)["level"] for line in logged.getvalue().splitlines()] == ["info"]


async def test_a_sender_that_goes_away_is_no_failure_of_ours(engine: Engine, logged: io.StringIO) -> None:
    app = web.Application()
    app[IOT_JOBS] = DeviceApi(engine, Settings.from_env(CREDENTIALS))
    app.router.add_route("*", PATHS[1], answer)
    runner = web.AppRunner(app)  # as in production, and unlike in TestServer, it lets handlers finish
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    _, writer = await asyncio.open_connection(*runner.addresses[0][:2])
    writer.write(UNFINISHED)
    await until(lambda: runner.server and runner.server.requests_count)
    writer.close()
    await until(logged.getvalue)
    await runner.cleanup()
    assert {json.loads(line)["level"] for line in logged.getvalue().splitlines()} == {"info"}


async def test_what_nobody_expected_is_no_500(site: Site, monkeypatch: pytest.MonkeyPatch, logged: io.StringIO) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError(CANARY)

    await site.create()
    monkeypatch.setattr(Registry, "hear", fail)
    reply = await site.send("GET", f"/things/{THING}/jobs/{JOB}")
    assert (reply.status, reply.error) == (503, "ServiceUnavailableException")
    assert CANARY not in reply.text + logged.getvalue()
    assert "RuntimeError" in logged.getvalue()


async def test_nothing_of_the_work_or_the_keys_is_logged(site: Site, logged: io.StringIO) -> None:
    await site.create(document=json.dumps(CANARY), description=CANARY)
    await site.device.start(statusDetails={"who": CANARY})
    await site.device.update("SUCCEEDED", statusDetails={"who": CANARY})
    await site.device.update_refused("SUCCEEDED", statusDetails={"who": CANARY})
    await site.send("GET", f"/things/{THING}/jobs?{CANARY}=1")
    told = logged.getvalue()
    assert "device.refused" in told
    assert not any(secret in told for secret in (CANARY, site.thing_key.secret, site.operator_key.secret))


async def test_a_refusal_is_logged_with_who_was_refused_what_and_why(site: Site, logged: io.StringIO) -> None:
    path = f"/things/{THING}/jobs"
    wrong = replace(site.thing_key, secret="x" * 40)
    mixed_up = replace(site.thing_key, id=site.thing_key.secret)
    said: list[dict[str, Any]] = [{"target": "/things/door/jobs"}, {"key": wrong}, {"key": mixed_up}, {"service": "s3"}]
    replies = [await site.send("GET", **{"target": path, **how}) for how in said]
    lines = [json.loads(line) for line in logged.getvalue().splitlines() if "device.refused" in line]
    assert [line["amzn_request_id"] for line in lines] == [reply.headers["x-amzn-RequestId"] for reply in replies]
    assert [line["error"] for line in lines] == [reply.error for reply in replies]
    assert [line.get("access") for line in lines] == [site.thing_key.id, site.thing_key.id, None, None]
    assert [line.get("thing") for line in lines] == ["door", None, None, None]
    assert [line.get("fault") for line in lines] == [None, None, None, "OTHER_SERVICE"]
    assert site.thing_key.secret not in logged.getvalue()


async def test_a_paused_queue_starts_nothing(site: Site) -> None:
    await site.create()
    await site.create("job-2")
    await site.device.update("IN_PROGRESS")
    await site.engine.run(Pause(queue=f"thing:{THING}", why=b""))
    assert (await site.device.start())["jobId"] == JOB
    failure = await site.device.refused("update_job_execution", "job-2", status="IN_PROGRESS")
    assert (failure.code, failure.message) == ("InvalidStateTransitionException", f"Work for {THING} is paused")
    await site.device.update("SUCCEEDED")
    assert await site.device.start() is None
    await site.engine.run(Unpause(queue=f"thing:{THING}"))
    assert (await site.device.start())["jobId"] == "job-2"


async def test_jobs_of_other_systems_are_unknown(site: Site) -> None:
    for number, kind in enumerate(("event", "device", "fleet")):
        theirs = Enqueue(queue="events", kind=kind, unique=Unique(key=f"iot-{number}"))
        await site.engine.enqueue(theirs)
        for job in (theirs.id, str(number)):
            assert (await site.operator.refused("describe_job", jobId=job)).status == 404
            assert (await site.device.refused("describe_job_execution", job)).status == 404


async def test_a_task_whose_key_looks_like_a_devices_work_is_none(site: Site) -> None:
    await site.engine.enqueue(Enqueue(queue="default", kind="task", unique=Unique(key=f"iot:{JOB}:{THING}")))
    assert (await site.device.update_refused("SUCCEEDED")).code == "ResourceNotFoundException"


async def test_work_that_was_put_off_is_not_there_for_its_device_until_then(site: Site) -> None:
    await site.create()
    [execution] = await find_pending(site.engine, THING, 1)
    await site.engine.run(Reschedule(id=execution.id, at=site.clock.after(timedelta(hours=1))))
    assert await site.device.pending() == {"inProgressJobs": [], "queuedJobs": []}
    assert (await site.device.update_refused("SUCCEEDED")).code == "ResourceNotFoundException"
    await site.passes(hours=1)
    await site.device.update("SUCCEEDED")


async def test_the_process_that_serves_answers_for_the_place_of_its_settings(site: Site) -> None:
    place = {"THINGS_REGION": "eu-central-1", "THINGS_ACCOUNT": "123456789012"}
    app = web.Application()
    app[IOT_JOBS] = DeviceApi(site.engine, Settings.from_env(CREDENTIALS | place))
    app.router.add_route("*", PATHS[1], answer)
    async with TestServer(app) as server:
        client = Client("iot", str(server.make_url("")), site.operator_key.id, site.operator_key.secret,
                        region_name="eu-central-1")  # fmt: skip
        seen = await client("describe_thing", thingName=THING)
    assert seen["thingArn"] == f"arn:aws:iot:eu-central-1:123456789012:thing/{THING}"


def test_the_documentation_shows_the_guesses_and_no_others() -> None:
    page = (ROOT / "docs/devices.md").read_text(encoding="utf-8")
    shown = page.partition("| question | here | because |\n|---|---|---|\n")[2].partition("\n\n")[0]
    assert shown.splitlines() == [f"| {guess.subject} | {guess.choice} | {guess.reason} |" for guess in GUESSES]
