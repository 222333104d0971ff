"""`envoy-plugin jobs retry|cancel|hold|unhold`, by id and by filter."""

import asyncio
from datetime import datetime, timedelta

import pytest

from envoy_plugin.cli.jobs.bulk import Deed
from envoy_plugin.cli.jobs.filters import EVERY_JOB
from envoy_plugin.cli.jobs.orders import change, order_of
from envoy_plugin.cli.redis_access import RedisLost
from envoy_plugin.engine.queries import count_jobs, find_job
from envoy_plugin.engine.states import State
from envoy_plugin.engine.verbs import ClaimJob, Enqueue, Fail, Listing, Unique
from tests.framework.cli.here import PREFIX, Here
from tests.framework.cli.project import CREDENTIALS
from tests.redis_server import RedisServers


async def states(here: Here, ids: list[str]) -> list[State]:
    return [(await find_job(here.engine, job_id)).state for job_id in ids]


async def test_jobs_that_are_named_are_cancelled(here: Here) -> None:
    ids = await here.make(3)
    ended = await here.run("jobs", "cancel", *ids[:2])
    assert (ended.code, ended.out) == (0, "Cancelled 2 jobs.\n")
    assert await states(here, ids) == ["cancelled", "cancelled", "available"]
    assert (await find_job(here.engine, ids[0])).reason == "operator"


async def test_what_is_so_already_is_skipped_and_what_cant_be_is_refused(here: Here) -> None:
    gone, over, waiting = await here.make(3)
    await here.engine.cancel(gone, reason="operator")
    (held,) = await here.engine.claim("events", 1, who="w", lease=None)
    await here.engine.succeed(held)
    ended = await here.run("jobs", "cancel", gone, over, waiting, "a0nowhere")
    assert (ended.code, ended.out) == (1, f"Cancelled 1 job, 1 skipped, 2 refused.\n  {gone} is cancelled\n")
    assert ended.err == f"  {over} is succeeded\n  a0nowhere there is none\n"


async def test_a_retry_says_why_it_is_refused(here: Here) -> None:
    (first,) = await here.make(unique=Unique(key="k"))
    await here.fail()
    await here.engine.enqueue(Enqueue(queue="events", kind="k", unique=Unique(key="k")))
    ended = await here.run("jobs", "retry", first, "--json")
    why = "had a unique key that another job has now"
    assert (ended.code, ended.told["refused"]) == (1, [{"id": first, "why": why}])


async def test_failed_jobs_are_retried_by_a_filter_with_new_retries(here: Here) -> None:
    ids = await here.make(3, kind="invite_created")
    await here.make()
    await here.fail(count=3)
    ended = await here.run("jobs", "retry", "--kind", "invite_created", "--yes", "--retries", "4", "--json")
    assert (ended.code, sorted(ended.told["done"])) == (0, sorted(ids))
    job = await find_job(here.engine, ids[0])
    assert (job.state, job.attempt, job.retries_left) == (State.AVAILABLE, 2, 4)


@pytest.mark.parametrize("asked", [("--queue", "thing:door", "--yes"), ("--state", "failed", "--yes")])
async def test_the_failed_work_of_a_device_is_retried_with_what_is_around_it(
    here: Here, asked: tuple[str, ...]
) -> None:
    around = Enqueue(queue="fleet", kind="fleet", envelope=True, closes=True)
    child = Enqueue(queue="thing:door", kind="device", parent=around.id, listed=(Listing.QUEUE,))
    await here.engine.call([around, child])
    await here.engine.run(ClaimJob(id=child.id, who="w"))
    await here.engine.run(Fail(id=child.id, reason="bad_exit"))
    ids = [around.id, child.id]
    assert await states(here, ids) == ["failed", "failed"]
    ended = await here.run("jobs", "retry", *asked)
    assert (ended.code, ended.out.startswith("Retried 1 job")) == (0, True)
    assert await states(here, ids) == ["running", "available"]


async def test_a_dry_run_changes_nothing_and_names_the_first_twenty(here: Here) -> None:
    ids = await here.make(25)
    ended = await here.run("jobs", "cancel", "--queue", "events", "--dry-run")
    lines = ended.out.splitlines()
    assert (ended.code, lines[0], lines[-1], len(lines)) == (0, "This would cancel 25 jobs.", "  and 5 more", 22)
    told = (await here.run("jobs", "cancel", ids[0], "--dry-run", "--json")).told
    assert told == {"verb": "cancel", "dry_run": True, "count": 1, "ids": [ids[0]]}
    assert (await count_jobs(here.engine))[State.AVAILABLE] == 25


