"""What the commands `deliveries`, `replay` and `save` ask."""

import json

import pytest

from envoy_plugin.simulator.payloads import build_webhook
from tests.framework.inspector.conftest import MOST_BODY, Inspect
from tests.framework.inspector.inspected import Inspected


async def test_deliveries_are_an_array_the_newest_first(inspected: Inspected) -> None:
    assert await inspected.api("/deliveries") == []
    await inspected.deliver()
    await inspected.deliver("entry_sign_out")
    rows = await inspected.api("/deliveries")
    assert [(row["id"], row["event"], row["status"], row["outcome"]) for row in rows] == [
        (2, "entry_sign_out", 200, "done"),
        (1, "entry_sign_in", 202, "ongoing"),
    ]


async def test_last_is_the_newest(inspected: Inspected) -> None:
    await inspected.deliver()
    await inspected.post(b"no JSON")
    assert await inspected.ask("/deliveries/last/body") == (200, b"no JSON")
    shown = await inspected.api("/deliveries/last")
    assert (shown["id"], shown["request"]["body"], shown["status"], shown["job"]) == (2, "no JSON", 422, None)


async def test_a_replay_answers_the_new_delivery(inspected: Inspected) -> None:
    await inspected.deliver()
    status, content = await inspected.ask("/deliveries/1/replay", "POST")
    shown = json.loads(content)
    assert (status, shown["id"], shown["replay_of"], shown["status"]) == (200, 2, 1, 202)
    assert shown["job_id"] != (await inspected.api("/deliveries/1"))["job_id"]


async def test_a_body_in_the_request_is_sent_instead(inspected: Inspected) -> None:
    await inspected.deliver()
    await inspected.ask("/deliveries/1/replay?as=same", "POST", b"[ 1 ]")
    assert (inspected.newest.body, inspected.newest.replay_of) == (b"[ 1 ]", 1)


@pytest.mark.parametrize("path", ["/deliveries/9", "/deliveries/last", "/deliveries/9/body", "/deliveries/x"])
async def test_what_isnt_there_is_404(inspected: Inspected, path: str) -> None:
    assert (await inspected.ask(path))[0] == 404


async def test_a_replay_as_something_else_is_refused(inspected: Inspected) -> None:
    await inspected.deliver()
    assert await inspected.ask("/deliveries/1/replay?as=better", "POST") == (422, b"`as` is new or same.")
    assert inspected.newest.number == 1


async def test_a_body_that_isnt_kept_whole_is_neither_given_nor_sent(inspected: Inspected) -> None:
    await inspected.post(b"x" * (2 * MOST_BODY))
    assert (await inspected.ask("/deliveries/1/body"))[0] == 410
    assert (await inspected.ask("/deliveries/1/replay", "POST"))[0] == 410
    assert (await inspected.get("/_envoy/deliveries/1/body.json")).status == 410


async def test_without_a_simulated_envoy_nothing_is_sent_and_that_is_said(inspect: Inspect) -> None:
    inspected = await inspect("http://127.0.0.1:9", envoy_url="http://127.0.0.1:9")
    inspected.door.close()
    await inspected.enter()
    await inspected.post(build_webhook("entry_sign_in", seed=1).body)
    status, content = await inspected.ask("/deliveries/1/replay", "POST")
    assert (status, content) == (502, b"No simulated Envoy answers at http://127.0.0.1:9.")
    assert (await inspected.submit("/_envoy/deliveries/1/replay", {})).status == 502
    assert inspected.newest.number == 1
