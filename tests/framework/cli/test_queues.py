"""`envoy-plugin queues`: what is in them, and pausing them."""

import pytest

from envoy_plugin.cli.operator_name import operator_name
from envoy_plugin.engine.verbs import Enqueue, Pause
from envoy_plugin.errors import SettingsError
from tests.framework.cli.here import Here

WHY = "Ada Lovelace's door is being serviced"


async def test_queues_are_listed_with_what_waits_and_runs(here: Here) -> None:
    assert (await here.run("queues", "list")).out == "No queues.\n"
    await here.make(3)
    await here.make(queue="thing:door-7")
    await here.engine.claim("events", 1, who="w", lease=None)
    await here.engine.enqueue(Enqueue(queue="-", kind="fleet", envelope=True))
    listed = (await here.run("queues", "list")).out.splitlines()
    rows = [line.split() for line in listed]
    assert rows == [
        ["QUEUE", "AVAILABLE", "RUNNING", "PAUSED"],
        ["events", "2", "1", "-"],
        ["thing:door-7", "1", "0", "-"],
    ]


async def test_a_paused_queue_hands_out_nothing_until_it_is_unpaused(here: Here) -> None:
    await here.make()
    assert (await here.run("queues", "pause", "events", "--why", WHY)).out == "Paused.\n"
    assert await here.engine.claim("events", 1, who="w", lease=None) == []
    assert (await here.run("queues", "unpause", "events")).out == "Unpaused.\n"
    assert len(await here.engine.claim("events", 1, who="w", lease=None)) == 1
    assert (await here.run("queues", "unpause", "events")).out == "It was not paused.\n"


async def test_who_and_why_are_kept_sealed_and_shown(here: Here) -> None:
    await here.run("queues", "pause", "events", "--why", WHY)
    await here.make()
    again = await here.run("queues", "pause", "events", "--why", WHY, "--who", "grace")
    kept = await here.engine.redis.get(here.engine.keys.paused("events"))
    shown = (await here.run("queues", "list")).out
    (told,) = (await here.run("queues", "list", "--json")).told["queues"]
    assert again.out == "It was paused already, and says this now.\n"
    assert isinstance(kept, bytes)
    assert b"Ada" not in kept
    assert f"by grace at {told['paused']['at']}: {WHY}" in shown
    assert (told["queue"], told["paused"]["who"], told["paused"]["why"]) == ("events", "grace", WHY)


async def test_a_pause_of_a_queue_that_nobody_knows_is_pointed_out(here: Here) -> None:
    ended = await here.run("queues", "pause", "evnets", "--why", WHY)
    assert (ended.code, ended.err) == (0, "No job has been in a queue of this name so far.\n")
    told = (await here.run("queues", "pause", "evnets", "--why", WHY, "--json")).told
    assert told == {"queue": "evnets", "paused": True, "was_paused": True}
    told = (await here.run("queues", "unpause", "evnets", "--json")).told
    assert told == {"queue": "evnets", "paused": False, "was_paused": True}


async def test_a_reason_that_another_key_sealed_is_said_to_be_unreadable(here: Here) -> None:
    await here.make()
    await here.run("queues", "pause", "events", "--why", WHY)
    shown = await here.run("queues", "list", JWT_SECRET="0123456789abcdef-another")
    told = (await here.run("queues", "list", "--json", JWT_SECRET="0123456789abcdef-another")).told
    assert "who and why, these settings can't open" in shown.out
    assert told["queues"][0]["paused"] == {"who": None, "why": None, "at": None}


async def test_what_others_keep_as_the_reason_is_shown_as_it_is(here: Here) -> None:
    await here.make()
    await here.engine.run(Pause(queue="events", why=here.sealer.seal(b"by hand")))
    told = (await here.run("queues", "list", "--json")).told
    assert told["queues"][0]["paused"] == {"who": None, "why": "by hand", "at": None}


async def test_a_reason_is_sealed_with_the_plugins_own_secrets_or_not_at_all(here: Here) -> None:
    with pytest.raises(SettingsError, match="ENVOY_CLIENT_SECRET: is not set"):
        await here.run("queues", "pause", "events", "--why", WHY, ENVOY_CLIENT_SECRET="")
    await here.make()
    ended = await here.run("queues", "pause", "events")
    assert (ended.code, "--why" in ended.err) == (2, True)
    assert await here.engine.redis.exists(here.engine.keys.paused("events")) == 0


def test_an_operator_without_a_name_is_called_by_his_number(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 987_654)
    assert operator_name().startswith("uid-987654@")
