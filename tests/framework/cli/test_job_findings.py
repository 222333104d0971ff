"""What `doctor` finds about jobs and reports."""

from datetime import timedelta

import pytest
from redis.asyncio import Redis

from envoy_plugin.cli.findings.finding import Finding
from envoy_plugin.cli.findings.jobs import look_at_jobs
from envoy_plugin.cli.findings.reports import look_at_reports
from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.verbs import Cancel, Enqueue, Pause, Policy
from envoy_plugin.worker.heartbeats import beat
from tests.engine.clock import Clock
from tests.framework.cli.test_workers import heartbeat

SECOND = timedelta(seconds=1)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def engine(redis: Redis, clock: Clock) -> Engine:
    return Engine(redis, prefix="shop-doors", clock=clock)


async def bad(engine: Engine) -> list[Finding]:
    found = await look_at_jobs(engine)
    return [finding for finding in found if finding.status != "ok" and finding.about != "workers"]


async def make(engine: Engine, count: int = 1, queue: str = "events", **facts: object) -> list[str]:
    verbs = [Enqueue(queue=queue, kind="k", **facts) for _ in range(count)]  # type: ignore[arg-type]  # facts of Enqueue
    return [made.id for made in await engine.call(verbs)]


async def test_an_idle_plugin_has_good_findings_alone(engine: Engine) -> None:
    assert [finding.text[:4] for finding in await look_at_jobs(engine) if finding.status != "ok"] == ["none"]
    await beat(engine, heartbeat())
    found = [*await look_at_jobs(engine), *await look_at_reports(engine)]
    assert {finding.about for finding in found} >= {"jobs on time", "jobs claimed", "jobs blocked", "reports owed"}
    assert {finding.status for finding in found} == {"ok"}


async def test_what_nobody_sweeps_is_counted(engine: Engine, clock: Clock) -> None:
    await make(engine, 2)
    await engine.claim("events", 1, who="w", lease=SECOND)
    await make(engine, delay=SECOND)
    clock.move(timedelta(seconds=60))
    assert await bad(engine) == []
    clock.move(2 * SECOND)
    (finding,) = await bad(engine)
    assert (finding.about, "1 running past lease or limit and 1 past their time" in finding.text) == (
        "jobs on time",
        True,
    )


async def test_a_queue_that_nobody_claims_from_is_named(engine: Engine, clock: Clock) -> None:
    await make(engine, 3)
    await make(engine, queue="user:ada")
    await make(engine, queue="unassigned")
    clock.move(timedelta(minutes=10))
    assert await bad(engine) == []
    clock.move(timedelta(minutes=1))
    (finding,) = await bad(engine)
    assert (finding.about, finding.text) == ("jobs claimed", "the next job of events has waited for 11 minutes")


async def test_a_paused_queue_is_named_without_its_reason(engine: Engine, clock: Clock) -> None:
    await make(engine)
    await engine.run(Pause(queue="events", why=b"canary"))
    clock.move(timedelta(minutes=11))
    (finding,) = await bad(engine)
    assert (finding.about, finding.text) == ("queues", "events is paused: nobody gets its jobs")


async def test_what_has_been_blocked_for_a_day_is_told_by_cause(engine: Engine, clock: Clock) -> None:
    running, gone, *_ = await make(engine, 3, queue="q")
    await engine.call([Cancel(id=gone, reason="operator")])
    await make(engine, 3, holds={"audit": None})
    await make(engine, 2, after={gone: Policy.HOLD, running: Policy.HOLD})
    await make(engine, after={running: Policy.HOLD})
    await make(engine, 2, lane="door")
    await make(engine, holds={"path": None})
    clock.move(timedelta(days=1, seconds=1))
    finding = next(finding for finding in await bad(engine) if finding.about == "jobs blocked")
    causes = (
        "3 by hold 'audit', 2 by a job that is cancelled, 1 by a job that isn't over, 1 by the job before in its lane"
    )
    assert finding.text == f"7 for over a day: {causes}"


async def test_reports_on_their_way_are_well_until_an_hour_has_passed(engine: Engine, clock: Clock) -> None:
    await make(engine, 2, queue="report", delay=timedelta(days=1))
    _, owed = await look_at_reports(engine)
    clock.move(timedelta(hours=1))
    _, late = await look_at_reports(engine)
    assert (owed.status, late.status) == ("ok", "warning")
    assert late.text == "2 still to be told to Envoy, since 2033-05-18T03:33:20.000Z"


async def test_a_thousand_blocked_jobs_are_not_all_read(
    engine: Engine, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("envoy_plugin.cli.findings.jobs.MOST_READ", 2)
    await make(engine, 3, holds={"audit": None})
    clock.move(timedelta(days=2))
    (finding,) = await bad(engine)
    assert finding.text == "2 or more for over a day: 2 by hold 'audit'"
