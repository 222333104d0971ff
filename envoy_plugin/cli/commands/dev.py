"""`envoy-plugin dev`: everything on this machine, without an account and without a Redis."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Annotated, Final

import typer

from envoy_plugin.cli.developing.inspecting import inspecting, new_token
from envoy_plugin.cli.developing.local_envoy import simulated_envoy
from envoy_plugin.cli.developing.scene import Scene
from envoy_plugin.cli.developing.supervising import Recipe, supervise
from envoy_plugin.cli.environment import load_env_file, log_as
from envoy_plugin.cli.loading import find_app
from envoy_plugin.cli.options import AppOption, EnvFileOption, PortOption
from envoy_plugin.cli.ports import DEV_REDIS_PORT, usable_port
from envoy_plugin.cli.public_urls import read_base
from envoy_plugin.settings import REDIS_VARIABLES, Settings
from envoy_plugin.simulator import defaults
from envoy_plugin.simulator.platform import JOBS
from envoy_plugin.variables import MEMORY_URL

CREDENTIALS: Final = {"ENVOY_CLIENT_ID": defaults.CLIENT_ID, "ENVOY_CLIENT_SECRET": defaults.CLIENT_SECRET}
DEV_VARIABLES: Final[Mapping[str, str]] = {
    **CREDENTIALS,
    "ACCESS_LOG": "on",
    "DRAIN_TIMEOUT": "2",
    "WATCHDOG_TIMEOUT": "0",  # a debugger stops the loop, too
}
"""What counts where the environment has nothing."""
GRACE: Final = timedelta(seconds=5)
"""How long after DRAIN_TIMEOUT a process that doesn't end is killed."""

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def dev(  # noqa: PLR0913 - one parameter is one option
    *,
    plugin_app: AppOption = None,
    port: PortOption = None,
    platform_port: Annotated[
        int, typer.Option(min=0, max=65535, help="The simulated Envoy's port; 0 takes a free one.")
    ] = defaults.PLATFORM_PORT,
    redis: Annotated[
        str | None,
        typer.Option(metavar="URL", help="A Redis. [default: REDIS_URL, or one in memory, gone at the end]"),
    ] = None,
    redis_port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port of the Redis in memory; 0 takes a free one.")
    ] = DEV_REDIS_PORT,
    public_url: Annotated[
        str,
        typer.Option(
            metavar="URL", help="Where a tunnel to the plugin begins; shows the URL to enter in Envoy's Dev Dashboard."
        ),
    ] = "",
    reload: Annotated[bool, typer.Option("--reload/--no-reload", help="Start again when a file is saved.")] = True,
    env_file: EnvFileOption = None,
) -> None:
    """Run a plugin on this machine, with a simulated Envoy and a Redis in memory, until Ctrl-C.

    The plugin (web and worker) starts again when a Python file below this directory is saved; jobs are kept meanwhile.
    The inspector, whose URL is printed, shows every webhook that reached it, both sides.
    Everything listens on 127.0.0.1 alone. Without ENVOY_CLIENT_ID and ENVOY_CLIENT_SECRET, made-up ones are used.

    Example: envoy-plugin dev --app my_plugin:plugin
    """
    load_env_file(env_file)
    plugin, public_base = find_app(plugin_app), read_base(public_url, "--public-url")
    environ = _environ(redis, port)
    settings = Settings.from_env(environ, dev=True)
    _log_as(settings)
    plugin_port = usable_port(settings.port, option="--port")
    envoy_port = usable_port(platform_port, option="--platform-port")
    with _redis(settings, redis_port) as redis_url:
        scene = Scene(
            plugin=plugin,
            plugin_port=plugin_port,
            envoy_port=envoy_port,
            redis_url=redis_url,
            reload=reload,
            token=new_token(),
            public_url=public_base,
            made_up={name: value for name, value in CREDENTIALS.items() if not os.environ.get(name)},
        )
        typer.echo(scene.banner(in_memory=settings.redis_url == MEMORY_URL))
        code = asyncio.run(_run(settings, scene, {**environ, **scene.variables}))
    raise typer.Exit(code)


def _environ(redis: str | None, port: int | None) -> dict[str, str]:
    """The environment, with what options say and what `dev` adds, and one name for the Redis."""
    given = {**DEV_VARIABLES, **os.environ} | ({} if port is None else {"PORT": str(port)})
    url = redis or next((given[name] for name in REDIS_VARIABLES if given.get(name)), MEMORY_URL)
    return {name: value for name, value in given.items() if name not in REDIS_VARIABLES} | {"REDIS_URL": url}


def _log_as(settings: Settings) -> None:
    log_as(settings)
    logging.getLogger("watchfiles").setLevel(logging.WARNING)


@contextmanager
def _redis(settings: Settings, port: int) -> Iterator[str]:
    """The URL of the Redis of these settings, which is started if it is the one in memory."""
    if settings.redis_url != MEMORY_URL:
        yield settings.redis_url
        return
    from envoy_plugin.memory_redis import memory_redis  # noqa: PLC0415 - needs the extra `dev`

    with memory_redis(usable_port(port, option="--redis-port")) as url:
        yield url


async def _run(settings: Settings, scene: Scene, environ: Mapping[str, str]) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with (
        simulated_envoy(settings, scene.envoy_port) as envoy,
        inspecting(settings, scene, envoy[JOBS]) as inspection,
    ):
        recipe = Recipe(
            command=(sys.executable, "-m", "envoy_plugin.cli", "run", "--app", scene.plugin),
            environ={**environ, "PORT": str(inspection.plugin_port)},
            patience=settings.drain_timeout + GRACE,
            lines=inspection.lines,
            on_start=inspection.door.open,
            on_end=inspection.door.close,
        )
        return await supervise(recipe, stop, reload=scene.reload)
