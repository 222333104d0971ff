"""`Things`: what a plugin's code sends to devices."""

from datetime import timedelta
from typing import Any

import pytest

from envoy_plugin.apis.iot_jobs.client import Things, Word
from envoy_plugin.apis.iot_jobs.fleets import Sent
from envoy_plugin.apis.iot_jobs.presence import look_at
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


def nested(depth: int) -> list[Any]:
    """A list in a list, and so on."""
    document: list[Any] = []
    for _ in range(depth):
        document = [document]
    return document


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
    assert (await site.job(sent.job_id))["targets"] == [site.arn(), site.arn("door")]
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
    assert (await look_at(site.engine, await site.registry.get("door"))).pending == 1
    await site.device.update("SUCCEEDED", first.job_id)
    assert (await door.start())["jobId"] == second.job_id


async def test_work_that_waits_for_nothing_that_there_is_is_refused(site: Site) -> None:
    with pytest.raises(JobNotFound):
        await send(site, after=["a000000000000000"])
    assert (await site.device.pending())["queuedJobs"] == []


@pytest.mark.parametrize(
    ("word", "state"), [("run", State.AVAILABLE), ("hold", State.BLOCKED), ("cancel", State.CANCELLED)]
)
async def test_it_is_said_what_the_failure_of_other_work_means(site: Site, word: Word, state: State) -> None:
    first, second = await send(site), await send(site)
    third = await send(site, after={first: word, second.id: "run"})
    for sent in (first, second):
        await site.device.update("FAILED", sent.job_id)
    assert await state_of(site, third) is state


@pytest.mark.parametrize("of", [lambda sent: sent, lambda sent: sent.id, lambda _: [7], lambda sent: {sent: "wait"}])
async def test_what_is_waited_for_is_a_list_of_jobs(site: Site, of: Any) -> None:
    first = await send(site)
    with pytest.raises(ThingRefused, match="after is a list of jobs, or a mapping of them to run, hold, cancel"):
        await send(site, after=of(first))


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

    await site.add("door")
    with run():
        first = [await send(site), await send(site, "door"), await send(site)]
    with run():
        again = [await send(site, "door"), await send(site), await send(site)]
        both = await send(site, "door", THING)
    with run():
        assert (await send(site, THING, "door")).id == both.id
    assert [sent.id for sent in again] == [first[number].id for number in (1, 0, 2)]
    assert [sent.created for sent in first + again] == [True] * 3 + [False] * 3
    assert (await send(site)).created


async def test_a_key_finds_what_was_sent_to_several(site: Site) -> None:
    await site.add("door")
    sent = await send(site, THING, "door", key="doors")
    again = await send(site, THING, "door", key="doors")
    assert (again.id, again.job_id, again.created) == (sent.id, "doors", False)


@pytest.mark.parametrize("names", [("door",), (THING, "door", "kiosk"), ("door", "kiosk")])
async def test_a_key_is_not_taken_for_that_of_other_things(site: Site, names: tuple[str, ...]) -> None:
    for name in ("door", "kiosk"):
        await site.add(name)
    await send(site, "door", THING, key="badge-1")
    with pytest.raises(ThingRefused, match="Job badge-1 already exists, for other things"):
        await send(site, *names, key="badge-1")
    assert not (await send(site, THING, "door", key="badge-1")).created


async def test_what_devices_say_of_their_work_is_found(site: Site) -> None:
    door = await site.add("door")
    sent = await send(site, THING, "door", key="badge-1")
    await site.device.update("REJECTED", "badge-1", statusDetails={"why": "no paper"})
    first, second = await things_of(site).find(sent.job_id)
    assert (first.thing, first.status, first.details) == (THING, "REJECTED", {"why": "no paper"})
    assert (second.thing, second.status, second.details) == (door.thing, "QUEUED", None)


async def test_what_another_install_has_sent_is_not_found(site: Site) -> None:
    await send(site, key="badge-1")
    for things, job_id in ((things_of(site, "2002"), "badge-1"), (things_of(site), "badge-2")):
        with pytest.raises(ThingRefused, match=f"Job {job_id} cannot be found"):
            await things.find(job_id)


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
        {"timeout": 300},
        {"retries": 11},
        {"retries": -1},
        {"retries": True},
        {"retries": "3"},
        {"retries": {"paper": 1}},
        {"retries": {"timeout": 6, "*": 5}},
        {"retries": {"*": 1.5}},
        {"retries": {"timeout": -1, "*": 2}},
        {"description": "a\nb"},
        {"description": "x" * 2029},
        {"description": 7},
        {"key": "a b"},
    ],
)
async def test_what_is_out_of_bounds_is_refused(site: Site, how: dict[str, Any]) -> None:
    with pytest.raises(ThingRefused):
        await send(site, **how)
    assert (await site.device.pending())["queuedJobs"] == []


@pytest.mark.parametrize("document", [object(), float("nan"), "x" * 32767, "\ud800", nested(100_000)], ids=type)
async def test_a_document_is_json_of_some_size(site: Site, document: object) -> None:
    with pytest.raises(ThingRefused, match="A document"):
        await things_of(site)[THING].send(document)


async def test_what_is_just_within_bounds_is_taken(site: Site) -> None:
    how: dict[str, Any] = {"timeout": timedelta(days=7), "description": "x" * 2028}
    sent = await things_of(site)[THING].send("x" * 32766, retries=10, **how)
    assert (await site.job(sent.job_id))["timeoutConfig"] == {"inProgressTimeoutInMinutes": 10080}
    short = await send(site, timeout=timedelta(seconds=61))
    assert (await site.job(short.job_id))["timeoutConfig"] == {"inProgressTimeoutInMinutes": 2}
    assert (await send(site, retries={"timeout": 6, "*": 4})).created
    assert things_of(site)[tuple(f"thing-{number}" for number in range(100))]


async def test_a_thing_that_is_named_twice_gets_the_work_once(site: Site) -> None:
    sent = await send(site, THING, THING)
    assert [work.thing for work in await things_of(site).find(sent.job_id)] == [THING]


@pytest.mark.parametrize("names", [(), tuple(f"thing-{number}" for number in range(101)), ("a b",)])
async def test_things_are_named_one_to_a_hundred_at_once(site: Site, names: tuple[str, ...]) -> None:
    with pytest.raises(ThingRefused):
        things_of(site)[names]
    assert repr(things_of(site)) == "Things(install='1001')"
