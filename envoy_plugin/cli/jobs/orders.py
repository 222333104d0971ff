"""Which jobs a changing command is about, whether it may, and what it says of what became of them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Final

import typer

from envoy_plugin.cli.exits import ExitCode
from envoy_plugin.cli.jobs.bulk import Deed, Tally, act, matching
from envoy_plugin.cli.jobs.filters import EVERY_JOB
from envoy_plugin.cli.options import AppOption, EnvFileOption, JsonOption
from envoy_plugin.cli.progress import Progress
from envoy_plugin.cli.redis_access import ask_engine
from envoy_plugin.cli.table import table
from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.listings import Filter

MOST_SHOWN: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Which jobs were named, and how it is to be done."""

    ids: Sequence[str]
    limit: int | None
    dry_run: bool
    yes: bool
    json_wanted: bool
    plugin_app: str | None
    env_file: Path | None


def order_of(  # noqa: PLR0913 - one parameter is one option
    *,
    ids: Annotated[list[str] | None, typer.Argument(metavar="ID", help="Jobs by id; or give a filter.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="With a filter: how many at most.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say which jobs it would be.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With a filter: do it to every job that fits.")] = False,
    json_wanted: JsonOption = False,
    plugin_app: AppOption = None,
    env_file: EnvFileOption = None,
) -> Order:
    """What the options say that all of these commands have."""
    return Order(
        ids=ids or (),
        limit=limit,
        dry_run=dry_run,
        yes=yes,
        json_wanted=json_wanted,
        plugin_app=plugin_app,
        env_file=env_file,
    )


def change(deed: Deed, order: Order, wanted: Filter) -> None:
    """Do it to the jobs that are named or fit, and say what became of each.

    Raises:
        typer.BadParameter: neither jobs nor a filter, or both; a filter without --dry-run or --yes.
        typer.Exit: with FAILED where a job was refused.
    """
    _check(order, wanted)
    narrowed = wanted if wanted.states != EVERY_JOB.states else replace(wanted, states=deed.states)
    tally = Tally()

    async def work(engine: Engine) -> Sequence[str]:
        ids = order.ids or await matching(engine, narrowed, order.limit)
        if not order.dry_run:
            progress = Progress(len(ids), silent=order.json_wanted)
            await act(engine, deed, ids, tally, named=bool(order.ids), progress=progress)
        return ids

    try:
        ids = ask_engine(order.plugin_app, order.env_file, work)
    except BaseException:
        if tally.count:
            _tell(deed, tally, json_wanted=order.json_wanted)
        raise
    if order.dry_run:
        _foretell(deed, ids, json_wanted=order.json_wanted)
        return
    _tell(deed, tally, json_wanted=order.json_wanted)
    raise typer.Exit(ExitCode.FAILED if tally.refused else ExitCode.OK)


def _check(order: Order, wanted: Filter) -> None:
    is_narrowed = wanted != EVERY_JOB
    if bool(order.ids) is is_narrowed:
        raise typer.BadParameter(
            "Name jobs by their ids, or give a filter such as --state or --queue.", param_hint="ID"
        )
    if is_narrowed and order.dry_run is order.yes:
        raise typer.BadParameter("A filter needs --dry-run, or --yes.", param_hint="--dry-run")


def _foretell(deed: Deed, ids: Sequence[str], *, json_wanted: bool) -> None:
    if json_wanted:
        typer.echo(json.dumps({"verb": deed.verb, "dry_run": True, "count": len(ids), "ids": list(ids)}))
        return
    typer.echo(f"This would {deed.verb} {_jobs(len(ids))}.")
    for line in _some(ids):
        typer.echo(f"  {line}")


def _tell(deed: Deed, tally: Tally, *, json_wanted: bool) -> None:
    if json_wanted:
        told = {"skipped": _pairs(tally.skipped), "refused": _pairs(tally.refused)}
        typer.echo(json.dumps({"verb": deed.verb, "dry_run": False, "done": tally.done, **told}))
        return
    counts = [f"{deed.past} {_jobs(len(tally.done))}"]
    counts += [
        f"{len(which):,} {word}" for which, word in ((tally.skipped, "skipped"), (tally.refused, "refused")) if which
    ]
    typer.echo(", ".join(counts) + ".")
    for which, err in ((tally.skipped, False), (tally.refused, True)):
        for line in _some([f"{job_id} {why}" for job_id, why in which.items()]):
            typer.echo(f"  {line}", err=err)


def _jobs(count: int) -> str:
    return f"{count:,} job{'' if count == 1 else 's'}"


def _some(lines: Sequence[str]) -> list[str]:
    """The first of them, and how many more there are; nothing that a terminal would obey."""
    more = [f"and {len(lines) - MOST_SHOWN:,} more"] if len(lines) > MOST_SHOWN else []
    return [table([(line,)]) for line in [*lines[:MOST_SHOWN], *more]]


def _pairs(which: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"id": job_id, "why": why} for job_id, why in which.items()]
