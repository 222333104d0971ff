"""`envoy-plugin worker`: runs background work."""

from typing import Annotated

import typer

from envoy_plugin.cli.options import AppOption, EnvFileOption
from envoy_plugin.cli.starting import start
from envoy_plugin.serving import Role

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def worker(
    *,
    plugin_app: AppOption = None,
    queues: Annotated[
        str | None,
        typer.Option(
            metavar="A,B", help="Claim from these queues alone. [default: events, report, and those of tasks]"
        ),
    ] = None,
    env_file: EnvFileOption = None,
) -> None:
    """Run what handlers do in the background, tasks and schedules, and tell Envoy its end, until SIGTERM or SIGINT.

    Starts while Redis or Envoy can't be reached, and waits for them. At SIGTERM, what runs has DRAIN_TIMEOUT to end;
    the rest is given back, and no retry is spent.

    Example: envoy-plugin worker --app my_plugin:plugin --queues events,report
    """
    start({Role.WORKER}, app=plugin_app, env_file=env_file, queues=None if queues is None else queues.split(","))
