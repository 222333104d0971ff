"""Which operation a request means: by the service that it was signed for, its method and its path.

Source: botocore's models, whose two services share paths.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias
from urllib.parse import unquote

from envoy_plugin.apis.iot_jobs import control_plane, control_things, data_plane
from envoy_plugin.apis.iot_jobs.access import CONTROL, DATA
from envoy_plugin.apis.iot_jobs.calls import Call
from envoy_plugin.apis.iot_jobs.constraints import NEXT
from envoy_plugin.apis.iot_jobs.shapes import Shape

Operation: TypeAlias = Callable[[Call], Awaitable[Shape]]
Routes: TypeAlias = Mapping[tuple[str, str], Operation]

OF_THING: Final = "/things/{thing}/jobs"
OF_EXECUTION: Final = f"{OF_THING}/{{job}}"
ROUTES: Final[Mapping[str, Routes]] = MappingProxyType(
    {
        DATA: {
            ("GET", OF_THING): data_plane.get_pending,
            ("PUT", f"{OF_THING}/{NEXT}"): data_plane.start_next,
            ("GET", OF_EXECUTION): data_plane.describe,
            ("POST", OF_EXECUTION): data_plane.update,
        },
        CONTROL: {
            ("GET", "/things"): control_things.list_things,
            ("POST", "/things/{thing}"): control_things.create_thing,
            ("GET", "/things/{thing}"): control_things.describe_thing,
            ("DELETE", "/things/{thing}"): control_things.delete_thing,
            ("GET", OF_THING): control_plane.list_executions_of_thing,
            ("GET", OF_EXECUTION): control_plane.describe_execution,
            ("PUT", f"{OF_EXECUTION}/cancel"): control_plane.cancel_job_execution,
            ("DELETE", f"{OF_EXECUTION}/executionNumber/{{number}}"): control_plane.delete_job_execution,
            ("GET", "/jobs"): control_plane.list_jobs,
            ("PUT", "/jobs/{job}"): control_plane.create_job,
            ("GET", "/jobs/{job}"): control_plane.describe_job,
            ("DELETE", "/jobs/{job}"): control_plane.delete_job,
            ("PUT", "/jobs/{job}/cancel"): control_plane.cancel_job,
            ("GET", "/jobs/{job}/job-document"): control_plane.get_job_document,
            ("GET", "/jobs/{job}/things"): control_plane.list_executions_of_job,
        },
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An operation, and the parameters in the path, decoded."""

    operation: Operation
    path: Mapping[str, str]


def find_operation(service: str, method: str, raw_path: str) -> Found | None:
    """What a request means; None: nothing that is done here. `raw_path` is the request line's, without the query."""
    segments = [unquote(segment) for segment in raw_path.split("/")]
    for (known, pattern), operation in ROUTES[service].items():
        path = _matched(pattern, segments) if known == method else None
        if path is not None:
            return Found(operation=operation, path=path)
    return None


def _matched(pattern: str, segments: list[str]) -> Mapping[str, str] | None:
    wanted = pattern.split("/")
    if len(wanted) != len(segments):
        return None
    path: dict[str, str] = {}
    for want, segment in zip(wanted, segments, strict=True):
        if parameter := re.fullmatch(r"\{(\w+)\}", want):
            path[parameter[1]] = segment
        elif want != segment:
            return None
    return path
