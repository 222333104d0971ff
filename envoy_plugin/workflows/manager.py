"""`JobsManager`: what operators do with jobs, driven from Python. Every method is one of ArcGIS Workflow Manager's.

A job is a workflow. Each method reads what it needs, and writes in one call of the engine or not at all.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Self, overload

from envoy_plugin.errors import BadProperty
from envoy_plugin.workflows.definitions.diagrams import Diagram
from envoy_plugin.workflows.definitions.store import Store
from envoy_plugin.workflows.given import checked
from envoy_plugin.workflows.location import Location
from envoy_plugin.workflows.models import (
    AddJobAttachmentResponse,
    AssignedType,
    CreateJobOverrides,
    CreateJobsResponse,
    Job,
    JobAttachment,
    JobAttachmentDetails,
    JobComment,
    JobDependencyDetails,
    JobHistory,
    JobHoldDetails,
    JobStatistics,
    JobStatisticsDetails,
    Query,
    QueryResult,
    UpdateJobOverrides,
)
from envoy_plugin.workflows.operating import assigning, attachments, bulk, holds, making, places, properties, steps
from envoy_plugin.workflows.operating.attachments import attachments_of
from envoy_plugin.workflows.operating.comments import add_comment, comments_of
from envoy_plugin.workflows.operating.privileges import Caller, Privilege
from envoy_plugin.workflows.operating.queries import query_jobs, statistics
from envoy_plugin.workflows.operating.reading import history_of, job_of
from envoy_plugin.workflows.operating.scope import Scope, UniqueHere, no_key
from envoy_plugin.workflows.responses import JobActionResponse

NO_OVERRIDES: Final = CreateJobOverrides()
EVERYTHING: Final = JobStatisticsDetails()


class JobsManager:
    """The jobs of one item, for one user; `user` None: for the plugin itself, which may do everything.

    Every method of a job raises JobNotFound where this item has none of this id, NotAllowed where the user lacks a
    privilege, and BadProperty where an argument isn't what its annotation says. What a step doesn't take is not raised
    but answered, step by step, in a `JobActionResponse`. A change decides again where somebody else has changed the job
    just before it is written; where that happens eight times, it raises CallRefused, and nothing is changed.
    """

    def __init__(
        self,
        store: Store,
        *,
        item: str,
        user: str | None = None,
        groups: Collection[str] = (),
        privileges: Collection[str] = (),
    ) -> None:
        self._scope = Scope(store=store, item=item, caller=Caller.of(user, groups, privileges))

    @classmethod
    def for_item(cls, store: Store, item: str, unique: UniqueHere = no_key) -> Self:
        """That of an install, for the plugin itself: how handlers and tasks are given it."""
        manager = cls(store, item=item)
        manager._scope = replace(manager._scope, unique=unique)
        return manager

    def for_user(self, user: str, *, groups: Collection[str] = (), privileges: Collection[str] = ()) -> "JobsManager":
        """The same jobs, for a user: what they do is done in their name, and is what their privileges allow.

        Raises:
            BadProperty: the user has no name, one text is given for several, or there is no such privilege.
        """
        unknown = sorted({*privileges} - {*Privilege}) if not isinstance(privileges, str) else []
        if unknown:
            raise BadProperty("privileges", f"there is no {unknown[0]!r}")
        manager = JobsManager(self._scope.store, item=self._scope.item)
        manager._scope = replace(self._scope, caller=Caller.of(user, groups, privileges))
        return manager

    def __repr__(self) -> str:
        return f"JobsManager(item={self._scope.item!r})"

    @checked
    async def create_jobs(
        self, job_template_id: str, job_overrides: CreateJobOverrides = NO_OVERRIDES
    ) -> CreateJobsResponse:
        """Make one or more jobs, all or none: at most 200, and as many as 256 verbs of the engine make.

        A handler, task or step that runs again, since its worker died or it failed, finds those that it has made.

        Raises:
            NoTemplate: the template is missing, or isn't active.
            BadProperty: a value that a job can't have: a due date before the start, a type of assignment, a text.
            JobRefused: there is a job of this own id.
            TooLarge: more than one call makes; names the limit.
            NoThing: a device's step is for a thing that the item doesn't have.
        """
        return await making.create_jobs(self._scope, job_template_id, job_overrides)

    @checked
    async def get_job(self, job_id: str, *, ext_props: bool = False, holds: bool = False) -> Job:
        """A job; with its extended and related properties, and with its holds, if wanted."""
        workflow = await self._scope.load(job_id)
        return await job_of(self._scope.store, workflow, ext_props=ext_props, holds=holds)

    @checked
    async def query_jobs(self, query: Query) -> QueryResult:
        """A page of the jobs that a where-clause, or words, ask for. By itself the newest come first.

        Raises:
            BadQuery: it can't be read, names a field that there isn't, or would have to look at more than 10,000 jobs.
            BadLocation: the extent can't be read.
        """
        return await query_jobs(self._scope, query)

    @checked
    async def calculate_job_statistics(self, params: JobStatisticsDetails = EVERYTHING) -> JobStatistics:
        """How many jobs there are, also by the values of a field; raises as `query_jobs`."""
        return await statistics(self._scope, params)

    @checked
    async def update_job(
        self, job_id: str, job_updates: UpdateJobOverrides, allow_running_step_id: str | None = None
    ) -> bool:
        """Change what is said of a job. Only what differs is a change, and takes its privilege.

        Raises:
            JobRefused: it is closed, or another step than `allow_running_step_id` runs; notes may change all the same.
            NotAllowed: the user is neither its owner nor has a current step, or lacks the privilege of a property.
            BadProperty: a value that a job can't have.
        """
        await properties.update(self._scope, job_id, job_updates, allow_running_step_id)
        return True

    @checked
    async def close_jobs(self, job_ids: Sequence[str]) -> bool:
        """End jobs, all or none; steps that aren't over are cancelled.

        Raises:
            JobRefused: one is closed, or a step of it runs.
            TooLarge: more than 200, or more than one call of the engine takes.
        """
        await bulk.close_jobs(self._scope, job_ids)
        return True

    @checked
    async def reopen_jobs(self, job_ids: Sequence[str]) -> bool:
        """Let closed jobs go on, all or none; the steps that were current are again, and wait to be started.

        Raises:
            JobRefused: one is open; or what a step was to do is no longer kept (see JOB_KEEP_PAYLOAD).
        """
        await bulk.reopen_jobs(self._scope, job_ids)
        return True

    @checked
    async def delete_jobs(self, job_ids: Sequence[str]) -> bool:
        """Delete jobs, all or none, with attachments, properties and location; whoever waits for one goes on.

        Raises:
            JobRefused: a step of one runs.
        """
        await bulk.delete_jobs(self._scope, job_ids)
        return True

    @checked
    async def upgrade_jobs(self, job_ids: Sequence[str]) -> bool:
        """Let jobs go on by the active version of their diagrams, all or none.

        Raises:
            JobRefused: one is closed, a step runs, or a current step isn't in the active version; or a device's step,
                or one for which others wait, is another there.
        """
        await bulk.upgrade_jobs(self._scope, job_ids)
        return True

    @checked
    async def start_steps(self, job_id: str, step_ids: Sequence[str] = ()) -> JobActionResponse:
        """Start steps; none named: all current ones. A manual step that proceeds is finished by it."""
        return await steps.run(**await self._steps(job_id), step_ids=_once(step_ids))

    @checked
    async def stop_steps(self, job_id: str, step_ids: Sequence[str] = ()) -> JobActionResponse:
        """Pause manual steps, cancel what others run. Somebody else's takes the privilege jobForceStop."""
        overrides = self._scope.caller.may(Privilege.FORCE_STOP)
        return await steps.stop(**await self._steps(job_id, overrides=overrides), step_ids=_once(step_ids))

    @checked
    async def finish_steps(self, job_id: str, step_ids: Sequence[str] = ()) -> JobActionResponse:
        """End steps that were started, or may be skipped, and go on; none named: all current ones."""
        return await steps.finish(**await self._steps(job_id), step_ids=_once(step_ids))

    @checked
    async def refresh_steps(self, job_id: str, step_ids: Sequence[str] = ()) -> JobActionResponse:
        """Let steps that wait for their next try be tried now; none named: all current ones."""
        return await steps.refresh(**await self._steps(job_id), step_ids=_once(step_ids))

    @checked
    async def set_current_step(self, job_id: str, step_id: str) -> JobActionResponse:
        """Make this step the only current one; not while one runs."""
        self._scope.caller.demand(Privilege.SET_CURRENT)
        return await steps.set_current(**await self._steps(job_id), step_id=step_id)

    @checked
    async def assign_step(
        self, job_id: str, step_id: str, assigned_to: str | None, assigned_type: AssignedType | str
    ) -> bool:
        """Make a current step that doesn't run somebody's. Whose, is bounded by the level of the user's privilege.

        Raises:
            JobRefused: the job is closed, or the step isn't current, or runs.
            BadProperty: the type is none of the three, or the name is missing.
        """
        await assigning.assign(self._scope, job_id, step_id, assigned_to, assigned_type)
        return True

    @checked
    async def assign_current_step(
        self, job_id: str, assigned_to: str | None, assigned_type: AssignedType | str
    ) -> bool:
        """Make every current step somebody's; see `assign_step`."""
        await assigning.assign(self._scope, job_id, None, assigned_to, assigned_type)
        return True

    @checked
    async def add_holds(self, params: JobHoldDetails) -> JobActionResponse:
        """Hold steps, also such as aren't reached yet, until they are released or, by itself, a time has come.

        None named: all current ones. Answered for a step that runs, is over, or is held.

        Raises:
            BadProperty: the time has no offset, or is past.
            JobRefused: the job has 200 holds and dependencies that aren't over.
        """
        return await holds.add_holds(self._scope, params)

    @checked
    async def release_holds(self, params: JobHoldDetails) -> JobActionResponse:
        """Release the holds of steps, not their dependencies; none named: of all that are held."""
        return await holds.release_holds(self._scope, params)

    @checked
    async def add_dependency(self, params: JobDependencyDetails) -> JobActionResponse:
        """Let steps wait for a job to be closed, or for one step of it; however that ends.

        Raises:
            DependencyCycle: they would wait for themselves; names the steps.
            JobRefused: there is no such step to wait for, or more than 1,000 already wait for each other; or the job
                has 200 holds and dependencies that aren't over.
        """
        return await holds.add_dependency(self._scope, params)

    @checked
    async def release_dependency(self, params: JobDependencyDetails) -> JobActionResponse:
        """Let steps wait for this job, or this step of it, no more."""
        return await holds.release_dependency(self._scope, params)

    @checked
    async def get_job_comments(self, job_id: str) -> list[JobComment]:
        """The comments, in the order in which they were made."""
        return comments_of(self._scope.store, await self._scope.load(job_id))

    @checked
    async def add_job_comment(self, job_id: str, comment: str) -> str:
        """Add a comment; answers its id. A job takes 200, each of at most 4,000 characters.

        Raises:
            BadProperty: it is empty or too long.
            JobRefused: the job takes no more.
        """
        return await add_comment(self._scope, job_id, comment)

    @checked
    async def get_job_history(self, job_id: str) -> list[JobHistory]:
        """What has happened, the oldest first: of the last 200 changes."""
        return await history_of(self._scope.store, await self._scope.load(job_id))

    @checked
    async def get_job_diagram(self, job_id: str) -> Diagram:
        """The version of the diagram that the job runs on."""
        return (await self._scope.load(job_id)).diagram

    @checked
    async def get_job_location(self, job_id: str) -> Location | None:
        """Where the job is, in metres of wkid 3857; None: nobody has said."""
        return await places.get_location(self._scope, job_id)

    @checked
    async def set_job_location(self, job_id: str, geometry: Location | Mapping[str, Any] | None) -> bool:
        """Say where the job is: a `Location`, a GeoJSON geometry in degrees, or None for nowhere.

        Raises:
            BadLocation: what is wrong with the geometry.
            JobRefused: the job is closed.
        """
        await places.set_location(self._scope, job_id, geometry)
        return True

    @checked
    async def get_attachments(self, job_id: str) -> list[JobAttachment]:
        """The attachments, in the order in which they were added."""
        return attachments_of(self._scope.store, await self._scope.load(job_id))

    @checked
    async def add_attachment(self, params: JobAttachmentDetails) -> AddJobAttachmentResponse:
        """Keep bytes with a job, sealed: at most 10 MiB each, 50 of 50 MiB together; 10,000 of 1 GiB in an item.

        Raises:
            TooLarge: more than 10 MiB.
            JobRefused: the job is closed, it or its item takes no more, or it has no such step.
            BadProperty: there are no bytes, or a name isn't plain.
        """
        return await attachments.add_attachment(self._scope, params)

    @overload
    async def add_attachment_linked(self, params: JobAttachmentDetails) -> AddJobAttachmentResponse: ...

    @overload
    async def add_attachment_linked(self, params: Sequence[JobAttachmentDetails]) -> list[AddJobAttachmentResponse]: ...

    @checked
    async def add_attachment_linked(
        self, params: JobAttachmentDetails | Sequence[JobAttachmentDetails]
    ) -> AddJobAttachmentResponse | list[AddJobAttachmentResponse]:
        """Keep a link with a job, or several with one job, all or none; they are never followed here.

        Raises:
            BadProperty: the URL isn't one of http or https, or has credentials.
            JobRefused: as for `add_attachment`.
        """
        if isinstance(params, JobAttachmentDetails):
            (added,) = await attachments.add_linked(self._scope, [params])
            return added
        return await attachments.add_linked(self._scope, params)

    @checked
    async def update_attachment(self, params: JobAttachmentDetails) -> bool:
        """Change the alias and the folder of an attachment; what is None stays.

        Raises:
            NoAttachment: there is none of this id.
            JobRefused: the job is closed.
        """
        await attachments.update_attachment(self._scope, params)
        return True

    @checked
    async def delete_attachment(self, job_id: str, attachment_id: str) -> bool:
        """Delete an attachment, with its bytes; raises as `update_attachment`."""
        await attachments.delete_attachment(self._scope, job_id, attachment_id)
        return True

    @checked
    async def get_attachment_body(self, job_id: str, attachment_id: str) -> bytes:
        """The bytes of an attachment.

        Raises:
            NoAttachment: there is none of this id, or its bytes are gone.
            JobRefused: it is a link.
        """
        return await attachments.read_body(self._scope, job_id, attachment_id)

    @checked
    async def get_attachment_url(self, job_id: str, attachment_id: str, *, include_token: bool = True) -> str:
        """Where an attachment is read; with a token that opens it for five minutes. Of a link: the link.

        Raises:
            NoAttachment: there is none of this id.
        """
        return await attachments.url_of(self._scope, job_id, attachment_id, include_token=include_token)

    async def _steps(self, job_id: str, *, overrides: bool = False) -> dict[str, Any]:
        scope = self._scope
        actor = scope.caller.actor(overrides=overrides)
        return {
            "store": scope.store,
            "workflow_id": await scope.resolve(job_id),
            "actor": actor,
            "item": scope.item,
        }


def _once(step_ids: Sequence[str]) -> list[str]:
    """Each of these once, in order: who names a step twice is answered once."""
    return list(dict.fromkeys(step_ids))
