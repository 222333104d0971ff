"""Every method of `JobsManager` × everything that can be in its way: the tables say what each is answered.

The name of an exception: it is raised. That of a status: it is answered. `ok`: it is done, or there is nothing to do.
Whatever isn't `ok` has changed nothing. `-`: the column says nothing of this method.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import pytest
from redis.asyncio import Redis

from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.verbs import Describe
from envoy_plugin.errors import EnvoyPluginError
from envoy_plugin.workflows.diagrams import Step
from envoy_plugin.workflows.links import Links
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
from envoy_plugin.workflows.store import Store
from envoy_plugin.workflows.templates import Template
from tests.workflows.office import Office
from tests.workflows.stage import ITEM, Stage
from tests.workflows.test_privileges import METHODS

JOBS = """
method                    unknown      of-another-item  of-a-step    deleted      a-number     half-a-letter
create_jobs               NoTemplate   NoTemplate       NoTemplate   NoTemplate   BadProperty  BadProperty
get_job                   JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
query_jobs                ok           ok               ok           ok           BadProperty  BadProperty
calculate_job_statistics  ok           ok               ok           ok           BadProperty  BadProperty
update_job                JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
close_jobs                JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
reopen_jobs               JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
delete_jobs               JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
upgrade_jobs              JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
start_steps               JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
stop_steps                JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
finish_steps              JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
refresh_steps             JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
set_current_step          JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
assign_step               JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
assign_current_step       JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
add_holds                 JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
release_holds             JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
add_dependency            JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
release_dependency        JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
get_job_comments          JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
add_job_comment           JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
get_job_history           JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
get_job_diagram           JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
get_job_location          JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
set_job_location          JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
get_attachments           JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
add_attachment            JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
add_attachment_linked     JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
update_attachment         JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
delete_attachment         JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
get_attachment_body       JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
get_attachment_url        JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
"""
"""Which job: its own id, or its template's, is none, or is no text."""
STANDING = """
method                    closed      running           all-done        held        waiting     done
create_jobs               ok          ok                ok              ok          ok          ok
get_job                   ok          ok                ok              ok          ok          ok
query_jobs                ok          ok                ok              ok          ok          ok
calculate_job_statistics  ok          ok                ok              ok          ok          ok
update_job                JobRefused  JobRefused        ok              ok          ok          ok
close_jobs                JobRefused  JobRefused        ok              ok          ok          ok
reopen_jobs               ok          JobRefused        JobRefused      JobRefused  JobRefused  JobRefused
delete_jobs               ok          JobRefused        ok              ok          ok          ok
upgrade_jobs              JobRefused  JobRefused        ok              ok          ok          ok
start_steps               JobClosed   AlreadyExecuting  NoActiveStep    Held        Held        ok
stop_steps                JobClosed   ok                NoActiveStep    NotRunning  NotRunning  NotRunning
finish_steps              JobClosed   ok                NoActiveStep    Held        Held        ok
refresh_steps             JobClosed   ok                NoActiveStep    NotRunning  NotRunning  NotRunning
set_current_step          JobClosed   AlreadyExecuting  ok              ok          ok          ok
assign_step               JobRefused  JobRefused        JobRefused      ok          ok          JobRefused
assign_current_step       JobRefused  JobRefused        JobRefused      ok          ok          JobRefused
add_holds                 JobClosed   AlreadyExecuting  StepNotCurrent  Held        ok          AlreadyExecuting
release_holds             JobClosed   NotHeld           NotHeld         ok          NotHeld     NotHeld
add_dependency            JobClosed   AlreadyExecuting  StepNotCurrent  ok          Held        AlreadyExecuting
release_dependency        JobClosed   NotHeld           NotHeld         NotHeld     ok          NotHeld
get_job_comments          ok          ok                ok              ok          ok          ok
add_job_comment           ok          ok                ok              ok          ok          ok
get_job_history           ok          ok                ok              ok          ok          ok
get_job_diagram           ok          ok                ok              ok          ok          ok
get_job_location          ok          ok                ok              ok          ok          ok
set_job_location          JobRefused  ok                ok              ok          ok          ok
get_attachments           ok          ok                ok              ok          ok          ok
add_attachment            JobRefused  ok                ok              ok          ok          ok
add_attachment_linked     JobRefused  ok                ok              ok          ok          ok
update_attachment         JobRefused  ok                ok              ok          ok          ok
delete_attachment         JobRefused  ok                ok              ok          ok          ok
get_attachment_body       ok          ok                ok              ok          ok          ok
get_attachment_url        ok          ok                ok              ok          ok          ok
"""
"""How it stands, for the plugin itself."""
CALLERS = """
method                    nobody                   chief                    assignee
create_jobs               NotAllowed               ok                       NotAllowed
get_job                   ok                       ok                       ok
query_jobs                ok                       ok                       ok
calculate_job_statistics  ok                       ok                       ok
update_job                NotAllowed               NotAllowed               NotAllowed
close_jobs                NotAllowed               ok                       NotAllowed
reopen_jobs               NotAllowed               JobRefused               NotAllowed
delete_jobs               NotAllowed               ok                       NotAllowed
upgrade_jobs              NotAllowed               ok                       NotAllowed
start_steps               AssignedToDifferentUser  AssignedToDifferentUser  ok
stop_steps                AssignedToDifferentUser  NotRunning               NotRunning
finish_steps              AssignedToDifferentUser  AssignedToDifferentUser  NoStartedStep
refresh_steps             AssignedToDifferentUser  AssignedToDifferentUser  NotRunning
set_current_step          NotAllowed               ok                       NotAllowed
assign_step               NotAllowed               ok                       NotAllowed
assign_current_step       NotAllowed               ok                       NotAllowed
add_holds                 NotAllowed               ok                       NotAllowed
release_holds             NotAllowed               NotHeld                  NotAllowed
add_dependency            NotAllowed               ok                       NotAllowed
release_dependency        NotAllowed               NotHeld                  NotAllowed
get_job_comments          ok                       ok                       ok
add_job_comment           ok                       ok                       ok
get_job_history           ok                       ok                       ok
get_job_diagram           ok                       ok                       ok
get_job_location          ok                       ok                       ok
set_job_location          NotAllowed               ok                       NotAllowed
get_attachments           ok                       ok                       ok
add_attachment            NotAllowed               ok                       NotAllowed
add_attachment_linked     NotAllowed               ok                       NotAllowed
update_attachment         NotAllowed               ok                       NotAllowed
delete_attachment         NotAllowed               ok                       NotAllowed
get_attachment_body       ok                       ok                       ok
get_attachment_url        ok                       ok                       ok
"""
"""Who calls: one without privileges; one with all, who has nothing to do with the job; bob, who has its step."""
STEPS = """
method                    not-there         not-reached
start_steps               StepNotInDiagram  StepNotCurrent
stop_steps                StepNotInDiagram  StepNotCurrent
finish_steps              StepNotInDiagram  StepNotCurrent
refresh_steps             StepNotInDiagram  StepNotCurrent
set_current_step          StepNotInDiagram  ok
assign_step               JobRefused        JobRefused
add_holds                 StepNotInDiagram  ok
release_holds             StepNotInDiagram  NotHeld
add_dependency            StepNotInDiagram  ok
release_dependency        StepNotInDiagram  NotHeld
"""
"""Which step."""
SEVERAL = """
method                    with-unknown  with-running  closed-with-open  named-twice  too-many
create_jobs               ok            ok            ok                ok           TooLarge
close_jobs                JobNotFound   JobRefused    JobRefused        ok           TooLarge
reopen_jobs               JobNotFound   JobRefused    JobRefused        JobRefused   TooLarge
delete_jobs               JobNotFound   JobRefused    ok                ok           TooLarge
upgrade_jobs              JobNotFound   JobRefused    JobRefused        ok           TooLarge
"""
"""Several: all or none."""
MEANWHILE = """
method                    once  always       deletes-it
update_job                ok    CallRefused  JobNotFound
close_jobs                ok    CallRefused  JobNotFound
reopen_jobs               ok    CallRefused  JobNotFound
delete_jobs               ok    CallRefused  JobNotFound
start_steps               ok    CallRefused  JobNotFound
stop_steps                ok    CallRefused  -
finish_steps              ok    CallRefused  -
set_current_step          ok    CallRefused  JobNotFound
assign_step               ok    CallRefused  JobNotFound
assign_current_step       ok    CallRefused  JobNotFound
add_holds                 ok    CallRefused  JobNotFound
release_holds             ok    CallRefused  JobNotFound
add_dependency            ok    CallRefused  JobNotFound
release_dependency        ok    CallRefused  JobNotFound
add_job_comment           ok    CallRefused  JobNotFound
set_job_location          ok    CallRefused  JobNotFound
add_attachment            ok    CallRefused  JobNotFound
add_attachment_linked     ok    CallRefused  JobNotFound
update_attachment         ok    CallRefused  JobNotFound
delete_attachment         ok    CallRefused  JobNotFound
"""
"""Somebody else changes the job just before it is written to: once, or always; or has deleted it."""
ATTACHMENTS = """
method                    no-such       of-another    linked
update_attachment         NoAttachment  NoAttachment  ok
delete_attachment         NoAttachment  NoAttachment  ok
get_attachment_body       NoAttachment  NoAttachment  JobRefused
get_attachment_url        NoAttachment  NoAttachment  ok
"""
"""Which attachment."""

