"""The Titan jobs API as `envoy-plugin web` serves it."""

import asyncio
import json
from typing import Any

from aiohttp import ClientSession
from redis.asyncio import Redis

from tests.framework.cli.project import Project, Running
from tests.framework.served import eventually

WEB_STARTED = r'"port": (\d+), "event": "web.started"'


async def url_of(web: Running) -> str:
    return f"http://127.0.0.1:{(await web.line(WEB_STARTED))[1]}/v1"


async def ask(method: str, url: str, **about: Any) -> tuple[int, Any]:
    async with ClientSession() as session, session.request(method, url, **about) as response:
        return response.status, await response.json()


async def test_open_web_serves_programs_on_this_machine_and_stops_at_once(served: Project, redis: Redis) -> None:
    async def waits() -> bool:
        return any(client["cmd"] == "blpop" for client in await redis.client_list())

    async with served.running("web", "--port", "0", TITAN_ACCESS="open") as web:
        url = await url_of(web)
        status, made = await ask("POST", f"{url}/jobs", json={"jobs": [{"image": "i", "payload": "p"}]})
        _, taken = await ask("GET", f"{url}/jobs/consume")
        assert (status, taken["jobs"][0]["id"]) == (201, made["jobs"][0]["id"])
        assert (await ask("GET", f"{url}/jobs", headers={"X-Forwarded-For": "10.0.0.1"}))[0] == 404
        waiting = asyncio.create_task(ask("GET", f"{url}/jobs/consume?wait=20"))
        await eventually(waits)
        assert await asyncio.wait_for(web.stop(), 10) == 0
        assert await waiting == (200, {"jobs": []})


async def test_with_tokens_a_program_needs_one(served: Project) -> None:
    _, out, _ = await served.run("tokens", "add", "worker", "--scope", "consume", "--json")
    sent = {"Authorization": f"Bearer {json.loads(out)['token']}"}
    async with served.running("web", "--port", "0", TITAN_ACCESS="tokens") as web:
        url = await url_of(web)
        assert (await ask("GET", f"{url}/jobs/consume"))[0] == 401
        assert await ask("GET", f"{url}/jobs/consume", headers=sent) == (200, {"jobs": []})
        assert (await ask("POST", f"{url}/jobs", json={"jobs": []}, headers=sent))[0] == 403


async def test_open_is_refused_on_a_host_of_the_internet(served: Project) -> None:
    code, _, err = await served.run("web", TITAN_ACCESS="open", TITAN_OPEN_TO="any", DYNO="web.1")
    assert (code, err.startswith("TITAN_ACCESS: must be tokens on a host")) == (78, True)
