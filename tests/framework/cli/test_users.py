"""`envoy-plugin users`: what it prints is good for the API, until it is revoked."""

import asyncio
import json

import pytest
from redis.asyncio import Redis

from envoy_plugin.apis.workflow_manager.tokens import Operator, OperatorTokens, Revocations
from envoy_plugin.workflows.operating.privileges import Privilege
from tests.framework.cli.project import CREDENTIALS, Project
from tests.framework.recording_plugin import Ended, invoke

KEY = "{doors}:operators_revoked"
TOKENS = OperatorTokens([CREDENTIALS["JWT_SECRET"]])


@pytest.fixture
def environment(redis_url: str) -> dict[str, str]:
    return {**CREDENTIALS, "REDIS_URL": redis_url, "REDIS_PREFIX": "doors"}


async def users(environment: dict[str, str], *arguments: str, given: bytes = b"") -> Ended:
    """A command of `users`, in a thread of this process."""
    return await asyncio.to_thread(invoke, "users", arguments, given, environment)


async def made(environment: dict[str, str], name: str = "ada") -> tuple[Operator, str]:
    """A new token of somebody."""
    text = (await users(environment, "token", name)).out.strip()
    return TOKENS.read(text), text


async def test_a_token_says_who_somebody_is_and_what_they_may(environment: dict[str, str]) -> None:
    told = (
        await users(
            environment, "token", "ada", "--group", "g", "--group", "h", "--item", "1001",
            "--privilege", "jobClose", "--expires-in", "30d", "--json",
        )
    ).told  # fmt: skip
    operator = TOKENS.read(told["token"])
    assert (operator.name, sorted(operator.items), sorted(operator.groups)) == ("ada", ["1001"], ["g", "h"])
    assert (list(operator.privileges), (operator.exp - operator.issued).days) == (["jobClose"], 30)
    assert (told["id"], told["user"], told["items"]) == (operator.jti, "ada", ["1001"])


async def test_without_more_it_is_for_the_default_item_for_twelve_hours_and_changes_nothing(
    environment: dict[str, str],
) -> None:
    operator = TOKENS.read((await users(environment, "token", "ada")).out.strip())
    assert operator.items == {"default"}
    assert not operator.groups | operator.privileges
    assert (operator.exp - operator.issued).total_seconds() == 12 * 3600
    other = TOKENS.read((await users(environment | {"WORKFLOW_ITEM": "lobby"}, "token", "ada")).out.strip())
    assert other.items == {"lobby"}


async def test_all_privileges_are_every_one_that_there_is(environment: dict[str, str]) -> None:
    told = (await users(environment, "token", "ada", "--privilege", "all", "--json")).told
    assert set(told["privileges"]) == {str(privilege) for privilege in Privilege}


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("ada", "--privilege", "jobFly"), "There is no privilege 'jobFly'"),
        (("ada", "--expires-in", "31d"), "must be from 1s to 30d"),
        (("ada", "--expires-in", "soon"), "must be a duration"),
        ((" ada",), "A name has 1 to 128 characters"),
        (("",), "A name has 1 to 128 characters"),
        (("op-" + "0" * 32,), "can't look like a token"),
        (("ada", "--item", "a/b"), "An item is one word"),
        (("ada", "--group", ""), "A name has 1 to 128 characters"),
        (("ada", *(part for number in range(40) for part in ("--group", f"{number:0>128}"))), "at most 6000"),
    ],
)  # fmt: skip
async def test_a_token_that_cannot_be_is_refused(
    environment: dict[str, str], arguments: tuple[str, ...], why: str
) -> None:
    ended = await users(environment, "token", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert why in " ".join(ended.err.replace("│", " ").split())


async def test_one_token_is_revoked_and_the_other_is_good(environment: dict[str, str], redis: Redis) -> None:
    (one, text), (other, _) = await made(environment), await made(environment)
    ended = await users(environment, "revoke", "-", given=f"{text}\n".encode())
    assert (ended.code, ended.out) == (0, f"Revoked: {one.jti}.\n")
    revocations = Revocations(redis, KEY)
    assert (await revocations.is_revoked(one), await revocations.is_revoked(other)) == (True, False)
    assert (await users(environment, "revoke", other.jti, "--json")).told == {"id": other.jti}
    assert await revocations.is_revoked(other)


async def test_every_token_of_somebody_is_revoked_but_not_the_next_one(
    environment: dict[str, str], redis: Redis
) -> None:
    (old, _), (bobs, _) = await made(environment), await made(environment, "bob")
    assert (await users(environment, "revoke", "ada", "--json")).told == {"user": "ada"}
    assert (await users(environment, "revoke", "ada")).out == "Revoked: every token that ada has had until now.\n"
    new, _ = await made(environment)
    revocations = Revocations(redis, KEY)
    assert [await revocations.is_revoked(one) for one in (old, bobs, new)] == [True, False, False]


async def test_what_is_no_token_of_ours_cannot_be_revoked(environment: dict[str, str], redis: Redis) -> None:
    _, foreign = OperatorTokens(["another secret"]).mint("ada", items=["default"])
    ended = await users(environment, "revoke", foreign)
    assert (ended.code, ended.err) == (1, "The token is none of ours.\n")
    assert (await users(environment, "revoke", "-")).code == 2
    assert not await redis.exists(KEY)


async def test_a_token_made_by_a_process_is_revoked_by_another(served: Project, redis: Redis) -> None:
    code, out, _ = await served.run("users", "token", "ada", "--privilege", "all", "--json")
    told = json.loads(out)
    assert (code, told["user"]) == (0, "ada")
    assert await served.run("users", "revoke", told["token"]) == (0, f"Revoked: {told['id']}.\n", "")
    assert await redis.zscore("{shop-doors}:operators_revoked", f"jti:{told['id']}") is not None
