"""Answers whose members aren't simply those of a value of ours.

Source: `@arcgis/workflow-manager` 1.0.9, Job, JobHistory, JobActionResponse; REST reference of jobs. The Python client
takes a member `success` for the whole answer, so it is in no answer that has anything else to say, but for an action's.
"""

from collections.abc import Sequence
from typing import Any, Final

from envoy_plugin.apis.workflow_manager.wire import Shape, shape
from envoy_plugin.workflows.location import Location
from envoy_plugin.workflows.models import Job, JobAttachmentDetails, JobHistory, JobStatistics
from envoy_plugin.workflows.responses import JobActionResponse

DONE: Final[Shape] = {"success": True}


def job(told: Job) -> Shape:
    """A job. It has no geodatabase, so no versions; a location is counted, as 0 or 1."""
    members: dict[str, Any] = shape(told)
    return {**members, "hasLocation": int(told.has_location), "activeVersions": []}


def history(rows: Sequence[JobHistory]) -> Shape:
    """What has happened to a job; a row tells how long a step took."""
    told = [(shape(row), row.duration_seconds) for row in rows]
    return {"jobHistory": [{**row, **({} if took is None else {"durationSeconds": took})} for row, took in told]}


def location(place: Location | None) -> Shape:
    """Where a job is; a geometry is Esri's JSON as a text. Null: nobody has said."""
    if place is None:
        return {"geometryType": None, "geometry": None}
    return {"geometryType": place.geometry_type, "geometry": place.to_esri()}


def action(response: JobActionResponse) -> Shape:
    """What became of each step."""
    return {"success": response.success, **shape(response)}


def statistics(found: JobStatistics, group_by: str | None) -> Shape:
    """How many jobs there are; the field is told as it was asked for."""
    return {**shape(found), **({} if group_by is None else {"groupBy": group_by})}


def linked(links: Sequence[JobAttachmentDetails], ids: Sequence[str]) -> Shape:
    """The links that were added."""
    pairs = zip(links, ids, strict=True)
    return {"attachments": [{"alias": link.alias or link.url, "attachmentId": one} for link, one in pairs]}
