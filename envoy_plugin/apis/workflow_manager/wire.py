"""Values of the wire: what is sent is read leniently, and what is answered has the wire's names.

Unknown members are ignored, for the Python client posts a whole job back with one change in it, and members that can
only be read among the rest.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from typing import Any, Final, TypeAlias

from pydantic import BaseModel, ConfigDict, alias_generators

to_camel: Final = cache(alias_generators.to_camel)
"""A name of ours as the wire has it."""
Shape: TypeAlias = Mapping[str, Any]
NULLS: Final = frozenset({"value"})
"""Members that are told as null where they are None; any other is left out."""


class Wire(BaseModel):
    """What a request says, by the wire's names."""

    model_config = ConfigDict(
        alias_generator=to_camel, extra="ignore", frozen=True, hide_input_in_errors=True, allow_inf_nan=False
    )


def timestamp(instant: datetime) -> str:
    """RFC 3339 in UTC with `Z`. Source: REST, job history, `2019-08-24T14:15:22Z`."""
    return f"{instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def shape(value: object) -> Any:
    """A value of ours as it is answered: a dataclass by the wire's names, without what is None."""
    if isinstance(value, datetime):
        return timestamp(value)
    if isinstance(value, Enum):
        return value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        members = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return {to_camel(name): shape(one) for name, one in members.items() if one is not None or name in NULLS}
    if isinstance(value, Mapping):
        return {name: shape(one) for name, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [shape(one) for one in value]
    return value
