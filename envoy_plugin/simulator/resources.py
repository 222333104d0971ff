"""The JSON:API resources that the simulated Envoy holds, and questions about them: filter, sort, page, include.

Sources: Node SDK 2.5.2, src/resources (which filters and orders there are) and src/base/EnvoyAPI.ts; JSON:API 1.0. How
Envoy treats a filter that it doesn't know isn't documented: here it is refused.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from envoy_plugin.simulator.directory import build_directory
from envoy_plugin.simulator.times import Clock, iso
from envoy_plugin.simulator.wire import Json, JsonObject, api_error, not_found

MAX_PER_TYPE: Final = 10_000
DEFAULT_LIMIT: Final = 25
MAX_LIMIT: Final = 100
ARRIVAL: Final = "expected-arrival-time"
IGNORED_FILTERS: Final = frozenset({"scope", "exclude-hidden"})

Test = Callable[[JsonObject, str], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Which resources, in which order, which of them, and with what beside them."""

    filters: Mapping[str, str]
    sort: tuple[str, ...] = ()
    offset: int = 0
    limit: int = DEFAULT_LIMIT
    include: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some of the resources that fit; `total` is how many do."""

    resources: Sequence[JsonObject]
    total: int


class Resources:
    """Every resource by type and id; beyond `MAX_PER_TYPE` the oldest of a type are forgotten."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._next_id = 100_000
        self._types: dict[str, dict[str, JsonObject]] = {}
        for resource in build_directory():
            self.put(resource)

    def put(self, resource: JsonObject) -> JsonObject:
        """Keep a resource under its type and id."""
        kept = self._types.setdefault(resource["type"], {})
        kept[resource["id"]] = resource
        while len(kept) > MAX_PER_TYPE:
            del kept[next(iter(kept))]
        return resource

    def add(self, kind: str, attributes: JsonObject, relationships: JsonObject) -> JsonObject:
        """Keep a new resource, with an id and its times."""
        self._next_id += 1
        now = iso(self._clock())
        times = {"created-at": now, "updated-at": now}
        made = {"id": str(self._next_id), "type": kind, "attributes": attributes | times}
        return self.put(made | {"relationships": relationships})

    def change(self, resource: JsonObject, attributes: JsonObject, relationships: JsonObject) -> JsonObject:
        """The resource with exactly these attributes and relationships, and a new `updated-at`."""
        now = {"updated-at": iso(self._clock())}
        return self.put(resource | {"attributes": attributes | now, "relationships": relationships})

    def remove(self, kind: str, resource_id: str) -> None:
        """Forget a resource."""
        del self._types[kind][resource_id]

    def get(self, kind: str, resource_id: str) -> JsonObject:
        """A resource.

        Raises:
            WireError: 404, there is none.
        """
        resource = self._types.get(kind, {}).get(resource_id)
        if resource is None:
            raise not_found(f"There is no such resource among the {kind}.")
        return resource

    def find(self, kind: str, question: Question) -> Page:
        """The resources of a type that fit.

        Raises:
            WireError: 400, a filter or an order that there isn't.
        """
        return _page(self._types.get(kind, {}).values(), question)

    def related(self, kind: str, parent: JsonObject, question: Question) -> Page:
        """The resources of a type that name `parent` among their relationships."""
        target = (parent["type"], parent["id"])
        return _page(
            (child for child in self._types.get(kind, {}).values() if target in _targets(child.get("relationships"))),
            question,
        )

    def included(self, resources: Sequence[JsonObject], paths: Iterable[str]) -> list[JsonObject]:
        """What the paths, as `location.company`, lead to from the resources; each once, the resources left out.

        Raises:
            WireError: 400, none of the resources has such a relationship.
        """
        found: dict[tuple[str, str], JsonObject] = {}
        for path in paths:
            here: list[JsonObject] = list(resources)
            for step in path.split("."):
                here = self._follow(here, step, path)
                found |= {(one["type"], one["id"]): one for one in here}
        given = {(one["type"], one["id"]) for one in resources}
        return [one for key, one in found.items() if key not in given]

    def _follow(self, resources: Sequence[JsonObject], step: str, path: str) -> list[JsonObject]:
        if resources and not any(step in one.get("relationships", {}) for one in resources):
            raise api_error(400, "Bad request", f"There is no {path} to include.")
        ways = (target for one in resources for target in _targets({step: one.get("relationships", {}).get(step)}))
        known = (self._types.get(kind, {}).get(resource_id) for kind, resource_id in ways)
        return [one for one in known if one is not None]


