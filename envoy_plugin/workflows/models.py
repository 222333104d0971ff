"""What `JobsManager` takes and answers, in the words of ArcGIS Workflow Manager with Python's spelling.

Source: `@arcgis/workflow-manager` 1.0.9 and the REST reference of jobs. Times are aware; properties are texts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, StrEnum
from typing import Any, Final, Literal, TypeAlias

from envoy_plugin.workflows.location import Location


class AssignedType(StrEnum):
    """Whose a step can be."""

    UNASSIGNED = "Unassigned"
    GROUP = "Group"
    USER = "User"


class JobHistoryAction(StrEnum):
    """What a row of a job's history tells of. Without a step it is of the job, or of an attachment."""

    CREATED = "Created"
    UPDATED = "Updated"
    CLOSED = "Closed"
    REOPENED = "Reopened"
    DELETED = "Deleted"
    UPGRADED = "Upgraded"
    ADDED = "Added"
    ACTIVATED = "Activated"
    DEACTIVATED = "Deactivated"
    STARTED = "Started"
    PAUSED = "Paused"
    CANCELLED = "Cancelled"
    ERROR = "Error"
    COMPLETED = "Completed"
    FINISHED = "Finished"
    REASSIGNED = "Reassigned"
    HELD = "Held"
    DEPENDENCY_ADDED = "DependencyAdded"
    HOLD_RELEASED = "HoldReleased"
    REACTIVATED = "Reactivated"


class Unchanged(Enum):
    """The one value that says: leave it as it is."""

    UNCHANGED = "unchanged"


