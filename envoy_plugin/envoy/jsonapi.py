"""JSON:API as Envoy speaks it: what is asked in a query, what came along in an answer, and what was asked before.

Source: jsonapi.org, version 1.0; queries and type names as observed with Envoy's Node SDK 2.5.2.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypedDict, TypeVar
from weakref import WeakValueDictionary

from envoy_plugin.envoy.client import Document
from envoy_plugin.envoy.wire import Included, Resource, key_of

Kind = TypeVar("Kind", bound=Resource)
Key: TypeAlias = tuple[str, str, tuple[str, ...]]
"""A type, an id, and what was to come along."""
Word: TypeAlias = str | int | float | bool
Include: TypeAlias = str | Iterable[str]
"""Relationships whose resources are to come along: `"location"`, `["location", "location.company"]`."""

ALIASES: Final[Mapping[str, str]] = {"employee-screening-flows": "flows"}
"""Relationships may name their own kind of a type. Source: Node SDK 2.5.2, src/base/EnvoyAPI.ts."""
PAGE_LINKS: Final = frozenset({"first", "last", "prev", "next"})
PAGE_SIZE: Final = 100
REMEMBERED: Final = 1_000


class Listing(TypedDict, total=False):
    """What of a list is asked, and in which order; everything may be left out.

    `filters` by their names on the wire, as `{"exclude-hidden": True}`; `sort` as `name` or `-created_at`; `include` as
    of the other calls; `offset` is how many to skip, `page_size` how many come at once (100).
    """

    filters: Mapping[str, Word | Iterable[Word]]
    sort: str
    include: Include
    offset: int
    page_size: int


def listing_query(listing: Listing) -> Iterator[tuple[str, str]]:
    """The query that asks for a list, but for its page."""
    yield from include_query(listing.get("include", ()))
    for name, wanted in listing.get("filters", {}).items():
        if isinstance(wanted, str | int | float):
            yield f"filter[{name}]", _word(wanted)
        else:
            yield from ((f"filter[{name}][]", _word(one)) for one in wanted)
    if "sort" in listing:
        yield "sort", listing["sort"]


def page_query(offset: int, size: int) -> Iterator[tuple[str, str]]:
    """The query that asks for a page."""
    yield "page[offset]", str(offset)
    yield "page[limit]", str(size)


def include_query(include: Include) -> Iterator[tuple[str, str]]:
    """The query that asks for what is to come along."""
    wanted = included_names(include)
    if wanted:
        yield "include", ",".join(wanted)


def included_names(include: Include) -> tuple[str, ...]:
    """The names one by one, each once."""
    names = include.split(",") if isinstance(include, str) else include
    return tuple(dict.fromkeys(name.strip() for name in names if name.strip()))


def _word(value: Word) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """The resources of an answer as they came, in its order, and everything that came, to which they may lead."""

    resources: tuple[Any, ...]
    included: Included

    def read(self, model: type[Kind]) -> list[Kind]:
        """The resources as `model`.

        Raises:
            ApiUnavailable: one can't be read.
        """
        return [model.read(resource, self.included) for resource in self.resources]


def read_document(document: Document) -> Arrived:
    """What an answer brought: one resource, several or none."""
    data, along = document.get("data"), document.get("included")
    resources = tuple(data) if isinstance(data, list) else () if data is None else (data,)
    return Arrived(resources=resources, included=_index([*resources, *(along if isinstance(along, list) else [])]))


def _index(everything: Iterable[Any]) -> Included:
    index = {key_of(one): one for one in everything if isinstance(one, dict)}
    return {(word, one[1]): index[one] for one in index for word in _other_names(one[0])} | index


def _other_names(kind: str) -> Iterator[str]:
    """The names under which a resource of this type may be asked for, too."""
    return (name for pair in ALIASES.items() if kind in pair for name in pair if name != kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """What an answer says of the next page: its address, and whether there is one at all (None: it doesn't say)."""

    link: str | None
    exists: bool | None


def read_following(document: Document, *, seen: int) -> Following:
    """What is known of the next page, `seen` resources into the list."""
    links, meta = document.get("links"), document.get("meta")
    if isinstance(links, dict) and PAGE_LINKS & links.keys():
        following = links.get("next")
        link = following.get("href") if isinstance(following, dict) else following
        return Following(link=link, exists=True) if isinstance(link, str) else Following(link=None, exists=False)
    total = meta.get("total") if isinstance(meta, dict) else None
    return Following(link=None, exists=seen < total if isinstance(total, int) else None)


class Memory:
    """What has been loaded, by type, id and what was to come along; who asks for the same at once waits for it."""

    def __init__(self) -> None:
        self._arrived: OrderedDict[Key, Arrived] = OrderedDict()
        self._locks: WeakValueDictionary[Key, asyncio.Lock] = WeakValueDictionary()

    async def get(
        self, kind: str, resource_id: str, include: tuple[str, ...], load: Callable[[], Awaitable[Document]]
    ) -> Arrived:
        """What is known, or else what `load` gets; a failure is not kept."""
        key = (kind, resource_id, tuple(sorted(include)))
        async with self._locks.setdefault(key, asyncio.Lock()):
            found = self._arrived.get(key)
            if found is None:
                found = read_document(await load())
                self.note(found)
                self._put(key, found)
            return found

    def note(self, arrived: Arrived) -> None:
        """Keep all that came, for whoever asks for one of them."""
        for (kind, resource_id), resource in arrived.included.items():
            self._put((kind, resource_id, ()), Arrived(resources=(resource,), included=arrived.included))

    def clear(self) -> None:
        """Forget everything, as after a change."""
        self._arrived.clear()

    def _put(self, key: Key, arrived: Arrived) -> None:
        self._arrived[key] = arrived
        self._arrived.move_to_end(key)
        while len(self._arrived) > REMEMBERED:
            self._arrived.popitem(last=False)
