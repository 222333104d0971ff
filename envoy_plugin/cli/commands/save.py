"""`envoy-plugin save`: a webhook that reached the plugin, kept as a fixture."""

import json
from pathlib import Path
from typing import Annotated

import typer

from envoy_plugin.cli.developing.access import Dev, NotNeededAppOption, PortOption, ask_dev, checked
from envoy_plugin.cli.sending.fixture_files import fixture_path, save_fixture
from envoy_plugin.simulator import defaults
from envoy_plugin.simulator.payloads import read_webhook

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def save(
    delivery: Annotated[str, typer.Argument(metavar="ID", help="The delivery's number, or `last`.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call it.")],
    *,
    directory: Annotated[Path, typer.Option("--dir", help="Where fixtures are.")] = Path(defaults.FIXTURES),
    port: PortOption = None,
    json_wanted: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    plugin_app: NotNeededAppOption = None,
) -> None:
    """Keep the body of a delivery as a fixture: exactly the bytes that were sent, as `trigger --fixture` sends again.

    Example: envoy-plugin save 3 late_guest
    """
    path, wanted = fixture_path(name, directory), checked(delivery)

    async def body_of(dev: Dev) -> bytes:
        return await dev.body(wanted)

    body = ask_dev(port, body_of)
    save_fixture(path, body)
    saved = {"name": path.stem, "event": read_webhook(body).event, "bytes": len(body), "file": str(path)}
    typer.echo(json.dumps(saved) if json_wanted else f"Saved {path}")
