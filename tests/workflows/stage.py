"""Workflows as the tests play them: templates in code, and whoever does the steps, acting at once."""

from collections.abc import Callable
from typing import Any

from pydantic_core import to_json

from envoy_plugin.engine.engine import Engine, Mode
from envoy_plugin.engine.model import Claimed
from envoy_plugin.engine.verbs import Fail, Succeed, Unhold
from envoy_plugin.workflows.definitions.diagrams import Step
from envoy_plugin.workflows.definitions.store import Store
from envoy_plugin.workflows.definitions.templates import Template
from envoy_plugin.workflows.handles import WorkflowHandle
from envoy_plugin.workflows.operating import steps
from envoy_plugin.workflows.responses import Actor, JobActionResponse
from envoy_plugin.workflows.running.advance import end_overdue, end_step, follow_up
from envoy_plugin.workflows.running.create import NewWorkflow, create
from envoy_plugin.workflows.running.record import MANUAL_HOLD, Workflow, load
from envoy_plugin.workflows.running.work import OVERDUE

ITEM = "install-1"
ADA, BOB = Actor(user="ada", groups=["front-desk"]), Actor(user="bob")


async def add_thing(engine: Engine, name: str = "printer", install: str = "-") -> None:
    """Make a thing known."""
    await engine.redis.hset(engine.keys.thing(name), "install", install)


async def remove_thing(engine: Engine, name: str = "printer") -> None:
    """Make a thing unknown again."""
    await engine.redis.delete(engine.keys.thing(name))


class Stage:
    """A store whose templates the test defines, and short ways to play."""

    def __init__(self, engine: Engine, digest: Callable[[str], str]) -> None:
        self.engine = engine
        self.templates: dict[str, Template] = {}
        self.store = Store(engine, digest, own=self.templates)

    async def start(self, *steps_: Step, template: str = "t", new: NewWorkflow | None = None, **facts: Any) -> str:
        """The id of a workflow with these steps."""
        self.templates[template] = Template.of(template, *steps_, **facts)
        return (await create(self.store, template, new or NewWorkflow(item=ITEM))).id

    async def load(self, workflow_id: str) -> Workflow:
        return await load(self.store, workflow_id)

    async def current(self, workflow_id: str) -> list[str]:
        return (await self.load(workflow_id)).current

    async def act(self, name: str, workflow_id: str, *step_ids: str, by: Actor = ADA) -> str:
        """Run, finish, stop or refresh steps; answers the statuses."""
        response = await getattr(steps, name)(self.store, workflow_id, step_ids, actor=by)
        return " ".join(one.status for one in response.step_responses)

    async def answer(self, workflow_id: str, step_id: str, value: object, by: Actor = ADA) -> str:
        """Answer a question; answers the status."""
        return _only(await steps.answer(self.store, workflow_id, step_id, value, actor=by))

    async def set_current(self, workflow_id: str, step_id: str) -> str:
        """Set a step current; answers the status."""
        return _only(await steps.set_current(self.store, workflow_id, step_id, actor=ADA))

    async def assign(self, workflow_id: str, step_id: str, assignee: str) -> str:
        """Assign a step; answers the status."""
        return _only(await steps.assign(self.store, workflow_id, step_id, assignee, actor=ADA))

    def handle(self, workflow_id: str) -> WorkflowHandle:
        """What a function of the plugin has of it."""
        return WorkflowHandle(id=workflow_id, item=ITEM, store=self.store)

    async def release(self, workflow_id: str, step_id: str) -> None:
        """Open the hold of a step."""
        job_id = (await self.load(workflow_id)).steps[step_id]
        await self.engine.run(Unhold(id=job_id, hold=MANUAL_HOLD))

    async def claim(self, queue: str) -> Claimed:
        """The next job of a queue; there must be one."""
        [held] = await self.engine.claim(queue, 1, who="test", lease=None)
        return held

    async def do(self, result: dict[str, Any] | None = None) -> None:
        """End the next step of our worker's well, as a worker does."""
        held = await self.claim("steps")
        told = {"data": result}
        assert await end_step(self.store, Succeed.of(held, outcome=self.engine.seal(to_json(told))), told)

    async def fail(self, reason: str = "error") -> None:
        """End it badly."""
        held = await self.claim("steps")
        await self.engine.run(Fail.of(held, reason=reason))

    async def advance(self) -> int:
        """Follow every end that nobody has followed; answers how many there were."""
        held = await self.engine.claim("advance", 100, who="test", lease=None)
        for one in held:
            end = await (end_overdue if one.kind == OVERDUE else follow_up)(self.store, one)
            if end is not None:
                await self.engine.call([end], Mode.EACH)  # one that was made void meanwhile is nobody's any more
        return len(held)


def _only(response: JobActionResponse) -> str:
    [one] = response.step_responses
    return one.status
