"""Webhooks that are right and yet unlike the usual ones, on demand: what Envoy may send, and plugins tend to forget."""

import re
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from envoy_plugin.simulator.payloads import Webhook
from envoy_plugin.simulator.wire import Json, JsonObject

LARGE_BYTES: Final = 150_000
SQL_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?: UTC)?")
ID_KEYS: Final = frozenset({"id", "plugin_id", "install_id", "company_id", "flow-id"})
ODD_NAME: Final = "Ünï «☃» O'Neill-木村 \N{FAMILY} \u202e\u0000 \"\\/"


class Oddity(StrEnum):
    """One thing that is unusual."""

    SPACED = "spaced"
    ASCII = "ascii"
    ESCAPED_SLASHES = "escaped-slashes"
    NON_ASCII = "non-ascii"
    NUMERIC_IDS = "numeric-ids"
    NO_LOCATION = "no-location"
    NO_ZONE = "no-zone"
    NO_AUTH = "no-auth"
    NO_JOB = "no-job"
    ISO_TIMES = "iso-times"
    LARGE = "large"
    UNKNOWN_FIELDS = "unknown-fields"
    UNKNOWN_EVENT = "unknown-event"


def _each_value(value: Json, change: Callable[[str | None, Json], Json], key: str | None = None) -> Json:
    """The value with every number, text and null in it changed; `change` is told the key that it stands under."""
    if isinstance(value, dict):
        return {name: _each_value(one, change, name) for name, one in value.items()}
    if isinstance(value, list):
        return [_each_value(one, change, key) for one in value]
    return change(key, value)


def _number_of(key: str | None, value: Json) -> Json:
    is_id = key in ID_KEYS and isinstance(value, str) and value.isascii() and value.isdigit()
    return int(value) if is_id else value


def _iso_of(_: str | None, value: Json) -> Json:
    found = SQL_TIME.fullmatch(value) if isinstance(value, str) else None
    return value if found is None else f"{found[1]}T{found[2]}.000Z"


def _name_of(key: str | None, value: Json) -> Json:
    return ODD_NAME if key in {"full-name", "full", "title"} and isinstance(value, str) else value


def _without(name: str) -> Callable[[JsonObject], JsonObject]:
    """Without a key of `meta`, and without the relationship of that name."""

    def change(document: JsonObject) -> JsonObject:
        for place in (document.get("meta"), _relationships(document)):
            if isinstance(place, dict):
                place.pop(name, None)
        return document

    return change


def _relationships(document: JsonObject) -> Json:
    payload = document.get("payload")
    return payload.get("relationships") if isinstance(payload, dict) else None


def _nulled(name: str) -> Callable[[JsonObject], JsonObject]:
    def change(document: JsonObject) -> JsonObject:
        meta = document.get("meta")
        return document | ({"meta": meta | {name: None}} if isinstance(meta, dict) else {})

    return change


def _large(document: JsonObject) -> JsonObject:
    """With a note that makes the body larger than what most servers take unasked."""
    note = "Lorem ipsum, żółw. " * (LARGE_BYTES // 19)
    payload = document.get("payload")
    attributes = payload.get("attributes") if isinstance(payload, dict) else None
    if isinstance(attributes, dict):
        attributes["private-notes"] = note
        return document
    return _with_meta(document, {"note": note})


def _with_meta(document: JsonObject, further: JsonObject) -> JsonObject:
    meta = document.get("meta")
    return document | ({"meta": meta | further} if isinstance(meta, dict) else {})


def _unknown_fields(document: JsonObject) -> JsonObject:
    """With fields that nobody has heard of, at every level."""
    unknown: JsonObject = {"x-unknown": {"nested": [1, None, "new"]}}
    changed = {name: part | unknown if isinstance(part, dict) else part for name, part in document.items()}
    return changed | unknown


def _unknown_event(document: JsonObject) -> JsonObject:
    meta = document.get("meta")
    known = meta if isinstance(meta, dict) else {}
    name = {key: "tea_served" for key in ("event", "route") if key in known}
    job = {"job": known["job"] | {"name": "tea_served"}} if isinstance(known.get("job"), dict) else {}
    return _with_meta(document, name | job)


CHANGES: Final[Mapping[Oddity, Callable[[JsonObject], JsonObject]]] = MappingProxyType(
    {
        Oddity.NON_ASCII: lambda document: _each_value(document, _name_of),
        Oddity.NUMERIC_IDS: lambda document: _each_value(document, _number_of),
        Oddity.ISO_TIMES: lambda document: _each_value(document, _iso_of),
        Oddity.NO_LOCATION: _without("location"),
        Oddity.NO_ZONE: _nulled("zone"),
        Oddity.NO_AUTH: _nulled("auth"),
        Oddity.NO_JOB: _without("job"),
        Oddity.LARGE: _large,
        Oddity.UNKNOWN_FIELDS: _unknown_fields,
        Oddity.UNKNOWN_EVENT: _unknown_event,
    }
)
SPELLINGS: Final = MappingProxyType(
    {Oddity.SPACED: "spaced", Oddity.ASCII: "ascii", Oddity.ESCAPED_SLASHES: "escaped_slashes"}
)


def make_odd(webhook: Webhook, oddities: Iterable[Oddity]) -> Webhook:
    """The webhook with these oddities; the words in it stay the same where the oddity is one of spelling."""
    wanted = list(dict.fromkeys(oddities))
    if not wanted:
        return webhook
    document = deepcopy(webhook.document)
    for oddity in wanted:
        document = CHANGES[oddity](document) if oddity in CHANGES else document
    spelling = replace(webhook.spelling, **{SPELLINGS[oddity]: True for oddity in wanted if oddity in SPELLINGS})
    event = "tea_served" if Oddity.UNKNOWN_EVENT in wanted else webhook.event
    return replace(webhook, event=event, document=document, spelling=spelling, raw=None)
