"""`envoy-plugin fixtures`: saved bodies of webhooks."""

import json as json_format
import sys
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from envoy_plugin.cli.sending.fixture_files import fixture_path, list_fixtures, read_body
from envoy_plugin.cli.table import table
from envoy_plugin.simulator import defaults
from envoy_plugin.simulator.payloads import read_webhook
from envoy_plugin.simulator.wire import JsonObject

DirectoryOption: TypeAlias = Annotated[Path, typer.Option("--dir", help="Where they are.")]
AppOption: TypeAlias = Annotated[str | None, typer.Option("--app", help="Accepted, as by every command; not needed.")]
DIRECTORY = Path(defaults.FIXTURES)

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Show saved bodies of webhooks, each exactly what is sent: `trigger EVENT --save NAME` keeps one.\n\n"
    "Example: envoy-plugin fixtures list",
)


@app.command("list")
def list_all(
    *,
    directory: DirectoryOption = DIRECTORY,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON array.")] = False,
    plugin_app: AppOption = None,
) -> None:
    """List the fixtures with their events.

    Example: envoy-plugin fixtures list
    """
    rows = [_row(path) for path in list_fixtures(directory)]
    if json:
        typer.echo(json_format.dumps(rows, ensure_ascii=False))
    elif rows:
        typer.echo(
            table([["NAME", "EVENT", "BYTES"], *([row["name"], row["event"], str(row["bytes"])] for row in rows)])
        )
    else:
        typer.echo(f"No fixtures in {directory}/. `envoy-plugin trigger EVENT --save NAME` keeps one.", err=True)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="The fixture's name.")],
    *,
    directory: DirectoryOption = DIRECTORY,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object about it, the body as text.")] = False,
    plugin_app: AppOption = None,
) -> None:
    """Print the very bytes of a fixture.

    Example: envoy-plugin fixtures show late_guest
    """
    path = fixture_path(name, directory)
    body = read_body(path, "NAME")
    if json:
        typer.echo(json_format.dumps(_row(path) | {"body": body.decode(errors="replace")}, ensure_ascii=False))
    else:
        sys.stdout.buffer.write(body)
        sys.stdout.buffer.flush()


def _row(path: Path) -> JsonObject:
    body = read_body(path, "--dir")
    return {"name": path.stem, "event": read_webhook(body).event, "bytes": len(body), "file": str(path)}
