"""`envoy-plugin jobs` against a real Redis."""

import asyncio
import itertools
import json
import signal
import time
from datetime import timedelta

import pytest
from redis.asyncio import Redis

from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.keys import SCHEMA
from envoy_plugin.engine.retries import REPORT_DEBT
from envoy_plugin.engine.states import Reason
from envoy_plugin.engine.verbs import Enqueue
from tests.framework.cli.here import Here
from tests.framework.cli.project import Project

CANARY = b"Ada Lovelace was here"
LEASE = timedelta(seconds=30)


@pytest.fixture
def engine(redis: Redis) -> Engine:
    """With a clock by which no two calls happen at once."""
    moments = itertools.count(int(time.time() * 1000))
    return Engine(redis, prefix="shop-doors", clock=lambda: next(moments))


async def enqueue(engine: Engine, *, kind: str = "entry_sign_in", install: str = "1001", retries: int = 0) -> str:
    job = Enqueue(queue="events", kind=kind, install=install, payload=CANARY, retries=retries, owes=REPORT_DEBT)
    return (await engine.enqueue(job)).id


async def jobs(here: Here, *arguments: str) -> tuple[int, str, str]:
    """Exit code, output and errors of a command, in this process."""
    ended = await here.run("jobs", *arguments)
    return ended.code, ended.out, ended.err


async def fail_once(engine: Engine) -> None:
    (held,) = await engine.claim("events", 1, who="tests", lease=LEASE)
    await engine.fail(held, reason=Reason.ERROR, outcome=CANARY)


async def has_looked(redis: Redis) -> None:
    """Return once a `jobs` command has read a job, and asks for nothing at the moment."""
    async with asyncio.timeout(30):
        while True:
            clients = await redis.client_list()
            if any(client["name"] == "envoy-plugin" and client["cmd"] == "zscore" for client in clients):
                return


async def test_jobs_are_listed_the_newest_first(here: Here, engine: Engine) -> None:
    first, second = await enqueue(engine), await enqueue(engine, kind="invite_created")
    await engine.cancel(first, reason=Reason.OPERATOR)
    code, out, _ = await jobs(here, "list", "--limit", "5")
    rows = [line.split() for line in out.splitlines()]
    assert code == 0
    assert [row[0] for row in rows] == ["ID", f"{first}.1", first, second]
    assert rows[2][:6] == [first, "cancelled", "operator", "entry_sign_in", "1001", "1"]


async def test_states_and_a_limit_narrow_the_list(here: Here, engine: Engine) -> None:
    waiting = [await enqueue(engine) for _ in range(3)]
    await engine.cancel(waiting[0], reason=Reason.OPERATOR)
    states = ("--state", "cancelled", "--state", "running")
    _, cancelled, _ = await jobs(here, "list", *states, "--json")
    _, latest, _ = await jobs(here, "list", "--state", "available", "--limit", "2", "--json")
    _, none, _ = await jobs(here, "list", "--state", "failed")
    assert [job["id"] for job in json.loads(cancelled)["jobs"]] == [waiting[0]]
    assert len(json.loads(latest)["jobs"]) == 2
    assert none == "No jobs.\n"


async def test_an_unknown_state_is_a_usage_error_with_the_list(here: Here) -> None:
    code, out, err = await jobs(here, "list", "--state", "asleep")
    assert (code, out) == (2, "")
    for state in ("scheduled", "available", "running", "succeeded", "failed", "cancelled"):
        assert state in err


async def test_a_job_is_shown_with_attempts_history_and_report(here: Here, engine: Engine) -> None:
    job_id = await enqueue(engine, retries=1)
    await fail_once(engine)
    await engine.cancel(job_id, reason=Reason.OPERATOR)
    code, out, _ = await jobs(here, "show", job_id)
    words = " ".join(out.split())
    assert code == 0
    assert f"id {job_id} state cancelled reason operator" in words
    assert "Earlier attempts 1 failed error started " in words
    assert words.index(" enqueued ") < words.index(" claimed ") < words.index(" cancelled cancelled attempt 2")
    assert f"Report to Envoy available: {job_id}.2, attempt 1" in words
    assert CANARY.decode() not in out


