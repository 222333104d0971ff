"""Requests as clients of the time really send them, byte for byte, through a socket: one file for each shape."""

import json
from dataclasses import replace

import pytest
from yarl import URL

from envoy_plugin.apis.workflow_manager.operations import OPERATIONS
from envoy_plugin.apis.workflow_manager.routing import find_place, segments_of
from tests.apis.replies import Reply, holds
from tests.apis.workflow_manager.site import Site
from tests.samples.reading import Sample, exchange, read_samples

SAMPLES = {sample.name: sample for sample in read_samples("workflow_manager")}
WEBSOCKET = "/notificationWs"
PLACE = {"geometryType": "Multipoint", "geometry": '{"points": [[-111.3, 52.68]]}'}


async def replay(site: Site, sample: Sample, attachment: str = "") -> Reply:
    """The answer to the very bytes of a sample."""
    url = URL(site.url)
    told = {b"{token}": site.token(groups=["front-desk"]).encode(), b"{attachment}": attachment.encode()}
    headers = tuple((name, value.replace("{token}", told[b"{token}"].decode())) for name, value in sample.headers)
    target, body = sample.target, sample.body
    for word, value in told.items():
        target, body = target.replace(word.decode(), value.decode()), body.replace(word, value)
    request = replace(sample, target=target, headers=headers, body=body)
    status, received, content = await exchange(request, url.host or "", url.port or 0)
    return Reply(status=status, content=content, headers=received)


async def prepare(site: Site, sample: Sample) -> str:
    """What a sample is about: a diagram, a template, two jobs, an attachment, whose id is answered."""
    if sample.name == "py_create_diagram":
        return ""
    await replay(site, SAMPLES["py_create_diagram"])
    if sample.name == "py_create_template":
        return ""
    await replay(site, SAMPLES["py_create_template"])
    if sample.name == "py_create_jobs":
        return ""
    await site.job("front-door", jobId="visit-1", jobName="A visit", location=PLACE)
    await site.job("front-door", jobId="visit-2")
    return str((await site.attach("visit-1", name="face.jpg")).body["attachmentId"])


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=lambda sample: sample.name)
async def test_a_client_of_the_time_is_answered_as_it_expects(site: Site, sample: Sample) -> None:
    attachment = await prepare(site, sample)
    reply = await replay(site, sample, attachment)
    status, _, expected = sample.answer.partition(" ")
    assert reply.status == int(status), reply.content
    if expected:
        assert holds(reply.body, json.loads(expected.replace("{attachment}", attachment))), reply.content


def test_every_operation_has_a_sample() -> None:
    """Of the method and path, and where several share them, of the type; a websocket is no one request."""
    sampled = set()
    for sample in SAMPLES.values():
        place = find_place(segments_of(sample.target.partition("?")[0])[2:])
        body = json.loads(sample.body) if sample.body.startswith(b"{") else {}
        if place is not None:
            sampled |= {(id(one), body.get("type", "")) for one in place.operations[sample.method]}
    missing = [one for one in OPERATIONS if (id(one), one.type) not in sampled and one.path != WEBSOCKET]
    assert [(one.method, one.path, one.type) for one in missing] == []
