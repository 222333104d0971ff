"""Storage at an Envoy that answers as a test says."""

from datetime import timedelta
from typing import Any

import pytest

from envoy_plugin import ApiUnavailable, Item
from envoy_plugin.envoy.api import EnvoyPluginAPI
from envoy_plugin.envoy.storage import EnvoyStorages, Storage
from tests.framework.scripted import Scripted, drop, scripted, status

REQUEST = {
    "commands": [
        {"action": "set", "key": "door", "value": {"id": 7}},
        {"action": "get", "key": "door"},
        {"action": "set_unique", "key": "pin", "chars": "ABC", "size": 6},
        {"action": "set_unique_num", "key": "card", "min": 100, "max": 200},
        {"action": "unset", "key": "door"},
        {"action": "list", "page": 1},
    ],
    "install_id": "1001",
}


class OneToken:
    """The same token for ever."""

    async def get(self) -> str:
        return "token"

    async def renew(self, rejected: str) -> str:
        return rejected


def storage_at(server: Scripted) -> Storage:
    """An install's storage there."""
    api = EnvoyPluginAPI(server.session, base_url=server.url, tokens=OneToken(), backoff=timedelta(milliseconds=1))
    return EnvoyStorages(api).of_install("1001")


async def test_a_pipeline_is_one_request_as_envoys_sdk_sends_it() -> None:
    async with scripted(status(200, {"data": [None] * 5 + [[]]})) as server:
        pipeline = storage_at(server).pipeline().set("door", {"id": 7}).get("door")
        pipeline.set_unique("pin", chars="ABC", size=6).set_unique_num("card", min=100, max=200).unset("door").list()
        await pipeline.execute()
        assert server.sent() == ("POST", "/api/v2/plugin-services/storage", REQUEST)
        assert len(server.asked) == 1


async def test_34_a_float_of_envoys_is_the_integer_that_it_means() -> None:
    async with scripted(status(200, {"data": [{"key": "card", "value": 142.0}]})) as server:
        item = await storage_at(server).set_unique_num("card")
    assert item == Item("card", 142)
    assert item is not None
    assert type(item.value) is int


@pytest.mark.parametrize("answer", [7, "k", [], {}, {"key": 7, "value": 1}, {"value": 1}])
async def test_an_item_that_cannot_be_read_is_an_error(answer: Any) -> None:
    async with scripted(status(200, {"data": [answer]})) as server:
        with pytest.raises(ApiUnavailable, match="can't be read"):
            await storage_at(server).get("k")


@pytest.mark.parametrize("value", [1.5, "7", None, True])
async def test_a_number_that_is_none_is_an_error(value: Any) -> None:
    async with scripted(status(200, {"data": [{"key": "k", "value": value}]})) as server:
        with pytest.raises(ApiUnavailable, match="can't be read"):
            await storage_at(server).set_unique_num("k")


async def test_a_set_without_an_item_and_a_page_that_is_none_are_errors() -> None:
    async with scripted(status(200, {"data": [None]})) as server:
        for call in (storage_at(server).set("k", 1), storage_at(server).list()):
            with pytest.raises(ApiUnavailable, match="can't be read"):
                await call


async def test_14_after_an_error_of_envoys_the_commands_are_still_there() -> None:
    async with scripted(drop, status(200, {"data": [{"key": "k", "value": 1}, None]})) as server:
        pipeline = storage_at(server).pipeline().set_unique_num("k").get("nothing")
        with pytest.raises(ApiUnavailable):
            await pipeline.execute()
        assert await pipeline.execute() == [Item("k", 1), None]
