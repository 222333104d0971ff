"""Schedules: when a task is due by itself. Pure: every process finds the same ticks."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from envoy_plugin.engine.clock import milliseconds, moment, stamp_of
from envoy_plugin.variables import parse_duration

LEAST: Final = timedelta(seconds=1)
MOST: Final = timedelta(days=366)
FIELDS: Final = 5
A_DAY_WITH_ALL: Final = datetime(2024, 1, 1, tzinfo=UTC)
"""Where the search for a first tick begins: 2024 has a 29th of February."""


@dataclass(frozen=True, slots=True)
class Every:
    """Each full `interval` since 1970-01-01 00:00 UTC: of ten minutes, at :00, :10, :20 and so on."""

    interval: timedelta

    def __str__(self) -> str:
        return f"every {self.interval.total_seconds():g}s"

    def next_after(self, instant: datetime) -> datetime:
        """The first tick after this instant, in UTC."""
        span = milliseconds(self.interval)
        return moment((stamp_of(instant) // span + 1) * span)

    @classmethod
    def parse(cls, interval: str | timedelta) -> "Every":
        """From `10m`, or a timedelta.

        Raises:
            ValueError: no duration, or not from 1 second to 366 days.
        """
        span = parse_duration(interval) if isinstance(interval, str) else interval
        if not isinstance(span, timedelta) or not LEAST <= span <= MOST:
            raise ValueError("must be a duration such as 30s, 10m, 24h or 7d, from 1 second to 366 days")
        return cls(span)


@dataclass(frozen=True, slots=True)
class Cron:
    """Five fields as in Debian's crontab(5), read on the clocks of `zone`.

    A time that clocks skip in spring is due when they have skipped it; one that comes twice in autumn is due once, the
    first time. Schedules of which minute or hour begins with `*` are due by the time that has passed instead.
    """

    expression: str
    zone: ZoneInfo

    def __str__(self) -> str:
        return f"cron {self.expression} {self.zone.key}"

    def next_after(self, instant: datetime) -> datetime:
        """The first tick after this instant, in UTC."""
        ticks = CronSim(self.expression, instant.astimezone(self.zone))
        tick = next(ticks)
        while tick <= instant:  # the second of two equal hours: what was due in the first one is over
            tick = next(ticks)
        return tick.astimezone(UTC)

    @classmethod
    def parse(cls, expression: str, tz: str) -> "Cron":
        """From `0 6 * * 1-5` and the name of a time zone.

        Raises:
            ValueError: it can't be read, or never comes; or there is no such time zone.
        """
        try:
            zone = ZoneInfo(tz)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"there is no time zone {tz!r} here") from None
        fields = expression.split()
        if len(fields) != FIELDS:
            raise ValueError("must have five fields: minute, hour, day of month, month, day of week")
        try:
            cron = cls(" ".join(fields), zone)
            cron.next_after(A_DAY_WITH_ALL)
        except CronSimError as error:
            raise ValueError(f"can't be read: {error}") from None
        except StopIteration:
            raise ValueError("never comes") from None
        return cron


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A task that is due by a rule."""

    task: str
    rule: Every | Cron

    @property
    def name(self) -> str:
        """What it is known by in Redis; another rule is another schedule."""
        return f"{self.task}:{self.rule}"
