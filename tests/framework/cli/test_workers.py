"""`envoy-plugin workers`: those that live."""

import re
from datetime import UTC, datetime, timedelta

from envoy_plugin.worker.heartbeats import Heartbeat, HeldJob, beat
from tests.framework.cli.here import Here


def heartbeat(who: str = "host:1", *jobs: HeldJob, ago: int = 0) -> Heartbeat:
    now = datetime.now(UTC) - timedelta(seconds=ago)
    return Heartbeat(who=who, since=now, seen=now, queues=("events", "report"), concurrency=16, jobs=jobs)


async def test_no_worker_is_said(here: Here) -> None:
    assert (await here.run("workers")).out == "No workers.\n"
    assert (await here.run("workers", "--json")).told == {"workers": []}


async def test_workers_are_shown_with_what_they_run(here: Here) -> None:
    since = datetime.now(UTC) - timedelta(seconds=90)
    job = HeldJob(id="a1", kind="entry_sign_in", install="\x1b[31m", since=since)
    await beat(here.engine, heartbeat("host:2", job, ago=3))
    await beat(here.engine, heartbeat("host:1"))
    lines = (await here.run("workers")).out.splitlines()
    assert [line.split()[0] for line in lines if line] == ["WORKER", "host:1", "host:2", "host:2", "a1"]
    assert re.search(r"host:2 .+ [345] s ago +events,report  1 of 32", lines[2])
    assert re.search(r"a1  entry_sign_in  \\x1b\[31m  for 9\d s", lines[-1])


async def test_workers_as_json_are_one_document(here: Here) -> None:
    job = HeldJob(id="a1", kind="entry_sign_in", install="1001", since=datetime(2026, 1, 1, tzinfo=UTC))
    said = heartbeat("host:1", job)
    await beat(here.engine, said)
    (told,) = (await here.run("workers", "--json")).told["workers"]
    assert (told["worker"], told["queues"], told["concurrency"]) == ("host:1", ["events", "report"], 16)
    assert datetime.fromisoformat(told["seen"]) <= said.seen
    assert told["jobs"] == [
        {"id": "a1", "kind": "entry_sign_in", "install": "1001", "since": "2026-01-01T00:00:00.000Z"}
    ]
