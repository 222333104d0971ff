"""A web server of one contender, as a process: `web_contenders.py NAME LOOP REDIS_URL`.

It writes its port on standard output, then answers each line of standard input by the seconds of CPU it has used.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from aiohttp import web
from loops import run
from signing import ENVIRONMENT, SECRET


def bare(_redis_url: str) -> web.Application:
    """aiohttp alone: read, `json.loads`, answer."""

    async def receive(request: web.Request) -> web.Response:
        body = json.loads(await request.read())
        return web.json_response({"event": body["meta"]["event"]})

    app = web.Application()
    app.add_routes([web.post("/envoy/events", receive)])
    return app


def bolt(_redis_url: str) -> web.Application:
    """Slack Bolt with its signature check, and authorisation that asks nobody."""
    from slack_bolt.app.async_app import AsyncApp  # noqa: PLC0415 (only this contender pays for it)
    from slack_bolt.app.async_server import AsyncSlackAppServer  # noqa: PLC0415 (the same)
    from slack_bolt.authorization import AuthorizeResult  # noqa: PLC0415 (the same)

    async def authorize() -> AuthorizeResult:
        return AuthorizeResult(enterprise_id=None, team_id="T1", bot_token="xoxb-1", bot_id="B1", bot_user_id="U1")

    async def seen(event: dict[str, object]) -> None:
        assert event["type"]

    app = AsyncApp(signing_secret=SECRET, authorize=authorize)
    app.event("entry_sign_in")(seen)
    return AsyncSlackAppServer(0, "/envoy/events", app).web_app


def ours(redis_url: str, *, background: bool, records: bool) -> web.Application:
    """This project, with a handler that asks for a typed entry; its logs are written, to nowhere."""
    from envoy_plugin import Entry, Plugin, Settings, create_app  # noqa: PLC0415 (only this contender pays for it)
    from envoy_plugin.logs import configure_logs  # noqa: PLC0415 (the same)

    plugin = Plugin("bench")

    async def seen(entry: Entry) -> None:
        assert entry.full_name

    plugin.on("entry_sign_in", background=background)(seen)
    configure_logs(level="info", json=True, stream=Path(os.devnull).open("w"))  # noqa: SIM115 (until the end)
    environment = ENVIRONMENT | {"REDIS_URL": redis_url, "DELIVERY_RECORDS": "on" if records else "off"}
    return create_app(plugin, Settings.from_env(environment))


def evalsha(redis_url: str) -> web.Application:
    """aiohttp alone over Redis: `/both` makes two EVALSHA of an empty script, `/one` makes one."""
    from redis.asyncio import Redis  # noqa: PLC0415 (only this contender pays for it)

    redis = Redis.from_url(redis_url, max_connections=64)

    async def load(app: web.Application) -> None:
        app["digest"] = await redis.script_load("return 1")

    async def one(request: web.Request) -> web.Response:
        await request.read()
        return web.json_response({"answer": await redis.evalsha(request.app["digest"], 0)})

    async def both(request: web.Request) -> web.Response:
        await redis.evalsha(request.app["digest"], 0)
        return await one(request)

    app = web.Application()
    app.on_startup.append(load)
    app.add_routes([web.post("/one", one), web.post("/both", both)])
    return app


def titan(redis_url: str) -> web.Application:
    """This project's Titan jobs API, open, as `envoy-plugin web` serves it."""
    from envoy_plugin import Plugin, Settings, create_app  # noqa: PLC0415 (only this contender pays for it)

    environment = ENVIRONMENT | {"REDIS_URL": redis_url, "TITAN_ACCESS": "open"}
    return create_app(Plugin("bench"), Settings.from_env(environment))


def operators(redis_url: str) -> web.Application:
    """This project's operator API over a template of one step, as `envoy-plugin web` serves it."""
    from envoy_plugin import Plugin, Settings, Step, Template, create_app  # noqa: PLC0415 (only this one pays for it)

    plugin = Plugin("bench")
    plugin.workflow(Template.of("visit", Step.manual("sign")))
    return create_app(plugin, Settings.from_env(ENVIRONMENT | {"REDIS_URL": redis_url}))


BUILDERS: Mapping[str, Callable[[str], web.Application]] = MappingProxyType(
    {
        "bare": bare,
        "bolt": bolt,
        "evalsha": evalsha,
        "operators": operators,
        "titan": titan,
        "inline": lambda redis_url: ours(redis_url, background=False, records=False),
        "recorded": lambda redis_url: ours(redis_url, background=False, records=True),
        "background": lambda redis_url: ours(redis_url, background=True, records=True),
    }
)


async def serve(name: str, redis_url: str) -> None:
    """Serve until standard input ends."""
    runner = web.AppRunner(BUILDERS[name](redis_url), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    over = asyncio.Event()

    def answer() -> None:
        if sys.stdin.readline():
            print(time.process_time(), flush=True)
        else:
            over.set()

    asyncio.get_running_loop().add_reader(sys.stdin, answer)
    await over.wait()
    asyncio.get_running_loop().remove_reader(sys.stdin)
    await runner.cleanup()


if __name__ == "__main__":
    run(serve(sys.argv[1], sys.argv[3]), sys.argv[2])
