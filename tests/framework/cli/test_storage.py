"""`envoy-plugin storage` at a simulated Envoy and in a real Redis."""

import asyncio
from pathlib import Path

import pytest
from redis.asyncio import Redis

from tests.envoy_server import SimulatedEnvoy
from tests.framework.cli.project import CREDENTIALS, Project
from tests.framework.recording_plugin import Ended, invoke

SCOPES = [("--install", "1001"), ("--global",)]
JSON = '{"id": 7, "name": "木"}'
VALUE = {"id": 7, "name": "木"}


@pytest.fixture(params=["envoy", "redis"])
def environment(request: pytest.FixtureRequest, envoy: SimulatedEnvoy, redis_url: str) -> dict[str, str]:
    """Each place, as its environment names it."""
    place = {"STORAGE": request.param, "REDIS_URL": redis_url, "REDIS_PREFIX": "doors"}
    return {**CREDENTIALS, **place, "ENVOY_BASE_URL": envoy.url}


async def storage(environment: dict[str, str], *arguments: str) -> Ended:
    """A command of `storage`, in a thread of this process."""
    return await asyncio.to_thread(invoke, "storage", arguments, b"", environment)


@pytest.mark.parametrize("scope", SCOPES)
async def test_an_item_is_stored_shown_and_removed(environment: dict[str, str], scope: tuple[str, ...]) -> None:
    told = {"install": "1001" if len(scope) == 2 else None, "item": {"key": "door", "value": VALUE}}
    assert (await storage(environment, "set", "door", JSON, *scope, "--json")).told == told
    assert (await storage(environment, "get", "door", *scope, "--json")).told == told
    assert (await storage(environment, "get", "door", *scope)).out == f"{JSON}\n"
    assert (await storage(environment, "unset", "door", *scope, "--json")).told == told
    assert (await storage(environment, "get", "door", *scope, "--json")).told == told | {"item": None}


@pytest.mark.parametrize("command", ["get", "unset"])
async def test_a_missing_key_is_no_failure(environment: dict[str, str], command: str) -> None:
    ended = await storage(environment, command, "nothing", "--global")
    assert (ended.code, ended.out, ended.err) == (0, "", "There is no item 'nothing'.\n")


async def test_items_are_listed_by_key_in_pages(environment: dict[str, str]) -> None:
    assert (await storage(environment, "list", "--global")).out == "No items.\n"
    await storage(environment, "set", "b", "text\x1b[31m", "--global")
    await storage(environment, "set", "a\x1b", "null", "--global")
    listed = await storage(environment, "list", "--global")
    assert [line.split()[0] for line in listed.out.splitlines()] == ["a\\x1b", "b"]
    assert "\x1b" not in listed.out
    told = (await storage(environment, "list", "--global", "--json")).told
    assert told == {"install": None, "page": 1, "items": [{"key": "a\x1b", "value": None}, told["items"][1]]}
    assert (await storage(environment, "list", "--global", "--page", "2", "--json")).told["items"] == []


@pytest.mark.parametrize("scope", [(), ("--global", "--install", "1"), ("--install", "")])
async def test_one_scope_is_named(environment: dict[str, str], scope: tuple[str, ...]) -> None:
    ended = await storage(environment, "list", *scope)
    assert (ended.code, ended.out, "Give --install ID, or --global." in ended.err) == (2, "", True)


async def test_redis_has_it_where_the_plugin_looks(environment: dict[str, str], redis: Redis) -> None:
    await storage(environment, "set", "door", "canary", "--install", "1001")
    held = await redis.hgetall("{doors}:storage:1001")
    assert (b"door" in held) == (environment["STORAGE"] == "redis")
    assert b"canary" not in repr(held).encode()


async def test_without_a_prefix_the_plugin_has_the_name(served: Project, redis: Redis) -> None:
    code, out, _ = await served.run_here("storage", "set", "door", "7", "--install", "1001", STORAGE="redis")
    assert (code, out, await redis.exists("{shop-doors}:storage:1001")) == (0, "7\n", 1)


async def test_a_redis_that_does_not_answer_is_a_failure(project: Project) -> None:
    ended = await project.run("storage", "get", "door", "--global", STORAGE="redis")
    assert ended == (1, "", "Redis can't be read: ConnectionError.\n")


async def test_a_key_that_cannot_be_is_refused(project: Project, tmp_path: Path) -> None:
    ended = await project.run_here("storage", "get", "", "--global")
    assert ended == (1, "", "A key is a text of at least one character.\n")
