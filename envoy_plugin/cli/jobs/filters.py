"""Which jobs a command is about, by their facts."""

from datetime import datetime
from typing import Annotated, Final

import typer

from envoy_plugin.cli.moments import time_ago
from envoy_plugin.engine.listings import Filter
from envoy_plugin.engine.states import State

MOMENT: Final = "SPAN|TIME"


def filter_of(  # noqa: PLR0913 - one parameter is one option
    *,
    state: Annotated[list[State] | None, typer.Option(help="Only jobs in this state; repeatable.")] = None,
    queue: Annotated[str | None, typer.Option(metavar="NAME", help="Only jobs of this queue.")] = None,
    kind: Annotated[str | None, typer.Option(metavar="NAME", help="Only jobs of this kind: an event, a task.")] = None,
    install: Annotated[str | None, typer.Option(metavar="ID", help="Only jobs of this install.")] = None,
    parent: Annotated[str | None, typer.Option(metavar="ID", help="Only children of this envelope.")] = None,
    since: Annotated[
        datetime | None, typer.Option(parser=time_ago, metavar=MOMENT, help="Only jobs made since then, or 2h ago.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(parser=time_ago, metavar=MOMENT, help="Only jobs made before then.")
    ] = None,
) -> Filter:
    """The jobs that fit every option that is given, whether or not the engine lists them by it."""
    return Filter(
        states=frozenset(state or State),
        queue=queue,
        kind=kind,
        install=install,
        parent=parent,
        created_after=since,
        created_before=until,
        everywhere=True,
    )


EVERY_JOB: Final = filter_of()
