"""What requests about jobs say, and what it is to the layer below.

Sources: `@arcgis/workflow-manager` 1.0.9, CreateJobOverrides, JobOverrides, JobActionRequest and the others by their
names here; what the Python client was seen to send.
"""

from typing import Annotated, Any

from pydantic import Field

from envoy_plugin.apis.workflow_manager.fields import (
    MOST_LIST,
    ExtendedList,
    Moment,
    Place,
    RowUpdates,
    Steps,
    Tables,
    Word,
)
from envoy_plugin.apis.workflow_manager.refusals import bad_request
from envoy_plugin.apis.workflow_manager.wire import Wire
from envoy_plugin.workflows.models import (
    UNCHANGED,
    CreateJobOverrides,
    ExtendedProperty,
    JobAttachmentDetails,
    JobDependencyDetails,
    JobHoldDetails,
    RelatedUpdates,
    UpdateJobOverrides,
)


class JobFacts(Wire):
    """What both a new job and a change can say of a job; the layer below bounds the texts."""

    job_name: str | None = Field(default=None, repr=False)
    start_date: Moment = None
    due_date: Moment = None
    priority: Word | None = None
    description: str | None = Field(default=None, repr=False)
    owned_by: Word | None = None
    job_status: Word | None = None
    notes: str | None = Field(default=None, repr=False)
    parent_job: Word | None = None
    extended_properties: ExtendedList | None = Field(default=None, repr=False)
    versions: Any = Field(default=None, exclude=True)

    def check(self) -> None:
        """Refuse what only a geodatabase has.

        Raises:
            Refused: 400, it names versions.
        """
        if self.versions:
            raise bad_request("There are no geodatabases here: versions can't be set.")

    def extended(self) -> list[ExtendedProperty]:
        """The properties that it gives a job once."""
        return [one for given in self.extended_properties or () for one in given.properties_of()]


class NewJobs(JobFacts):
    """CreateJobOverrides. `percentComplete` is computed here, and ignored."""

    number_of_jobs: int | None = None
    job_id: Word | None = None
    assigned_type: Word | None = None
    assigned_to: Word | None = None
    location: Place | None = Field(default=None, repr=False)
    related_properties: Tables | None = Field(default=None, repr=False)

    def overrides(self) -> CreateJobOverrides:
        """As the layer below takes it."""
        self.check()
        return CreateJobOverrides(
            number_of_jobs=1 if self.number_of_jobs is None else self.number_of_jobs,
            job_id=self.job_id or "",
            job_name=self.job_name or None,
            start_date=self.start_date,
            due_date=self.due_date,
            priority=self.priority or None,
            description=self.description,
            owned_by=self.owned_by or None,
            assigned_type=self.assigned_type or None,
            assigned_to=self.assigned_to,
            notes=self.notes,
            parent_job=self.parent_job or None,
            job_status=self.job_status or None,
            location=self.location.location() if self.location else None,
            extended_properties=self.extended(),
            related_properties=[rows.table() for rows in self.related_properties or ()],
        )


class JobUpdate(JobFacts):
    """JobOverrides, or a whole job with a change in it: what can only be read of a job isn't looked at.

    Of `relatedProperties`, adds, updates and deletes count; a list is what a job has, and says nothing.
    """

    allow_running_step_id: Word | None = None
    related_properties: RowUpdates | list[Any] | None = Field(default=None, repr=False)

    def updates(self) -> UpdateJobOverrides:
        """As the layer below takes it: null takes a value away, where a job can be without."""
        self.check()
        related = self.related_properties
        return UpdateJobOverrides(
            job_name=self.job_name or UNCHANGED,
            priority=self.priority or UNCHANGED,
            owned_by=self.owned_by or UNCHANGED,
            job_status=self.job_status or UNCHANGED,
            start_date=self.start_date if self._names("start_date") else UNCHANGED,
            due_date=self.due_date if self._names("due_date") else UNCHANGED,
            description=self.description if self._names("description") else UNCHANGED,
            notes=self.notes if self._names("notes") else UNCHANGED,
            parent_job=(self.parent_job or None) if self._names("parent_job") else UNCHANGED,
            extended_properties=self.extended(),
            related_properties=related.related() if isinstance(related, RowUpdates) else RelatedUpdates(),
        )

    def _names(self, field: str) -> bool:
        return field in self.model_fields_set