def _targets(relationships: Json) -> Iterator[tuple[str, str]]:
    """Type and id of everything that the relationships name; what can't be read names nothing."""
    for relationship in relationships.values() if isinstance(relationships, dict) else ():
        data = relationship.get("data") if isinstance(relationship, dict) else None
        for one in data if isinstance(data, list) else [data]:
            if isinstance(one, dict):
                yield str(one.get("type")), str(one.get("id"))


def _page(resources: Iterable[JsonObject], question: Question) -> Page:
    fitting = list(resources)
    for name, value in question.filters.items():
        test = _test(name, fitting)
        fitting = [resource for resource in fitting if test(resource, value)]
    for key in reversed(question.sort):
        fitting.sort(key=_order(key.removeprefix("-"), fitting), reverse=key.startswith("-"))
    return Page(resources=fitting[question.offset : question.offset + question.limit], total=len(fitting))


def _order(name: str, resources: Sequence[JsonObject]) -> Callable[[JsonObject], tuple[bool, str]]:
    attribute = name.replace("_", "-")
    if resources and not any(attribute in resource["attributes"] for resource in resources):
        raise api_error(400, "Bad request", "There is no such order.")

    def key(resource: JsonObject) -> tuple[bool, str]:
        value = resource["attributes"].get(attribute)
        return value is not None, str(value)

    return key


def _test(name: str, resources: Sequence[JsonObject]) -> Test:
    """What decides whether a resource passes the filter of that name."""
    if name in SPECIAL_FILTERS:
        return SPECIAL_FILTERS[name]
    singular, attribute = name.removesuffix("s"), name.replace("_", "-")
    if any(attribute in resource["attributes"] for resource in resources):
        return lambda resource, value: _same(resource["attributes"].get(attribute), value)
    for relationship in (name, singular, f"{singular}s"):
        if any(relationship in resource["relationships"] for resource in resources):
            return lambda resource, value, way=relationship: _leads_to(resource, way, value)  # type: ignore[misc]  # the default binds the loop's value
    if not resources or name in IGNORED_FILTERS:
        return lambda _, __: True
    raise api_error(400, "Bad request", "There is no such filter.")


def _same(value: Json, wanted: str) -> bool:
    text = str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)
    return text.casefold() in wanted.casefold().split(",")


def _leads_to(resource: JsonObject, relationship: str, wanted: str) -> bool:
    targets = _targets({relationship: resource["relationships"].get(relationship)})
    return bool({resource_id for _, resource_id in targets} & set(wanted.split(",")))


def _mentions(resource: JsonObject, wanted: str) -> bool:
    said = (str(resource["attributes"].get(name) or "") for name in ("name", "full-name", "email"))
    return any(wanted.casefold() in text.casefold() for text in said)


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _arrives(resource: JsonObject, wanted: str, *, is_right: Callable[[str, str], bool]) -> bool:
    """Compare the expected arrival with a date or a time, as text of equal length: both are ISO 8601 in UTC."""
    if _moment(wanted) is None:
        raise api_error(400, "Bad request", "A date or a time in ISO 8601 is needed.")
    arrival = str(resource["attributes"].get(ARRIVAL) or "")
    length = min(len(wanted.rstrip("Z")), 19)
    return bool(arrival) and is_right(arrival[:length], wanted[:length])


def _from(resource: JsonObject, wanted: str) -> bool:
    return _arrives(resource, wanted, is_right=lambda arrival, start: arrival >= start)


def _to(resource: JsonObject, wanted: str) -> bool:
    return _arrives(resource, wanted, is_right=lambda arrival, end: arrival <= end)


def _on(resource: JsonObject, wanted: str) -> bool:
    return _arrives(resource, wanted[:10], is_right=lambda arrival, day: arrival == day)


def _is_not(resource: JsonObject, wanted: str) -> bool:
    return resource["id"] not in wanted.split(",")


def _is_elsewhere(resource: JsonObject, wanted: str) -> bool:
    return not (_leads_to(resource, "locations", wanted) or _leads_to(resource, "location", wanted))


SPECIAL_FILTERS: Final[Mapping[str, Test]] = MappingProxyType(
    {
        "name": _mentions,
        "query": _mentions,
        "except": _is_not,
        "exclude-locations": _is_elsewhere,
        "date-from": _from,
        "datetime-from": _from,
        "date-to": _to,
        "datetime-to": _to,
        "for-date": _on,
    }
)
