"""What a type checker knows of a plugin: this file has no fault. Never run."""

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn, assert_type

from envoy_plugin import (
    AddJobAttachmentResponse,
    AssignedType,
    Config,
    CreateJobOverrides,
    CreateJobsResponse,
    Done,
    Enqueued,
    Entry,
    EnvoyPluginAPI,
    EnvoyPluginJob,
    Event,
    Failed,
    Ignored,
    Invite,
    Job,
    JobActionResponse,
    JobAttachment,
    JobAttachmentDetails,
    JobComment,
    JobDependencyDetails,
    JobHistoryAction,
    JobHoldDetails,
    JobsManager,
    JobStatistics,
    JobStatisticsDetails,
    Meta,
    Ongoing,
    Option,
    Options,
    Outcome,
    Password,
    Plugin,
    Query,
    QueryResult,
    Reject,
    Retry,
    Route,
    RouteMeta,
    RouteParams,
    Routes,
    Run,
    Secret,
    Snooze,
    Step,
    StepResponse,
    Task,
    Template,
    Text,
    UpdateJobOverrides,
    WorkflowHandle,
    Workflows,
    config_enabled,
    open_plugin,
)
from envoy_plugin.workflows.responses import Status


class DoorConfig(Config):
    """One per install."""

    api_key: Secret
    group: str = ""


class Doors:
    """A client of a door system."""

    async def badge(self, key: str, name: str | None, *, group: str = "") -> int:
        return len(key + (name or "") + group)


class Version:
    """Another type to provide."""


plugin = Plugin("visitor-doors", config=DoorConfig)


@plugin.provides
async def doors() -> AsyncIterator[Doors]:
    yield Doors()


@plugin.provides
async def version() -> Version:
    return Version()


assert_type(doors, Callable[[], AsyncIterator[Doors]])
assert_type(version, Callable[[], Coroutine[Any, Any, Version]])


@plugin.on("entry_sign_in", background=True, timeout=timedelta(minutes=1), retries=2)
async def open_door(entry: Entry, config: DoorConfig, doors: Doors, job: EnvoyPluginJob, run: Run) -> Done:
    number = await run.once("badge", doors.badge, config.api_key.reveal(), entry.full_name, group=config.group)
    assert_type(number, int)
    await job.attach(Text("Badge", str(number)), Password("PIN", "0042"))
    return Done("Badge ready", Text("Badge", str(number)))


@plugin.on("invite_created")
async def expect(invite: Invite, event: Event, meta: Meta, api: EnvoyPluginAPI) -> dict[str, list[int]] | None:
    return None if invite.arrived else {"seen": [1]}


@plugin.on("entry_sign_out")
async def refuse() -> NoReturn:
    raise Ignored("Nothing to do")


@plugin.on("parcel_delivered", unknown=True)
async def either(event: Event) -> Failed | Retry | Snooze:
    if event.meta.location is None:
        return Snooze(timedelta(minutes=1))
    return Failed("No", "why", attachments=[Text("a", "b")]) if event.payload else Retry(after=timedelta(seconds=1))


routes = Routes(config=DoorConfig)


@routes.validation("credentials", timeout=timedelta(seconds=5))
async def credentials(form: DoorConfig, config: DoorConfig) -> DoorConfig | None:
    if not form.api_key.reveal():
        raise Reject("Enter a key.")
    return None if form == config else form


@routes.options("groups")
async def groups(config: DoorConfig, search: str | None, page: int | None, cursor: str | None) -> Options:
    return Options([Option(config.group, "1", disabled=page == 2)], cursor=cursor or search)


@routes.selected_values("groups")
async def labels(values: tuple[str, ...], meta: RouteMeta, params: RouteParams) -> list[Option]:
    assert_type(meta.params, RouteParams)
    return [Option(value, value) for value in values + params.values]


@routes.on("entry_*", "desk_sign_in", when=config_enabled("on", "Off."), unless=[lambda event, config: "off" in config])
async def whatever(event: Event) -> None: ...


@routes.plugin_uninstalled
async def removed(meta: Meta) -> Done:
    return Done()


@routes.middleware
async def within(event: Event, call: Callable[[], Awaitable[Outcome]]) -> Outcome:
    return await call()


@routes.on_error
async def explain(error: Exception, about: Event | Route | Run) -> Failed | None:
    name = about.kind if isinstance(about, Run) else about.name
    return Failed(name) if isinstance(error, OSError) else None


@routes.task(retries=1, timeout=timedelta(minutes=1), lane="door:{door}", queue="doors", name="lock")
async def lock(door: int, *, note: str = "", doors: Doors) -> Done:
    return Done(note)


@routes.every(timedelta(minutes=10))
@routes.cron("0 6 * * 1-5", tz="Europe/Berlin")
@routes.task(retries=0)
async def tidy(doors: Doors) -> None: ...


@routes.every("10m")
async def look(doors: Doors) -> dict[str, int]:
    return {}


@routes.on("invite_removed", background=True)
async def lock_up() -> Ongoing:
    first = await lock.enqueue(7, note="now", key="seven", priority=9)
    assert_type(first, Enqueued)
    later = await lock.enqueue(door=8, delay=timedelta(minutes=1), after=[first, "a1"], hold="key", install="1001")
    last = await tidy.enqueue(at=datetime(2026, 11, 21, tzinfo=UTC), after={first: "run", later.id: "cancel"})
    return Ongoing("Locking", after=last) if last.created else Ongoing(after=last.id)


