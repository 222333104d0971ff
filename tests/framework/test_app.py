"""The application: health, readiness, what its making needs."""

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer
from redis.asyncio import Redis

from envoy_plugin import Plugin
from envoy_plugin.app import create_app
from envoy_plugin.errors import DeclarationError, SchemaTooNew, SettingsError
from tests.envoy_server import CLIENT_ID, CLIENT_SECRET, SimulatedEnvoy
from tests.framework.served import Stage, a_webhook, settings_for
from tests.redis_server import RedisServers

NOWHERE = "redis://127.0.0.1:1/0"
SCHEMA_KEY = "{visitor-doors}:schema"


class Doors:
    """What nobody provides."""


async def look(http: ClientSession, url: str) -> tuple[int, dict[str, str]]:
    async with http.get(url) as response:
        return response.status, await response.json()


async def test_a_process_is_healthy_and_ready(stage: Stage, plugin: Plugin) -> None:
    served = await stage.serve(plugin, worker=False)
    assert await look(served.http, f"{served.url}/healthz") == (200, {"status": "ok"})
    assert await look(served.http, f"{served.url}/readyz") == (200, {"status": "ready"})


async def test_without_redis_a_process_is_healthy_and_not_ready(stage: Stage, plugin: Plugin) -> None:
    served = await stage.serve(plugin, worker=False, REDIS_URL=NOWHERE)
    assert await look(served.http, f"{served.url}/healthz") == (200, {"status": "ok"})
    assert await look(served.http, f"{served.url}/readyz") == (503, {"status": "not ready"})


async def test_a_process_is_ready_again_once_redis_is_back(
    stage: Stage, plugin: Plugin, redis_server: RedisServers
) -> None:
    server = redis_server()
    served = await stage.serve(plugin, worker=False, REDIS_URL=server.url)
    server.kill()
    assert (await look(served.http, f"{served.url}/readyz"))[0] == 503
    server.start()
    assert (await look(served.http, f"{served.url}/readyz"))[0] == 200


async def test_a_process_that_stops_is_not_ready(stage: Stage, plugin: Plugin) -> None:
    served = await stage.serve(plugin, worker=False)
    served.runtime.stopping = True
    assert (await look(served.http, f"{served.url}/readyz"))[0] == 503
    assert (await look(served.http, f"{served.url}/healthz"))[0] == 200


async def test_keys_of_a_newer_release_are_not_served(stage: Stage, plugin: Plugin, redis: Redis) -> None:
    served = await stage.serve(plugin, worker=False)
    await redis.set(SCHEMA_KEY, 99)
    assert (await look(served.http, f"{served.url}/readyz"))[0] == 503
    with pytest.raises(SchemaTooNew):
        await stage.serve(plugin)


async def test_a_plugin_that_lacks_a_provider_is_not_served(stage: Stage, plugin: Plugin) -> None:
    @plugin.on("entry_sign_in")
    async def take(doors: Doors) -> None:
        raise AssertionError

    with pytest.raises(DeclarationError, match="Doors"):
        await stage.serve(plugin)


async def test_any_aiohttp_runner_serves_the_application(
    stage: Stage, plugin: Plugin, redis_url: str, envoy: SimulatedEnvoy
) -> None:
    async with TestServer(create_app(plugin, settings_for(redis_url, envoy))) as server:
        assert await look(stage.http, str(server.make_url("/readyz"))) == (200, {"status": "ready"})


async def test_without_settings_the_environment_counts(
    stage: Stage, plugin: Plugin, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = {"ENVOY_CLIENT_ID": CLIENT_ID, "ENVOY_CLIENT_SECRET": CLIENT_SECRET, "REDIS_URL": redis_url}
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    async with TestServer(create_app(plugin)) as server:
        assert (await look(stage.http, str(server.make_url("/readyz"))))[0] == 200
    monkeypatch.delenv("REDIS_URL")
    with pytest.raises(SettingsError, match="REDIS_URL"):
        create_app(plugin)


async def test_an_error_of_our_own_is_a_500_that_tells_nothing(stage: Stage, plugin: Plugin) -> None:
    @plugin.on("entry_sign_in")
    async def answers_nonsense() -> dict[str, object]:
        return {"canary": object()}

    reply = await (await stage.serve(plugin, worker=False)).post(a_webhook().body)
    assert (reply.status, reply.body) == (500, {"message": "The plugin failed unexpectedly"})


async def test_two_plugins_share_a_redis_and_see_nothing_of_each_other(stage: Stage) -> None:
    plugins = [Plugin("visitor-doors"), Plugin("other-doors")]
    for plugin in plugins:

        @plugin.on("entry_sign_in", background=True)
        async def handle() -> None:
            pass

    one, other = [await stage.serve(plugin, worker=False) for plugin in plugins]
    await one.deliver()
    assert (len(await one.jobs()), len(await other.jobs())) == (1, 0)
