"""What requests may say: bodies and queries of both planes, as values.

Source: the request shapes of botocore's models. Path parameters are checked where they are read.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from envoy_plugin.apis.iot_jobs.constraints import (
    MOST_DOCUMENT,
    Attributes,
    CancelDetails,
    Details,
    Flag,
    JobId,
    Long,
    MostResults,
    StepChange,
    StepMinutes,
    WholeText,
    Wire,
    check_json,
    printable,
)
from envoy_plugin.apis.iot_jobs.fleets import Plan
from envoy_plugin.apis.iot_jobs.guesses import MOST_TARGETS
from envoy_plugin.apis.iot_jobs.words import REASONS, JobStatus, Status

MOST_RETRIES: Final = 10
MOST_DESCRIPTION: Final = 2028
LEFT_OUT_OF_JOBS: Final = (
    "abortConfig",
    "destinationPackageVersions",
    "documentParameters",
    "documentSource",
    "jobExecutionsRolloutConfig",
    "jobTemplateArn",
    "namespaceId",
    "presignedUrlConfig",
    "schedulingConfig",
    "tags",
)
LEFT_OUT_OF_DELETES: Final = ("namespaceId",)
LEFT_OUT_OF_THINGS: Final = ("billingGroupName", "thingTypeName")
LEFT_OUT_OF_LISTS: Final = (
    "attributeName",
    "attributeValue",
    "namespaceId",
    "thingGroupId",
    "thingGroupName",
    "thingTypeName",
    "usePrefixAttributeValue",
)

Text: TypeAlias = Annotated[str, StringConstraints(max_length=MOST_DESCRIPTION), AfterValidator(printable)]
Target: TypeAlias = Annotated[str, StringConstraints(max_length=2048)]
Document: TypeAlias = Annotated[str, StringConstraints(max_length=MOST_DOCUMENT), AfterValidator(check_json)]
ReasonCode: TypeAlias = Annotated[str, StringConstraints(pattern=r"\A[\p{Lu}\p{Nd}_]{1,128}\z")]
FailureType: TypeAlias = Literal["FAILED", "TIMED_OUT", "ALL"]


class Start(Wire):
    """StartNextPendingJobExecution."""

    status_details: Details | None = Field(default=None, repr=False)
    step_timeout_in_minutes: StepMinutes | None = None


class Update(Wire):
    """UpdateJobExecution."""

    status: Annotated[Status, Field(strict=False)]
    status_details: Details | None = Field(default=None, repr=False)
    step_timeout_in_minutes: StepChange | None = None
    expected_version: Long | None = None
    include_job_execution_state: bool = False
    include_job_document: bool = False
    execution_number: Long | None = None


class DescribeQuery(Wire):
    """DescribeJobExecution of either plane; the document is the data plane's."""

    include_job_document: Flag = True
    execution_number: WholeText | None = None


class Timeouts(Wire):
    """How long an execution may be IN_PROGRESS."""

    in_progress_timeout_in_minutes: StepMinutes | None = None


class RetryCriterion(Wire):
    """How often a kind of failure is tried again."""

    failure_type: FailureType
    number_of_retries: Annotated[int, Field(ge=0, le=MOST_RETRIES)]


class Retries(Wire):
    """Up to two kinds of failure, at most ten retries for both; ALL stands alone."""

    criteria_list: Annotated[tuple[RetryCriterion, ...], Field(min_length=1, max_length=2, strict=False)]

    @model_validator(mode="after")
    def _check_together(self) -> "Retries":
        kinds = [criterion.failure_type for criterion in self.criteria_list]
        if len(set(kinds)) < len(kinds) or ("ALL" in kinds and len(kinds) > 1):
            raise ValueError("must name each failureType once, and ALL alone")
        if sum(criterion.number_of_retries for criterion in self.criteria_list) > MOST_RETRIES:
            raise ValueError(f"must have at most {MOST_RETRIES} retries in all")
        return self

    def by_reason(self) -> int | dict[str, int]:
        """As the engine takes them: one number for every reason, or a number for each."""
        found = {criterion.failure_type: criterion.number_of_retries for criterion in self.criteria_list}
        if "ALL" in found:
            return found["ALL"]
        return {REASONS[Status.TIMED_OUT]: found.get("TIMED_OUT", 0), "*": found.get("FAILED", 0)}


