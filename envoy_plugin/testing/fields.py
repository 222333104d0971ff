"""Fields of a payload by their names in Python, put where Envoy writes them."""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import replace
from datetime import datetime
from difflib import get_close_matches
from typing import Any, Final

from envoy_plugin.envoy.events import PAYLOADS
from envoy_plugin.simulator.overrides import Override, override, parse_path
from envoy_plugin.simulator.payloads import Webhook
from envoy_plugin.simulator.times import sql
from envoy_plugin.simulator.wire import Json, JsonObject

NESTED: Final = frozenset({"attributes", "relationships"})
ID: Final = "_id"
IDS: Final = "_ids"


def fill(webhook: Webhook, fields: Mapping[str, object]) -> Webhook:
    """The webhook with other values, each under the name that its typed payload has: `full_name`, `location_id`.

    None is null, a `datetime` is written as Envoy writes times, and `user_data` may be a mapping.

    Raises:
        TypeError: the payload has no such field; the message has the nearest names.
    """
    if not fields:
        return webhook
    document = deepcopy(webhook.document)
    payload = document.get("payload")
    place = _Place(webhook.event, payload if isinstance(payload, dict) else {})
    for name, value in fields.items():
        place.put(name, _as_wire(name, value))
    return replace(webhook, document=document, raw=None)


def override_paths(webhook: Webhook, overrides: Mapping[str, Json]) -> Webhook:
    """The webhook with other values at paths, as `envoy-plugin trigger --override` takes them.

    Raises:
        BadOverride: it has no such path.
    """
    return override(webhook, [Override(path=parse_path(path), value=value) for path, value in overrides.items()])


class _Place:
    """The payload of an event, and where in it a field goes."""

    def __init__(self, event: str, payload: JsonObject) -> None:
        self._event = event
        self._payload = payload
        self._attributes: JsonObject = payload.get("attributes", payload)
        self._relationships: JsonObject = payload.get("relationships", {})
        self._known = self._names(event)

    def put(self, name: str, value: Json) -> None:
        wire = name.replace("_", "-")
        if name not in self._known:
            self._refuse(name)
        if wire in self._payload.keys() - NESTED:
            self._payload[wire] = value
        elif name.endswith(ID) and not self._is_attribute(wire):
            self._link(wire.removesuffix("-id"), value)
        elif name.endswith(IDS):
            self._relationships[wire.removesuffix("-ids") + "s"] = {"data": [_linked(one, wire[:-4]) for one in value]}
        else:
            self._attributes[wire] = value

    def _is_attribute(self, wire: str) -> bool:
        return wire in self._attributes and wire.removesuffix("-id") not in self._relationships

    def _link(self, relationship: str, value: Json) -> None:
        self._relationships[relationship] = {"data": None if value is None else _linked(value, relationship)}

    def _names(self, event: str) -> set[str]:
        """What the payload has, and what its type knows."""
        model = PAYLOADS.get(event)
        there = {*self._payload.keys() - NESTED, *self._attributes, *(f"{name}-id" for name in self._relationships)}
        named = {name.replace("-", "_") for name in there if name not in NESTED}
        return named | (set(model.model_fields) if model and self._payload else set())

    def _refuse(self, name: str) -> None:
        nearest = get_close_matches(name, self._known, n=3)
        hint = f" Did you mean {_listed(nearest)}?" if nearest else ""
        raise TypeError(f"The payload of {self._event} has no field {name!r}.{hint}")


def _linked(value: object, kind: str) -> JsonObject:
    return {"id": str(value), "type": f"{kind}s"}


def _as_wire(name: str, value: Any) -> Json:
    if name == "user_data" and isinstance(value, Mapping):
        return [{"field": field, "value": answer} for field, answer in value.items()]
    return sql(value) if isinstance(value, datetime) else value


def _listed(names: Iterable[str]) -> str:
    return " or ".join(names)
