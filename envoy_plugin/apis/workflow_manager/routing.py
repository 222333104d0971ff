"""Which operations a path has. Words that are paths of their own are never a job's id, nor a step's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

from envoy_plugin.apis.workflow_manager.operation import Operation
from envoy_plugin.apis.workflow_manager.operations import OPERATIONS
from envoy_plugin.workflows.definitions.checks import RESERVED_IDS
from envoy_plugin.workflows.operating.making import RESERVED as RESERVED_JOBS

RESERVED: Final[Mapping[str, frozenset[str]]] = {"jobId": RESERVED_JOBS, "stepId": RESERVED_IDS}
"""Words that no parameter of a path can be, since they are paths of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A path that there is: its operations by their methods, and its parameters, decoded."""

    operations: Mapping[str, tuple[Operation[Any], ...]]
    path: Mapping[str, str]


def find_place(segments: tuple[str, ...]) -> Place | None:
    """The operations of a path, given as what stands between its slashes after the item, decoded; None: there are none.

    One pattern is the path's: of those that fit, the one with the fewest parameters.
    """
    found = [(pattern, path) for pattern in PATTERNS if (path := _matched(pattern, segments)) is not None]
    if not found:
        return None
    pattern, path = min(found, key=lambda one: len(one[1]))
    return Place(operations=PATTERNS[pattern], path=path)


def segments_of(raw_path: str) -> tuple[str, ...]:
    """What stands between the slashes of a path, decoded."""
    return tuple(unquote(segment) for segment in raw_path.split("/")[1:])


def _matched(pattern: str, segments: tuple[str, ...]) -> Mapping[str, str] | None:
    wanted = pattern.split("/")[1:]
    if len(wanted) != len(segments):
        return None
    path: dict[str, str] = {}
    for want, segment in zip(wanted, segments, strict=True):
        name = want.strip("{}")
        if want == segment:
            continue
        if want == name or not segment or segment in RESERVED.get(name, ()):
            return None
        path[name] = segment
    return path


def _by_pattern() -> Mapping[str, Mapping[str, tuple[Operation[Any], ...]]]:
    patterns: dict[str, dict[str, tuple[Operation[Any], ...]]] = {}
    for operation in OPERATIONS:
        methods = patterns.setdefault(operation.path, {})
        methods[operation.method] = (*methods.get(operation.method, ()), operation)
    return patterns


PATTERNS: Final = _by_pattern()
"""The operations by path and method."""
