"""Whatever is killed on the way, every event that was accepted has its effect, and Envoy hears its end."""

import json
import random
from collections import Counter
from collections.abc import Callable

import pytest

from envoy_plugin.engine.engine import Engine, Mode
from envoy_plugin.engine.listings import Filter, every_job
from envoy_plugin.engine.queries import count_jobs, list_jobs
from envoy_plugin.engine.states import ENDED, Reason, State
from envoy_plugin.engine.verbs import Unhold
from tests.acceptance.effects import count_effects, effects_in
from tests.acceptance.envoy_side import Envoy, Event
from tests.acceptance.processes import Site, eventually
from tests.acceptance.storm import NAMES, WEB, Storm, plan_phases

OVER_SECONDS = 60


async def start_storm(site: Site) -> Storm:
    """A simulated Envoy, a web process and two workers, with a lease that is over soon."""
    site.variables["JOB_LEASE"] = "2"
    envoy = await site.platform()
    victims = {WEB: await site.web(), "worker-1": await site.worker("worker-1")}
    victims["worker-2"] = await site.worker("worker-2")
    return Storm(site=site, envoy=envoy, victims=victims)


async def release(engine: Engine) -> None:
    """Give the word for everything that waits for it alone."""
    held = [job async for job in every_job(engine, Filter(kind="task:hand_over", states=frozenset({State.BLOCKED})))]
    await engine.call([Unhold(id=job.id, hold="word") for job in held[:256] if "word" in job.gates.holds], Mode.EACH)


async def all_over(engine: Engine) -> dict[State, int] | None:
    """How many jobs ended how, once none is unfinished; what comes each second isn't waited for."""
    await release(engine)
    counts = await count_jobs(engine)
    unfinished = sum(counts[state] for state in (State.BLOCKED, State.AVAILABLE, State.RUNNING))
    beats = [job for job in await list_jobs(engine, set(State) - ENDED) if job.kind == "task:beat"]
    return counts if unfinished + counts[State.SCHEDULED] == len(beats) else None


def order_of_pieces(site: Site) -> list[str]:
    """What was laid out of a lane after something that comes later in it."""
    latest: dict[str, int] = {}
    wrong = []
    for effect in effects_in(site.directory):
        if effect.what.startswith("laid "):
            number = int(effect.what[-1])
            wrong += [f"{number} of {effect.job}"] * (number < latest.get(effect.job, 0))
            latest[effect.job] = max(number, latest.get(effect.job, 0))
    return wrong


def run_again_though_recorded(site: Site) -> set[str]:
    """The jobs whose memoised piece ran after it had been recorded."""
    recorded: set[str] = set()
    again = set()
    for effect in effects_in(site.directory):
        if effect.what == "recorded":
            recorded.add(effect.job)
        elif effect.what == "badge" and effect.job in recorded:
            again.add(effect.job)
    return again


def ticks(site: Site) -> Counter[str]:
    """How often the processes say that each second's task was made."""
    lines = [line for path in site.directory.glob("*.log") for line in path.read_text().splitlines()]
    return Counter(json.loads(line)["tick"] for line in lines if '"event": "schedule.due"' in line)


async def cancelled_for(engine: Engine) -> set[str | None]:
    """Why jobs were cancelled."""
    return {job.reason async for job in every_job(engine, Filter(states=frozenset({State.CANCELLED})))}


def repeats(counts: Counter[str]) -> int:
    return sum(count - 1 for count in counts.values())


