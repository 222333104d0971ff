"""What answers look like. Source: the output shapes of botocore's models.

On the data plane times are whole seconds since 1970, on the control plane they may have fractions. What isn't known is
left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias

from envoy_plugin.apis.iot_jobs.executions import Execution
from envoy_plugin.apis.iot_jobs.registry import Thing

Shape: TypeAlias = dict[str, Any]

VERSION: Final = 1
"""The version of every thing: nothing changes one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where resources are: in the region and the account that the settings name."""

    region: str
    account: str

    def arn(self, kind: str, name: str) -> str:
        """The ARN of a thing or a job."""
        return f"arn:aws:iot:{self.region}:{self.account}:{kind}/{name}"

    def thing_named(self, arn: str) -> str | None:
        """The name of the thing that an ARN means; None: it means something else, or it is elsewhere."""
        head = self.arn("thing", "")
        return arn.removeprefix(head) if arn.startswith(head) else None


def known(members: Mapping[str, Any]) -> Shape:
    """What there is of these members."""
    return {name: value for name, value in members.items() if value is not None}


def summary(execution: Execution) -> Shape:
    """JobExecutionSummary of the data plane."""
    return known(
        {
            "jobId": execution.job_id,
            "queuedAt": _whole(execution.queued_at),
            "startedAt": _whole(execution.started_at),
            "lastUpdatedAt": _whole(execution.updated_at),
            "versionNumber": execution.version,
            "executionNumber": execution.number,
        }
    )


def job_execution(execution: Execution) -> Shape:
    """JobExecution of the data plane."""
    return known(
        {
            **summary(execution),
            "thingName": execution.thing,
            "status": execution.status,
            "statusDetails": execution.details,
            "approximateSecondsBeforeTimedOut": _left(execution),
            "jobDocument": execution.document,
        }
    )


def execution_state(execution: Execution) -> Shape:
    """JobExecutionState."""
    return {
        "status": execution.status,
        "statusDetails": execution.details or {},
        "versionNumber": execution.version,
    }


def described(execution: Execution, place: Place) -> Shape:
    """JobExecution of the control plane."""
    details = None if execution.details is None else {"detailsMap": execution.details}
    return known(
        {
            "jobId": execution.job_id,
            "status": execution.status,
            "forceCanceled": execution.force_canceled,
            "statusDetails": details,
            "thingArn": place.arn("thing", execution.thing),
            "queuedAt": exact(execution.queued_at),
            "startedAt": exact(execution.started_at),
            "lastUpdatedAt": exact(execution.updated_at),
            "executionNumber": execution.number,
            "versionNumber": execution.version,
            "approximateSecondsBeforeTimedOut": _left(execution),
        }
    )


def control_summary(execution: Execution) -> Shape:
    """JobExecutionSummary of the control plane."""
    return known(
        {
            "status": execution.status,
            "queuedAt": exact(execution.queued_at),
            "startedAt": exact(execution.started_at),
            "lastUpdatedAt": exact(execution.updated_at),
            "executionNumber": execution.number,
            "retryAttempt": execution.number - 1,
        }
    )


def thing_attributes(thing: Thing, place: Place) -> Shape:
    """ThingAttribute, as ListThings has it."""
    return {
        "thingName": thing.name,
        "thingArn": place.arn("thing", thing.name),
        "attributes": thing.attributes,
        "version": VERSION,
    }


def described_thing(thing: Thing, place: Place) -> Shape:
    """DescribeThing."""
    return {**thing_attributes(thing, place), "thingId": thing_id(thing), "defaultClientId": thing.name}


def thing_id(thing: Thing) -> str:
    """What tells a thing from a later one of the same name."""
    return f"{thing.name}-{int(thing.created.timestamp() * 1000)}"


def _left(execution: Execution) -> int | None:
    if execution.expires is None or execution.read_at is None:
        return None
    return max(0, int((execution.expires - execution.read_at).total_seconds()))


def _whole(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())


def exact(moment: datetime | None) -> float | None:
    """A time of the control plane: seconds since 1970."""
    return None if moment is None else moment.timestamp()
