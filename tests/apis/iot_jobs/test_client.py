"""`Things`: what a plugin's code sends to devices."""

from datetime import timedelta
from typing import Any

import pytest

from envoy_plugin.apis.iot_jobs.client import Things
from envoy_plugin.apis.iot_jobs.fleets import Sent
from envoy_plugin.context import Context, Entered
from envoy_plugin.engine.batching import Batcher
from envoy_plugin.engine.queries import find_job
from envoy_plugin.engine.states import State
from envoy_plugin.errors import JobNotFound, ThingRefused
from tests.apis.iot_jobs.site import THING, Site

DOCUMENT = {"print": "Bär"}
INSTALL = "1001"


def things_of(site: Site, install: str = INSTALL) -> Things:
    return Things.for_install(site.engine, install)


async def send(site: Site, *names: str, **how: Any) -> Sent:
    return await things_of(site)[names or THING].send(DOCUMENT, **how)


async def state_of(site: Site, sent: Sent) -> State:
    return (await find_job(site.engine, sent.id)).state


async def test_what_is_sent_reaches_the_device_and_its_end_is_the_jobs(site: Site) -> None:
    sent = await send(site, timeout=timedelta(minutes=5))
    assert await state_of(site, sent) is State.AVAILABLE
    started = await site.device.start()
    assert (started["jobId"], started["jobDocument"]) == (sent.job_id, '{"print": "Bär"}')
    assert started["approximateSecondsBeforeTimedOut"] == 300
    await site.device.update("SUCCEEDED", sent.job_id)
    assert await state_of(site, sent) is State.SUCCEEDED
    assert (await find_job(site.engine, sent.id)).install == INSTALL


@pytest.mark.parametrize(("last", "state"), [("SUCCEEDED", State.SUCCEEDED), ("FAILED", State.FAILED)])
async def test_what_is_sent_to_several_ends_with_the_last_of_them(site: Site, last: str, state: State) -> None:
    door = await site.add("door")
    sent = await send(site, THING, "door")
    await site.device.update("SUCCEEDED", sent.job_id)
    assert await state_of(site, sent) is State.RUNNING
    await door.update(last, sent.job_id)
    assert await state_of(site, sent) is state


async def test_several_end_as_well_where_time_ends_the_last_one(site: Site) -> None:
    door = await site.add("door")
    sent = await send(site, THING, "door", timeout=timedelta(minutes=1))
    await site.device.update("SUCCEEDED", sent.job_id)
    await door.start()
    await site.passes(minutes=1)
    assert await state_of(site, sent) is State.FAILED


async def test_work_waits_for_other_work_unseen_by_its_device(site: Site) -> None:
    door = await site.add("door")
    first = await send(site)
    second = await things_of(site)["door"].send({}, after=[first], key="second")
    assert (await door.pending())["queuedJobs"] == []
    assert (await door.refused("describe_job_execution", "second")).code == "ResourceNotFoundException"
    assert (await site.execution("second", "door"))["status"] == "QUEUED"
    await site.device.update("SUCCEEDED", first.job_id)
    assert (await door.start())["jobId"] == second.job_id


async def test_work_that_waits_for_nothing_that_there_is_is_refused(site: Site) -> None:
    with pytest.raises(JobNotFound):
        await send(site, after=["a000000000000000"])
    assert (await site.device.pending())["queuedJobs"] == []


async def test_a_failure_is_tried_again_as_often_as_was_said(site: Site) -> None:
    sent = await send(site, retries={"timeout": 0, "*": 1}, timeout=timedelta(minutes=1))
    await site.device.update("FAILED", sent.job_id)
    await site.device.start()
    await site.passes(minutes=1)
    assert await state_of(site, sent) is State.FAILED


async def test_a_handler_that_runs_again_finds_what_it_has_sent(site: Site) -> None:
    def run() -> Entered:
        batcher = Batcher(site.engine)
        return Entered(Context(owner=None, engine=site.engine, batcher=batcher, install=INSTALL, job="a1"))

    with run():
        first = [await send(site), await send(site)]
    with run():
        again = [await send(site), await send(site)]
    assert [sent.id for sent in first] == [sent.id for sent in again]
    assert [sent.created for sent in first + again] == [True, True, False, False]
    assert (await send(site)).created


async def test_a_key_finds_what_was_sent_to_several(site: Site) -> None:
    await site.add("door")
    sent = await send(site, THING, "door", key="doors")
    again = await send(site, THING, "door", key="doors")
    assert (again.id, again.job_id, again.created) == (sent.id, "doors", False)


async def test_another_installs_key_is_refused(site: Site) -> None:
    await send(site, key="badge-1")
    with pytest.raises(ThingRefused, match="already exists"):
        await things_of(site, "2002")[THING].send({}, key="badge-1")


async def test_a_thing_of_another_install_is_unknown(site: Site) -> None:
    await site.registry.add("theirs", install="2002")
    for name in ("theirs", "nowhere"):
        with pytest.raises(ThingRefused, match=f"Thing {name} cannot be found"):
            await send(site, name)
    assert (await things_of(site, "2002")["theirs"].send({})).created


@pytest.mark.parametrize(
    "how",
    [
        {"timeout": timedelta(0)},
        {"timeout": timedelta(days=8)},
        {"retries": 11},
        {"retries": -1},
        {"retries": {"paper": 1}},
        {"retries": {"timeout": 6, "*": 5}},
        {"key": "a b"},
    ],
)
async def test_what_is_out_of_bounds_is_refused(site: Site, how: dict[str, Any]) -> None:
    with pytest.raises(ThingRefused):
        await send(site, **how)
    assert (await site.device.pending())["queuedJobs"] == []


@pytest.mark.parametrize("document", [object(), float("nan"), "x" * 32768])
async def test_a_document_is_json_of_some_size(site: Site, document: object) -> None:
    with pytest.raises(ThingRefused, match="A document"):
        await things_of(site)[THING].send(document)


@pytest.mark.parametrize("names", [(), tuple(f"thing-{number}" for number in range(101)), ("a b",)])
async def test_things_are_named_one_to_a_hundred_at_once(site: Site, names: tuple[str, ...]) -> None:
    with pytest.raises(ThingRefused):
        things_of(site)[names]
    assert repr(things_of(site)) == "Things(install='1001')"