UNCHANGED: Final = Unchanged.UNCHANGED
Left: TypeAlias = Literal[Unchanged.UNCHANGED]


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentStep:
    """A step that somebody or something has to do now. `manual_hold`: it is held, perhaps until a time."""

    step_id: str
    step_name: str
    assigned_type: AssignedType
    assigned_to: str | None = None
    can_skip: bool = False
    manual_hold: bool = False
    dependencies: bool = False
    hold_scheduled_release: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobHold:
    """A hold, or a dependency where it names a job to wait for; over when it has a `released_date`."""

    hold_id: str
    job_id: str
    step_id: str
    set_by: str
    set_date: datetime
    scheduled_release: datetime | None = None
    released_by: str | None = None
    released_date: datetime | None = None
    dependent_job_id: str | None = None
    dependent_step_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobProperty:
    """A property of a table."""

    property_name: str
    value: str | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtendedProperty:
    """A property that a job has once; `identifier` is `table.property`."""

    identifier: str
    value: str | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PropertyTable:
    """The properties of one table that a job has once."""

    table_name: str
    properties: tuple[JobProperty, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RelatedEntry:
    """A row of a table of which a job has many. `id` and `created_date` are made when it is added."""

    properties: Sequence[JobProperty]
    id: str = ""
    created_date: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RelatedTable:
    """The rows of one table."""

    table_name: str
    entries: Sequence[RelatedEntry]


@dataclass(frozen=True, slots=True, kw_only=True)
class RelatedDeletes:
    """Rows of one table to take away."""

    table_name: str
    ids: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RelatedUpdates:
    """What becomes of rows: those of `updates` keep the properties that they don't name."""

    adds: Sequence[RelatedTable] = ()
    updates: Sequence[RelatedTable] = ()
    deletes: Sequence[RelatedDeletes] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as it stands. `start_date` and `due_date` are planned; `started_date` and `end_date` have happened."""

    job_id: str
    job_name: str
    job_template_id: str
    job_template_name: str
    diagram_id: str
    diagram_name: str
    diagram_version: int
    closed: bool
    percent_complete: float
    created_date: datetime
    created_by: str
    owned_by: str
    current_steps: tuple[CurrentStep, ...]
    job_status: str = ""
    priority: str = ""
    description: str | None = field(default=None, repr=False)
    notes: str | None = field(default=None, repr=False)
    start_date: datetime | None = None
    due_date: datetime | None = None
    started_date: datetime | None = None
    end_date: datetime | None = None
    parent_job: str | None = None
    has_location: bool = False
    holds: tuple[JobHold, ...] | None = None
    extended_properties: tuple[PropertyTable, ...] | None = field(default=None, repr=False)
    related_properties: tuple[RelatedTable, ...] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateJobOverrides:
    """What goes before the template's own. `job_id` is a name of the caller's own, for one job.

    `location` is a `Location`, or a GeoJSON geometry in degrees.
    """

    number_of_jobs: int = 1
    job_id: str = ""
    job_name: str | None = field(default=None, repr=False)
    start_date: datetime | None = None
    due_date: datetime | None = None
    priority: str | None = None
    description: str | None = field(default=None, repr=False)
    owned_by: str | None = None
    assigned_type: AssignedType | str | None = None
    assigned_to: str | None = None
    notes: str | None = field(default=None, repr=False)
    parent_job: str | None = None
    job_status: str | None = None
    location: Location | Mapping[str, Any] | None = field(default=None, repr=False)
    extended_properties: Sequence[ExtendedProperty] = ()
    related_properties: Sequence[RelatedTable] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateJobsResponse:
    """The new jobs, and whether the first step of one was run at once."""

    job_ids: tuple[str, ...]
    auto_executed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateJobOverrides:
    """What changes of a job; None takes a value away, and what isn't named stays."""

    job_name: str | Left = field(default=UNCHANGED, repr=False)
    start_date: datetime | Left | None = UNCHANGED
    due_date: datetime | Left | None = UNCHANGED
    priority: str | Left = UNCHANGED
    description: str | Left | None = field(default=UNCHANGED, repr=False)
    owned_by: str | Left = UNCHANGED
    job_status: str | Left = UNCHANGED
    notes: str | Left | None = field(default=UNCHANGED, repr=False)
    parent_job: str | Left | None = UNCHANGED
    extended_properties: Sequence[ExtendedProperty] = ()
    related_properties: RelatedUpdates = field(default_factory=RelatedUpdates)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobHoldDetails:
    """Which steps are held, or released; `scheduled_release` is when a hold opens by itself."""

    job_id: str
    step_ids: Sequence[str] = ()
    scheduled_release: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDependencyDetails:
    """Which steps wait, and for what: the job `dependent_job_id`, or one step of it."""

    job_id: str
    step_ids: Sequence[str]
    dependent_job_id: str
    dependent_step_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobAttachmentDetails:
    """An attachment to add or to change: bytes with a file name, or a `url` that is linked."""

    job_id: str
    attachment: bytes | None = field(default=None, repr=False)
    file_name: str = field(default="", repr=False)
    url: str | None = field(default=None, repr=False)
    alias: str | None = field(default=None, repr=False)
    folder: str | None = field(default=None, repr=False)
    attachment_id: str = ""
    step_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobAttachment:
    """An attachment; `url` is that of a linked one."""

    id: str
    alias: str | None = field(default=None, repr=False)
    folder: str | None = field(default=None, repr=False)
    url: str | None = field(default=None, repr=False)
    step_id: str | None = None
    size: int | None = None
    last_modified_by: str | None = None
    last_modified: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddJobAttachmentResponse:
    """A new attachment, and where it is read."""

    attachment_id: str
    url: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobComment:
    """What somebody has said of a job."""

    comment_id: str
    job_id: str
    comment: str = field(repr=False)
    last_modified_by: str = ""
    last_modified: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobHistory:
    """A row of a job's history; `duration_seconds` is from the start to the end of a step."""

    job_id: str
    action: JobHistoryAction
    date: datetime
    username: str
    step_id: str | None = None
    result: str | None = None
    start_date: datetime | None = None
    end_date: datetime | None = None

    @property
    def duration_seconds(self) -> float | None:
        """How long it took; None where it has no start or no end. Two clocks may have told them: then not below 0."""
        took = (self.end_date - self.start_date).total_seconds() if self.start_date and self.end_date else None
        return None if took is None else max(0.0, took)


@dataclass(frozen=True, slots=True, kw_only=True)
class SortField:
    """One field to sort by."""

    field: str
    sort_order: Literal["Asc", "Desc"] = "Asc"


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which jobs, by `q` (a where-clause), by `search` (words), or by both; and what is answered of them."""

    q: str | None = field(default=None, repr=False)
    search: str | None = field(default=None, repr=False)
    fields: Sequence[str] = ()
    sort_fields: Sequence[SortField] = ()
    start: int = 0
    num: int = 50
    spatial_extent: str | None = None
    has_location: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryField:
    """A column of a result: `String`, `Integer`, `Double`, `DateTime` or `Boolean`."""

    name: str
    field_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryResult:
    """A page of rows, each in the order of `fields`. `next_start` is -1 on the last page."""

    fields: tuple[QueryField, ...]
    results: tuple[tuple[Any, ...], ...] = field(repr=False)
    start: int
    next_start: int
    num: int
    q: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStatisticsDetails:
    """Which jobs are counted, and by which field they are told apart; neither `q` nor `search`: all jobs."""

    q: str | None = field(default=None, repr=False)
    search: str | None = field(default=None, repr=False)
    group_by: str | None = None
    spatial_extent: str | None = None
    has_location: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupedValue:
    """How many jobs have a value; None: those that have none."""

    value: str | None = field(repr=False)
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStatistics:
    """How many jobs there are; a job with several current steps is counted for each of their values."""

    total: int
    group_by: str | None = None
    grouped_values: tuple[GroupedValue, ...] | None = None
