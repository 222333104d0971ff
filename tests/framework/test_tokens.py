"""The shared token: real Redis, real HTTP, one login."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import TypeAlias

import aiohttp
import pytest
from redis.asyncio import Redis

from envoy_plugin.envoy import tokens
from envoy_plugin.envoy.tokens import OAuthClient, TokenCache
from envoy_plugin.errors import ApiUnavailable, AuthFailed
from envoy_plugin.sealing import Sealer
from envoy_plugin.simulator.faults import Fault
from tests.envoy_server import CLIENT_ID, CLIENT_SECRET, TOKEN_PATH, Clock, SimulatedEnvoy, running_envoy

KEY = "{doors}:token"
ROOT_SECRET = "a-root-secret-of-some-length"
LIFE = timedelta(hours=12)

MakeCache: TypeAlias = Callable[..., TokenCache]

RACER = """
import asyncio, sys
import aiohttp
from redis.asyncio import Redis
from envoy_plugin.envoy.tokens import OAuthClient, TokenCache
from envoy_plugin.sealing import Sealer

async def main(redis_url, base_url, client_id, client_secret, key, root_secret):
    async with aiohttp.ClientSession() as session, Redis.from_url(redis_url) as redis:
        oauth = OAuthClient(session, base_url=base_url, client_id=client_id, client_secret=client_secret)
        cache = TokenCache(redis, Sealer([root_secret]), oauth, key=key)
        print("ready", flush=True)
        sys.stdin.readline()
        print(*set(await asyncio.gather(*(cache.get() for _ in range(100)))))

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def envoy(clock: Clock) -> AsyncIterator[SimulatedEnvoy]:
    async with running_envoy(clock, token_lifetime=LIFE) as running:
        yield running


@pytest.fixture
async def make_cache(envoy: SimulatedEnvoy, redis: Redis, clock: Clock) -> AsyncIterator[MakeCache]:
    """Makes a cache as a process of its own would: `make_cache(secret=…, root=…)`."""
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())

        def make(*, secret: str = CLIENT_SECRET, root: str = ROOT_SECRET) -> TokenCache:
            oauth = OAuthClient(session, base_url=envoy.url, client_id=CLIENT_ID, client_secret=secret, clock=clock)
            cache = TokenCache(redis, Sealer([root]), oauth, key=KEY, clock=clock)
            stack.push_async_callback(cache.close)
            return cache

        yield make


@pytest.fixture
def cache(make_cache: MakeCache) -> TokenCache:
    return make_cache()


async def replaced(cache: TokenCache, old: str) -> str:
    """The token that follows `old`, once it is there."""
    async with asyncio.timeout(5):
        while (token := await cache.get()) == old:  # noqa: ASYNC110 - the refresh tells nobody that it has ended
            await asyncio.sleep(0)
    return token


async def start_racer(redis_url: str, base_url: str) -> asyncio.subprocess.Process:
    """A process that is ready to ask for a token a hundred times at once, and does when it gets a line."""
    pipe, arguments = asyncio.subprocess.PIPE, [redis_url, base_url, CLIENT_ID, CLIENT_SECRET, KEY, ROOT_SECRET]
    racer = await asyncio.create_subprocess_exec(sys.executable, "-c", RACER, *arguments, stdin=pipe, stdout=pipe)
    assert racer.stdout is not None
    assert await racer.stdout.readline() == b"ready\n"
    return racer


async def test_two_hundred_first_calls_in_two_processes_make_one_login(redis_url: str, envoy: SimulatedEnvoy) -> None:
    racers = [await start_racer(redis_url, envoy.url) for _ in range(2)]
    answers = await asyncio.gather(*(racer.communicate(b"go\n") for racer in racers))
    tokens = {token for out, _ in answers for token in out.split()}
    assert len(tokens) == 1
    assert envoy.grants() == ["client_credentials"]


async def test_a_token_that_is_held_costs_no_round_trip(cache: TokenCache, redis: Redis) -> None:
    token = await cache.get()
    before = (await redis.info("stats"))["total_commands_processed"]
    assert {await cache.get() for _ in range(50)} == {token}
    assert (await redis.info("stats"))["total_commands_processed"] == before + 1


async def test_another_process_takes_the_token_from_redis(make_cache: MakeCache, envoy: SimulatedEnvoy) -> None:
    assert await make_cache().get() == await make_cache().get()
    assert len(envoy.grants()) == 1


async def test_redis_holds_the_token_sealed_and_not_for_ever(cache: TokenCache, redis: Redis) -> None:
    token = await cache.get()
    assert [key async for key in redis.scan_iter()] == [KEY.encode()]
    sealed = await redis.get(KEY)
    assert isinstance(sealed, bytes)
    assert token.encode() not in sealed
    assert 0 < await redis.ttl(KEY) <= timedelta(days=3).total_seconds()


async def test_what_no_key_opens_is_replaced(make_cache: MakeCache, envoy: SimulatedEnvoy) -> None:
    first = await make_cache(root="an-older-root-secret").get()
    assert await make_cache().get() != first
    assert len(envoy.grants()) == 2


