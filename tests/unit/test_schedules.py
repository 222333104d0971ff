"""When schedules are due: on which clocks, when clocks change, and what can't be read."""

from datetime import UTC, datetime, timedelta

import pytest

from envoy_plugin.tasks.schedules import Cron, Every


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def ticks(rule: Every | Cron, since: str, count: int = 3) -> list[datetime]:
    """The next ticks, in UTC."""
    found = [rule.next_after(at(since))]
    while len(found) < count:
        found.append(rule.next_after(found[-1]))
    return found


@pytest.mark.parametrize(
    ("interval", "since", "due"),
    [
        ("10m", "2026-11-21 09:59:59.999", "2026-11-21 10:00"),
        ("10m", "2026-11-21 10:00", "2026-11-21 10:10"),
        ("1d", "2026-11-21 00:00:00.001", "2026-11-22"),
        ("30", "2026-11-21 10:00:29", "2026-11-21 10:00:30"),
        (timedelta(minutes=90), "1970-01-01", "1970-01-01 01:30"),
    ],
)
def test_intervals_are_counted_from_1970(interval: str | timedelta, since: str, due: str) -> None:
    assert Every.parse(interval).next_after(at(since)) == at(due)


@pytest.mark.parametrize("interval", ["soon", "0", "0.9s", "367d", "", timedelta(0), 10, None])
def test_what_is_no_interval_is_refused(interval: str) -> None:
    with pytest.raises(ValueError, match="must be a duration such as"):
        Every.parse(interval)


BERLIN = [
    ("0 6 * * 1-5", "2026-11-20 06:00", ["2026-11-23 05:00", "2026-11-24 05:00", "2026-11-25 05:00"]),
    ("30 2 * * *", "2026-03-28 00:00", ["2026-03-28 01:30", "2026-03-29 01:00", "2026-03-30 00:30"]),
    ("30 2 * * *", "2026-10-24 00:00", ["2026-10-24 00:30", "2026-10-25 00:30", "2026-10-26 01:30"]),
    ("30 2 * * *", "2026-10-25 01:10", ["2026-10-26 01:30", "2026-10-27 01:30", "2026-10-28 01:30"]),
    ("0 * * * *", "2026-10-24 23:30", ["2026-10-25 00:00", "2026-10-25 01:00", "2026-10-25 02:00"]),
    ("0 * * * *", "2026-03-28 23:30", ["2026-03-29 00:00", "2026-03-29 01:00", "2026-03-29 02:00"]),
    ("0 0 LW * *", "2026-11-01 00:00", ["2026-11-29 23:00", "2026-12-30 23:00", "2027-01-28 23:00"]),
]


@pytest.mark.parametrize(("expression", "since", "due"), BERLIN)
def test_cron_goes_by_the_clocks_of_its_zone_once_a_night_when_they_change(
    expression: str, since: str, due: list[str]
) -> None:
    assert ticks(Cron.parse(expression, "Europe/Berlin"), since) == [at(text) for text in due]


@pytest.mark.parametrize(
    ("expression", "tz", "fault"),
    [
        ("61 * * * *", "UTC", "can't be read: Bad minute"),
        ("0 6 * * FRED", "UTC", "can't be read: Bad day-of-week"),
        ("0 6 * *", "UTC", "five fields"),
        ("*/5 * * * * *", "UTC", "five fields"),
        ("@daily", "UTC", "five fields"),
        ("0 0 30 2 *", "UTC", "Bad day-of-month"),
        ("* * */20 * 1L", "UTC", "never comes"),
        ("0 6 * * *", "Europe/Barlin", "no time zone 'Europe/Barlin'"),
        ("0 6 * * *", "../zone", "no time zone"),
        ("0 6 * * *", "", "no time zone"),
    ],
)
def test_what_is_no_time_is_refused(expression: str, tz: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        Cron.parse(expression, tz)


def test_a_rule_says_what_it_is() -> None:
    assert str(Every.parse("10m")) == "every 600s"
    assert str(Cron.parse(" 0  6 * * 1-5 ", "Europe/Berlin")) == "cron 0 6 * * 1-5 Europe/Berlin"