TEXTS = (JOBS, STANDING, CALLERS, STEPS, SEVERAL, MEANWHILE, ATTACHMENTS)
TABLES = [[line.split() for line in text.strip().splitlines()] for text in TEXTS]
CELLS: dict[str, dict[str, str]] = {
    column: {method: words[at] for method, *words in rows if words[at] != "-"}
    for (_, *columns), *rows in TABLES
    for at, column in enumerate(columns)
}
"""By column, what each method is answered."""


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


@pytest.fixture
def office(engine: Engine, stage: Stage) -> Office:
    """Operators and jobs; the first step of a job is bob's, and so is the job."""
    stage.store = Store(engine, stage.store.digest, own=stage.templates, links=Links(keys=[b"k" * 32]))
    office = Office(stage)
    first = Step.manual("first", assigned="user:bob", proceeds=False, then="later")
    office.define("pair", first, Step.manual("later", proceeds=False), closes=False)
    return office


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


def test_the_tables_have_every_method() -> None:
    assert CALLS.keys() == METHODS
    assert [{method for method, *_ in rows} for _, *rows in TABLES[:3]] == [METHODS] * 3
    assert CELLS.keys() == STATES.keys()


@pytest.mark.parametrize("column", [column for column in CELLS if column not in RIVALS])
async def test_every_method_answers_as_the_table_says(office: Office, column: str) -> None:
    redis, wrong = office.stage.engine.redis, dict[str, tuple[str, str]]()
    case = await STATES[column](office)
    before = await content(redis)
    for method, wanted in CELLS[column].items():
        word = await word_of(CALLS[method](case.manager, case))
        after = await content(redis)
        if after != before:
            word += " and changes" * (word != "ok")
            case = await STATES[column](office)
            after = await content(redis)
        before = after
        if word != wanted:
            wrong[method] = (word, wanted)
    assert wrong == {}


@pytest.mark.parametrize("column", RIVALS)
async def test_whoever_comes_second_decides_again_as_the_table_says(
    office: Office, column: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = dict[str, tuple[str, str]]()
    for method, wanted in CELLS[column].items():
        case = await FIT.get(method, make)(office)
        with monkeypatch.context() as patched:
            RIVALS[column].comes_first(office, case, patched)
            word = await word_of(CALLS[method](case.manager, case))
        if word != wanted:
            wrong[method] = (word, wanted)
    assert wrong == {}