async def test_a_rejected_token_is_replaced_once_for_all(make_cache: MakeCache, envoy: SimulatedEnvoy) -> None:
    one, other = make_cache(), make_cache()
    old = await one.get()
    assert await other.get() == old
    envoy.revoke_tokens()
    renewed = set(await asyncio.gather(*(cache.renew(old) for cache in [one, other] for _ in range(20))))
    assert len(renewed) == 1
    assert old not in renewed
    assert envoy.grants() == ["client_credentials"] * 2
    assert await one.renew(old) in renewed


async def test_tokens_that_envoy_keeps_refusing_are_not_asked_for_in_a_loop(
    cache: TokenCache, clock: Clock, envoy: SimulatedEnvoy
) -> None:
    first = await cache.get()
    second = await cache.renew(first)
    with pytest.raises(AuthFailed) as caught:
        await cache.renew(second)
    assert caught.value.retry_after == pytest.approx(1)
    clock.advance(seconds=1.5)
    third = await cache.renew(second)
    clock.advance(seconds=1.5)
    with pytest.raises(AuthFailed):
        await cache.renew(third)
    assert len(envoy.grants()) == 3


async def test_a_token_is_refreshed_ahead_while_the_old_one_serves(
    cache: TokenCache, clock: Clock, envoy: SimulatedEnvoy
) -> None:
    old = await cache.get()
    clock.advance(hours=8)
    assert await cache.get() == old
    clock.advance(hours=3)
    assert await cache.get() == old
    new = await replaced(cache, old)
    assert envoy.grants() == ["client_credentials", "refresh_token"]
    assert await cache.get() == new


async def test_a_refresh_by_another_process_is_taken_over(
    make_cache: MakeCache, clock: Clock, envoy: SimulatedEnvoy
) -> None:
    one, other = make_cache(), make_cache()
    old = await one.get()
    assert await other.get() == old
    clock.advance(hours=11)
    assert await replaced(one, old) == await replaced(other, old)
    assert len(envoy.grants()) == 2


async def test_a_process_that_finds_another_refreshing_goes_on_with_the_old_token(
    cache: TokenCache, clock: Clock, envoy: SimulatedEnvoy, redis: Redis
) -> None:
    old = await cache.get()
    clock.advance(hours=11)
    await redis.set(f"{KEY}:lock", "another", px=60_000)
    assert await cache.get() == old
    await cache._flights.join("ahead", cache._replace)
    assert await cache.get() == old
    assert len(envoy.grants()) == 1


async def test_a_refused_refresh_token_leads_to_a_login(cache: TokenCache, clock: Clock, envoy: SimulatedEnvoy) -> None:
    old = await cache.get()
    envoy.revoke_tokens()
    clock.advance(hours=11)
    await replaced(cache, old)
    assert envoy.grants() == ["client_credentials", "refresh_token", "client_credentials"]


async def test_an_ended_token_is_replaced_by_its_refresh_token(
    make_cache: MakeCache, clock: Clock, envoy: SimulatedEnvoy
) -> None:
    old = await make_cache().get()
    clock.advance(hours=13)
    assert await make_cache().get() != old
    assert envoy.grants() == ["client_credentials", "refresh_token"]


async def test_an_ended_token_and_refresh_token_lead_to_a_login(
    cache: TokenCache, clock: Clock, envoy: SimulatedEnvoy
) -> None:
    await cache.get()
    clock.advance(days=4)
    await cache.get()
    assert envoy.grants() == ["client_credentials"] * 2


async def test_the_old_token_goes_on_serving_while_envoy_is_down(
    cache: TokenCache, clock: Clock, envoy: SimulatedEnvoy
) -> None:
    old = await cache.get()
    envoy.fail(Fault(path=TOKEN_PATH, status=503))
    clock.advance(hours=11)
    await cache.get()
    await cache._flights.join("ahead", cache._replace)
    for _ in range(20):
        assert await cache.get() == old
    assert len(envoy.requests(TOKEN_PATH)) == 2
    envoy.fail()
    clock.advance(seconds=10)
    await replaced(cache, old)


async def test_a_token_endpoint_that_is_down_is_not_stormed(
    make_cache: MakeCache, clock: Clock, envoy: SimulatedEnvoy
) -> None:
    envoy.fail(Fault(path=TOKEN_PATH, status=503))
    caches = [make_cache(), make_cache()]
    failures = await asyncio.gather(*(cache.get() for cache in caches for _ in range(20)), return_exceptions=True)
    assert {type(failure) for failure in failures} == {ApiUnavailable}
    assert len(envoy.requests(TOKEN_PATH)) == 1
    with pytest.raises(ApiUnavailable) as caught:
        await make_cache().get()
    assert caught.value.retry_after is not None
    assert 0.8 <= caught.value.retry_after <= 1.2


