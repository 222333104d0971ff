"""Moments as options give them: a span such as `2h`, or a time such as `2026-11-22T09:00Z`."""

from datetime import UTC, datetime, timedelta

import typer

from envoy_plugin.variables import parse_duration


def span_or_time(text: str) -> timedelta | datetime:
    """A span, or an aware time; one without an offset is in UTC.

    Raises:
        typer.BadParameter: it is neither.
    """
    try:
        return parse_duration(text)
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is neither a span such as 2h nor a time such as 2026-11-22T09:00Z."
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def time_ago(text: str) -> datetime:
    """The time that is named, or so long ago.

    Raises:
        typer.BadParameter: it is neither.
    """
    found = span_or_time(text)
    return datetime.now(UTC) - found if isinstance(found, timedelta) else found


def as_text(moment: datetime | None) -> str | None:
    """ISO 8601 with milliseconds and Z."""
    return None if moment is None else moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
