"""What jobs are found by is what they are: after any change the index is the one that would be made anew."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.queries import text_of
from envoy_plugin.engine.sweeper import sweep
from envoy_plugin.errors import EngineError, JobNotFound, WorkflowError
from envoy_plugin.workflows.definitions.diagrams import UNASSIGNED
from envoy_plugin.workflows.index.summary import Summary, pairs_of, tag_of
from envoy_plugin.workflows.location import Location
from envoy_plugin.workflows.manager import JobsManager
from envoy_plugin.workflows.models import UpdateJobOverrides
from envoy_plugin.workflows.running.record import Change, Workflow, load, summary_of
from tests.engine.clock import Clock
from tests.workflows.generated import make_diagram
from tests.workflows.stage import ITEM, Stage, add_thing
from tests.workflows.walk import Walk

OUTSIDE = ("again", "unfollow", "delete")
"""Acts of the walk on the jobs of steps, behind the back of their workflow, which hears of them at its next change."""


def summary_anew(workflow: Workflow) -> Summary:
    """What a workflow as it stands would be found by."""
    whose = {step_id: workflow.jobs[step_id].assignee or UNASSIGNED for step_id in workflow.current}
    current = [] if workflow.closed else list(whose.items())
    properties, origin = workflow.properties, workflow.origin
    change = Change(
        walk=workflow.walk,
        properties=properties,
        current=current,
        percent=workflow.percent,
        closed=workflow.closed,
    )
    return summary_of(workflow.public_id, workflow.envelope.made, origin, workflow.diagram, properties, change)


async def tags_in(engine: Engine) -> dict[str, set[str]]:
    """The jobs under every tag."""
    found: dict[str, set[str]] = {}
    async for key in engine.redis.scan_iter(match=engine.keys.tag("*"), count=1_000):
        ids: Any = await engine.redis.zrange(key, 0, -1)
        found[text_of(key)] = set(map(text_of, ids))
    return found


async def tags_anew(stage: Stage, ids: list[str], *, is_settled: bool) -> dict[str, set[str]]:
    """The same, as it would be made from what the workflows say; settled, from what they are."""
    found: dict[str, set[str]] = {}
    for workflow_id in ids:
        with suppress(JobNotFound):
            workflow = await load(stage.store, workflow_id)
            assert not is_settled or workflow.summary == summary_anew(workflow)
            for pair in pairs_of(workflow.summary):
                found.setdefault(stage.engine.keys.tag(tag_of(stage.store, ITEM, pair)), set()).add(workflow_id)
    return found


def acts_of(stage: Stage, clock: Clock, dice: Random, job_id: str) -> list[Callable[[], Awaitable[object]]]:
    """What operators do, and time."""
    jobs = JobsManager(stage.store, item=ITEM)

    async def pass_time() -> None:
        clock.move(dice.choice([timedelta(minutes=10), timedelta(minutes=10), timedelta(hours=5), timedelta(days=8)]))
        await sweep(stage.engine)

    updates = UpdateJobOverrides(job_name=dice.choice(["x", "y z"]), notes=dice.choice([None, "n m"]))
    place = dice.choice([None, Location.from_degrees(1, 2)])
    return [
        lambda: jobs.update_job(job_id, updates),
        lambda: jobs.assign_current_step(job_id, dice.choice(["ada", "bob"]), "User"),
        lambda: jobs.set_job_location(job_id, place),
        lambda: jobs.close_jobs([job_id]),
        lambda: jobs.reopen_jobs([job_id]),
        lambda: jobs.upgrade_jobs([job_id]),
        lambda: jobs.delete_jobs([job_id] if dice.random() < 0.2 else []),
        pass_time,
    ]


@pytest.mark.parametrize("seed", range(8))
async def test_the_index_is_the_one_that_would_be_made_anew(stage: Stage, clock: Clock, seed: int) -> None:
    dice, walks = Random(seed), [Walk(stage, clock, Random(seed + at)) for at in range(3)]
    await add_thing(stage.engine)
    for at, walk in enumerate(walks):
        walk.acts = tuple(act for act in walk.acts if act.__name__ not in OUTSIDE)
        await walk.begin(make_diagram(dice, name=f"d{at}"), closes=dice.random() < 0.6)
    ids = [walk.id for walk in walks]
    for _ in range(40):
        walk = dice.choice(walks)
        act = dice.choice([*[walk.act] * 12, *acts_of(stage, clock, dice, walk.id)])
        with suppress(WorkflowError, EngineError):
            await act()
        assert await tags_in(stage.engine) == await tags_anew(stage, ids, is_settled=False)
    for walk in walks:
        with suppress(JobNotFound):
            await walk.settle()
    assert await tags_in(stage.engine) == await tags_anew(stage, ids, is_settled=True)
