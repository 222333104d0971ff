"""What `envoy-plugin things` is given: names, whose keys, how long; checked before Redis is asked."""

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Final, TypeAlias, TypeVar

import typer

from envoy_plugin.apis.iot_jobs.access_keys import EVERYTHING, of_location, of_thing
from envoy_plugin.apis.iot_jobs.constraints import check_thing
from envoy_plugin.errors import ThingRefused
from envoy_plugin.variables import duration

Answer = TypeVar("Answer")

LIFETIME: Final = duration("1s", "3650d")
LONGEST_WORD: Final = 128

NameArgument: TypeAlias = Annotated[str, typer.Argument(metavar="NAME", help="The thing's name.")]
ThingOption: TypeAlias = Annotated[str | None, typer.Option("--thing", metavar="NAME", help="For one thing.")]
LocationOption: TypeAlias = Annotated[
    str | None, typer.Option("--location", metavar="L", help="For every thing at a location.")
]
AllOption: TypeAlias = Annotated[
    bool, typer.Option("--all", help="For every thing, and to give out work: an operator's key.")
]


def holder_of(thing: str | None, location: str | None, *, every: bool) -> str:
    """Whose keys are meant.

    Raises:
        typer.BadParameter: none, or more than one, or what can't be one.
    """
    given = [thing is not None, location is not None, every]
    if given.count(True) != 1:
        raise typer.BadParameter("Give one of --thing NAME, --location L and --all.", param_hint="--thing")
    if thing is not None:
        return of_thing(checked(check_thing, thing))
    return EVERYTHING if location is None else of_location(check_word(location, "--location"))


def check_word(text: str, option: str) -> str:
    """An id or a place, as it was given.

    Raises:
        typer.BadParameter: it is too long, or has something in it that nobody sees.
    """
    if not text.isprintable() or " " in text or not 0 < len(text) <= LONGEST_WORD:
        raise typer.BadParameter(f"It has 1 to {LONGEST_WORD} characters without blanks.", param_hint=option)
    return text


def checked(check: Callable[[str], Answer], text: str) -> Answer:
    """What `check` makes of a text.

    Raises:
        typer.BadParameter: the device API would refuse it.
    """
    try:
        return check(text)
    except ThingRefused as error:
        raise typer.BadParameter(str(error)) from None


def lifetime_of(text: str | None, option: str) -> timedelta | None:
    """How long a key is good; None: nothing was said.

    Raises:
        typer.BadParameter: it is no duration, or an odd one.
    """
    try:
        return None if text is None else LIFETIME(text)
    except ValueError as error:
        raise typer.BadParameter(f"It {error}.", param_hint=option) from None
