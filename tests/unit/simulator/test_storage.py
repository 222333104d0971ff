"""The storage of the simulated Envoy."""

import sys
from typing import Any

import pytest

from envoy_plugin.simulator import storage as storage_module
from tests.unit.simulator.conftest import Envoy

PATH = "/api/v2/plugin-services/storage"
ODD_VALUES = [{"a": [{}]}, [], 0, False, "", 1.5, None, "木村 ☃", 2**53 - 1, {"": None}]


async def run(envoy: Envoy, *commands: dict[str, Any], **scope: object) -> list[Any]:
    """The results of a pipeline."""
    answer = await envoy.client.post(PATH, json={"commands": list(commands), **scope}, headers=envoy.bearer)
    assert answer.status == 200, await answer.text()
    return list((await answer.json())["data"])


def put(key: str, value: object) -> dict[str, Any]:
    return {"action": "set", "key": key, "value": value}


def get(key: str) -> dict[str, Any]:
    return {"action": "get", "key": key}


async def test_commands_run_in_order_with_one_result_each(envoy: Envoy) -> None:
    unset, listing = {"action": "unset", "key": "door"}, {"action": "list"}
    results = await run(envoy, put("door", {"id": 7}), get("door"), listing, unset, get("door"), listing)
    item = {"key": "door", "value": {"id": 7}}
    assert results == [item, item, [item], item, None, []]


@pytest.mark.parametrize("action", ["get", "unset"])
async def test_a_missing_key_is_null_inside_data(envoy: Envoy, action: str) -> None:
    assert await run(envoy, {"action": action, "key": "nothing"}) == [None]


@pytest.mark.parametrize("value", ODD_VALUES)
async def test_any_json_reads_back_as_it_was(envoy: Envoy, value: object) -> None:
    item = {"key": "k", "value": value}
    assert await run(envoy, put("k", value), get("k"), {"action": "list", "page": 1}) == [item, item, [item]]


@pytest.mark.parametrize("key", ["a_b", "a:b", "Grüße", "[1]", " ", "a\nb"])
async def test_a_key_may_hold_any_character(envoy: Envoy, key: str) -> None:
    assert await run(envoy, put(key, 1), {"action": "list"}) == [{"key": key, "value": 1}, [{"key": key, "value": 1}]]


async def test_installs_and_the_plugin_have_items_of_their_own(envoy: Envoy) -> None:
    for scope in ({"install_id": "1"}, {"install_id": "2"}, {}):
        await run(envoy, put("k", str(scope)), **scope)
    assert await run(envoy, get("k"), install_id=1) == [{"key": "k", "value": str({"install_id": "1"})}]
    assert await run(envoy, get("k"), install_id=None) == [{"key": "k", "value": "{}"}]
    shown = await (await envoy.client.get("/_sim/storage")).json()
    assert [(row["install_id"], row["key"]) for row in shown] == [(None, "k"), ("1", "k"), ("2", "k")]


async def test_a_list_is_sorted_in_pages_of_a_hundred(envoy: Envoy) -> None:
    keys = [f"k{number:03d}" for number in range(130)]
    await run(envoy, *(put(key, 1) for key in reversed(keys)))
    pages = await run(envoy, *({"action": "list", "page": page} for page in (1, 2, 3)))
    assert [[item["key"] for item in page] for page in pages] == [keys[:100], keys[100:], []]


async def test_a_unique_value_has_the_wanted_letters_and_size(envoy: Envoy) -> None:
    wanted = {"action": "set_unique", "key": "pin", "chars": "ABC", "size": 6}
    item, plain = await run(envoy, wanted, {"action": "set_unique", "key": "other"})
    assert (len(item["value"]), set(item["value"]) <= set("ABC")) == (6, True)
    assert (len(plain["value"]), plain["value"].isdigit()) == (12, True)
    assert await run(envoy, get("pin")) == [item]


async def test_a_unique_number_is_an_integer_of_the_range(envoy: Envoy) -> None:
    item, wide = await run(
        envoy,
        {"action": "set_unique_num", "key": "card", "min": 100, "max": 102},
        {"action": "set_unique_num", "key": "other"},
    )
    assert item["value"] in {100, 101, 102}
    assert isinstance(wide["value"], int)
    assert 0 <= wide["value"] <= 2**53 - 1


