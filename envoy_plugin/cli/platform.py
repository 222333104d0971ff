"""`envoy-plugin platform`: a simulated Envoy on 127.0.0.1."""

import asyncio
import signal
from datetime import timedelta
from typing import Annotated

import typer
from aiohttp import web

from envoy_plugin.cli.exits import ExitCode
from envoy_plugin.simulator import defaults
from envoy_plugin.simulator.oauth import ACCESS_LIFETIME
from envoy_plugin.simulator.platform import create_platform

HOST = "127.0.0.1"
SHUTDOWN_SECONDS = 1

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def platform(  # noqa: PLR0913, PLR0917 - one parameter is one option
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
    token_lifetime: Annotated[int, typer.Option(min=1, help="Seconds that an access token lives.")] = int(
        ACCESS_LIFETIME.total_seconds()
    ),
    plugin_app: Annotated[str | None, typer.Option("--app", help="Accepted, as by every command; not needed.")] = None,
) -> None:
    """Run a simulated Envoy on this machine: login, jobs, configs, a request log and faults on purpose.

    What it holds is shown and changed under /_sim/, for programs on this machine only.

    Example: envoy-plugin platform --port 8010 --client-id dev-client-id --client-secret dev-client-secret-0123456789
    """
    if not client_secret.split():
        raise typer.BadParameter("The secret is empty.", param_hint="--client-secret")
    application = create_platform(
        client_id=client_id,
        client_secret=client_secret,
        install_ids=install or [defaults.INSTALL_ID],
        job_ids=job or [],
        token_lifetime=timedelta(seconds=token_lifetime),
    )
    asyncio.run(_serve(application, port, client_id))


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
