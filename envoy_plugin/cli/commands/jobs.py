"""`envoy-plugin jobs`: what there is, and what became of it. Payloads and outcomes are never shown here."""

import asyncio
import json
from contextlib import suppress
from dataclasses import replace
from typing import Annotated, Final

import typer

from envoy_plugin.cli.jobs import changes as job_changes
from envoy_plugin.cli.jobs import export as job_export
from envoy_plugin.cli.jobs import run as job_run
from envoy_plugin.cli.jobs.filters import EVERY_JOB, filter_of
from envoy_plugin.cli.jobs.text import as_change, as_change_record, as_full_record, as_list, as_page, as_record
from envoy_plugin.cli.jobs.views import Changes, full_page, view
from envoy_plugin.cli.options import AppOption, EnvFileOption, JsonOption
from envoy_plugin.cli.redis_access import ask_engine
from envoy_plugin.cli.taking import taking
from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.listings import Filter, Page
from envoy_plugin.engine.queries import MOST_LISTED, list_jobs

POLL_SECONDS: Final = 0.5

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def jobs() -> None:
    """Show and change jobs: what runs in the background, and the reports of its ends to Envoy.

    They are in the Redis of the environment, or without one in that of `envoy-plugin dev` on this machine.

    Example: envoy-plugin jobs list --state failed
    """


for more in (job_changes.app, job_run.app, job_export.app):
    app.add_typer(more)


@app.command("list")
@taking(wanted=filter_of)
def list_(
    *,
    wanted: Filter,
    cursor: Annotated[str | None, typer.Option(help="Go on where another page ended.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=MOST_LISTED, help="How many at most.")] = 50,
    json_wanted: JsonOption = False,
    plugin_app: AppOption = None,
    env_file: EnvFileOption = None,
) -> None:
    """List jobs: those that changed last, the newest first; of one state, or with a filter, page by page.

    Example: envoy-plugin jobs list --state failed --since 2h
    """

    async def ask(engine: Engine) -> Page:
        if cursor is None and len(wanted.states) > 1 and replace(wanted, states=EVERY_JOB.states) == EVERY_JOB:
            return Page(jobs=tuple(await list_jobs(engine, wanted.states, limit=limit)), cursor=None)
        return await full_page(engine, wanted, cursor=cursor, limit=limit)

    page = ask_engine(plugin_app, env_file, ask)
    if json_wanted:
        typer.echo(json.dumps({"jobs": [as_record(job) for job in page.jobs], "cursor": page.cursor}))
        return
    typer.echo(as_list(page.jobs))
    if page.cursor is not None:
        typer.echo(f"More: --cursor '{page.cursor}'")


@app.command()
def show(
    job_id: Annotated[str, typer.Argument(metavar="ID", help="The job's id, as `jobs list` shows it.")],
    *,
    plugin_app: AppOption = None,
    json_wanted: JsonOption = False,
    env_file: EnvFileOption = None,
) -> None:
    """Show a job: facts, attempts, history, report of its end.

    Example: envoy-plugin jobs show a2rwiehoecn464zn
    """
    seen = ask_engine(plugin_app, env_file, lambda engine: view(engine, job_id))
    typer.echo(json.dumps(as_full_record(seen)) if json_wanted else as_page(seen))


@app.command()
def tail(
    *,
    plugin_app: AppOption = None,
    last: Annotated[int, typer.Option("--last", "-n", min=0, help="How many earlier changes to show first.")] = 10,
    json_wanted: Annotated[bool, typer.Option("--json", help="Print a JSON object a line.")] = False,
    env_file: EnvFileOption = None,
) -> None:
    """Show the changes of jobs as they happen, until Ctrl-C.

    Example: envoy-plugin jobs tail --json
    """

    async def follow(engine: Engine) -> None:
        changes = Changes(engine, last=last)
        while True:
            for change in await changes.look():
                typer.echo(json.dumps(as_change_record(change)) if json_wanted else as_change(change))
            await asyncio.sleep(POLL_SECONDS)

    with suppress(KeyboardInterrupt):
        ask_engine(plugin_app, env_file, follow)