@pytest.mark.parametrize(
    "wanted",
    [
        {"action": "set_unique_num", "min": 1, "max": 3},
        {"action": "set_unique", "chars": "abc", "size": 1},
    ],
)
async def test_every_value_is_given_once_and_then_null(envoy: Envoy, wanted: dict[str, Any]) -> None:
    items = await run(envoy, *({**wanted, "key": f"k{number}"} for number in range(4)))
    assert items[3] is None
    assert len({item["value"] for item in items[:3]}) == 3
    assert await run(envoy, get("k3")) == [None]


@pytest.mark.parametrize("free", [put("k", "other"), {"action": "unset", "key": "k"}])
async def test_setting_or_unsetting_a_key_frees_its_unique_value(envoy: Envoy, free: dict[str, Any]) -> None:
    wanted = {"action": "set_unique_num", "min": 5, "max": 5}
    results = await run(envoy, {**wanted, "key": "k"}, {**wanted, "key": "l"}, free, {**wanted, "key": "l"})
    assert [result and result["value"] for result in (results[0], results[1], results[3])] == [5, None, 5]


async def test_another_scope_may_have_the_same_unique_value(envoy: Envoy) -> None:
    wanted = {"action": "set_unique_num", "key": "k", "min": 5, "max": 5}
    assert (
        await run(envoy, wanted, install_id="1") == await run(envoy, wanted, install_id="2") == await run(envoy, wanted)
    )


async def test_an_update_changes_what_is_there_alone(envoy: Envoy) -> None:
    update = {"action": "update", "key": "k", "value": 2}
    assert await run(envoy, update, get("k"), put("k", 1), update) == [
        None,
        None,
        {"key": "k", "value": 1},
        {"key": "k", "value": 2},
    ]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"commands": []},
        {"commands": {}},
        {"commands": [{"action": "get"}]},
        {"commands": [{"action": "get", "key": ""}]},
        {"commands": [{"action": "frobnicate", "key": "k"}]},
        {"commands": [{"action": "set", "key": "k"}]},
        {"commands": [{"action": "set_unique", "key": "k", "chars": ""}]},
        {"commands": [{"action": "set_unique", "key": "k", "size": 0}]},
        {"commands": [{"action": "set_unique_num", "key": "k", "min": 2, "max": 1}]},
        {"commands": [{"action": "list", "page": 0}]},
        {"commands": [put("k", 1)], "install_id": {}},
    ],
)
async def test_a_pipeline_that_cannot_be_read_is_refused_and_runs_nothing(envoy: Envoy, body: dict[str, Any]) -> None:
    commands = body.get("commands")
    if isinstance(commands, list) and commands and "install_id" not in body:
        body = {"commands": [put("first", 1), *commands]}
    answer = await envoy.client.post(PATH, json=body, headers=envoy.bearer)
    assert (answer.status, "errors" in await answer.json()) == (422, True)
    assert await (await envoy.client.get("/_sim/storage")).json() == []


async def test_storage_needs_a_token(envoy: Envoy) -> None:
    assert (await envoy.client.post(PATH, json={"commands": [get("k")]})).status == 401


async def test_items_are_bounded(envoy: Envoy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage_module, "MAX_ITEMS", 1)
    answer = await envoy.client.post(PATH, json={"commands": [put("a", 1), put("b", 1)]}, headers=envoy.bearer)
    assert (answer.status, await run(envoy, get("a"))) == (422, [None])


async def test_storage_is_emptied(envoy: Envoy) -> None:
    await run(envoy, put("k", 1))
    assert (await envoy.client.delete("/_sim/storage")).status == 204
    assert await run(envoy, get("k")) == [None]


async def test_without_fakeredis_the_answer_says_what_to_install(envoy: Envoy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fakeredis", None)
    answer = await envoy.client.post(PATH, json={"commands": [get("k")]}, headers=envoy.bearer)
    assert (answer.status, "envoy_plugin[dev]" in await answer.text()) == (501, True)
