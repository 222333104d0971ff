"""What a caller gives, checked before anything is read or written: types as annotated, and texts that can be written.

Nothing is converted: a number is no text, one id no list of ids, and a dict no value of ours. Who is told of it reads
which part of what he gave is wrong, never what was in it.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from functools import cache, wraps
from types import GenericAlias
from typing import Any, Final, TypeVar, cast

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from envoy_plugin.errors import BadProperty
from envoy_plugin.texts import has_utf8

Method = TypeVar("Method", bound=Callable[..., Awaitable[Any]])
AS_ANNOTATED: Final = ConfigDict(strict=True, revalidate_instances="always", arbitrary_types_allowed=True)
FAULTS: Final[Mapping[str, str]] = {
    "string_type": "it is a text",
    "sequence_str": "it is a list, not one text",
    "int_type": "it is a whole number",
    "bool_type": "it is True or False",
    "bytes_type": "it is bytes",
    "datetime_type": "it is a datetime",
    "dict_type": "it is a mapping",
    "callable_type": "it is a function",
}
"""By the validator's word for it."""
LISTS: Final = "it is a list"
UNIONS: Final = frozenset({"str", "int", "bool", "bytes", "datetime"})
"""What the validator calls the ways of reading one part, in its place; others are names of classes."""
EARLIEST: Final = datetime(1, 1, 2, tzinfo=UTC)
LATEST: Final = datetime(9999, 12, 30, tzinfo=UTC)
TEXT: Final = "it has half a character, which can't be written"


def checked(method: Method) -> Method:
    """Let a method be called only with what its annotations say.

    Raises (the method, awaited):
        BadProperty: names the argument, or the field of it, and what it is to be.
        TypeError: as of any function, for an argument that is missing, or that there isn't.
    """
    signature = inspect.signature(method)

    @wraps(method)
    async def called(*args: Any, **kwargs: Any) -> Any:
        _, *given = signature.bind(*args, **kwargs).arguments.items()
        check_given(tuple(signature.parameters[name].annotation for name, _ in given), dict(given))
        return await method(*args, **kwargs)

    return cast("Method", called)


def check_given(annotations: tuple[Any, ...], given: Mapping[str, Any]) -> None:
    """Make sure that each value is what its annotation says, which are in the same order.

    Raises:
        BadProperty: names the first that isn't.
    """
    try:
        _adapter(annotations).validate_python(tuple(given.values()))
    except ValidationError as error:
        raise _refusal([*given], error.errors(include_url=False, include_input=False)) from None
    for name, value in given.items():
        for path, text in _texts(name, value):
            if not has_utf8(text):
                raise BadProperty(path, TEXT)


def moment_of(field: str, value: object) -> datetime:
    """A moment as answers tell it, in UTC and milliseconds: who sends back what he was told has changed nothing.

    Raises:
        BadProperty: it is no datetime, has no offset, or is of a year that can't be told.
    """
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise BadProperty(field, "it is a moment with an offset")
    if not EARLIEST <= value <= LATEST:
        raise BadProperty(field, "it is a moment of the years 1 to 9999")
    return value.astimezone(UTC).replace(microsecond=value.microsecond // 1000 * 1000)


@cache
def _adapter(annotations: tuple[Any, ...]) -> TypeAdapter[Any]:
    wanted: Any = GenericAlias(tuple, annotations)
    return TypeAdapter(wanted, config=AS_ANNOTATED)


def _refusal(names: Sequence[str], faults: Sequence[ErrorDetails]) -> BadProperty:
    fault = max(faults, key=_farthest)
    at, *rest = fault["loc"]
    inside = [str(part) for part in rest if isinstance(part, int) or _is_field(part)]
    of_argument = inside and not inside[0].isdigit()
    return BadProperty(".".join(inside if of_argument else [names[int(at)], *inside]), _why(fault))


def _is_field(part: str) -> bool:
    return part.isidentifier() and part.islower() and part not in UNIONS


def _farthest(fault: ErrorDetails) -> tuple[int, bool]:
    """Of the ways of reading a part, that which came farthest is meant, and rather a plain one."""
    return len(fault["loc"]), fault["type"] in FAULTS


def _why(fault: ErrorDetails) -> str:
    about = fault.get("ctx") or {}
    wanted = about.get("class_name") or about.get("class")
    if fault["type"] in FAULTS or wanted is None:
        return FAULTS.get(fault["type"], f"it is {about.get('expected', 'something else')}")
    return LISTS if wanted == Sequence.__name__ else f"it is an instance of {wanted}"


def _texts(path: str, value: Any) -> Iterator[tuple[str, str]]:
    """Every text in a value, and where it is."""
    if isinstance(value, str):
        yield path, value
    elif is_dataclass(value):
        for field in fields(value):
            yield from _texts(field.name, getattr(value, field.name))
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(path, one)
