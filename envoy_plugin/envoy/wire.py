"""How Envoy writes a resource, and the one way in which it becomes a flat, frozen value.

On the wire a resource is JSON:API: `{"id", "type", "attributes": {…}, "relationships": {"flow": {"data": {"id"}}}}`,
with names in dash-case. Here it is one level: `attributes` as they are called there, in snake_case; `flow_id` for the
relationship `flow`, `agreeable_nda_ids` for one to many; and what stands beside `attributes` as it stands. Null and
missing are the same: the field's default. Keys that no field takes stay available in `extra`.

Source: Node SDK 2.5.2, src/payloads/ and src/resources/; ids are numbers in the documentation and strings in the SDK's
types, times are SQL-like there and ISO 8601 in the SDK's own factories.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Final, Self, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationError, model_validator
from pydantic_core import ErrorDetails

from envoy_plugin.errors import ApiUnavailable, BadPayload

NAMES: Final = 1_000
"""Names on the wire that are remembered: Envoy uses the same ones again and again."""
NESTED: Final = frozenset({"attributes", "relationships"})

Included: TypeAlias = Mapping[tuple[str, str], Mapping[str, Any]]
"""The resources that came along with an answer, as they came, by type and id."""


def read_time(value: object) -> datetime:
    """An aware UTC time from `2026-11-21 09:15:00 UTC`, the same without zone (which means UTC), or ISO 8601.

    Raises:
        ValueError: it can't be read as any of them.
    """
    if isinstance(value, str):
        value = datetime.fromisoformat(value.removesuffix(" UTC"))
    elif not isinstance(value, datetime):
        raise ValueError("not a time")  # noqa: TRY004 - pydantic takes a ValueError for a field's error
    if value.tzinfo is None:
        return datetime.combine(value, value.time(), UTC)  # a fifth of what `replace` costs
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("not a time of this calendar") from error


def read_moment(value: object) -> datetime:
    """An aware UTC time from seconds since 1970, or from what `read_time` reads.

    Raises:
        ValueError: it can't be read as any of them.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return read_time(value)
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, OSError) as error:
        raise ValueError("not a time of this calendar") from error


Id = Annotated[str, Field(min_length=1)]
Time = Annotated[datetime, PlainValidator(read_time)]
Moment = Annotated[datetime, PlainValidator(read_moment)]


def flatten(resource: Mapping[str, Any]) -> dict[str, Any]:
    """One level of snake_case names from a JSON:API resource, or from any object with names in dash-case.

    Raises:
        ValueError: `attributes` or `relationships` is no object.
    """
    attributes, relationships = resource.get("attributes"), resource.get("relationships")
    flat = {} if attributes is None else _present(_object(attributes, "attributes"))
    for name, value in resource.items():
        if value is not None and name not in NESTED:
            flat[_field(name)] = value
    if relationships is not None:
        _add_references(flat, _object(relationships, "relationships"))
    return flat


def _present(values: Mapping[str, Any]) -> dict[str, Any]:
    return {_field(name): value for name, value in values.items() if value is not None}


@lru_cache(maxsize=NAMES)
def _field(name: str) -> str:
    """A name in snake_case; interned, as pydantic's own are, which then finds it at once."""
    return sys.intern(name.replace("-", "_"))


@lru_cache(maxsize=NAMES)
def _reference(relationship: str) -> str:
    return sys.intern(f"{_field(relationship)}_id")


@lru_cache(maxsize=NAMES)
def _references(relationship: str) -> str:
    return sys.intern(f"{_field(relationship).removesuffix('s')}_ids")


def _object(value: object, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{name} is not an object")  # noqa: TRY004 - as in read_time
    return value


def _add_references(flat: dict[str, Any], relationships: Mapping[str, Any]) -> None:
    for name, relationship in relationships.items():
        target = relationship.get("data") if isinstance(relationship, dict) else None
        if isinstance(target, dict):
            target_id = target.get("id")
            if target_id is not None:
                flat[_reference(name)] = target_id
        elif isinstance(target, list):
            ids = [one.get("id") for one in target if isinstance(one, dict)]
            flat[_references(name)] = [one for one in ids if one is not None]


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


class Linked(Wire):
    """What may have come along with other resources, to which its relationships lead."""

    _links: ClassVar[tuple[Mapping[str, Any], Included]] = ({}, {})
    """Relationships, and what came along. Not private attributes of pydantic, which double what each value costs."""

    @classmethod
    def read(cls, resource: object, included: Included) -> Self:
        """A resource of an answer, which knows what came along.

        Raises:
            ApiUnavailable: a field can't be read; the message names it.
        """
        try:
            made = cls.model_validate(resource)
        except ValidationError as error:
            places = name_fields(error.errors(include_url=False, include_context=False, include_input=False), "data")
        else:
            object.__setattr__(made, "_links", (relationships_of(resource), included))
            return made
        raise ApiUnavailable(f"Envoy's answer can't be read: {places}.")

    def related(self, name: str, model: type["Related"]) -> "Related | None":
        """What the relationship `name` leads to, if `include` asked for it: `flow.related("location", Location)`.

        None where it leads nowhere, or where that did not come along; its id is in `location_id` all the same.

        Raises:
            ApiUnavailable: it can't be read as `model`.
        """
        return next(self._follow(name, model), None)

    def related_all(self, name: str, model: type["Related"]) -> tuple["Related", ...]:
        """The same for a relationship to many, in Envoy's order: `page.related_all("agreements", Agreement)`."""
        return tuple(self._follow(name, model))

    def _follow(self, name: str, model: type["Related"]) -> Iterator["Related"]:
        relationships, included = self._links
        for key in _keys(relationships.get(name.replace("_", "-"))):
            found = included.get(key)
            if found is not None:
                yield model.read(found, included)


class Resource(Linked):
    """A JSON:API resource, flattened; also built by names, as `Entry(id="1", full_name="Ada")`."""

    model_config = ConfigDict(alias_generator=None, validate_by_alias=False)

    id: Id
    type: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _flatten(cls, value: object) -> object:
        return flatten(value) if isinstance(value, dict) else value


Related = TypeVar("Related", bound=Linked)
Model = TypeVar("Model", bound=Wire)


def relationships_of(resource: object) -> Mapping[str, Any]:
    """The relationships of a resource as it came; none where there are none."""
    found = resource.get("relationships") if isinstance(resource, dict) else None
    return found if isinstance(found, dict) else {}


def _keys(relationship: object) -> Iterator[tuple[str, str]]:
    target = relationship.get("data") if isinstance(relationship, dict) else None
    for one in target if isinstance(target, list) else [target]:
        if isinstance(one, dict):
            yield key_of(one)


def key_of(resource: Mapping[str, Any]) -> tuple[str, str]:
    """The type and id by which a resource is known; Envoy writes ids as text and as numbers."""
    return str(resource.get("type")), str(resource.get("id"))


def decode(model: type[Model], value: object, within: str) -> Model:
    """What a webhook says at `within` (as `meta.location`), as `model`.

    Raises:
        BadPayload: a field can't be read; the message names it, without any value.
    """
    try:
        made: Model = model.__pydantic_validator__.validate_python(value)  # model_validate costs 0.3 µs more
    except ValidationError as error:
        places = name_fields(error.errors(include_url=False, include_context=False, include_input=False), within)
    else:
        return made
    raise BadPayload(f"The webhook can't be read: {places}.")


def name_fields(errors: Iterable[ErrorDetails], within: str) -> str:
    """The places of validation errors, as `payload.signed_in_at`, without any value."""
    return ", ".join(dict.fromkeys(".".join((within, *map(str, error["loc"]))) for error in errors))
