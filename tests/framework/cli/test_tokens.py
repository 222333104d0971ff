"""`envoy-plugin tokens` in a real Redis."""

import asyncio

import pytest
from redis.asyncio import Redis

from envoy_plugin.apis.titan.tokens import Scope, TokenRefused, Tokens
from tests.framework.cli.project import CREDENTIALS, Project
from tests.framework.recording_plugin import Ended, invoke

KEY = "{doors}:titan_tokens"


@pytest.fixture
def environment(redis_url: str) -> dict[str, str]:
    return {**CREDENTIALS, "REDIS_URL": redis_url, "REDIS_PREFIX": "doors"}


async def tokens(environment: dict[str, str], *arguments: str) -> Ended:
    """A command of `tokens`, in a thread of this process."""
    return await asyncio.to_thread(invoke, "tokens", arguments, b"", environment)


async def test_a_token_is_told_once_and_kept_as_a_digest(environment: dict[str, str], redis: Redis) -> None:
    told = (await tokens(environment, "add", "resizer", "--scope", "consume", "--scope", "enqueue", "--json")).told
    assert (told["name"], told["scopes"]) == ("resizer", ["consume", "enqueue"])
    assert told["token"].startswith("titan.resizer.")
    held = await redis.hgetall(KEY)
    assert told["token"].rpartition(".")[2].encode() not in repr(held).encode()
    found = await Tokens(redis, KEY).find(told["token"])
    assert found is not None
    assert found.scopes == {Scope.CONSUME, Scope.ENQUEUE}


async def test_without_json_only_the_token_is_printed(environment: dict[str, str], redis: Redis) -> None:
    ended = await tokens(environment, "add", "shell", "--scope", "admin")
    assert await Tokens(redis, KEY).find(ended.out.strip()) is not None


async def test_tokens_are_listed_by_name_without_their_texts(environment: dict[str, str]) -> None:
    assert (await tokens(environment, "list")).out == "No tokens.\n"
    texts = [(await tokens(environment, "add", name, "--scope", "admin")).out.strip() for name in ("b", "a")]
    listed = await tokens(environment, "list")
    assert [line.split()[:2] for line in listed.out.splitlines()] == [["a", "admin"], ["b", "admin"]]
    told = await tokens(environment, "list", "--json")
    assert [set(token) for token in told.told] == [{"name", "scopes", "created"}] * 2
    assert not any(text in listed.out + told.out for text in texts)


async def test_a_revoked_token_is_good_for_nothing(environment: dict[str, str], redis: Redis) -> None:
    text = (await tokens(environment, "add", "gone", "--scope", "admin")).out.strip()
    ended = await tokens(environment, "revoke", "gone")
    assert (ended.code, ended.out, await Tokens(redis, KEY).find(text)) == (0, "Revoked.\n", None)
    again = await tokens(environment, "revoke", "gone")
    assert (again.code, again.err) == (1, "There is no token 'gone'.\n")
    assert (await tokens(environment, "revoke", "gone", "--json")).told == {"name": "gone", "revoked": False}


async def test_a_name_is_taken_until_it_is_revoked(environment: dict[str, str]) -> None:
    assert (await tokens(environment, "add", "one", "--scope", "admin")).code == 0
    ended = await tokens(environment, "add", "one", "--scope", "consume")
    assert (ended.code, ended.out, "There is a token 'one' already" in ended.err) == (2, "", True)


@pytest.mark.parametrize("name", ["", "Upper", "a.b", "-a", "a-", "x" * 41, "é"])
async def test_a_name_that_cannot_be_is_refused(environment: dict[str, str], name: str) -> None:
    ended = await tokens(environment, "add", "--scope", "admin", "--", name)
    assert (ended.code, ended.out) == (2, "")


@pytest.mark.parametrize("scopes", [(), ("--scope", "everything")])
async def test_a_token_is_good_for_something_that_is_known(
    environment: dict[str, str], scopes: tuple[str, ...]
) -> None:
    assert (await tokens(environment, "add", "one", *scopes)).code == 2


async def test_a_token_for_nothing_is_not_made(redis: Redis) -> None:
    with pytest.raises(TokenRefused, match="at least one scope"):
        await Tokens(redis, KEY).add("one", [])


@pytest.mark.parametrize("text", ["", "titan.one", "titan.one.", "titan.none.x", "titan.one.x", "é", "one", "\udcff"])
async def test_what_is_no_token_is_none(redis: Redis, text: str) -> None:
    await Tokens(redis, KEY).add("one", [Scope.ADMIN])
    assert await Tokens(redis, KEY).find(text) is None


async def test_without_a_prefix_the_plugin_has_the_name(served: Project, redis: Redis) -> None:
    code, out, _ = await served.run("tokens", "add", "one", "--scope", "consume")
    assert (code, out[:10], await redis.exists("{shop-doors}:titan_tokens")) == (0, "titan.one.", 1)
