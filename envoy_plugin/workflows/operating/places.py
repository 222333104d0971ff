"""Where a job is: kept with it as it was given, with the box around it, by which it is found."""

from collections.abc import Mapping
from typing import Any

from envoy_plugin.errors import BadLocation
from envoy_plugin.workflows.location import Location
from envoy_plugin.workflows.models import JobHistoryAction
from envoy_plugin.workflows.operating.privileges import Privilege
from envoy_plugin.workflows.operating.scope import Scope, check_open
from envoy_plugin.workflows.running.draft import Draft


def kept_location(location: Location | Mapping[str, Any]) -> dict[str, Any]:
    """A location, or a GeoJSON geometry, as it is kept.

    Raises:
        BadLocation: the geometry can't be understood.
    """
    found = location if isinstance(location, Location) else Location.from_geojson(location)
    return {
        "type": found.geometry_type,
        "parts": [[list(position) for position in part] for part in found.parts],
        "box": found.box,
    }


def kept_place(degrees: tuple[float, float] | None) -> dict[str, Any]:
    """The property that a latitude and a longitude make; none where they are unknown, or can't be projected."""
    try:
        return {"location": kept_location(Location.from_degrees(*degrees))} if degrees else {}
    except BadLocation:
        return {}


def read_location(kept: Mapping[str, Any]) -> Location:
    """A location, from how it is kept."""
    parts = tuple(tuple((x, y) for x, y in part) for part in kept["parts"])
    return Location(geometry_type=kept["type"], parts=parts)


async def get_location(scope: Scope, job_id: str) -> Location | None:
    """Where a job is; None: nobody has said."""
    kept = (await scope.load(job_id)).properties.get("location")
    return read_location(kept) if kept else None


async def set_location(scope: Scope, job_id: str, location: Location | Mapping[str, Any] | None) -> None:
    """Say where a job is; None: nowhere. See `JobsManager.set_job_location`."""
    scope.caller.demand(Privilege.LOCATION)
    kept = None if location is None else kept_location(location)

    def change(draft: Draft) -> None:
        check_open(draft)
        if kept != draft.workflow.properties.get("location"):
            draft.say(location=kept)
            draft.record(JobHistoryAction.UPDATED, location=True)

    await scope.revise([job_id], change)
