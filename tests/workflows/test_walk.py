"""Whatever operators, workers and devices do, a workflow ends, or waits for a reason that can be named."""

from collections import Counter
from collections.abc import Callable
from random import Random

import pytest

from envoy_plugin.engine.clock import moment
from envoy_plugin.engine.states import State
from envoy_plugin.workflows.responses import Status
from envoy_plugin.workflows.running.flow import UNDER_WAY, complete
from envoy_plugin.workflows.running.phases import Phase, phase_of
from envoy_plugin.workflows.running.record import PATH, Workflow
from tests.engine.clock import Clock
from tests.engine.invariants import broken
from tests.engine.picture import Picture, take_picture
from tests.workflows.generated import make_diagram
from tests.workflows.stage import Stage, add_thing
from tests.workflows.walk import Walk

DIAGRAMS = 200
ACTS = 24
PARTS = 2
NO_JOBS = ("diagram", "thing:")
NEVER_ANSWERED = {Status.NOT_HELD, Status.STEP_NOT_IN_DIAGRAM, Status.STEP_NOT_AUTO}


def faults_in(workflow: Workflow, clock: Clock) -> list[str]:
    """What must not be of a workflow all of whose ends were followed."""
    under_way = [step_id for step_id, standing in workflow.standings.items() if standing in UNDER_WAY]
    if workflow.closed:
        return [f"{step_id} is left" for step_id, job in workflow.jobs.items() if not job.state.ended]
    if not under_way:
        was_reopened = workflow.envelope.attempt > 1  # by somebody, who is to say where it goes on
        return ["it is over and open"] if workflow.origin.closes and not was_reopened else []
    faults = [f"{join} waits for nobody" for join in complete(workflow.diagram, workflow.standings)]
    forgotten = set(workflow.walk.joining) - set(under_way)
    faults += [f"{join} was reached, and nothing is known of it" for join in sorted(forgotten)]
    if not workflow.current:
        faults.append("it has no current step")
    for step_id in workflow.current:
        job = workflow.jobs[step_id]
        if phase_of(job, moment(clock.now)) is Phase.DONE and not workflow.waits_for_finish(step_id):
            faults.append(f"{step_id} is over, and nobody follows")
        if PATH in job.gates.holds:
            faults.append(f"{step_id} is current and shut")
    return faults


async def jobs_in(stage: Stage) -> Picture:
    """What the engine has in Redis."""
    picture = await take_picture(stage.engine.redis)
    return {key: entry for key, entry in picture.items() if not key.removeprefix("{test}:").startswith(NO_JOBS)}


async def walk_once(stage: Stage, clock: Clock, seed: int, acts: int) -> Walk:
    """A walk over one diagram; at its end, and in the middle, nothing is wrong."""
    dice = Random(seed)
    walk = Walk(stage, clock, dice)
    await walk.begin(make_diagram(dice, name=f"d{seed}"), closes=dice.random() < 0.8)
    for _ in range(PARTS):
        for _ in range(acts // PARTS):
            await walk.act()
        await walk.settle()
        assert faults_in(await stage.load(walk.id), clock) == [], f"seed {seed}"
    return walk


@pytest.mark.long
@pytest.mark.no_cover  # it would take twice as long, and run no line that other tests don't
@pytest.mark.timeout(900)
async def test_a_workflow_ends_or_waits_for_a_reason_that_can_be_named(
    stage: Stage, clock: Clock, soak: int, record_property: Callable[[str, object], None]
) -> None:
    seen, ended = set[Status](), Counter[State]()
    for number in range(DIAGRAMS * soak):
        await stage.engine.redis.flushdb()
        await add_thing(stage.engine)
        walk = await walk_once(stage, clock, number, ACTS)
        assert broken(await jobs_in(stage)) == [], f"seed {number}"
        seen |= walk.seen
        ended[(await stage.load(walk.id)).envelope.state] += 1
    record_property("workflows by how they ended", {str(state): number for state, number in ended.items()})
    assert seen == set(Status) - NEVER_ANSWERED
    assert set(ended) == {State.RUNNING, State.SUCCEEDED, State.FAILED}
