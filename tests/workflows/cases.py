"""Jobs in every state, and calls of every method of `JobsManager`, for the table of what each is answered."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import pytest
from redis.asyncio import Redis

from envoy_plugin.engine.verbs import Describe
from envoy_plugin.errors import EnvoyPluginError
from envoy_plugin.workflows.definitions.diagrams import Step
from envoy_plugin.workflows.definitions.templates import Template
from envoy_plugin.workflows.manager import JobsManager
from envoy_plugin.workflows.models import (
    CreateJobOverrides,
    JobAttachmentDetails,
    JobDependencyDetails,
    JobHoldDetails,
    JobStatisticsDetails,
    Query,
    UpdateJobOverrides,
)
from envoy_plugin.workflows.responses import JobActionResponse
from tests.workflows.office import Office
from tests.workflows.stage import ITEM


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Who calls, of which job and what of it: a job has one step after the other, and an attachment."""

    manager: JobsManager
    job_id: Any
    template: Any = "pair"
    step_id: str = "first"
    other: str = ""
    attachment: str = ""
    more: tuple[str, ...] = ()
    number: int = 1

    @property
    def job_ids(self) -> list[Any]:
        return [self.job_id, *self.more]

    @property
    def hold(self) -> JobHoldDetails:
        return JobHoldDetails(job_id=self.job_id, step_ids=[self.step_id])

    @property
    def wait(self) -> JobDependencyDetails:
        return JobDependencyDetails(job_id=self.job_id, step_ids=[self.step_id], dependent_job_id=self.other)

    def attach(self, **facts: Any) -> JobAttachmentDetails:
        return JobAttachmentDetails(job_id=self.job_id, **facts)


Call: TypeAlias = Callable[[JobsManager, Case], Awaitable[Any]]
HIGH, PLACE = UpdateJobOverrides(priority="High"), {"type": "Point", "coordinates": [1, 2]}
CALLS: dict[str, Call] = {
    "create_jobs": lambda jobs, on: jobs.create_jobs(on.template, CreateJobOverrides(number_of_jobs=on.number)),
    "get_job": lambda jobs, on: jobs.get_job(on.job_id, ext_props=True, holds=True),
    "query_jobs": lambda jobs, on: jobs.query_jobs(Query(q="closed = 0", search=on.job_id)),
    "calculate_job_statistics": lambda jobs, on: jobs.calculate_job_statistics(JobStatisticsDetails(search=on.job_id)),
    "update_job": lambda jobs, on: jobs.update_job(on.job_id, HIGH),
    "close_jobs": lambda jobs, on: jobs.close_jobs(on.job_ids),
    "reopen_jobs": lambda jobs, on: jobs.reopen_jobs(on.job_ids),
    "delete_jobs": lambda jobs, on: jobs.delete_jobs(on.job_ids),
    "upgrade_jobs": lambda jobs, on: jobs.upgrade_jobs(on.job_ids),
    "start_steps": lambda jobs, on: jobs.start_steps(on.job_id, [on.step_id]),
    "stop_steps": lambda jobs, on: jobs.stop_steps(on.job_id, [on.step_id]),
    "finish_steps": lambda jobs, on: jobs.finish_steps(on.job_id, [on.step_id]),
    "refresh_steps": lambda jobs, on: jobs.refresh_steps(on.job_id, [on.step_id]),
    "set_current_step": lambda jobs, on: jobs.set_current_step(on.job_id, on.step_id),
    "assign_step": lambda jobs, on: jobs.assign_step(on.job_id, on.step_id, "eve", "User"),
    "assign_current_step": lambda jobs, on: jobs.assign_current_step(on.job_id, "eve", "User"),
    "add_holds": lambda jobs, on: jobs.add_holds(on.hold),
    "release_holds": lambda jobs, on: jobs.release_holds(on.hold),
    "add_dependency": lambda jobs, on: jobs.add_dependency(on.wait),
    "release_dependency": lambda jobs, on: jobs.release_dependency(on.wait),
    "get_job_comments": lambda jobs, on: jobs.get_job_comments(on.job_id),
    "add_job_comment": lambda jobs, on: jobs.add_job_comment(on.job_id, "x"),
    "get_job_history": lambda jobs, on: jobs.get_job_history(on.job_id),
    "get_job_diagram": lambda jobs, on: jobs.get_job_diagram(on.job_id),
    "get_job_location": lambda jobs, on: jobs.get_job_location(on.job_id),
    "set_job_location": lambda jobs, on: jobs.set_job_location(on.job_id, PLACE),
    "get_attachments": lambda jobs, on: jobs.get_attachments(on.job_id),
    "add_attachment": lambda jobs, on: jobs.add_attachment(on.attach(attachment=b"x")),
    "add_attachment_linked": lambda jobs, on: jobs.add_attachment_linked(on.attach(url="https://a.example")),
    "update_attachment": lambda jobs, on: jobs.update_attachment(on.attach(attachment_id=on.attachment, alias="x")),
    "delete_attachment": lambda jobs, on: jobs.delete_attachment(on.job_id, on.attachment),
    "get_attachment_body": lambda jobs, on: jobs.get_attachment_body(on.job_id, on.attachment),
    "get_attachment_url": lambda jobs, on: jobs.get_attachment_url(on.job_id, on.attachment),
}


async def make(office: Office) -> Case:
    """A job, for the plugin itself."""
    made = await office.chief("bob").create_jobs("pair", CreateJobOverrides(number_of_jobs=2))
    job_id, other = made.job_ids
    added = await office.plugin.add_attachment(JobAttachmentDetails(job_id=job_id, attachment=b"x", alias="a"))
    return Case(manager=office.plugin, job_id=job_id, other=other, attachment=added.attachment_id)


