"""Routes: what Envoy's installer asks a plugin in its setup steps.

Source: developers.envoy.com, on setup steps; Node SDK 2.5.2, src/sdk/EnvoyMeta.ts,
src/internal/EnvoyOptionsRouteParams.ts and EnvoySelectedValuesRouteParams.ts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pydantic import Field, model_validator

from envoy_plugin.envoy.events import Event, make_event, read_strict
from envoy_plugin.envoy.meta import WebhookMeta
from envoy_plugin.envoy.wire import Id, Wire, decode
from envoy_plugin.errors import BadPayload


class RouteKind(StrEnum):
    """What a setup step asks. The words are those of the route's URL: `/envoy/routes/{kind}/{name}`."""

    OPTIONS = "options"
    """The choices of a dropdown."""
    SELECTED_VALUES = "selected-values"
    """The labels of values that were saved before."""
    REMOTE_VALUE = "remote-value"
    """A text to begin with."""
    VALIDATION = "validation"
    """Whether what was entered is right."""
    MIGRATION = "migration"
    """The config of an install as this version of the plugin wants it."""


class RouteParams(Wire):
    """The query of a route; an empty parameter counts as absent. Others than these are in `extra`."""

    search: str | None = None
    """What the installer has typed into a dropdown."""
    page: int | None = None
    """The page of options, counted from 1."""
    cursor: str | None = None
    """What the plugin's last answer gave for the next page."""
    zone_id: str | None = None
    location_id: str | None = None
    parent_resource_id: str | None = None
    values: tuple[str, ...] = ()
    """The saved values of a field, whose labels a selected-values route is asked for; one or several."""

    @model_validator(mode="before")
    @classmethod
    def _one_form(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        given = {name: one for name, one in value.items() if one is not None and one != ""}
        values = given.pop("value", given.pop("values", ()))
        return given | {"values": values if isinstance(values, list | tuple) else [values]}


class RouteMeta(WebhookMeta):
    """What a route says about itself, the install and the place."""

    route: Id
    """The name that it has in the Dev Dashboard, or Envoy's own, as `step-0-field-1-options`."""
    params: RouteParams = Field(default_factory=RouteParams)
    forwarded_bearer_token: str | None = None
    """The older form of `auth`: the token of the user in front of the installer."""

    def user_token(self) -> str:
        """The token with which `EnvoyUserAPI` acts as the user: that of `auth`, else the forwarded one."""
        if self.auth is None and self.forwarded_bearer_token:
            return self.forwarded_bearer_token
        return super().user_token()


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One question of the installer as delivered. `payload` is the JSON that came; None but for validation routes."""

    meta: RouteMeta
    payload: Any = field(repr=False)
    raw: Mapping[str, Any] = field(repr=False)

    @property
    def name(self) -> str:
        """As `step-0-field-1-options`."""
        return self.meta.route

    @property
    def form(self) -> dict[str, Any]:
        """What a validation route is to check, as it came: a form's values by key, the result of an OAuth flow, or the
        query of a pop-up's callback. Empty where nothing came.

        Raises:
            BadPayload: it is no object.

        Source: developers.envoy.com, on validation URLs.
        """
        if self.payload is None:
            return {}
        if not isinstance(self.payload, dict):
            raise BadPayload("The webhook can't be read: payload is not an object.")
        return self.payload


def parse_delivery(body: bytes) -> Event | Route:
    """Read the body of any webhook; its signature has been verified. What names an event is one, whatever else it says.

    Raises:
        BadPayload: not strict JSON, neither an event nor a route, or a field of `meta` that can't be read; the message
            names the field.
    """
    raw = read_strict(body)
    meta = raw.get("meta") if isinstance(raw, dict) else None
    if isinstance(meta, dict) and meta.get("event") is None and meta.get("route") is not None:
        present = {name: value for name, value in meta.items() if value is not None}
        return Route(meta=decode(RouteMeta, present, "meta"), payload=raw.get("payload"), raw=raw)
    return make_event(raw)