class Wanted(Wire):
    """JobRequestOptions."""

    ext_props: bool = False
    holds: bool = False


class Manage(Wire):
    """Which jobs something is done to; `type` says what."""

    job_ids: Annotated[list[Word], Field(min_length=1, max_length=MOST_LIST)]


class Action(Wire):
    """What is done to steps; `type` says what. None named, or null: all current ones."""

    step_ids: Steps = None

    @property
    def steps(self) -> list[str]:
        """The steps that it names."""
        return self.step_ids or []


class _Held(Action):
    """What holds steps, or releases them. Webhooks are named here so that they aren't passed over in silence."""

    webhook_connection_id: Any = Field(default=None, exclude=True)
    webhook_dependency_details: Any = Field(default=None, exclude=True)

    def check(self) -> None:
        """Refuse what can't be waited for.

        Raises:
            Refused: 400, a webhook.
        """
        if self.webhook_connection_id is not None or self.webhook_dependency_details is not None:
            raise bad_request("Steps can't wait for webhooks here: webhookConnectionId is not understood.")


class Release(_Held):
    """What releases the holds of steps."""

    dependent_step_id: Any = Field(default=None, exclude=True)

    def check(self) -> None:
        """Refuse what can't be waited for.

        Raises:
            Refused: 400, a webhook, or a step of no job.
        """
        super().check()
        if self.dependent_step_id is not None:
            raise bad_request("dependentStepId needs dependentJobId.")

    def hold(self, job_id: str) -> JobHoldDetails:
        """As the layer below takes it; raises as `check`."""
        self.check()
        return JobHoldDetails(job_id=job_id, step_ids=self.steps)


class Hold(Release):
    """What holds steps, perhaps until a time."""

    hold_scheduled_release: Moment = None

    def hold(self, job_id: str) -> JobHoldDetails:
        """As the layer below takes it; raises as `check`."""
        self.check()
        return JobHoldDetails(job_id=job_id, step_ids=self.steps, scheduled_release=self.hold_scheduled_release)


class Dependency(_Held):
    """What lets steps wait for another job, or for a step of it, or lets them wait no more."""

    dependent_job_id: Word
    dependent_step_id: Word | None = None
    hold_scheduled_release: Any = Field(default=None, exclude=True)

    def dependency(self, job_id: str) -> JobDependencyDetails:
        """As the layer below takes it.

        Raises:
            Refused: 400, it also has a time, or a webhook.
        """
        self.check()
        if self.hold_scheduled_release is not None:
            raise bad_request("A hold has a time or another job to wait for, not both.")
        return JobDependencyDetails(
            job_id=job_id,
            step_ids=self.steps,
            dependent_job_id=self.dependent_job_id,
            dependent_step_id=self.dependent_step_id or None,
        )


class Assignment(Wire):
    """Whose a step is to be."""

    assigned_type: Word
    assigned_to: Word | None = None


class Comment(Wire):
    """What somebody has to say."""

    comment: str = Field(repr=False)


class NewLocation(Wire):
    """Where a job is; null: nowhere."""

    location: Place | None = Field(repr=False)


class Link(Wire):
    """An attachment that is a link."""

    url: str = Field(repr=False)
    alias: str | None = Field(default=None, repr=False)
    folder: str | None = Field(default=None, repr=False)


class Links(Wire):
    """Attachments that are links, all of them added or none."""

    attachments: Annotated[list[Link], Field(min_length=1, max_length=MOST_LIST)]
    step_id: Word | None = None

    def details(self, job_id: str) -> list[JobAttachmentDetails]:
        """As the layer below takes it."""
        return [
            JobAttachmentDetails(
                job_id=job_id, url=link.url, alias=link.alias, folder=link.folder, step_id=self.step_id or None
            )
            for link in self.attachments
        ]


class Renamed(Wire):
    """What an attachment is called from now on."""

    alias: str | None = Field(default=None, repr=False)
    folder: str | None = Field(default=None, repr=False)
