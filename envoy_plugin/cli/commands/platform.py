"""`envoy-plugin platform`: a simulated Envoy on 127.0.0.1."""

import asyncio
import signal
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

import typer
from aiohttp import web

from envoy_plugin.cli.exits import ExitCode
from envoy_plugin.simulator import defaults
from envoy_plugin.simulator.platform import create_platform

HOST = "127.0.0.1"
SHUTDOWN_SECONDS = 1

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def platform(  # noqa: PLR0913 - one parameter is one option
    *,
    port: Annotated[
        int, typer.Option("--port", "-p", min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one.")
    ] = defaults.PLATFORM_PORT,
    client_id: Annotated[
        str, typer.Option(envvar="ENVOY_CLIENT_ID", help="The plugin's client id.")
    ] = defaults.CLIENT_ID,
    client_secret: Annotated[
        str,
        typer.Option(envvar="ENVOY_CLIENT_SECRET", help="Its made-up secret; two, separated by a space, both log in."),
    ] = defaults.CLIENT_SECRET,
    install: Annotated[list[str] | None, typer.Option(help="Make an install known; repeatable.")] = None,
    job: Annotated[list[str] | None, typer.Option(help="Make a job known; repeatable.")] = None,
    user: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME:PASSWORD", help="Who may log in by password; repeatable. [default: a made-up one]"),
    ] = None,
    token_lifetime: Annotated[
        int | None, typer.Option(min=1, help="Seconds that an access token lives. [default: as at Envoy, 12 h or 24 h]")
    ] = None,
    keep_refresh_tokens: Annotated[
        bool, typer.Option("--keep-refresh-tokens", help="A refresh token may be used more than once.")
    ] = False,
    final_jobs: Annotated[
        bool, typer.Option("--final-jobs", help="A job that is over refuses another update (409).")
    ] = False,
    plugin_app: Annotated[str | None, typer.Option("--app", help="Accepted, as by every command; not needed.")] = None,
) -> None:
    """Run a simulated Envoy on this machine: login, jobs, configs, storage, notifications, people and places.

    What it holds, a request log and faults on purpose are at /_sim/, for programs on this machine only: /_sim/jobs/ID,
    /_sim/jobs/ID/timeline, /_sim/installs, /_sim/installs/ID/config, /_sim/storage, /_sim/notifications,
    /_sim/requests, /_sim/faults (PUT an array of faults), /_sim/expire and /_sim/revoke (POST).

    Example: envoy-plugin platform --port 8010 --client-id dev-client-id --client-secret dev-client-secret-0123456789
    """
    if not client_secret.split():
        raise typer.BadParameter("The secret is empty.", param_hint="--client-secret")
    application = create_platform(
        client_id=client_id,
        client_secret=client_secret,
        install_ids=install or [defaults.INSTALL_ID],
        job_ids=job or [],
        users=defaults.USERS if user is None else _users(user),
        token_lifetime=None if token_lifetime is None else timedelta(seconds=token_lifetime),
        keep_refresh_tokens=keep_refresh_tokens,
        final_jobs=final_jobs,
    )
    asyncio.run(_serve(application, port, client_id))


def _users(texts: Sequence[str]) -> dict[str, str]:
    pairs = [text.partition(":") for text in texts]
    if not all(name and password for name, _, password in pairs):
        raise typer.BadParameter("Give NAME:PASSWORD.", param_hint="--user")
    return {name: password for name, _, password in pairs}


async def _serve(application: web.Application, port: int, client_id: str) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        await _listen(runner, port)
        typer.echo(f"Simulated Envoy ready at http://{HOST}:{runner.addresses[0][1]} for client {client_id}")
        await stopped.wait()
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, port: int) -> None:
    try:
        await web.TCPSite(runner, HOST, port).start()
    except OSError as error:
        typer.echo(f"Port {port} of {HOST} can't be used: {error.strerror}", err=True)
        raise typer.Exit(ExitCode.FAILED) from None
