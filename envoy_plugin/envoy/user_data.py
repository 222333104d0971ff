"""The answers that a visitor gave to the questions of a flow."""

from collections.abc import Iterator
from typing import Any, SupportsIndex, overload

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from envoy_plugin.envoy.wire import Wire


class UserField(Wire):
    """One answer: the field's label and the value, None where it was left empty."""

    field: str | None = None
    value: Any = None


class UserData(tuple[UserField, ...]):
    """All answers in Envoy's order, and each by its field's name: `user_data["Plate"]`, `user_data.get("Plate")`.

    A name may occur twice: the first counts, and `all_of` has every one. `dict(user_data)` is a plain mapping.

    Source: Node SDK 2.5.2, src/payloads/EntryPayload.ts (a list of `field` and `value`) and
    src/resources/InviteResource.ts (an object of values by name).
    """

    __slots__ = ()

    @overload
    def __getitem__(self, key: str, /) -> Any: ...
    @overload
    def __getitem__(self, key: SupportsIndex, /) -> UserField: ...
    @overload
    def __getitem__(self, key: slice, /) -> tuple[UserField, ...]: ...
    def __getitem__(self, key: str | SupportsIndex | slice, /) -> Any:
        """The value of a field by its name, or the field at a place.

        Raises:
            KeyError: no field has this name.
        """
        if not isinstance(key, str):
            return super().__getitem__(key)
        for value in self._values(key):
            return value
        raise KeyError(key)

    def __contains__(self, key: object, /) -> bool:
        return key in self.keys() if isinstance(key, str) else super().__contains__(key)

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a field; None where it was left empty, `default` where there is no such field."""
        return next(self._values(name), default)

    def all_of(self, name: str) -> list[Any]:
        """Every value of the fields of this name."""
        return list(self._values(name))

    def keys(self) -> list[str]:
        """The names of the fields, each once."""
        return list(dict.fromkeys(one.field for one in self if one.field is not None))

    def _values(self, name: str) -> Iterator[Any]:
        return (one.value for one in self if one.field == name)

    @classmethod
    def __get_pydantic_core_schema__(cls, _: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Let pydantic read it from a list of fields, or from an object of values by name."""
        fields = core_schema.no_info_before_validator_function(_listed, handler(tuple[UserField, ...]))
        return core_schema.no_info_after_validator_function(cls, fields)


def _listed(value: object) -> object:
    return [{"field": name, "value": one} for name, one in value.items()] if isinstance(value, dict) else value
