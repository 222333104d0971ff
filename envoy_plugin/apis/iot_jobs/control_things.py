"""The operations of operators on things. Source: botocore, `iot`; AWS IoT's API reference."""

from contextlib import suppress
from typing import Final

from envoy_plugin.apis.iot_jobs.calls import Call
from envoy_plugin.apis.iot_jobs.ending import remove_thing
from envoy_plugin.apis.iot_jobs.pages import place_of, token_of
from envoy_plugin.apis.iot_jobs.refusals import Refusal
from envoy_plugin.apis.iot_jobs.requests import CreateThing, DeleteThing, PageQuery
from envoy_plugin.apis.iot_jobs.shapes import VERSION, Shape, described_thing, known, thing_attributes, thing_id
from envoy_plugin.errors import ThingRefused

THINGS: Final = "things"


async def create_thing(call: Call) -> Shape:
    """CreateThing; one that is there already, with the same attributes, is no error."""
    name, wanted = call.thing, call.body(CreateThing).attribute_payload.attributes
    registry = call.service.registry
    with suppress(ThingRefused):
        await registry.add(name, attributes=wanted)
    thing = await registry.get(name)
    arn = call.service.place.arn("thing", name)
    if dict(thing.attributes) != wanted:
        message = f"Thing {name} already exists with other attributes."
        raise ThingRefused(Refusal.EXISTS, message, resourceId=thing_id(thing), resourceArn=arn)
    return {"thingName": name, "thingArn": arn, "thingId": thing_id(thing)}


async def describe_thing(call: Call) -> Shape:
    """DescribeThing."""
    return described_thing(await call.service.registry.get(call.thing), call.service.place)


async def list_things(call: Call) -> Shape:
    """ListThings, by name."""
    asked = call.asked(PageQuery)
    things, after = await call.service.registry.page(place_of(THINGS, asked.next_token), asked.max_results)
    told = [thing_attributes(thing, call.service.place) for thing in things]
    return known({"things": told, "nextToken": token_of(THINGS, after)})


async def delete_thing(call: Call) -> Shape:
    """DeleteThing: what is pending for it ends, and so do its keys."""
    name, expected = call.thing, call.asked(DeleteThing).expected_version
    if expected not in {None, VERSION}:
        raise ThingRefused(Refusal.VERSION, f"Expected version {expected} but found version {VERSION}")
    await remove_thing(call.service.registry, call.service.keys, call.engine, name)
    return {}
