"""What a front desk sees of the plugin: events go in by HTTP, and Envoy's dashboard tells what became of them."""

from typing import Any

from example_plugin.tests.conftest import FrontDesk, Told

REVOKED = {"api_key": "revoked-key"}


def labels(told: Told) -> list[Any]:
    return [attachment["label"] for attachment in told.shown["attachments"]]


async def test_a_visitor_who_signs_in_gets_a_badge(front_desk: FrontDesk) -> None:
    told = await front_desk.send("entry_sign_in")
    assert told.http_status == 202
    assert told.shown["status"] == "done"
    assert labels(told) == ["Badge", "PIN"]
    assert told.shown["attachments"][0]["value"] in told.shown["status_message"]


async def test_the_same_sign_in_twice_is_one_badge(front_desk: FrontDesk) -> None:
    first = await front_desk.send("entry_sign_in", job_id="4711")
    second = await front_desk.send("entry_sign_in", job_id="4711")
    assert second.http_status == 202
    assert second.shown == first.shown


async def test_a_flow_that_the_installer_left_out_is_ignored(front_desk: FrontDesk) -> None:
    config = {"flows_without_badge": ["Interview"]}
    told = await front_desk.send("entry_sign_in", config=config, attributes={"flow-name": "Interview"})
    assert told.shown["status"] == "ignored"
    assert told.shown["status_message"] == "Visitors of the flow Interview get no badge"
    assert labels(told) == []


async def test_a_key_that_the_door_system_rejects_fails_the_job(front_desk: FrontDesk) -> None:
    told = await front_desk.send("entry_sign_in", config=REVOKED)
    assert told.http_status == 202
    assert told.shown["status"] == "failed"
    assert "Check it in the plugin's setup" in told.shown["status_message"]
    assert "revoked-key" not in str(told.shown)


async def test_a_key_that_the_door_system_rejects_fails_an_inline_event_at_once(front_desk: FrontDesk) -> None:
    told = await front_desk.send("entry_sign_out", config=REVOKED)
    assert told.http_status == 412
    assert told.shown["status"] == "failed"


async def test_a_config_that_does_not_fit_names_the_field(front_desk: FrontDesk) -> None:
    told = await front_desk.send("entry_sign_in", config={"seconds_to_open": "soon"})
    assert told.http_status == 412
    assert "seconds_to_open" in told.shown["status_message"]


async def test_every_step_of_a_visit_ends_well(front_desk: FrontDesk) -> None:
    for event in ("invite_created", "invite_updated", "entry_sign_in", "entry_sign_out", "invite_removed"):
        told = await front_desk.send(event)
        assert (event, told.shown["status"]) == (event, "done")
