"""`envoy-plugin events`: the events that are known, and what each carries."""

import json as json_format
from difflib import get_close_matches
from typing import Annotated, Final

import typer

from envoy_plugin.cli.exits import ExitCode
from envoy_plugin.cli.table import table
from envoy_plugin.simulator.events import EVENTS, HOOKS, SUBJECTS
from envoy_plugin.simulator.payloads import build_webhook
from envoy_plugin.simulator.visitors import FakerMissing
from envoy_plugin.simulator.wire import JsonObject

SEED: Final = 1

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def events(
    event: Annotated[str | None, typer.Argument(help="Show the body of this event.")] = None,
    *,
    seed: Annotated[int, typer.Option(help="The same seed is the same visit.")] = SEED,
    json: Annotated[bool, typer.Option("--json", help="Print JSON: an array, or the body as it is sent.")] = False,
    plugin_app: Annotated[str | None, typer.Option("--app", help="Accepted, as by every command; not needed.")] = None,
) -> None:
    """List the events that are known with what each is about, or show the body of one. Envoy may send others.

    Example: envoy-plugin events invite_created --seed 7
    """
    if event is None:
        rows = [_row(name) for name in sorted(EVENTS)]
        typer.echo(json_format.dumps(rows) if json else table([["EVENT", "ABOUT", ""], *map(_cells, rows)]))
    else:
        typer.echo(_body(event, seed, as_sent=json))


def _row(event: str) -> JsonObject:
    return {"event": event, "about": SUBJECTS[event], "synchronous": event in HOOKS}


def _cells(row: JsonObject) -> list[str]:
    return [row["event"], row["about"], "Envoy waits for the answer, 30 s at most" if row["synchronous"] else ""]


def _body(event: str, seed: int, *, as_sent: bool) -> str:
    if event not in EVENTS:
        names = get_close_matches(event, EVENTS, n=3)
        hint = f" Did you mean {', '.join(names)}?" if names else " `envoy-plugin events` lists what is."
        raise typer.BadParameter(f"{event!r} isn't known here.{hint}", param_hint="EVENT")
    try:
        webhook = build_webhook(event, seed=seed)
    except FakerMissing as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(ExitCode.FAILED) from None
    return webhook.body.decode() if as_sent else json_format.dumps(webhook.document, ensure_ascii=False, indent=2)
