"""How Envoy writes a resource, and the one way in which it becomes a flat, frozen value.

On the wire a resource is JSON:API: `{"id", "type", "attributes": {…}, "relationships": {"flow": {"data": {"id"}}}}`,
with names in dash-case. Here it is one level: `attributes` as they are called there, in snake_case; `flow_id` for the
relationship `flow`, `agreeable_nda_ids` for one to many; and what stands beside `attributes` as it stands. Null and
missing are the same: the field's default. Keys that no field takes stay available in `extra`.

Source: Node SDK 2.5.2, src/payloads/ and src/resources/; ids are numbers in the documentation and strings in the SDK's
types, times are SQL-like there and ISO 8601 in the SDK's own factories.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, model_validator
from pydantic_core import ErrorDetails


def read_time(value: object) -> datetime:
    """An aware UTC time from `2026-11-21 09:15:00 UTC`, the same without zone (which means UTC), or ISO 8601.

    Raises:
        ValueError: it can't be read as any of them.
    """
    if isinstance(value, str):
        value = datetime.fromisoformat(value.removesuffix(" UTC"))
    if not isinstance(value, datetime):
        raise ValueError("not a time")  # noqa: TRY004 - pydantic takes a ValueError for a field's error
    if value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("not a time of this calendar") from error


Id = Annotated[str, Field(min_length=1)]
Time = Annotated[datetime, PlainValidator(read_time)]


def flatten(resource: Mapping[str, Any]) -> dict[str, Any]:
    """One level of snake_case names from a JSON:API resource, or from any object with names in dash-case.

    Raises:
        ValueError: `attributes` or `relationships` is no object.
    """
    flat = _present(resource)
    attributes, relationships = flat.pop("attributes", None), flat.pop("relationships", None)
    if attributes is not None:
        flat = _present(_object(attributes, "attributes")) | flat
    if relationships is not None:
        flat.update(_references(_object(relationships, "relationships")))
    return flat


def _present(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name.replace("-", "_"): value for name, value in values.items() if value is not None}


def _object(value: object, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{name} is not an object")  # noqa: TRY004 - as in read_time
    return value


def _references(relationships: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    for name, relationship in relationships.items():
        target = relationship.get("data") if isinstance(relationship, dict) else None
        if isinstance(target, dict) and target.get("id") is not None:
            yield f"{name.replace('-', '_')}_id", target["id"]
        elif isinstance(target, list):
            ids = [one.get("id") for one in target if isinstance(one, dict)]
            yield f"{name.replace('-', '_').removesuffix('s')}_ids", [one for one in ids if one is not None]


class Wire(BaseModel):
    """A frozen value that Envoy wrote: lenient about form, never showing more than ids."""

    model_config = ConfigDict(
        frozen=True,
        extra="allow",
        coerce_numbers_to_str=True,
        hide_input_in_errors=True,
        protected_namespaces=(),
        alias_generator=lambda name: name.replace("_", "-"),
        validate_by_name=True,
        validate_by_alias=True,
    )

    @property
    def extra(self) -> Mapping[str, Any]:
        """What Envoy sent beyond the documented fields."""
        return self.model_extra or {}

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        """Ids alone: everything else may be a visitor's or a customer's."""
        return [(name, value) for name, value in self if name == "id" or name.endswith("_id")]


class Resource(Wire):
    """A JSON:API resource, flattened; also built by names, as `Entry(id="1", full_name="Ada")`."""

    model_config = ConfigDict(alias_generator=None, validate_by_alias=False)

    id: Id
    type: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _flatten(cls, value: object) -> object:
        return flatten(value) if isinstance(value, dict) else value


def name_fields(errors: Iterable[ErrorDetails], within: str) -> str:
    """The places of validation errors, as `payload.signed_in_at`, without any value."""
    return ", ".join(dict.fromkeys(".".join((within, *map(str, error["loc"]))) for error in errors))
