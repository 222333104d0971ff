"""What a front desk sees of the plugin: Envoy's events go in, and its dashboard tells what came of them.

The fixture `envoy` comes with `envoy_plugin[testing]`; see its docs, "Testing".
"""

from datetime import timedelta

import pytest

from envoy_plugin.testing import LocalEnvoy
from example_plugin.doors import Doors

REVOKED = {"api_key": "revoked-key"}


async def test_a_visitor_who_signs_in_gets_a_badge_that_opens_the_doors(envoy: LocalEnvoy) -> None:
    envoy.config = {"group": "Labs"}
    delivery = await envoy.trigger("entry_sign_in", id="9001")
    assert delivery.ongoing
    await envoy.drain()
    job = envoy.job(delivery)
    assert job.status == "done"
    assert list(job.attachments) == ["Badge", "PIN"]
    assert job.message == f"Badge {job.attachments['Badge']} is ready"
    assert envoy.provided(Doors).group_of("9001") == "Labs"


async def test_the_same_sign_in_twice_is_one_badge(envoy: LocalEnvoy) -> None:
    first = await envoy.trigger("entry_sign_in")
    await envoy.drain()
    once = envoy.job(first)
    again = await envoy.send(first.sent)
    await envoy.drain()
    assert again.ongoing
    assert envoy.job(again).attachments == once.attachments


async def test_a_badge_is_issued_once_although_envoy_is_away_in_the_middle(envoy: LocalEnvoy) -> None:
    envoy.fail_next(503, times=3)
    delivery = await envoy.trigger("entry_sign_in")
    await envoy.work()
    envoy.tick(timedelta(minutes=1))
    await envoy.drain()
    prepared, ready = envoy.job(delivery).messages[-2:]
    assert prepared.replace("being prepared", "ready") == ready


async def test_a_flow_that_the_installer_left_out_is_ignored(envoy: LocalEnvoy) -> None:
    envoy.config = {"flows_without_badge": ["Interview"]}
    delivery = await envoy.trigger("entry_sign_in", flow_name="Interview")
    await envoy.drain()
    job = envoy.job(delivery)
    assert (job.status, job.message) == ("ignored", "Visitors of the flow Interview get no badge")
    assert job.attachments == {}


@pytest.mark.parametrize(("event", "status"), [("entry_sign_in", 202), ("entry_sign_out", 412)])
async def test_a_key_that_the_door_system_rejects_fails_the_job(envoy: LocalEnvoy, event: str, status: int) -> None:
    envoy.config = REVOKED
    delivery = await envoy.trigger(event)
    await envoy.drain()
    job = envoy.job(delivery)
    assert (delivery.status, job.status) == (status, "failed")
    assert job.message == "The door system rejected the API key. Check it in the plugin's setup."
    assert "revoked-key" not in f"{job.reason}"


async def test_a_printer_that_nobody_registered_fails_the_job(envoy: LocalEnvoy) -> None:
    envoy.config = {"printer": "front-door-printer"}
    delivery = await envoy.trigger("entry_sign_in")
    await envoy.drain()
    job = envoy.job(delivery)
    assert (job.status, job.message) == (
        "failed",
        "There is no printer front-door-printer. Check it in the plugin's setup.",
    )
    assert "Badge" in job.attachments


async def test_a_config_that_does_not_fit_names_the_field(envoy: LocalEnvoy) -> None:
    envoy.config = {"seconds_to_open": "soon"}
    delivery = await envoy.trigger("entry_sign_in")
    assert delivery.status == 412
    assert "seconds_to_open" in f"{delivery.message}"


async def test_every_step_of_a_visit_ends_well(envoy: LocalEnvoy) -> None:
    for event in ("invite_created", "invite_updated", "entry_sign_in", "entry_sign_out", "invite_removed"):
        delivery = await envoy.trigger(event, seed=7)
        await envoy.drain()
        assert (event, envoy.job(delivery).status) == (event, "done")


HOST_DECIDES = {"host_decides": True, "printer": "badges"}


async def test_a_visit_that_the_host_decides_about(envoy: LocalEnvoy) -> None:
    printer, envoy.config = await envoy.add_thing("badges"), HOST_DECIDES
    delivery = await envoy.trigger("entry_sign_in", id="9001")
    await envoy.work()
    printed = await printer.work()
    await envoy.work()
    await envoy.trigger("entry_reviewed", id="9001", approval_status={"status": "approved"})
    await envoy.drain()
    job = envoy.job(delivery)
    assert (job.status, job.message) == ("done", f"Badge {printed['print']} opens Visitors")
    assert job.attachments == {"Badge": printed["print"]}


async def test_a_visitor_whom_the_host_refuses_gets_no_further(envoy: LocalEnvoy) -> None:
    printer, envoy.config = await envoy.add_thing("badges"), HOST_DECIDES
    delivery = await envoy.trigger("entry_sign_in", id="9001")
    await envoy.work()
    assert envoy.provided(Doors).group_of("9001") == "Visitors"
    await printer.work("FAILED")
    await envoy.work()
    visit = await envoy.workflows.find("visit:9001")
    assert visit is not None
    assert await visit.run("desk") == "Success"
    await envoy.trigger("entry_reviewed", id="9001", approval_status={"status": "denied"})
    await envoy.drain()
    assert (envoy.job(delivery).status, envoy.provided(Doors).group_of("9001")) == ("failed", None)


async def test_the_badge_is_not_printed_before_the_nda_is_signed(envoy: LocalEnvoy) -> None:
    printer, envoy.config = await envoy.add_thing("badges"), HOST_DECIDES
    await envoy.trigger("entry_sign_in", id="9001", legal_docs=[])
    await envoy.work()
    assert await printer.work() is None
    await envoy.trigger("entry_manually_updated", id="9001", legal_docs=[])
    assert await printer.work() is None
    await envoy.trigger("entry_manually_updated", id="9001")
    assert await printer.work() is not None


async def test_a_groups_badges_wait_until_the_host_has_decided_about_the_first(envoy: LocalEnvoy) -> None:
    printer, envoy.config = await envoy.add_thing("badges"), HOST_DECIDES
    for visitor in ("9001", "9002"):
        await envoy.trigger("entry_sign_in", id=visitor, group_name="Delegation")
        await envoy.work()
    assert await printer.work() is not None
    assert await printer.work() is None
    await envoy.work()
    await envoy.trigger("entry_reviewed", id="9001", approval_status={"status": "approved"})
    assert await printer.work() is not None


async def test_a_visit_whose_badge_nobody_can_print_fails_at_once(envoy: LocalEnvoy) -> None:
    envoy.config = HOST_DECIDES
    delivery = await envoy.trigger("entry_sign_in", id="9001")
    await envoy.drain()
    job = envoy.job(delivery)
    assert (job.status, job.message) == ("failed", "There is no printer 'badges'. Check it in the plugin's setup.")


async def test_a_decision_that_nobody_waits_for_is_said_so(envoy: LocalEnvoy) -> None:
    envoy.config = HOST_DECIDES
    await envoy.add_thing("badges")
    unknown = await envoy.trigger("entry_reviewed", id="1", approval_status={"status": "approved"})
    await envoy.trigger("entry_sign_in", id="9001")
    await envoy.work()
    early = await envoy.trigger("entry_reviewed", id="9001", approval_status={"status": "approved"})
    assert (unknown.status, early.status, early.message) == (200, 412, "Nobody is asked now")
