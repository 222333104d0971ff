"""`envoy-plugin routes`: what a plugin handles."""

import json
from typing import Annotated, Any

import typer

from envoy_plugin.cli.environment import load_env_file
from envoy_plugin.cli.loading import load_plugin
from envoy_plugin.cli.options import AppOption, EnvFileOption, JsonOption
from envoy_plugin.cli.public_urls import events_url, read_base
from envoy_plugin.cli.table import table
from envoy_plugin.injection import place
from envoy_plugin.routing import Handler

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def routes(
    *,
    plugin_app: AppOption = None,
    url: Annotated[
        str, typer.Option(metavar="BASE", help="Where the plugin is served, as https://doors.example.com.")
    ] = "",
    json_wanted: JsonOption = False,
    env_file: EnvFileOption = None,
) -> None:
    """Show each event that the plugin handles: how, by which function, and its URL for Envoy's Dev Dashboard.

    Any event can be sent to /envoy/events too.

    Example: envoy-plugin routes --app my_plugin:plugin --url https://doors.example.com
    """
    load_env_file(env_file)
    base = read_base(url, "--url")
    plugin = load_plugin(plugin_app)
    rows = [_row(handler, base) for handler in plugin.handlers.values()]
    if json_wanted:
        typer.echo(json.dumps({"plugin": plugin.name, "url": events_url(base), "handlers": rows}, ensure_ascii=False))
    else:
        columns = ("event", "mode", "url", "function")
        typer.echo(
            table([[row[name] for name in columns] for row in rows]) if rows else f"{plugin.name} handles no event."
        )


def _row(handler: Handler, base: str) -> dict[str, Any]:
    """What is registered; `timeout_seconds` None: HANDLER_TIMEOUT."""
    return {
        "event": handler.event,
        "mode": "background" if handler.background else "inline",
        "url": events_url(base, handler.event),
        "function": place(handler.function),
        "timeout_seconds": handler.timeout.total_seconds() if handler.timeout else None,
        "retries": handler.retries,
    }
