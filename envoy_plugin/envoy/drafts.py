"""What a plugin asks Envoy to make: invites and reservations.

`repr` shows ids alone: the rest is a visitor's.

Source: Node SDK 2.5.2, src/resources/InviteResource.ts and src/resources/ReservationResource.ts; the desk, invite and
entry of a reservation are relationships of Envoy's own dashboard, too.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, JsonValue

TYPES: Final[Mapping[str, str]] = {
    "location": "locations",
    "flow": "flows",
    "employee": "employees",
    "creator": "users",
    "entry": "entries",
    "user": "users",
    "desk": "desks",
    "invite": "invites",
}


class Draft(BaseModel):
    """Something to be made: only what is given is sent, None included."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        """Ids alone."""
        return [(name, value) for name, value in self if name.endswith("_id") and value is not None]

    def _given(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in type(self).model_fields if name in self.model_fields_set}


class InviteDraft(Draft):
    """An invite to make, or what of one is to change. Times are aware.

    In a change, what is not given stays as it is, and None empties a field.
    """

    full_name: str | None = None
    email: str | None = None
    phone: str | None = None
    expected_arrival_time: AwareDatetime | None = None
    expected_departure_time: AwareDatetime | None = None
    private_notes: str | None = None
    user_data: Mapping[str, str | None] | None = None
    """Answers by the names of the flow's fields."""
    notify_visitor: bool | None = None
    attested: bool | None = None
    """Takes the scope `invites.attest`."""
    additional_guests: int | None = None
    location_id: str | int | None = None
    flow_id: str | int | None = None
    employee_id: str | int | None = None
    """The host."""
    creator_id: str | int | None = None
    entry_id: str | int | None = None

    def to_wire(self) -> dict[str, JsonValue]:
        """As Envoy takes it: a JSON:API resource."""
        given = self._given()
        related = {name: value for name, value in given.items() if name.endswith("_id")}
        attributes = {_dashed(name): _plain(value) for name, value in given.items() if name not in related}
        wire: dict[str, JsonValue] = {"type": "invites", "attributes": attributes}
        return wire | ({"relationships": _relationships(related)} if related else {})


class ReservationDraft(Draft):
    """A desk to keep for a user of Envoy's, from `start_time` until `end_time` (aware, whole seconds count)."""

    user_id: str | int
    start_time: AwareDatetime | None = None
    end_time: AwareDatetime | None = None
    location_id: str | int | None = None
    desk_id: str | int | None = None
    invite_id: str | int | None = None
    entry_id: str | int | None = None
    auto_assign_desk: bool | None = None
    """Let Envoy choose the desk."""

    def to_wire(self) -> dict[str, JsonValue]:
        """As Envoy takes it: times in seconds since 1970."""
        given = {name: value for name, value in self._given().items() if value is not None}
        times = {_dashed(name): _seconds(given[name]) for name in ("start_time", "end_time") if name in given}
        related = {name: value for name, value in given.items() if name.endswith("_id")}
        wire: dict[str, JsonValue] = {
            "relationships": _relationships(related),
            "attributes": {**times, "booking-source": "EXTERNAL_API", "booking-type": "visitor"},
        }
        assigned: JsonValue = {"autoAssignDesk": self.auto_assign_desk}
        return wire if self.auto_assign_desk is None else wire | {"meta": assigned}


def _dashed(name: str) -> str:
    return name.replace("_", "-")


def _plain(value: Any) -> JsonValue:
    """A time as ISO 8601 in UTC, an object as a dict, anything else as it is."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    plain: JsonValue = dict(value) if isinstance(value, Mapping) else value
    return plain


def _seconds(time: datetime) -> int:
    return int(time.timestamp())


def _relationships(ids: Mapping[str, str | int | None]) -> dict[str, JsonValue]:
    """Relationships to these, by names as `location_id`; None leads to nothing."""
    return {name.removesuffix("_id"): {"data": _reference(name.removesuffix("_id"), one)} for name, one in ids.items()}


def _reference(name: str, resource_id: str | int | None) -> JsonValue:
    return None if resource_id is None else {"type": TYPES[name], "id": resource_id}
