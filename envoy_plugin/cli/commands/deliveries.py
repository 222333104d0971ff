"""`envoy-plugin deliveries`: what reached the plugin that `dev` runs."""

import json
from typing import Annotated

import typer

from envoy_plugin.cli.developing.access import Dev, IdArgument, NotNeededAppOption, PortOption, ask_dev, checked
from envoy_plugin.cli.developing.recorded_text import as_list, as_page
from envoy_plugin.simulator.wire import JsonObject

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def deliveries(
    delivery: IdArgument = None,
    *,
    port: PortOption = None,
    json_wanted: Annotated[bool, typer.Option("--json", help="Print a JSON array, or of one an object.")] = False,
    plugin_app: NotNeededAppOption = None,
) -> None:
    """Show the webhooks that reached the plugin of a running `dev`, the newest first; with a number both sides of one.

    `last` is the newest. The same is shown in a browser by the inspector, whose URL `dev` prints.

    Example: envoy-plugin deliveries 3
    """
    if delivery is None:
        rows = ask_dev(port, Dev.deliveries)
        typer.echo(json.dumps(rows, ensure_ascii=False) if json_wanted else as_list(rows))
        return
    name = checked(delivery)

    async def one(dev: Dev) -> JsonObject:
        return await dev.delivery(name)

    shown = ask_dev(port, one)
    typer.echo(json.dumps(shown, ensure_ascii=False) if json_wanted else as_page(shown))