looking: Task[[Doors], dict[str, int]] = look


@routes.on_startup
@routes.on_cleanup
async def hook() -> None: ...


plugin.include(routes)


async def call_a_task_without_the_framework() -> None:
    assert_type(await lock(7, note="now", doors=Doors()), Done)
    assert_type(await tidy(Doors()), None)


VISIT = Template.of(
    "visit",
    Step.function("access", "open_doors", then={"badge": "result.granted"}, retries=2),
    Step.device("badge", thing="printer", document={"print": "{input.name}"}, timeout=60, then=["host"]),
    Step.question("host", "Well?", answers=["Yes", "No"], assigned="owner", held=True, then="letter"),
    Step.titan("letter", payload="Hello", image="mailer", can_skip=True, join="all"),
    Step.manual("desk", proceeds=False, name="At the desk"),
    closes=True,
)


@plugin.step("open_doors", timeout=timedelta(minutes=1))
async def open_doors(entry: Entry, workflow: WorkflowHandle, config: DoorConfig) -> dict[str, bool]:
    assert_type(workflow.step, str)
    assert_type(await workflow.answer("host", "Yes"), Status)
    return {"granted": True}


assert_type(plugin.workflow(VISIT), Template)


async def start_a_visit(workflows: Workflows, entry: Entry) -> Ongoing:
    first = await workflows.find("first")
    visit = await workflows.start(VISIT, key="1", input=entry.id, after={"badge": (first, "host")} if first else {})
    assert_type(visit, WorkflowHandle)
    assert_type(await visit.current(), list[str])
    return Ongoing(after=visit)


async def work_at_a_desk(jobs: JobsManager) -> None:
    details, waits = JobHoldDetails(job_id="1"), JobDependencyDetails(job_id="1", step_ids=[], dependent_job_id="2")
    papers = JobAttachmentDetails(job_id="1", url="https://example.com")
    assert_type(await jobs.create_jobs("visit", CreateJobOverrides(number_of_jobs=2)), CreateJobsResponse)
    assert_type(await jobs.get_job("1", ext_props=True, holds=True), Job)
    assert_type(await jobs.query_jobs(Query(search="Ada")), QueryResult)
    assert_type(await jobs.calculate_job_statistics(JobStatisticsDetails(group_by="priority")), JobStatistics)
    assert_type(await jobs.update_job("1", UpdateJobOverrides(notes=None), "sign"), bool)
    for several in (jobs.close_jobs, jobs.reopen_jobs, jobs.delete_jobs, jobs.upgrade_jobs):
        assert_type(await several(["1"]), bool)
    for act in (jobs.start_steps, jobs.stop_steps, jobs.finish_steps, jobs.refresh_steps):
        assert_type(await act("1", ["sign"]), JobActionResponse)
    assert_type(await jobs.set_current_step("1", "sign"), JobActionResponse)
    assert_type(await jobs.assign_step("1", "sign", "ada", AssignedType.USER), bool)
    assert_type(await jobs.assign_current_step("1", None, "Unassigned"), bool)
    for hold in (jobs.add_holds, jobs.release_holds):
        assert_type((await hold(details)).step_responses, tuple[StepResponse, ...])
    for wait in (jobs.add_dependency, jobs.release_dependency):
        assert_type(await wait(waits), JobActionResponse)
    assert_type(await jobs.get_job_comments("1"), list[JobComment])
    assert_type(await jobs.add_job_comment("1", "hello"), str)
    assert_type((await jobs.get_job_history("1"))[0].action, JobHistoryAction)
    assert_type((await jobs.get_job_diagram("1")).version, int)
    assert_type(await jobs.set_job_location("1", {"type": "Point", "coordinates": [1, 2]}), bool)
    assert_type((await jobs.get_attachments("1"))[0], JobAttachment)
    assert_type(await jobs.add_attachment(papers), AddJobAttachmentResponse)
    assert_type(await jobs.add_attachment_linked(papers), AddJobAttachmentResponse)
    assert_type(await jobs.add_attachment_linked([papers]), list[AddJobAttachmentResponse])
    assert_type(await jobs.update_attachment(papers), bool)
    assert_type(await jobs.delete_attachment("1", "2"), bool)
    assert_type(await jobs.get_attachment_body("1", "2"), bytes)
    assert_type(await jobs.get_attachment_url("1", "2", include_token=False), str)
    assert_type(jobs.for_user("ada", privileges=["jobClose"]), JobsManager)


async def run_a_script() -> None:
    async with open_plugin(plugin) as opened:
        await lock.enqueue(7)
        assert_type(opened.get(Workflows, install="1001"), Workflows)


async def call_without_the_framework(entry: Entry, config: DoorConfig, job: EnvoyPluginJob, run: Run) -> None:
    assert_type(await open_door(entry, config, Doors(), job, run), Done)


def read(outcome: Outcome) -> None:
    assert_type(outcome.message, str | None)
    assert_type(outcome.after, timedelta | None)
    assert_type(outcome.data, Mapping[str, Any] | None)


handler: Callable[[], Awaitable[NoReturn]] = refuse
