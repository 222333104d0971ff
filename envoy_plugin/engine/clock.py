"""Time as the engine keeps it: integer milliseconds UTC in Redis, aware `datetime` and `timedelta` in Python."""

from datetime import UTC, datetime, timedelta
from typing import Final

MILLISECOND: Final = timedelta(milliseconds=1)


def milliseconds(span: timedelta) -> int:
    """`span` in whole milliseconds."""
    return span // MILLISECOND


def moment(stamp: int) -> datetime:
    """The instant `stamp` milliseconds after 1970, in UTC."""
    return datetime.fromtimestamp(stamp / 1000, tz=UTC)


def stamp_of(instant: datetime) -> int:
    """Milliseconds since 1970 of an aware `instant`."""
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // MILLISECOND
