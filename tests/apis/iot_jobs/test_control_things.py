"""Operators, by boto3's own client: things."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from envoy_plugin.apis.iot_jobs.access_keys import of_thing
from envoy_plugin.apis.iot_jobs.registry import Registry
from envoy_plugin.engine.listings import Filter, every_job
from envoy_plugin.errors import ThingRefused
from tests.apis.iot_jobs.site import JOB, THING, Site, counts, listed


async def test_things_are_created_described_and_listed(site: Site) -> None:
    made = await site.operator("create_thing", thingName="a:door", attributePayload={"attributes": {"floor": "1"}})
    assert (made["thingName"], made["thingArn"]) == ("a:door", site.arn("a:door"))
    seen = await site.operator("describe_thing", thingName="a:door")
    assert (seen["attributes"], seen["version"], seen["thingId"]) == ({"floor": "1"}, 1, made["thingId"])
    assert [row["thingName"] for row in await listed(site, "list_things", maxResults=1)] == ["a:door", THING]
    failure = await site.operator.refused("describe_thing", thingName="nowhere")
    assert (failure.code, failure.message) == ("ResourceNotFoundException", "Thing nowhere cannot be found.")


async def test_a_thing_is_created_once(site: Site) -> None:
    said: dict[str, Any] = {"thingName": "door", "attributePayload": {"attributes": {"floor": "1"}}}
    assert await site.operator("create_thing", **said) == await site.operator("create_thing", **said)
    failure = await site.operator.refused("create_thing", thingName="door")
    assert (failure.code, failure.status) == ("ResourceAlreadyExistsException", 409)


async def test_of_many_that_create_it_at_once_one_says_what_it_is(site: Site) -> None:
    each: list[dict[str, str]] = [{}, {"floor": "1"}, {"room": "2"}] * 3
    ends = await asyncio.gather(
        *(site.operator("create_thing", thingName="door", attributePayload={"attributes": one}) for one in each),
        return_exceptions=True,
    )
    seen = (await site.operator("describe_thing", thingName="door"))["attributes"]
    assert [one == seen for one in each] == [isinstance(end, dict) for end in ends]


async def test_a_thing_that_exists_stays_as_it_is(site: Site) -> None:
    with pytest.raises(ThingRefused, match="already exists"):
        await site.registry.add(THING, location="777", attributes={"floor": "1"})
    thing = await site.registry.get(THING)
    assert (thing.location, thing.attributes) == ("", {})


async def test_a_thing_that_is_made_anew_has_never_been_heard_of(site: Site) -> None:
    thing = await site.registry.get(THING)
    await site.operator("delete_thing", thingName=THING)
    await site.registry.hear(thing)  # as by a request that was let in a moment before
    await site.registry.add(THING)
    assert (await site.registry.get(THING)).heard is None


async def test_a_thing_is_heard_of_to_the_second(site: Site) -> None:
    heard = []
    for moment in (1000.0, 1000.9, 1001.0):
        registry = Registry(site.engine, lambda moment=moment: moment)  # type: ignore[misc]
        await registry.hear(await registry.get(THING))
        heard.append((await registry.get(THING)).heard)
    assert heard == [datetime.fromtimestamp(second, UTC) for second in (1000, 1000, 1001)]


@pytest.mark.parametrize(
    "said",
    [
        {"thingTypeName": "x"},
        {"billingGroupName": "x"},
        {"thingName": "a b"},
        {"attributePayload": {"attributes": {"a b": "c"}}},
        {"attributePayload": {"attributes": {"a": "b c"}}},
        {"attributePayload": {"attributes": {str(number): "x" for number in range(51)}}},
    ],
)
async def test_a_thing_that_cannot_be_is_refused(site: Site, said: dict[str, Any]) -> None:
    failure = await site.operator.refused("create_thing", **({"thingName": "door"} | said))
    assert failure.code == "InvalidRequestException"


async def test_a_thing_that_is_deleted_loses_its_work_and_its_keys(site: Site) -> None:
    await site.add("server-room")
    await site.create(JOB, THING, "server-room")
    await site.device.start()
    failure = await site.operator.refused("delete_thing", thingName=THING, expectedVersion=2)
    assert (failure.code, failure.status) == ("VersionConflictException", 409)
    assert await site.operator("delete_thing", thingName=THING, expectedVersion=1) == {}
    assert counts(await site.job()) == {"RemovedThings": 1, "QueuedThings": 1}
    assert (await site.device.refused("describe_job_execution")).code == "UnrecognizedClientException"
    assert await site.keys.of(of_thing(THING)) == []
    assert await site.operator("delete_thing", thingName=THING) == {}
    page = await site.operator("list_things", maxResults=1)
    assert ([row["thingName"] for row in page["things"]], "nextToken" in page) == (["server-room"], False)


async def test_what_operators_give_out_is_work_of_the_things_install(site: Site) -> None:
    for name, install in (("door", "1001"), ("gate", "1001"), ("kiosk", "2002")):
        await site.add(name, install=install)
    await site.create("one", "door", "gate")
    await site.create("two", "door", "kiosk")
    jobs = [job async for job in every_job(site.engine, Filter())]
    installs = {(job.kind, job.unique): job.install for job in jobs}
    assert installs == {
        ("fleet", "iot:one"): "1001",
        ("device", "iot:one:door"): "1001",
        ("device", "iot:one:gate"): "1001",
        ("fleet", "iot:two"): "-",
        ("device", "iot:two:door"): "1001",
        ("device", "iot:two:kiosk"): "2002",
    }
