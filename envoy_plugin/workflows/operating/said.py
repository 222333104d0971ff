"""What a plugin says of its workflows, checked before it is kept: whoever reads it later relies on it."""

from collections.abc import Mapping
from typing import Any, Final, TypeVar

from pydantic_core import from_json, to_json

from envoy_plugin.errors import BadProperty, TooLarge
from envoy_plugin.texts import has_utf8
from envoy_plugin.workflows.operating.properties import DATES, EXTENDED, LONG, NAME, RELATED, SHORT, plain_value

Given = TypeVar("Given")

MOST_INPUT: Final = 256 * 1024
MOST_SAID: Final = 64 * 1024
"""In bytes of JSON: of what a workflow is given, and of properties that are said at once."""
MOST_KEY: Final = 512
"""In characters."""
KNOWN: Final = frozenset({*SHORT, *LONG, *DATES})
TAKEN: Final = frozenset({"created_by", "started_date", "end_date", "location", EXTENDED, RELATED})
"""What is said otherwise, or by itself."""


def kept_input(given: Any) -> Any:
    """What a workflow is given, as its steps read it.

    Raises:
        BadProperty: it is no JSON.
        TooLarge: it has more than 256 KiB.
    """
    return from_json(_json("input", given, MOST_INPUT))


def check_names(key: str, owner: str) -> None:
    """Make sure that a workflow can be found by this key, and be this owner's; empty: it has none.

    Raises:
        BadProperty: the key is no short text, or the owner no name.
    """
    if not isinstance(key, str) or len(key) > MOST_KEY or not has_utf8(key):
        raise BadProperty("key", f"it is a text of at most {MOST_KEY} characters")
    if not isinstance(owner, str) or (owner and not (NAME.fullmatch(owner) and has_utf8(owner))):
        raise BadProperty("owner", "it is a name of at most 256 characters, in one line")


def by_step(name: str, said: Mapping[str, Given] | None) -> Mapping[str, Given]:
    """What is said of some steps.

    Raises:
        BadProperty: it isn't said by step.
    """
    if said is not None and not isinstance(said, Mapping):
        raise BadProperty(name, "it is a dict, by the ids of steps")
    return said or {}


def kept_properties(said: Mapping[str, Any]) -> dict[str, Any]:
    """Properties as they are kept: those that operators know have the kind that they have there, others any.

    Raises:
        BadProperty: a name that can't be one, or a value that isn't what it must be.
        TooLarge: more than 64 KiB together.
    """
    kept = {name: _kept(name, value) for name, value in said.items()}
    _json(", ".join(kept), kept, MOST_SAID)
    return kept


def _kept(name: str, value: Any) -> Any:
    if not name.isidentifier() or name.startswith("_") or name in TAKEN:
        raise BadProperty(name, "a property has a name like job_status, and no name of ours")
    return plain_value(name, value) if name in KNOWN else value


def _json(name: str, value: Any, most: int) -> bytes:
    try:
        written = to_json(value)
    except ValueError:
        raise BadProperty(name, "it is no JSON") from None
    if len(written) > most:
        raise TooLarge(name, size=len(written), limit=most)
    return written
