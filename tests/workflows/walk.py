"""A walk: operators, workers, a device and a pull-worker act on one workflow, in any order, and time passes."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from random import Random
from typing import Any

from pydantic_core import to_json

from envoy_plugin.engine.engine import Mode
from envoy_plugin.engine.model import Claimed, Job
from envoy_plugin.engine.states import Reason
from envoy_plugin.engine.sweeper import sweep
from envoy_plugin.engine.verbs import (
    Cancel,
    Claim,
    Delete,
    Depend,
    Fail,
    Hold,
    Resume,
    Retry,
    Succeed,
    Unhold,
    Verb,
)
from envoy_plugin.errors import EngineError
from envoy_plugin.workflows.definitions.diagrams import Diagram
from envoy_plugin.workflows.definitions.templates import Template
from envoy_plugin.workflows.operating import steps
from envoy_plugin.workflows.responses import Actor, Status
from envoy_plugin.workflows.running.advance import end_step, load_followed
from envoy_plugin.workflows.running.create import NewWorkflow, create
from envoy_plugin.workflows.running.draft import Draft
from envoy_plugin.workflows.running.record import MANUAL_HOLD
from tests.engine.clock import Clock
from tests.workflows.generated import THING
from tests.workflows.stage import ADA, BOB, ITEM, Stage

RESULTS: tuple[dict[str, Any] | None, ...] = (None, {"again": True}, {"again": False}, {"returnCode": 0})


class Walk:
    """One workflow, and those who act on it. `seen` collects the statuses that operators were answered."""

    def __init__(self, stage: Stage, clock: Clock, dice: Random) -> None:
        self.stage = stage
        self.clock = clock
        self.dice = dice
        self.seen: set[Status] = set()
        self.acts: tuple[Callable[[], Awaitable[object]], ...] = (
            *[self.work] * 4,
            *[self.operate] * 5,
            *[self.device, self.pull] * 2,
            *[stage.advance] * 2,
            self.hold,
            self.release,
            self.cancel,
            self.again,
            self.unfollow,
            self.delete,
            self.reopen,
            self.wait,
        )

    async def begin(self, diagram: Diagram, *, closes: bool) -> None:
        """Make the workflow."""
        self.stage.templates["t"] = Template(id="t", diagram=diagram, closes=closes)
        new = NewWorkflow(item=ITEM, created_by="ada", runs=self.dice.random() < 0.8)
        self.id = (await create(self.stage.store, "t", new)).id
        self.ids = list(diagram.by_id)

    async def act(self) -> None:
        """Let somebody do something."""
        await self.dice.choice(self.acts)()

    async def work(self) -> None:
        """Our worker does a step: well, badly, or so badly that it isn't tried again."""
        for held in await self._claim("steps"):
            if self.dice.random() < 0.6:
                told = {"data": self.dice.choice(RESULTS)}
                await end_step(self.stage.store, Succeed.of(held, outcome=self.stage.engine.seal(to_json(told))), told)
            elif self.dice.random() < 0.9:
                reason = self.dice.choice([Reason.ERROR, Reason.REJECTED, Reason.REJECTED])
                await self._try(Fail.of(held, reason=reason, delay=timedelta()))

    async def operate(self) -> None:
        """Somebody at the front desk acts on one step, or on all current ones."""
        store, actor = self.stage.store, self.dice.choice([ADA, ADA, BOB, Actor(user="eve", overrides=True)])
        name = self.dice.choice(
            ["run", "run", "finish", "finish", "stop", "refresh", "answer", "set_current", "assign"]
        )
        step_id = self.dice.choice(self.ids)
        match name:
            case "answer":
                response = await steps.answer(store, self.id, step_id, self.dice.choice(["Yes", "No"]), actor=actor)
            case "set_current":
                response = await steps.set_current(store, self.id, step_id, actor=actor)
            case "assign":
                assignee = self.dice.choice(["user:ada", "group:front-desk", "unassigned"])
                response = await steps.assign(store, self.id, step_id, assignee, actor=actor)
            case _:
                chosen = self.dice.choice([[], [step_id], self.ids[:2]])
                response = await getattr(steps, name)(store, self.id, chosen, actor=actor)
        self.seen |= {one.status for one in response.step_responses}

    async def device(self) -> None:
        """The device goes on with what it has, or takes the next, and ends it, or doesn't."""
        resume = Resume(queue=f"thing:{THING}", who="key", lease=None)
        await self._do(await self.stage.engine.run(resume), self.dice.choice([Reason.BAD_EXIT, Reason.REJECTED]))

    async def pull(self) -> None:
        """A pull-worker takes a job, and ends it, or is never heard of again."""
        await self._do(await self._claim("default"), Reason.KILLED)

    async def hold(self) -> None:
        """Somebody holds a step, or lets it wait for another."""
        workflow = await self.stage.load(self.id)
        job, other = (workflow.steps[self.dice.choice(self.ids)] for _ in range(2))
        if self.dice.random() < 0.2:
            await self._try(Depend(id=job, upstream=other))
        else:
            until = self.clock.after(timedelta(seconds=30)) if self.dice.random() < 0.5 else None
            await self._try(Hold(id=job, hold=MANUAL_HOLD, until=until))

    async def release(self) -> None:
        """Somebody releases it."""
        workflow = await self.stage.load(self.id)
        await self._try(Unhold(id=workflow.steps[self.dice.choice(self.ids)], hold=MANUAL_HOLD))

    async def cancel(self) -> None:
        """Somebody cancels a step by its job's id."""
        workflow = await self.stage.load(self.id)
        await self._try(Cancel(id=workflow.steps[self.dice.choice(self.ids)], reason=Reason.OPERATOR))

    async def again(self) -> None:
        """Somebody gives a step that is over, wherever it stands, a new try by its job's id."""
        workflow = await self.stage.load(self.id)
        await self._try(Retry(id=workflow.steps[self.dice.choice(self.ids)]))

    async def unfollow(self) -> None:
        """Somebody cancels what is to follow the end of a step."""
        for job in await self._job():
            await self._try(Cancel(id=f"{job.id}.{job.attempt}", reason=Reason.OPERATOR))

    async def delete(self) -> None:
        """A device's or a pull-worker's client deletes a try that is over."""
        for job in await self._job():
            await self._try(Delete(id=job.id, attempt=self.dice.randint(1, job.attempt)))

    async def reopen(self) -> None:
        """Somebody lets a workflow that is over go on."""
        workflow = await self.stage.load(self.id)
        if workflow.closed:
            draft = Draft(self.stage.store, workflow)
            draft.reopen()
            await self.stage.engine.call(draft.call())

    async def wait(self) -> None:
        """Time passes, and with it leases and limits."""
        self.clock.move(timedelta(seconds=40))
        await sweep(self.stage.engine)

    async def settle(self) -> None:
        """Follow every end: those that somebody is to follow, then those of which that was cancelled."""
        while await self.stage.advance():
            pass
        await load_followed(self.stage.store, self.id)

    async def _job(self) -> list[Job]:
        """That of one of the steps; there may be none any more."""
        job = (await self.stage.load(self.id)).jobs.get(self.dice.choice(self.ids))
        return [] if job is None else [job]

    async def _claim(self, queue: str) -> list[Claimed]:
        return await self.stage.engine.run(Claim(queue=queue, n=1, who="w", lease=timedelta(seconds=30)))

    async def _do(self, jobs: list[Claimed], reason: str) -> None:
        for held in jobs:
            details = self.stage.engine.seal(to_json(self.dice.choice(RESULTS)))
            chance = self.dice.random()
            if chance < 0.5:
                await self._try(Succeed.of(held, details=details))
            elif chance < 0.9:
                await self._try(Fail.of(held, reason=reason, details=details))

    async def _try(self, verb: Verb[Any]) -> None:
        """What is refused changes nothing."""
        [answer] = await self.stage.engine.call([verb], Mode.EACH)
        assert not isinstance(answer, EngineError) or answer.args
