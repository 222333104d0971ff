"""One suite for every place where storage is kept: what a plugin sees is the same.

The numbers in names are those of the faults of Envoy's Node SDK 2.5.2 that must not be here.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from pydantic import JsonValue
from redis.asyncio import Redis

from envoy_plugin import GlobalStorage, Item, Storage, StorageRefused
from envoy_plugin.envoy.storage import Result, Storages
from envoy_plugin.memory_redis import memory_redis
from tests.envoy_server import SimulatedEnvoy
from tests.framework.storage_places import at_envoy, in_redis

ODD_VALUES: list[JsonValue] = [
    {"a": [{}]}, [], {}, [[]], 0, False, "", 1.5, -0.5, None, "木村 ☃ \x00\r\n", 2**53 - 1, -(2**53 - 1), {"": None},
    "\u2028", [1, "1", True, 1.0], {"b": 1, "a": {"b": []}}, "x" * 32_000,
]  # fmt: skip
ODD_KEYS = ["a_b", "a:b", "Grüße", "[1]", " ", "a\nb", "\x00", "k" * 512, "ключ", "-inf", "q", "*"]


@pytest.fixture(params=["envoy", "redis", "memory"])
async def storages(
    request: pytest.FixtureRequest, envoy: SimulatedEnvoy, redis: Redis, redis_url: str
) -> AsyncIterator[Storages]:
    async with AsyncExitStack() as stack:
        if request.param == "envoy":
            yield await stack.enter_async_context(at_envoy(envoy, redis))
        else:
            url = stack.enter_context(memory_redis()) if request.param == "memory" else redis_url
            yield await stack.enter_async_context(in_redis(url))


@pytest.fixture
def storage(storages: Storages) -> Storage:
    return storages.of_install("1001")


def pairs(items: Result) -> list[tuple[str, JsonValue]]:
    """Keys and values of a page."""
    assert isinstance(items, list)
    return [(item.key, item.value) for item in items]


async def test_an_item_is_stored_read_and_removed(storage: Storage) -> None:
    item = Item("door", {"id": 7})
    assert await storage.set("door", {"id": 7}) == item
    assert await storage.get("door") == item
    assert await storage.unset("door") == item
    assert await storage.get("door") is None


async def test_14_a_missing_key_is_none_and_never_an_error(storage: Storage) -> None:
    assert await storage.get("nothing") is None
    assert await storage.unset("nothing") is None
    assert await storage.list() == []


async def test_14_a_missing_key_in_a_pipeline_costs_no_other_result(storage: Storage) -> None:
    results = await storage.pipeline().set("k", 1).get("nothing").get("k").execute()
    assert results == [Item("k", 1), None, Item("k", 1)]


async def test_34_a_stored_null_is_not_a_missing_key(storage: Storage) -> None:
    await storage.set("k", None)
    assert await storage.get("k") == Item("k", None)
    assert await storage.list() == [Item("k", None)]
    assert await storage.unset("k") == Item("k", None)


@pytest.mark.parametrize("value", ODD_VALUES, ids=repr)
async def test_any_json_reads_back_as_it_was(storage: Storage, value: JsonValue) -> None:
    item = Item("k", value)
    assert await storage.pipeline().set("k", value).get("k").list().unset("k").execute() == [item, item, [item], item]
    assert type((await storage.set("k", value)).value) is type(value)


@pytest.mark.parametrize("key", ODD_KEYS, ids=repr)
async def test_34_a_key_comes_back_as_it_is(storage: Storage, key: str) -> None:
    assert await storage.set(key, 1) == Item(key, 1)
    unique = await storage.set_unique_num(key)
    assert unique is not None
    assert await storage.list() == [unique]
    assert await storage.unset(key) == unique


async def test_a_pipeline_runs_in_order_with_one_result_each(storage: Storage) -> None:
    pipeline = storage.pipeline().set("door", 1).get("door").set("door", 2).list().unset("door").get("door").list()
    one, two = Item("door", 1), Item("door", 2)
    assert await pipeline.execute() == [one, one, two, [two], two, None, []]


async def test_a_pipeline_of_130_commands_works(storage: Storage) -> None:
    pipeline = storage.pipeline()
    for number in range(130):
        pipeline.set(f"k{number}", number)
    assert len(await pipeline.execute()) == 130
    assert await storage.get("k129") == Item("k129", 129)


async def test_22_executing_twice_sends_only_what_is_new(storage: Storage) -> None:
    pipeline = storage.pipeline().set("k", 1)
    assert await pipeline.execute() == [Item("k", 1)]
    await storage.set("k", 2)
    assert (await pipeline.execute(), len(pipeline)) == ([], 0)
    assert await pipeline.get("k").execute() == [Item("k", 2)]


async def test_23_options_are_left_as_they_are_and_name_no_key(storage: Storage) -> None:
    options: dict[str, Any] = {"min": 1, "max": 3}
    given = await storage.set_unique_num("card", **options)
    assert given is not None
    assert (given.key, options) == ("card", {"min": 1, "max": 3})
    for stranger in ({"action": "unset"}, {"key": "other"}):
        more: dict[str, Any] = {**options, **stranger}
        with pytest.raises(TypeError):
            await storage.set_unique_num("card", **more)


async def test_34_pages_have_a_hundred_items_sorted_by_key(storage: Storage) -> None:
    keys = [f"k{number:03d}" for number in range(230)]
    pipeline = storage.pipeline()
    for key in reversed(keys):
        pipeline.set(key, key)
    await pipeline.execute()
    pages = [[item.key for item in await storage.list(page)] for page in (1, 2, 3, 4)]
    assert pages == [keys[:100], keys[100:200], keys[200:], []]


async def test_keys_sort_by_their_characters(storage: Storage) -> None:
    keys = ["a", "B", "ä", "10", "9", "木", "𝄞", "\uffff", "aa", "a ", "A"]
    for key in keys:
        await storage.set(key, 0)
    assert [item.key for item in await storage.list()] == sorted(keys)


async def test_34_each_install_and_the_plugin_have_items_of_their_own(storages: Storages) -> None:
    scopes = [storages.of_install("1"), storages.of_install("2"), storages.of_plugin()]
    for number, scope in enumerate(scopes):
        await scope.set("k", number)
    await scopes[0].unset("k")
    assert [pairs(await scope.list()) for scope in scopes] == [[], [("k", 1)], [("k", 2)]]
    assert isinstance(scopes[2], GlobalStorage)


async def test_a_unique_text_has_the_wanted_letters_and_size(storage: Storage) -> None:
    item = await storage.set_unique("pin", chars="ABC木", size=6)
    plain = await storage.set_unique("other")
    assert item is not None
    assert plain is not None
    assert (len(item.value), set(item.value) <= set("ABC木")) == (6, True)
    assert (len(plain.value), plain.value.isdecimal()) == (12, True)
    assert await storage.get("pin") == item


async def test_34_a_unique_number_is_an_integer_of_the_range(storage: Storage) -> None:
    item, wide, negative = await (
        storage.pipeline()
        .set_unique_num("card", min=100, max=102)
        .set_unique_num("other")
        .set_unique_num("low", min=-(2**53 - 1), max=-(2**53 - 1))
        .execute()
    )
    assert isinstance(item, Item)
    assert isinstance(wide, Item)
    assert item.value in {100, 101, 102}
    assert (type(item.value), type(wide.value)) == (int, int)
    assert negative == Item("low", -9007199254740991)


@pytest.mark.parametrize("count", [1, 3, 60])
async def test_every_unique_value_is_given_once_and_then_none(storage: Storage, count: int) -> None:
    given = [await storage.set_unique_num(f"k{number}", min=1, max=count) for number in range(count)]
    assert {item.value for item in given if item} == set(range(1, count + 1))
    assert await storage.set_unique_num("more", min=1, max=count) is None
    assert await storage.get("more") is None


async def test_every_unique_text_is_given_once_and_then_none(storage: Storage) -> None:
    results = await (
        storage.pipeline()
        .set_unique("a", chars="xyx", size=1)
        .set_unique("b", chars="xyx", size=1)
        .set_unique("c", chars="xyx", size=1)
        .get("c")
        .execute()
    )
    assert {item.value for item in results if isinstance(item, Item)} == {"x", "y"}
    assert results[2:] == [None, None]


async def test_without_a_free_value_the_key_keeps_what_it_had(storage: Storage) -> None:
    await storage.set("k", "mine")
    await storage.set_unique_num("other", min=5, max=5)
    assert await storage.set_unique_num("k", min=5, max=5) is None
    assert await storage.get("k") == Item("k", "mine")


@pytest.mark.parametrize("free", ["set", "unset", "set_unique"])
async def test_34_what_takes_the_place_of_a_unique_value_frees_it(storage: Storage, free: str) -> None:
    assert await storage.set_unique_num("a_b", min=5, max=5) == Item("a_b", 5)
    assert await storage.set_unique_num("l", min=5, max=5) is None
    match free:
        case "set":
            await storage.set("a_b", 5)
        case "unset":
            await storage.unset("a_b")
        case _:
            await storage.set_unique("a_b")
    assert await storage.set_unique_num("l", min=5, max=5) == Item("l", 5)


async def test_a_value_freed_in_a_pipeline_is_free_in_it(storage: Storage) -> None:
    pipeline = storage.pipeline().set_unique_num("a", min=5, max=5).set_unique_num("b", min=5, max=5).unset("a")
    pipeline.set_unique_num("b", min=5, max=5).set("b", 1).set_unique_num("c", min=5, max=5)
    found = [item.value if isinstance(item, Item) else item for item in await pipeline.execute()]
    assert found == [5, None, 5, 5, 1, 5]


async def test_a_plain_value_takes_no_unique_one(storage: Storage) -> None:
    await storage.set("k", 5)
    assert await storage.set_unique_num("card", min=5, max=5) == Item("card", 5)


async def test_each_scope_has_unique_values_of_its_own(storages: Storages) -> None:
    for scope in (storages.of_install("1"), storages.of_install("2"), storages.of_plugin()):
        assert await scope.set_unique_num("k", min=5, max=5) == Item("k", 5)
        assert await scope.set_unique_num("l", min=5, max=5) is None


async def test_a_text_and_a_number_are_two_values(storage: Storage) -> None:
    assert await storage.set_unique_num("number", min=5, max=5) == Item("number", 5)
    assert await storage.set_unique("text", chars="5", size=1) == Item("text", "5")


async def test_unique_values_of_many_at_once_differ(storage: Storage) -> None:
    given = await asyncio.gather(*(storage.set_unique_num(f"k{number}", min=1, max=40) for number in range(40)))
    assert len({item.value for item in given if item}) == 40


async def test_a_command_that_cannot_be_leaves_the_pipeline_as_it_was(storage: Storage) -> None:
    pipeline = storage.pipeline().set("k", 1)
    with pytest.raises(StorageRefused):
        pipeline.set("", 2)
    assert await storage.get("k") is None
    assert await pipeline.execute() == [Item("k", 1)]


async def test_an_empty_pipeline_asks_nobody(storage: Storage) -> None:
    assert await storage.pipeline().execute() == []


async def test_neither_values_nor_installs_of_others_are_in_a_repr(storage: Storage) -> None:
    item = await storage.set("k", "canary")
    assert repr(item) == "Item(key='k')"
    assert repr(storage).endswith("Storage(install_id='1001')")
    assert "canary" not in repr(storage.pipeline().set("k", "canary")._commands)
