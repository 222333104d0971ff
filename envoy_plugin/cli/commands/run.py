"""`envoy-plugin run`: web and worker in one process."""

from typing import Annotated

import typer

from envoy_plugin.cli.lifeline import end_with
from envoy_plugin.cli.options import AppOption, EnvFileOption, HostOption, PortOption
from envoy_plugin.cli.starting import start
from envoy_plugin.serving import Role

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def run(
    *,
    plugin_app: AppOption = None,
    port: PortOption = None,
    host: HostOption = None,
    env_file: EnvFileOption = None,
    lifeline: Annotated[int | None, typer.Option(hidden=True, help="A pipe; stop when its other end closes.")] = None,
    lines: Annotated[int | None, typer.Option(hidden=True, help="A pipe; write the log lines to it too.")] = None,
) -> None:
    """Answer Envoy and run background work in one process, until SIGTERM or SIGINT: `web` and `worker` together.

    Example: envoy-plugin run --app my_plugin:plugin --port 8000
    """
    if lifeline is not None:
        end_with(lifeline)
    start(
        {Role.WEB, Role.WORKER},
        app=plugin_app,
        env_file=env_file,
        overrides={"PORT": port, "HOST": host},
        lines=lines,
    )
