"""Workers that are killed on the way: every workflow ends, and each of its steps has its effect."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable

import pytest

from envoy_plugin.connection import connect_redis
from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.listings import count_listed
from envoy_plugin.engine.states import State
from envoy_plugin.engine.verbs import Listing
from envoy_plugin.sealing import Sealer
from envoy_plugin.workflows.definitions.diagrams import Step
from envoy_plugin.workflows.definitions.store import Store
from envoy_plugin.workflows.definitions.templates import Template
from envoy_plugin.workflows.running.create import NewWorkflow, create
from envoy_plugin.workflows.running.record import KIND
from tests.acceptance.effects import count_effects, effects_in
from tests.acceptance.processes import JWT_SECRET, PREFIX, Process, Site, eventually

STEPS = 6
AT_ONCE = 20
SIX = Template.of(
    "six",
    Step.function("1", "work", then=["2", "3"]),
    Step.function("2", "work", then="4"),
    Step.function("3", "work", then="4"),
    Step.function("4", "work", join="all", then="5"),
    Step.function("5", "work", then="6"),
    Step.function("6", "work"),
)
"""Their function is in `plugins/doors.py`."""


@pytest.fixture
async def sealing_engine(site: Site) -> AsyncIterator[Engine]:
    """The engine of the site's plugin, which seals as its processes do."""
    sealer = Sealer([JWT_SECRET])
    async with connect_redis(site.redis.url, max_connections=AT_ONCE) as client:
        yield Engine(client, prefix=PREFIX, codec=sealer)


async def start_workflows(engine: Engine, count: int) -> list[str]:
    """The ids of new workflows."""
    store = Store(engine, Sealer([JWT_SECRET]).digest, own={"six": SIX})
    made = [await create(store, "six", NewWorkflow(item="1001"))]
    for start in range(1, count, AT_ONCE):
        some = range(start, min(start + AT_ONCE, count))
        made += await asyncio.gather(*(create(store, "six", NewWorkflow(item="1001")) for _ in some))
    return [one.id for one in made]


async def kill_in_the_middle(site: Site, worker: Process, after: int) -> int:
    """Kill a worker once so many steps were done, and start it again; answers the pid that it had."""
    await eventually(f"{after} steps are done", lambda: len(count_effects(site.directory, "did")) >= after, within=120)
    pid = worker.pid
    await worker.kill()
    await worker.start()
    return pid


def repeated_elsewhere(site: Site, killed: set[int]) -> tuple[int, list[str]]:
    """How often a step's effect was repeated, and the steps of which that wasn't because a worker was killed."""
    pids = defaultdict[str, list[int]](list)
    for effect in effects_in(site.directory, "did"):
        pids[effect.job].append(effect.pid)
    wrong = [step for step, by in pids.items() if len(by) > 1 and not killed.issuperset(by[:-1])]
    return sum(len(by) - 1 for by in pids.values()), wrong


@pytest.mark.timeout(900)
async def test_every_workflow_ends_and_each_step_has_its_effect_whichever_worker_is_killed(
    site: Site, sealing_engine: Engine, soak: int, record_property: Callable[[str, object], None]
) -> None:
    count = 30 if soak == 1 else 1_000
    site.variables["JOB_LEASE"] = "2"
    workflows = await start_workflows(sealing_engine, count)
    workers = [await site.worker("worker-1"), await site.worker("worker-2")]
    killed = {await kill_in_the_middle(site, workers[at], count * STEPS * (1 + 2 * at) // 5) for at in (0, 1)}

    async def all_over() -> dict[State, int] | None:
        states = await count_listed(sealing_engine, Listing.KIND, KIND)
        return states if sum(number for state, number in states.items() if state.ended) == count else None

    ended = await eventually("every workflow is over", all_over, within=300, every=0.1)
    effects, (repeats, wrong) = count_effects(site.directory, "did"), repeated_elsewhere(site, killed)
    record_property("repeated effects", repeats)
    print(f"{count} workflows, repeated effects: {repeats}")  # noqa: T201 - shown by pytest -rP
    assert Counter({state: number for state, number in ended.items() if number}) == {State.SUCCEEDED: count}
    assert effects.keys() == {f"{workflow}:{step}" for workflow in workflows for step in range(1, STEPS + 1)}
    assert wrong == []
