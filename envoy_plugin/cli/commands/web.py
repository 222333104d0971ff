"""`envoy-plugin web`: answers Envoy."""

import typer

from envoy_plugin.cli.options import AppOption, EnvFileOption, HostOption, PortOption
from envoy_plugin.cli.starting import start
from envoy_plugin.serving import Role

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def web(
    *, plugin_app: AppOption = None, port: PortOption = None, host: HostOption = None, env_file: EnvFileOption = None
) -> None:
    """Answer Envoy's webhooks, until SIGTERM or SIGINT.

    Starts while Redis or Envoy can't be reached; /readyz says when Redis is there.

    Example: envoy-plugin web --app my_plugin:plugin --port 8000
    """
    start({Role.WEB}, app=plugin_app, env_file=env_file, overrides={"PORT": port, "HOST": host})
