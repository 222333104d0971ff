"""The door system keeps its word."""

from datetime import timedelta

import pytest

from example_plugin import doors as door_system
from example_plugin.doors import Doors, KeyRejected

AT_ONCE = timedelta()


async def test_every_badge_is_another_one() -> None:
    doors = Doors()
    assert (await doors.issue("demo-key")).number != (await doors.issue("demo-key")).number


async def test_a_badge_does_not_show_its_pin() -> None:
    badge = await Doors().issue("demo-key")
    assert badge.pin not in repr(badge).replace(badge.number, "")


async def test_doors_are_open_to_a_visit_until_they_are_closed() -> None:
    doors = Doors()
    await doors.open_to("demo-key", "9001", group="Visitors", takes=AT_ONCE)
    assert doors.group_of("9001") == "Visitors"
    await doors.close_to("demo-key", "9001")
    assert doors.group_of("9001") is None


async def test_a_key_that_is_not_known_is_rejected_and_changes_nothing() -> None:
    doors = Doors(frozenset({"other-kéy"}))
    with pytest.raises(KeyRejected):
        await doors.open_to("demo-key", "9001", group="Visitors", takes=AT_ONCE)
    assert doors.group_of("9001") is None


async def test_it_keeps_the_newest_visits_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door_system, "MOST_KEPT", 2)
    doors = Doors()
    for visit in ("1", "2", "3"):
        await doors.expect("demo-key", visit, None)
    assert [doors.is_expected(visit) for visit in ("1", "2", "3")] == [False, True, True]
