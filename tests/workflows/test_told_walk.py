"""Whoever goes by what is told alone knows how a job stands, whatever happened, and however rarely somebody looks."""

from collections import Counter
from random import Random

import pytest

from envoy_plugin.workflows.manager import JobsManager
from envoy_plugin.workflows.models import JobHistoryAction
from envoy_plugin.workflows.notifications import NotificationManager
from envoy_plugin.workflows.running.phases import Phase
from envoy_plugin.workflows.telling.looks import look_at
from envoy_plugin.workflows.telling.messages import UNDER_WAY, MessageType, NotificationMessage
from tests.engine.clock import Clock
from tests.workflows.generated import make_diagram
from tests.workflows.stage import ITEM, Stage, add_thing
from tests.workflows.test_manager_page import RARE, SAID
from tests.workflows.walk import Walk

DIAGRAMS = 60
ACTS = 24
LEAVING = {MessageType.STEP_FINISHED, MessageType.STEP_ERROR, MessageType.STEP_CANCELLED, MessageType.STEP_PAUSED}


class Mirror:
    """A job as one knows it who is told of it, and never looks."""

    def __init__(self) -> None:
        self.running: set[str] = set()
        self.done: set[str] = set()
        self.whose: dict[str, str | None] = {}
        self.closed = False
        self.kinds: Counter[str] = Counter()
        self.unsaid: set[str] = set()

    async def hear(self, message: NotificationMessage) -> None:
        """Take in what is told."""
        kind, told = message.msg_type, message.message
        self.kinds[kind] += 1
        self.unsaid |= told.keys() - SAID[kind]
        steps = set(told.get("step_ids", [told["step_id"]] if "step_id" in told else []))
        match kind:
            case MessageType.JOB_STATE:
                states = {one["step"].step_id: one["state"] for one in told["step_states"]}
                self.running = {step for step, state in states.items() if state in UNDER_WAY}
                self.done = {step for step, state in states.items() if state == Phase.DONE}
                self.whose |= {one["step"].step_id: one["step"].assigned_to for one in told["step_states"]}
            case MessageType.STEP_STARTED:
                self.running |= steps
                self.done -= steps
            case MessageType.STEP_STOPPED | MessageType.STEP_HELD:
                self.running -= steps
                self.done |= steps if kind is MessageType.STEP_STOPPED else set()
            case MessageType.STEP_REASSIGNED:
                self.whose[told["step_id"]] = told["assigned_to"]
            case MessageType.JOB_UPDATED:
                self.closed = told["properties"].get("closed", self.closed)
        if kind in LEAVING:
            self.running -= steps
            self.done -= steps
        self.whose |= {step.step_id: step.assigned_to for step in told.get("current_steps", ())}


async def faults_of(mirror: Mirror, stage: Stage, walk: Walk) -> list[object]:
    """What it knows wrongly."""
    look = await look_at(stage.store, walk.id)
    workflow, phases = look.workflow, look.phases
    if workflow.closed or mirror.closed:
        return [] if workflow.closed == mirror.closed else ["closed"]
    running = {step for step, phase in phases.items() if phase in UNDER_WAY}
    done = {step for step, phase in phases.items() if phase is Phase.DONE}
    names = {step: (workflow.jobs[step].assignee or "").partition(":")[2] or None for step in phases}
    whose = [step for step in phases if mirror.whose.get(step) != names[step]]
    known: list[tuple[object, object]] = [(mirror.running, running), (mirror.done, done), (whose, [])]
    return [pair for pair in known if pair[0] != pair[1]]


@pytest.mark.no_cover  # it would take twice as long, and run no line that other tests don't
async def test_whoever_is_told_knows_how_a_job_stands(stage: Stage, clock: Clock, soak: int) -> None:
    kinds = Counter[str]()
    for seed in range(DIAGRAMS * soak):
        await stage.engine.redis.flushdb()
        await add_thing(stage.engine)
        dice, mirror, manager = Random(seed), Mirror(), NotificationManager(stage.store, item=ITEM)
        walk = Walk(stage, clock, dice)
        await walk.begin(make_diagram(dice, name=f"d{seed}"), closes=dice.random() < 0.5)
        await manager.subscribe_to_job(walk.id, mirror.hear)
        for _ in range(ACTS):
            await walk.act()
            if dice.random() < 0.4:
                await walk.settle()
                await manager.check()
                assert await faults_of(mirror, stage, walk) == [], f"seed {seed}"
        await manager.check()
        history = await JobsManager(stage.store, item=ITEM).get_job_history(walk.id)
        for action in (JobHistoryAction.FINISHED, JobHistoryAction.ERROR):
            told = mirror.kinds[f"Step{action}"]
            assert told == sum(row.action is action for row in history), f"seed {seed}: {action}"
        assert mirror.unsaid == set(), f"seed {seed}: the page doesn't name these"
        kinds += mirror.kinds
    assert kinds.keys() >= set(MessageType) - RARE
