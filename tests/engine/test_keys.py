"""Every key is under the one hash tag: what a life with everything in it writes, and what can be named at all."""

import inspect
from typing import Any

import pytest

from envoy_plugin.engine import verbs
from envoy_plugin.engine.engine import Engine, Mode
from envoy_plugin.engine.keys import Keys
from tests.engine.clock import Clock
from tests.engine.picture import take_picture
from tests.engine.whole_life import live

KINDS = {
    *("schema", "queues", "job", "payload", "blobs", "refs", "blob", "attempts", "dependents", "children", "by", "tag"),
    *("described", "unique", "lane", "turns", "wake", "paused", "timers", "available", "blocked", "scheduled"),
    *("running", "succeeded", "cancelled"),
}


class Recording(Engine):
    """An engine that remembers which verbs it was told."""

    told: set[str]

    async def call(self, verbs: Any, mode: Mode = Mode.ALL) -> list[Any]:
        self.told |= {verb.name for verb in verbs}
        return await super().call(verbs, mode)


async def test_every_key_of_a_life_with_everything_in_it_is_under_the_hash_tag(engine: Engine, clock: Clock) -> None:
    await live(engine, clock)
    keys = await take_picture(engine.redis)
    assert [key for key in keys if not key.startswith("{test}:")] == []
    assert KINDS - {key.split(":")[1] for key in keys} == set()


async def test_that_life_has_every_verb(engine: Engine, clock: Clock) -> None:
    recording = Recording(engine.redis, prefix="test", clock=clock)
    recording.told = set()
    await live(recording, clock)
    every = {verb.name for _, verb in inspect.getmembers(verbs, inspect.isclass) if hasattr(verb, "name")}
    assert every - recording.told == set()


@pytest.mark.parametrize("name", [name for name in dir(Keys) if not name.startswith("_") and name != "prefix"])
def test_every_key_that_can_be_named_is_under_the_hash_tag(name: str) -> None:
    found = getattr(Keys("doors"), name)
    if callable(found):
        found = found(*["x"] * sum(1 for each in inspect.signature(found).parameters.values()))
    keys = [found] if isinstance(found, str) else found
    assert [key for key in keys if not key.startswith("{doors}:")] == []