async def test_a_job_as_json_is_one_document(here: Here, engine: Engine) -> None:
    job_id = await enqueue(engine, retries=1)
    await fail_once(engine)
    _, out, _ = await jobs(here, "show", job_id, "--json")
    told = json.loads(out)
    assert (told["state"], told["attempt"], told["retries_left"], told["owes"]) == ("scheduled", 2, 0, "report")
    assert [(attempt["attempt"], attempt["reason"]) for attempt in told["attempts"]] == [(1, "error")]
    assert [row["event"] for row in told["history"]][:2] == ["enqueued", "claimed"]
    assert told["report"] is None
    assert CANARY.decode() not in out


async def test_what_is_owed_to_envoy_is_told(here: Here, engine: Engine) -> None:
    owing = await enqueue(engine)
    free = (await engine.enqueue(Enqueue(queue="events", kind="free", payload=b""))).id
    _, before, _ = await jobs(here, "show", owing)
    _, without, _ = await jobs(here, "show", free)
    await engine.cancel(owing, reason=Reason.OPERATOR)
    await engine.redis.delete(engine.keys.job(f"{owing}.1"))
    _, after, _ = await jobs(here, "show", owing)
    assert "Owed at the job's end." in before
    assert "None is owed." in without
    assert "No longer kept." in after


async def test_an_unknown_job_is_said_in_one_sentence(served: Project) -> None:
    assert await served.run("jobs", "show", "a0nowhere") == (1, "", "There is no job 'a0nowhere'.\n")


async def test_tail_shows_what_was_and_what_happens(served: Project, engine: Engine) -> None:
    job_id = await enqueue(engine)
    async with served.running("jobs", "tail", "--json") as tail:
        earlier = json.loads((await tail.line("enqueued")).string)
        await fail_once(engine)
        later = [json.loads((await tail.line(f'"{event}"')).string) for event in ("claimed", "failed")]
        assert await tail.stop(signal.SIGINT) == 0
    assert [row["id"] for row in (earlier, *later)] == [job_id] * 3
    assert (later[1]["state"], later[1]["attempt"]) == ("failed", 1)
    assert tail.output.count('"event": "claimed"') == 1


async def test_tail_can_begin_with_nothing(served: Project, engine: Engine) -> None:
    await enqueue(engine)
    async with served.running("jobs", "tail", "-n", "0") as tail:
        await has_looked(engine.redis)
        later = await enqueue(engine, kind="invite_created")
        assert later in (await tail.line("invite_created")).string
        assert await tail.stop(signal.SIGINT) == 0
    assert "entry_sign_in" not in tail.output


async def test_an_install_cannot_steer_the_terminal(here: Here, engine: Engine) -> None:
    await enqueue(engine, install="\x1b[31m")
    _, out, _ = await jobs(here, "list")
    assert "\x1b" not in out
    assert "\\x1b[31m" in out


async def test_a_prefix_needs_no_plugin_and_no_credentials(served: Project, redis: Redis) -> None:
    job_id = await enqueue(Engine(redis, prefix="others"))
    url = served.settings["REDIS_URL"]
    served.settings.clear()
    (served.directory / "doors.py").unlink()
    code, out, _ = await served.run_here("jobs", "list", REDIS_PREFIX="others", REDIS_URL=url)
    assert (code, job_id in out) == (0, True)


async def test_without_a_redis_anywhere_the_setting_is_named(project: Project) -> None:
    code, out, err = await project.run("jobs", "list", REDIS_URL="")
    assert (code, out) == (78, "")
    assert err.startswith("REDIS_URL: is not set, and no `envoy-plugin dev`")


async def test_a_redis_that_doesnt_answer_is_a_failure(project: Project) -> None:
    assert await project.run_here("jobs", "list") == (1, "", "Redis can't be read: ConnectionError.\n")


async def test_keys_of_a_newer_release_are_left_alone(served: Project, engine: Engine) -> None:
    await engine.redis.set(engine.keys.schema, SCHEMA + 1)
    code, out, err = await served.run_here("jobs", "list")
    assert (code, out) == (1, "")
    assert f"schema {SCHEMA + 1}" in err
