"""A plugin answers each sample of an event as Envoy expects it; the samples go over the wire byte for byte."""

import json
from typing import Any

import pytest
from yarl import URL

from envoy_plugin import Entry, Event, Invite, Location, Meta, Notification, Plugin, Takeover
from tests.framework.served import Served, Stage
from tests.samples.reading import Sample, answer_to, read_samples

EVENTS = [sample for sample in read_samples("webhooks") if sample.target == "/envoy/events"]
READ: dict[str, dict[str, Any]] = {
    "entry_sign_in": {"id": "9001"},
    "entry_sign_in_odd": {"id": "9001"},
    "entry_sign_out": {"id": "9001"},
    "host_notification": {"id": "7"},
    "invite_updated": {"id": "4001"},
    "location_capacity_updated": {"id": "31"},
    "plugin_uninstalled": {},
    "takeover_started": {"id": "1"},
}
"""What a handler reads of each sample beside the event and the install."""


@pytest.fixture
def plugin() -> Plugin:
    """Answers each event of the samples with what it has read of it."""
    plugin = Plugin("visitor-doors")

    @plugin.on("entry_sign_in")
    async def signed_in(entry: Entry, meta: Meta) -> dict[str, Any]:
        return told(meta, entry.id)

    @plugin.on("entry_sign_out", background=True)
    async def signed_out(entry: Entry) -> None: ...

    @plugin.on("invite_updated")
    async def updated(invite: Invite, meta: Meta) -> dict[str, Any]:
        return told(meta, invite.id)

    @plugin.on("location_capacity_updated")
    async def capacity(location: Location, meta: Meta) -> dict[str, Any]:
        return told(meta, location.id)

    @plugin.on("takeover_started")
    async def started(takeover: Takeover, meta: Meta) -> dict[str, Any]:
        return told(meta, takeover.id)

    @plugin.on("host_notification")
    async def notified(notification: Notification, meta: Meta) -> dict[str, Any]:
        return told(meta, notification.recipient.employee_id)

    @plugin.on("plugin_uninstalled")
    async def uninstalled(event: Event) -> dict[str, Any]:
        return told(event.meta, None)

    return plugin


def told(meta: Meta, id_: str | None) -> dict[str, Any]:
    return {"event": meta.event, "install": meta.install_id} | ({"id": id_} if id_ else {})


async def answered(served: Served, sample: Sample) -> tuple[int, Any]:
    """Status and body of what the plugin answers to a sample."""
    url = URL(served.url)
    assert url.host is not None
    assert url.port is not None
    status, _, body = await answer_to(sample, url.host, url.port)
    return status, body


@pytest.mark.parametrize("sample", EVENTS, ids=lambda sample: sample.name)
async def test_a_sample_of_an_event_is_answered_as_it_says(stage: Stage, plugin: Plugin, sample: Sample) -> None:
    served = await stage.serve(plugin, worker=False)
    status, body = await answered(served, sample)
    wanted, _, why = sample.answer.partition(":")
    assert str(status) in wanted.split(" or ")
    if sample.name == "minimal":
        assert ("meta.install_id" in body["message"], why) == (True, " an event of no install")
    elif status == 200:
        event = json.loads(sample.body)["meta"]["event"]
        assert body == {"event": event, "install": "1001", **READ[sample.name]}


@pytest.mark.parametrize("sample", EVENTS, ids=lambda sample: sample.name)
async def test_a_sample_with_one_byte_more_is_refused(stage: Stage, plugin: Plugin, sample: Sample) -> None:
    served = await stage.serve(plugin, worker=False)
    headers = dict(sample.headers)
    async with served.http.post(served.url + sample.target, data=sample.body + b" ", headers=headers) as answer:
        assert answer.status == 401


async def test_a_sample_of_an_event_that_nobody_handles_is_ignored(stage: Stage) -> None:
    served = await stage.serve(Plugin("visitor-doors"), worker=False)
    statuses = {sample.name: (await answered(served, sample))[0] for sample in EVENTS}
    assert (statuses["minimal"], statuses["takeover_started"], statuses["entry_sign_in_odd"]) == (422, 400, 400)
