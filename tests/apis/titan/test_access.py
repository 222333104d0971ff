"""Who may use the API."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from aiohttp import ClientSession
from redis.asyncio import Redis

from envoy_plugin.apis.titan.operations import OPERATIONS, Operation
from envoy_plugin.apis.titan.tokens import Scope, Tokens
from envoy_plugin.engine.queries import find_job
from tests.apis.titan.site import Site, serving

ALLOWED = {
    Scope.ENQUEUE: {"jobsPost", "jobIdGet", "jobIdCancelPost", "jobIdRetryPost", "jobIdLogGet"},
    Scope.CONSUME: {
        "jobsGet", "jobsConsumeGet", "jobIdGet", "jobIdSuccessPost", "jobIdFailPost", "jobIdTouchPost", "jobIdLogGet",
    },
    Scope.ADMIN: {operation.name for operation in OPERATIONS},
}  # fmt: skip


@pytest.fixture
def tokens(site: Site) -> Tokens:
    return Tokens(site.engine.redis, site.engine.keys.titan_tokens)


@pytest.fixture
async def guarded(site: Site) -> AsyncIterator[Site]:
    """The same API, for those who have tokens."""
    async with serving(site.engine, TITAN_ACCESS="tokens") as url:
        yield replace(site, url=url)


@pytest.fixture
async def public(site: Site) -> AsyncIterator[Site]:
    """The same API, open to anybody."""
    async with serving(site.engine, TITAN_OPEN_TO="any") as url:
        yield replace(site, url=url)


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
async def test_a_token_is_good_for_what_its_scope_says(
    guarded: Site, tokens: Tokens, scope: Scope, operation: Operation
) -> None:
    _, text = await tokens.add("one", [scope])
    path = operation.path.replace("{id}", "a0000000000000aa-1")
    reply = await guarded.ask(operation.method, path, headers={"Authorization": f"Bearer {text}"})
    assert (reply.status != 403) == (operation.name in ALLOWED[scope])
    if reply.status == 403:
        assert 'error="insufficient_scope"' in reply.headers["WWW-Authenticate"]


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer x", "Bearer titan.one.x", "Basic dGl0YW4=", "é"])
async def test_without_a_token_of_ours_nothing_is_done(guarded: Site, tokens: Tokens, authorization: str) -> None:
    await tokens.add("one", [Scope.ADMIN])
    reply = await guarded.ask("POST", "/jobs", json={"jobs": [{}]}, headers={"Authorization": authorization})
    assert (reply.status, reply.headers["WWW-Authenticate"]) == (401, 'Bearer realm="titan"')
    assert await guarded.engine.redis.keys("*job:*") == []


async def test_a_revoked_token_is_good_for_nothing_from_the_next_request_on(guarded: Site, tokens: Tokens) -> None:
    _, text = await tokens.add("one", [Scope.ADMIN])
    sent = {"Authorization": f"bearer {text}"}
    assert (await guarded.ask("GET", "/jobs", headers=sent)).status == 200
    await tokens.revoke("one")
    assert (await guarded.ask("GET", "/jobs", headers=sent)).status == 401


async def test_a_history_tells_which_token_took_the_job(guarded: Site, tokens: Tokens, site: Site) -> None:
    made = await site.enqueue()
    _, text = await tokens.add("resizer", [Scope.CONSUME])
    await guarded.ask("GET", "/jobs/consume", headers={"Authorization": f"Bearer {text}"})
    assert (await find_job(site.engine, made["id"][:-2])).history[-1].detail == "resizer"


async def test_with_tokens_it_is_served_to_everywhere(guarded: Site, tokens: Tokens) -> None:
    _, text = await tokens.add("one", [Scope.ADMIN])
    sent = {"Authorization": f"Bearer {text}", "X-Forwarded-For": "10.0.0.1", "Host": "plugin.example.com"}
    assert (await guarded.ask("GET", "/jobs", headers=sent)).status == 200


FOREIGN = {
    "forwarded": {"X-Forwarded-For": "10.0.0.1"},
    "another host": {"Host": "plugin.example.com"},
    "another site's page": {"Origin": "https://evil.example.com", "Sec-Fetch-Site": "cross-site"},
}


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=list(FOREIGN))
async def test_open_means_open_to_programs_on_this_machine(site: Site, public: Site, headers: dict[str, str]) -> None:
    asked = [("POST", "/jobs"), ("GET", "/jobs/consume"), ("GET", "/openapi.json"), ("PUT", "/jobs"), ("GET", "/x")]
    replies = [await site.ask(method, path, headers=headers) for method, path in asked]
    assert [(reply.status, reply.message) for reply in replies] == [(404, "Not Found")] * 5
    assert (await public.ask("GET", "/jobs", headers=headers)).status == 200


async def test_without_redis_the_answer_is_a_503_that_tells_nothing(site: Site) -> None:
    async with Redis.from_url("redis://127.0.0.1:1/0") as nowhere:
        engine = type(site.engine)(nowhere, prefix="doors")
        async with serving(engine) as url, ClientSession() as http:
            reply = await replace(site, url=url, http=http).ask("GET", "/jobs")
    assert (reply.status, reply.body) == (503, {"error": {"message": "Not available now. Try again."}})
    assert reply.headers["Retry-After"] == "1"


async def test_a_fault_of_ours_is_a_500_that_tells_nothing(site: Site) -> None:
    made = await site.enqueue()
    await site.engine.redis.hset(site.engine.keys.job(made["id"][:-2]), "created", "canary")
    reply = await site.ask("GET", f"/job/{made['id']}")
    assert (reply.status, reply.body) == (500, {"error": {"message": "The server failed unexpectedly."}})