async def test_more_jobs_than_one_call_takes_are_changed_and_progress_is_shown(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    await here.make(200)
    await here.make(100, delay=timedelta(hours=1))
    monkeypatch.setattr("envoy_plugin.cli.progress.on_a_terminal", lambda: True)
    ended = await here.run("jobs", "hold", "--install", "1001", "--yes")
    assert (ended.code, ended.out) == (0, "Held 300 jobs.\n")
    assert ("256 of 300" in ended.err, "300 of 300" in ended.err) == (True, True)
    quiet = await here.run("jobs", "hold", "--install", "1001", "--yes", "--json")
    assert (quiet.err, len(quiet.told["skipped"]), quiet.code) == ("", 300, 0)


async def test_a_limit_leaves_the_rest_alone(here: Here) -> None:
    await here.make(5)
    ended = await here.run("jobs", "cancel", "--state", "available", "--limit", "2", "--yes")
    assert (ended.out, (await count_jobs(here.engine))[State.AVAILABLE]) == ("Cancelled 2 jobs.\n", 3)


async def test_a_hold_waits_until_it_is_opened(here: Here) -> None:
    (job_id,) = await here.make()
    await here.run("jobs", "hold", job_id, "--name", "audit")
    again = await here.run("jobs", "hold", job_id, "--name", "audit")
    assert again.out == f"Held 0 jobs, 1 skipped.\n  {job_id} is held by this name already\n"
    assert await states(here, [job_id]) == [State.BLOCKED]
    other = await here.run("jobs", "unhold", job_id)
    opened = await here.run("jobs", "unhold", "--queue", "events", "--name", "audit", "--yes")
    assert other.out == f"Opened 0 jobs, 1 skipped.\n  {job_id} isn't held by this name\n"
    assert (opened.out, await states(here, [job_id])) == ("Opened 1 job.\n", [State.AVAILABLE])


async def test_a_hold_can_open_by_itself(here: Here) -> None:
    first, second = await here.make(2)
    now = await here.engine.now()
    await here.run("jobs", "hold", first, "--opens", "2h")
    await here.run("jobs", "hold", second, "--opens", "2100-01-01T00:00+01:00")
    holds = [(await find_job(here.engine, job_id)).gates.holds["operator"] for job_id in (first, second)]
    assert holds[0] is not None
    assert timedelta(hours=2) <= holds[0] - now < timedelta(hours=2, minutes=1)
    assert str(holds[1]) == "2099-12-31 23:00:00+00:00"


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("cancel",), "Name jobs"),
        (("cancel", "a1", "--queue", "events"), "Name jobs"),
        (("cancel", "--queue", "events"), "--dry-run"),
        (("cancel", "--queue", "events", "--yes", "--dry-run"), "--yes"),
        (("hold", "a1", "--name", "path"), "a meaning of its own"),
        (("unhold", "a1", "--name", "run"), "a meaning of its own"),
        (("hold", "a1", "--name", " "), "printable"),
        (("hold", "a1", "--name", "x" * 29), "28"),
        (("hold", "a1", "--opens", "soon"), "neither a span"),
        (("list", "--since", "soon"), "neither a span"),
    ],
)
async def test_what_is_ambiguous_or_reserved_is_used_wrongly(here: Here, arguments: tuple[str, ...], hint: str) -> None:
    ended = await here.run("jobs", *arguments)
    assert (ended.code, ended.out, hint in " ".join(ended.err.replace("│", " ").split())) == (2, "", True)


async def test_a_job_that_ended_after_the_filter_found_it_is_skipped(here: Here) -> None:
    await here.make()
    (held,) = await here.engine.claim("events", 1, who="w", lease=None)
    await here.engine.succeed(held)
    ended = await here.run("jobs", "cancel", "--state", "succeeded", "--yes")
    assert (ended.code, ended.out) == (0, f"Cancelled 0 jobs, 1 skipped.\n  {held.id} is succeeded\n")


async def test_what_was_done_is_said_although_redis_went_away(
    redis_server: RedisServers, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server = redis_server()
    monkeypatch.setattr("envoy_plugin.cli.jobs.bulk.MOST_ITEMS", 1)
    for name, value in {**CREDENTIALS, "REDIS_URL": server.url, "REDIS_PREFIX": PREFIX}.items():
        monkeypatch.setenv(name, value)

    def make(job_id: str, _: datetime) -> Enqueue:
        if job_id == "a2":
            server.kill()
        return Enqueue(id=job_id, queue="events", kind="k")

    deed = Deed(verb="make", past="Made", make=make, states=frozenset(State), idle=frozenset())
    with pytest.raises(RedisLost):
        await asyncio.to_thread(change, deed, order_of(ids=["a1", "a2"]), EVERY_JOB)
    assert capsys.readouterr().out == "Made 1 job.\n"
