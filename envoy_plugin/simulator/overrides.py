"""Overrides of a webhook: `attributes.full-name=Zoë`, `meta.install_id=1001`, `attributes.user-data.0.value=7`.

A path that isn't there is an error, never ignored: a misspelt one would otherwise test nothing.
"""

import json
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Final, NoReturn

from envoy_plugin.simulator.payloads import Webhook
from envoy_plugin.simulator.wire import Json, JsonObject

ROOTS: Final = frozenset({"meta", "payload"})
FREE_FORM: Final = (("meta", "config"), ("meta", "env"))
ATTRIBUTES: Final = ("payload", "attributes")
SELDOM: Final = frozenset(
    {
        "agreement-refused",
        "agreements-status",
        "checked-in-at",
        "custom-deny-markdown",
        "device-session-uuid",
        "email-status",
        "failure-message-markdown",
        "group-name",
        "id-check-status",
        "is-delivery",
        "original-nda-sign-date",
        "pov-key",
        "push-status",
        "signed-in-by",
        "signed-in-via",
        "signed-out-by",
        "signed-out-via",
        "sms-status",
    }
)
"""Attributes of entries that Envoy sends now and then, and that no made-up one has; they can be added."""


class BadOverride(ValueError):
    """An override that says nothing."""


class UnknownPath(BadOverride):
    """A path that the webhook doesn't have; `nearest` are the ones that look like it."""

    def __init__(self, path: str, nearest: Sequence[str]) -> None:
        hint = f" Did you mean {', '.join(nearest)}?" if nearest else ""
        super().__init__(f"There is no {path!r} in this event.{hint}")
        self.path = path
        self.nearest = tuple(nearest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """One value to put in place of another; the path starts with `meta` or `payload`."""

    path: tuple[str, ...]
    value: Json


def parse_value(text: str) -> Json:
    """A JSON value, or the text itself where it is none."""
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except ValueError:
        return text


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def parse_override(text: str) -> Override:
    """An override from `path=value`; a path without `meta` in front is meant within the payload.

    Raises:
        BadOverride: there is no `=`, or nothing before it.
    """
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise BadOverride(f"{text!r} is not PATH=VALUE.")
    return Override(path=parse_path(name), value=parse_value(value))


def override(webhook: Webhook, overrides: Sequence[Override]) -> Webhook:
    """The webhook with other values.

    Raises:
        UnknownPath: the webhook has no such path.
    """
    if not overrides:
        return webhook
    document = deepcopy(webhook.document)
    for one in overrides:
        _put(document, one)
    return replace(webhook, document=document, raw=None)


def parse_path(text: str) -> tuple[str, ...]:
    """A path from `relationships.invite`; one without `meta` in front is meant within the payload.

    Raises:
        BadOverride: it is empty.
    """
    if not text:
        raise BadOverride("A path is empty.")
    path = tuple(text.split("."))
    return path if path[0] in ROOTS else ("payload", *path)


def remove(webhook: Webhook, paths: Sequence[tuple[str, ...]]) -> Webhook:
    """The webhook without what is at these paths.

    Raises:
        UnknownPath: the webhook has no such path.
    """
    if not paths:
        return webhook
    document = deepcopy(webhook.document)
    for path in paths:
        place = _place(document, path)
        if not _has(place, path[-1]):
            raise UnknownPath(_shown(path), _nearest(document, _shown(path)))
        del place[int(path[-1]) if isinstance(place, list) else path[-1]]
    return replace(webhook, document=document, raw=None)


def _place(document: JsonObject, path: Sequence[str]) -> Json:
    """Where the last step of the path is taken; None where the way doesn't lead there."""
    place: Json = document
    for step in path[:-1]:
        place = _child(place, step) if _has(place, step) else None
    return place


def _put(document: JsonObject, one: Override) -> None:
    place, last = _place(document, one.path), one.path[-1]
    if not (_has(place, last) or (isinstance(place, dict) and _can_be_added(document, one.path))):
        raise UnknownPath(_shown(one.path), _nearest(document, _shown(one.path)))
    place[int(last) if isinstance(place, list) else last] = one.value


def _can_be_added(document: JsonObject, path: tuple[str, ...]) -> bool:
    is_of_entry = path[:-1] == ATTRIBUTES and document["payload"].get("type") == "entries"
    return path[:-1] in FREE_FORM or (is_of_entry and path[-1] in SELDOM)


def _has(place: Json, step: str) -> bool:
    if isinstance(place, list):
        return step.isascii() and step.isdigit() and int(step) < len(place)
    return isinstance(place, dict) and step in place


def _child(place: Json, step: str) -> Json:
    return place[int(step)] if isinstance(place, list) else place[step]


def _shown(path: Sequence[str]) -> str:
    return ".".join(path[1:] if path[0] == "payload" else path)


def _nearest(document: JsonObject, path: str) -> list[str]:
    """Paths that are spelt alike, before those whose last word is."""
    paths = [_shown(known) for known in _paths(document)]
    leaves = {known: known.rpartition(".")[2] for known in paths}
    alike = get_close_matches(path.rpartition(".")[2], set(leaves.values()), n=3, cutoff=0.7)
    named_alike = [known for known in paths if leaves[known] in alike]
    return list(dict.fromkeys(get_close_matches(path, paths, n=3, cutoff=0.8) + named_alike))[:3]


def _paths(place: Json, way: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    steps = place if isinstance(place, dict) else [str(n) for n in range(len(place))] if isinstance(place, list) else ()
    for step in steps:
        if (*way, step) != ("payload",):
            yield (*way, step)
        yield from _paths(_child(place, step), (*way, step))