async def test_the_silence_after_failed_logins_grows_and_ends_with_a_success(
    cache: TokenCache, clock: Clock, envoy: SimulatedEnvoy, redis: Redis
) -> None:
    envoy.fail(Fault(path=TOKEN_PATH, drop=True, times=8))
    for expected in (1, 2, 4, 8, 16, 32, 60, 60):
        with pytest.raises(ApiUnavailable):
            await cache.get()
        with pytest.raises(ApiUnavailable) as caught:
            await cache.get()
        assert caught.value.retry_after == pytest.approx(expected, rel=0.21)
        clock.advance(seconds=expected * 1.21)
    assert await cache.get()
    assert len(envoy.requests(TOKEN_PATH)) == 9
    assert not await redis.exists(f"{KEY}:failure")


async def test_retry_after_of_the_token_endpoint_is_obeyed(
    cache: TokenCache, clock: Clock, envoy: SimulatedEnvoy
) -> None:
    envoy.fail(Fault(path=TOKEN_PATH, retry_after=40, times=1))
    with pytest.raises(ApiUnavailable):
        await cache.get()
    clock.advance(seconds=30)
    with pytest.raises(ApiUnavailable) as caught:
        await cache.get()
    assert caught.value.retry_after == pytest.approx(10)
    clock.advance(seconds=11)
    assert await cache.get()


async def test_a_wrong_client_is_told_so_and_remembered_briefly(make_cache: MakeCache, envoy: SimulatedEnvoy) -> None:
    cache = make_cache(secret="canary-of-a-secret")
    for _ in range(5):
        with pytest.raises(AuthFailed) as caught:
            await cache.get()
        assert caught.value.status == 401
        assert "canary" not in str(caught.value)
    assert len(envoy.requests(TOKEN_PATH)) == 1


@pytest.mark.parametrize("status", [200, 404])
async def test_an_answer_without_token_is_no_login(cache: TokenCache, envoy: SimulatedEnvoy, status: int) -> None:
    envoy.fail(Fault(path=TOKEN_PATH, status=status))
    with pytest.raises(ApiUnavailable if status == 200 else AuthFailed):
        await cache.get()


async def test_short_lived_tokens_do_not_mean_a_login_per_request(redis: Redis, clock: Clock) -> None:
    async with running_envoy(clock, token_lifetime=timedelta(0)) as envoy, aiohttp.ClientSession() as session:
        oauth = OAuthClient(session, base_url=envoy.url, client_id=CLIENT_ID, client_secret=CLIENT_SECRET, clock=clock)
        cache = TokenCache(redis, Sealer([ROOT_SECRET]), oauth, key=KEY, clock=clock)
        assert len({await cache.get() for _ in range(10)}) == 1
        assert len(envoy.grants()) == 1


async def test_a_process_that_died_while_logging_in_is_waited_for_no_longer_than_its_lock(
    cache: TokenCache, redis: Redis, envoy: SimulatedEnvoy
) -> None:
    await redis.set(f"{KEY}:lock", "dead", px=300)
    assert await cache.get()
    assert len(envoy.grants()) == 1


async def test_waiting_for_another_process_ends(
    cache: TokenCache, redis: Redis, envoy: SimulatedEnvoy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "LOCK_SECONDS", -0.9)
    await redis.set(f"{KEY}:lock", "slow", px=60_000)
    with pytest.raises(ApiUnavailable, match="too long"):
        await cache.get()
    assert envoy.grants() == []


async def test_a_token_that_was_replaced_meanwhile_is_not_renewed_again(
    cache: TokenCache, envoy: SimulatedEnvoy
) -> None:
    old = await cache.get()
    new = await cache.renew(old)
    assert await cache.renew(old) == new
    assert len(envoy.grants()) == 2


async def test_who_gets_the_lock_after_another_has_logged_in_takes_its_token(
    make_cache: MakeCache, envoy: SimulatedEnvoy
) -> None:
    token = await make_cache().get()
    taken = await make_cache()._log_in_first(None)
    assert taken is not None
    assert taken.access_token == token
    assert len(envoy.grants()) == 1


async def test_a_lock_that_ran_out_is_not_taken_from_the_next_owner(cache: TokenCache, redis: Redis) -> None:
    async with cache._store.lock() as won:
        assert won
        await redis.set(f"{KEY}:lock", "next")
    assert await redis.get(f"{KEY}:lock") == b"next"


async def test_who_stops_waiting_does_not_stop_the_login(cache: TokenCache, envoy: SimulatedEnvoy) -> None:
    impatient, patient = asyncio.create_task(cache.get()), asyncio.create_task(cache.get())
    await asyncio.sleep(0)
    impatient.cancel()
    assert await patient
    assert impatient.cancelled()
    assert len(envoy.grants()) == 1


async def test_closing_stops_a_login_that_hangs(cache: TokenCache, envoy: SimulatedEnvoy) -> None:
    envoy.fail(Fault(path=TOKEN_PATH, delay=60))
    waiting = asyncio.create_task(cache.get())
    await asyncio.sleep(0)
    await cache.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