async def unknown(office: Office) -> Case:
    return replace(await make(office), job_id="nobody", template="none")


async def of_another_item(office: Office) -> Case:
    await office.stage.store.save_template(ITEM, Template(id="theirs", diagram_id="d"))
    return replace(await make(office), manager=JobsManager(office.stage.store, item="another"), template="theirs")


async def of_a_step(office: Office) -> Case:
    case = await make(office)
    return replace(case, job_id=(await office.stage.load(case.job_id)).steps["first"], template="none")


async def deleted(office: Office) -> Case:
    case = await make(office)
    await office.plugin.delete_jobs([case.job_id])
    return replace(case, template="none")


async def closed(office: Office) -> Case:
    case = await make(office)
    await office.plugin.close_jobs([case.job_id])
    return case


async def running(office: Office) -> Case:
    case = await make(office)
    await office.plugin.start_steps(case.job_id)
    return case


async def all_done(office: Office) -> Case:
    case = await make(office)
    for step_id in ("first", "later"):
        await office.plugin.start_steps(case.job_id, [step_id])
        await office.plugin.finish_steps(case.job_id, [step_id])
    return case


async def done(office: Office) -> Case:
    office.define("pair", Step.function("first", "f", proceeds=False, then="later"), Step.manual("later"))
    case = await make(office)
    while not (await office.stage.load(case.job_id)).waits_for_finish("first"):
        await office.stage.do()
    return case


async def held(office: Office) -> Case:
    case = await make(office)
    await office.plugin.add_holds(case.hold)
    return case


async def waiting(office: Office) -> Case:
    case = await make(office)
    await office.plugin.add_dependency(case.wait)
    return case


async def with_running(office: Office) -> Case:
    return replace(await make(office), more=((await running(office)).job_id,))


async def closed_with_open(office: Office) -> Case:
    case = await closed(office)
    return replace(case, more=(case.other,))


async def linked(office: Office) -> Case:
    case = await make(office)
    added = await office.plugin.add_attachment_linked(case.attach(url="https://a.example"))
    return replace(case, attachment=added.attachment_id)


async def of_another_job(office: Office) -> Case:
    case = await make(office)
    return replace(case, job_id=case.other)


async def named_twice(office: Office) -> Case:
    case = await make(office)
    return replace(case, more=(case.job_id,))


async def varied(office: Office, **facts: Any) -> Case:
    """A job, of which something is otherwise."""
    return replace(await make(office), **facts)


STATES: dict[str, Callable[[Office], Awaitable[Case]]] = {
    "unknown": unknown,
    "of-another-item": of_another_item,
    "of-a-step": of_a_step,
    "deleted": deleted,
    "a-number": lambda office: varied(office, job_id=7, template=7),
    "half-a-letter": lambda office: varied(office, job_id="\ud800", template="\ud800"),
    "closed": closed,
    "running": running,
    "all-done": all_done,
    "done": done,
    "held": held,
    "waiting": waiting,
    "nobody": lambda office: varied(office, manager=office.by("ada", groups=())),
    "chief": lambda office: varied(office, manager=office.chief("ada")),
    "assignee": lambda office: varied(office, manager=office.by("bob")),
    "not-there": lambda office: varied(office, step_id="nowhere"),
    "not-reached": lambda office: varied(office, step_id="later"),
    "with-unknown": lambda office: varied(office, more=("nobody",)),
    "with-running": with_running,
    "closed-with-open": closed_with_open,
    "named-twice": named_twice,
    "too-many": lambda office: varied(office, more=("x",) * 200, number=201),
    "once": make,
    "always": make,
    "deletes-it": make,
    "no-such": lambda office: varied(office, attachment="none"),
    "of-another": of_another_job,
    "linked": linked,
}


async def word_of(call: Awaitable[Any]) -> str:
    """What became of a call, in a word."""
    try:
        answer = await call
    except EnvoyPluginError as refused:
        return type(refused).__name__
    if isinstance(answer, JobActionResponse) and not answer.success:
        return str(answer.step_responses[0].status)
    return "ok"


async def content(redis: Redis) -> dict[Any, Any]:
    """All that Redis holds."""
    keys = sorted(await redis.keys())
    async with redis.pipeline(transaction=False) as pipe:
        for key in keys:
            pipe.dump(key)
        return dict(zip(keys, await pipe.execute(), strict=True))


@dataclass(frozen=True, slots=True)
class Rival:
    """Somebody who changes a job just before each of so many calls that would; or deletes it."""

    times: int
    deletes: bool = False

    def comes_first(self, office: Office, case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
        engine, left = office.stage.engine, [self.times]
        real = engine.call

        async def call(verbs: Any, *rest: Any) -> list[Any]:
            if left[0] and any(isinstance(verb, Describe) and verb.version for verb in verbs):
                left[0] -= 1
                await (office.plugin.delete_jobs([case.job_id]) if self.deletes else real([Describe(id=case.job_id)]))
            return await real(verbs, *rest)

        monkeypatch.setattr(engine, "call", call)


RIVALS = {"once": Rival(1), "always": Rival(100), "deletes-it": Rival(1, deletes=True)}
FIT: dict[str, Callable[[Office], Awaitable[Case]]] = {
    "reopen_jobs": closed,
    "release_holds": held,
    "release_dependency": waiting,
    "stop_steps": running,
    "finish_steps": running,
}
"""How a job is in which these do something; the others do where nothing has happened yet."""
