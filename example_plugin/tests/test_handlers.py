"""Handlers are plain functions: called here with nothing around them, and with payloads as Envoy would send them."""

from datetime import timedelta

import pytest

from envoy_plugin import Done, Failed, Option, Reject, Secret
from envoy_plugin.testing import make_entry, make_invite
from example_plugin.config import DoorConfig
from example_plugin.doors import Doors
from example_plugin.plugin import (
    check_credentials,
    close_doors,
    expect_visitor,
    list_groups,
    stop_expecting,
)

CONFIG = DoorConfig()
INVITE = make_invite(id="17")
ENTRY = make_entry("entry_sign_out", id="9001")


async def test_the_front_desk_expects_an_invited_visitor_until_the_invite_is_removed() -> None:
    doors = Doors()
    assert await expect_visitor(INVITE, CONFIG, doors) == Done("The front desk expects the visitor")
    assert doors.is_expected("17")
    await stop_expecting(INVITE, CONFIG, doors)
    assert not doors.is_expected("17")


async def test_signing_out_twice_is_the_same_as_once() -> None:
    doors = Doors()
    await doors.open_to("demo-key", ENTRY.id, group="Visitors", takes=timedelta())
    for _ in range(2):
        assert await close_doors(ENTRY, CONFIG, doors) == Done("The badge opens no door any more")
        assert doors.group_of("9001") is None


async def test_a_rejected_key_is_an_outcome_and_not_an_error() -> None:
    with pytest.raises(Failed, match="rejected the API key"):
        await close_doors(ENTRY, DoorConfig(api_key=Secret("revoked-key")), Doors())


async def test_a_right_key_is_saved_and_a_wrong_one_keeps_the_installer_on_the_step() -> None:
    assert await check_credentials(CONFIG, Doors()) is CONFIG
    with pytest.raises(Reject, match="rejected this API key"):
        await check_credentials(DoorConfig(api_key=Secret("wrong-key")), Doors())


async def test_the_groups_of_doors_are_found_by_what_was_typed() -> None:
    assert len(await list_groups(CONFIG, Doors(), None)) == 3
    assert await list_groups(CONFIG, Doors(), "VIS") == [Option("Visitors", "Visitors")]
    with pytest.raises(Failed, match="rejected the API key"):
        await list_groups(DoorConfig(api_key=Secret("revoked-key")), Doors(), None)