async def tell(storm: Storm, engine: Engine, record: Callable[[str, object], None], seed: int) -> None:
    """What happened more often than once, for whoever reads the report."""
    jobs = [job for job in await list_jobs(engine, limit=1_000) if job.queue == "events"]
    whats = ("started", "badge", "opened", "laid 1", "laid 2", "laid 3")
    effects = {what: repeats(count_effects(storm.site.directory, what)) for what in whats}
    facts: dict[str, object] = {
        "seed": seed,
        "accepted": len(storm.accepted),
        "deliveries": storm.deliveries,
        "in flight at each kill": storm.in_flight,
        "repeated effects": effects,
        "repeated ends at Envoy": repeats(await storm.envoy.ends()),
        "attempts spent, of the newest": sum(job.attempt - 1 for job in jobs),
    }
    for name, value in facts.items():
        record(name, value)
    print(facts)  # noqa: T201 - shown by pytest -rP


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_every_accepted_event_has_its_effect_and_ends_at_envoy_whatever_is_killed(
    site: Site, engine: Engine, soak: int, record_property: Callable[[str, object], None]
) -> None:
    seed = random.getrandbits(32)  # the same for the same --randomly-seed
    print(f"seed {seed}")  # noqa: T201 - shown where the test fails
    events, kills = (300, 2) if soak == 1 else (2_000, 6)
    storm = await start_storm(site)
    for phase in plan_phases(random.Random(seed), events=events, kills=kills):
        await storm.pass_through(phase)
    counts = await eventually("every job is over", lambda: all_over(engine), within=OVER_SECONDS, every=0.2)
    await tell(storm, engine, record_property, seed)
    job_ids = {f"job-{number}" for number in range(events)}
    assert min(storm.in_flight) > 0
    assert repeats(count_effects(site.directory, "started")) > 0
    assert storm.accepted == job_ids
    assert count_effects(site.directory, "opened").keys() == job_ids
    assert await storm.envoy.statuses(sorted(job_ids)) == {"done": events}
    assert (await storm.envoy.ends()).keys() == job_ids
    assert "never retrieved" not in "".join(path.read_text() for path in site.directory.glob("*.log"))
    assert counts[State.FAILED] == 0
    assert await cancelled_for(engine) <= {Reason.SUPERSEDED}  # word of what was over before Envoy could be told
    assert order_of_pieces(site) == []
    assert run_again_though_recorded(site) == set()
    assert count_effects(site.directory, "laid 3").keys() == {f"job-{at}" for at in range(2, events, len(NAMES))}
    assert set(ticks(site).values()) == {1}
    assert len(ticks(site)) >= kills


async def test_processes_that_start_before_redis_serve_once_it_is_there(site: Site) -> None:
    site.redis.kill()
    envoy = await site.platform("--job", "visit-1")
    web, event = await site.web(), Event.make("entry_sign_in", "visit-1")
    await site.worker()
    refused = await site.deliver(web, event)
    async with site.session.get(f"{web.url}/readyz") as readiness, site.session.get(f"{web.url}/healthz") as health:
        pages = (readiness.status, health.status)
    site.redis.start()
    accepted = await site.deliver(web, event)
    await eventually("Envoy was told", lambda: is_done(envoy))
    assert refused is not None
    assert accepted is not None
    assert (refused.status, accepted.status, pages) == (503, 202, (503, 200))
    assert await envoy.ends() == {"visit-1": 1}


async def test_redis_being_away_in_the_middle_of_a_handler_spends_none_of_its_retries(
    site: Site, engine: Engine
) -> None:
    envoy = await site.platform("--job", "visit-1")
    web, worker = await site.web(), await site.worker()
    await site.deliver(web, Event.make("entry_blacklist_deny", "visit-1"))
    await eventually("the handler runs", lambda: count_effects(site.directory, "started"))
    site.redis.kill()
    site.touch("go")
    await eventually("its end can't be written", lambda: '"event": "end.postponed"' in worker.output)
    site.redis.start()
    await eventually("Envoy was told", lambda: is_done(envoy))
    (job,) = [job for job in await list_jobs(engine) if job.queue == "events"]
    assert (job.attempt, job.crashes) == (1, 0)


@pytest.mark.soak
async def test_redis_being_away_in_the_middle_of_a_report_is_no_crash(site: Site, engine: Engine) -> None:
    envoy = await site.platform("--job", "visit-1")
    web, worker = await site.web(), await site.worker()
    await envoy.fail({"path": "/a/auth", "delay": 2})
    await site.deliver(web, Event.make("entry_sign_in", "visit-1"))
    await eventually("the report is on its way", lambda: running_report(engine))
    site.redis.kill()
    await eventually("the report can't go on", lambda: '"event": "end.postponed"' in worker.output)
    site.redis.start()
    await eventually("Envoy was told", lambda: is_done(envoy), within=40)  # its login is locked for up to 15 s
    (report,) = [job for job in await list_jobs(engine) if job.queue == "report"]
    assert report.crashes == 0


async def running_report(engine: Engine) -> bool:
    return [job.queue for job in await list_jobs(engine, {State.RUNNING})] == ["report"]


async def is_done(envoy: Envoy) -> bool:
    return bool((await envoy.job("visit-1"))["status"] == "done")