class CreateJob(Wire):
    """CreateJob."""

    targets: Annotated[tuple[Target, ...], Field(min_length=1, max_length=MOST_TARGETS, strict=False)]
    document: Document = Field(repr=False)
    description: Text = ""
    target_selection: Literal["SNAPSHOT"] = "SNAPSHOT"
    timeout_config: Timeouts = Timeouts()
    job_executions_retry_config: Retries | None = None

    @model_validator(mode="before")
    @classmethod
    def _check_left_out(cls, said: Any) -> Any:
        return refuse_left_out(said, LEFT_OUT_OF_JOBS)

    def plan(self, job_id: str, things: Sequence[str]) -> Plan:
        """What is to be given out, as a job with this id, to these things."""
        minutes = self.timeout_config.in_progress_timeout_in_minutes
        retries = self.job_executions_retry_config
        return Plan(
            job_id=job_id,
            document=self.document,
            things=things,
            description=self.description,
            limit=None if minutes is None else timedelta(minutes=minutes),
            retries=retries.by_reason() if retries else 0,
        )


class CancelJob(Wire):
    """CancelJob: why, in a code and in words."""

    reason_code: ReasonCode = ""
    comment: Text = ""


class CancelExecution(Wire):
    """CancelJobExecution."""

    expected_version: Long | None = None
    status_details: CancelDetails | None = Field(default=None, repr=False)


class NumberInPath(Wire):
    """The execution number in the path of DeleteJobExecution."""

    number: WholeText


class ForceQuery(Wire):
    """What cancels and deletes, and whether also what is IN_PROGRESS."""

    force: Flag = False

    @model_validator(mode="before")
    @classmethod
    def _check_left_out(cls, said: Any) -> Any:
        return refuse_left_out(said, LEFT_OUT_OF_DELETES)


class AttributePayload(Wire):
    """Texts by name that an operator keeps with a thing."""

    attributes: Attributes = Field(default_factory=dict)


class CreateThing(Wire):
    """CreateThing."""

    attribute_payload: AttributePayload = AttributePayload()

    @model_validator(mode="before")
    @classmethod
    def _check_left_out(cls, said: Any) -> Any:
        return refuse_left_out(said, LEFT_OUT_OF_THINGS)


class DeleteThing(Wire):
    """DeleteThing's query."""

    expected_version: WholeText | None = None


class PageQuery(Wire):
    """Which part of a list."""

    max_results: MostResults = 100
    next_token: str = ""

    @model_validator(mode="before")
    @classmethod
    def _check_left_out(cls, said: Any) -> Any:
        return refuse_left_out(said, LEFT_OUT_OF_LISTS)


class ExecutionsQuery(PageQuery):
    """ListJobExecutionsForJob and ListJobExecutionsForThing."""

    status: Annotated[Status, Field(strict=False)] | None = None
    job_id: JobId | None = None


class JobsQuery(PageQuery):
    """ListJobs."""

    status: Annotated[JobStatus, Field(strict=False)] | None = None
    target_selection: Literal["SNAPSHOT", "CONTINUOUS"] | None = None


def refuse_left_out(said: Mapping[str, Any], names: tuple[str, ...]) -> Mapping[str, Any]:
    """`said`, unless it uses something that AWS has and this server doesn't.

    Raises:
        ValueError: naming it.
    """
    found = [name for name in names if name in said]
    if found:
        raise ValueError(f"{', '.join(found)}: not supported here")
    return said
