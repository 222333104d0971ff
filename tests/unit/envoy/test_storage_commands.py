"""What can't be stored is refused before anything is sent, in words that quote no value."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from envoy_plugin.envoy.storage import Pipeline, Result, Storages
from envoy_plugin.envoy.storage_commands import (
    MOST_COMMANDS,
    PIPELINE_BYTES,
    VALUE_BYTES,
    Command,
    candidates,
    check_key,
    list_of,
    set_if_absent_of,
    set_of,
    set_unique_num_of,
    set_unique_of,
)
from envoy_plugin.errors import StorageRefused

DEEP: list[Any] = []
for _ in range(300):
    DEEP = [DEEP]
LOOP: list[Any] = []
LOOP.append(LOOP)
HALF = "\ud83d"


@pytest.mark.parametrize("key", ["", "k" * 513, "ä" * 257, HALF, 7, None, b"k"], ids=repr)
def test_a_key_is_a_text_of_bounded_size(key: Any) -> None:
    with pytest.raises(StorageRefused, match="key"):
        check_key(key)


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), {1: "a"}, (1, 2), {"a"}, b"bytes", datetime.now(UTC), HALF, {HALF: 1}, DEEP, LOOP,
     object(), [float("nan")], {"a": {"b": (1,)}}],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_a_value_that_would_not_read_back_is_no_json(value: Any) -> None:
    with pytest.raises(StorageRefused, match="not JSON"):
        set_of("k", value)


def test_a_value_is_taken_as_it_is_now() -> None:
    value = {"list": [1]}
    command = set_of("k", value)
    value["list"].append(2)
    assert (command.value, command.json) == ({"list": [1]}, b'{"list":[1]}')


def test_a_value_is_bounded_and_not_quoted() -> None:
    assert set_of("k", "x" * (VALUE_BYTES - 2))
    with pytest.raises(StorageRefused, match="over the limit") as caught:
        set_of("k", "canary" * VALUE_BYTES)
    assert "canary" not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize(("least", "most"), [(2, 1), (0, 2**53), (-(2**53), 0), (0, 1.5), ("0", 1), (True, 2)])
def test_a_range_is_of_exact_whole_numbers(least: Any, most: Any) -> None:
    with pytest.raises(StorageRefused):
        set_unique_num_of("k", least, most)


@pytest.mark.parametrize(
    ("chars", "size"), [("", 1), ("a" * 257, 1), (HALF, 1), (5, 1), ("a", 0), ("a", 257), ("a", 1.0)]
)
def test_a_text_is_of_some_characters(chars: Any, size: Any) -> None:
    with pytest.raises(StorageRefused):
        set_unique_of("k", chars, size)


@pytest.mark.parametrize("page", [0, -1, 1.0, True, "1", 10**9])
def test_a_page_is_a_whole_number_from_1(page: Any) -> None:
    with pytest.raises(StorageRefused):
        list_of(page)


@pytest.mark.parametrize("ttl", [timedelta(), timedelta(seconds=-1), timedelta(days=366)])
def test_a_ttl_is_bounded(ttl: timedelta) -> None:
    with pytest.raises(StorageRefused):
        set_if_absent_of("k", 1, ttl)


def test_less_than_a_millisecond_is_one() -> None:
    assert set_if_absent_of("k", 1, timedelta(microseconds=1)).ttl_ms == 1


def test_envoy_has_no_set_if_absent() -> None:
    with pytest.raises(StorageRefused, match="STORAGE=redis"):
        set_if_absent_of("k", 1, timedelta(seconds=1)).to_wire()


def test_few_values_are_all_tried_and_of_many_some() -> None:
    few, many = set_unique_num_of("k", 1, 5), set_unique_of("k", "0123456789", 12)
    assert sorted(candidates(few, 5)) == [1, 2, 3, 4, 5]
    assert len(candidates(few, 4)) == len(candidates(many, 4)) == 4
    assert len({value for _ in range(20) for value in candidates(many, 50)}) == 1000


class Nowhere(Storages):
    """Takes everything and answers nothing; raises what it was given."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.seen: list[int] = []

    async def run(self, commands: Any, install_id: str | None) -> list[Result]:
        taken: list[Command] = list(commands)
        self.seen.append(len(taken))
        if self.error:
            raise self.error
        return [None] * len(taken)


def test_a_pipeline_is_bounded_in_commands() -> None:
    pipeline = Pipeline(Nowhere(), None)
    for _ in range(MOST_COMMANDS):
        pipeline.get("k")
    with pytest.raises(StorageRefused, match=str(MOST_COMMANDS)):
        pipeline.get("k")
    assert len(pipeline) == MOST_COMMANDS


async def test_a_pipeline_is_bounded_in_bytes_until_it_has_run() -> None:
    pipeline, large = Pipeline(Nowhere(), None), "x" * (VALUE_BYTES - 2)
    for _ in range(PIPELINE_BYTES // VALUE_BYTES):
        pipeline.set("k", large)
    with pytest.raises(StorageRefused, match=str(PIPELINE_BYTES)):
        pipeline.set("k", 1)
    await pipeline.execute()
    assert len(pipeline.set("k", large)) == 1


async def test_what_did_not_run_is_still_there_and_comes_first() -> None:
    nowhere = Nowhere(ConnectionError())
    pipeline = Pipeline(nowhere, None).set("k", 1).get("k")
    with pytest.raises(ConnectionError):
        await pipeline.execute()
    nowhere.error = None
    assert await pipeline.unset("k").execute() == [None] * 3
    assert (nowhere.seen, len(pipeline)) == ([2, 3], 0)
