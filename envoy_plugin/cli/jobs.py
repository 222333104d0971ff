"""`envoy-plugin jobs`: what there is, and what became of it. Payloads and outcomes are never shown."""

import asyncio
import json
from contextlib import suppress
from typing import Annotated, Final

import typer

from envoy_plugin.cli.job_text import as_change, as_change_record, as_full_record, as_list, as_page, as_record
from envoy_plugin.cli.job_views import Changes, view
from envoy_plugin.cli.options import AppOption, EnvFileOption, JsonOption
from envoy_plugin.cli.redis_access import ask_engine
from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.queries import MOST_LISTED, list_jobs
from envoy_plugin.engine.states import State

POLL_SECONDS: Final = 0.5

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def jobs() -> None:
    """Show jobs: what runs in the background, and the reports of its ends to Envoy.

    They are in the Redis of the environment, or without one in that of `envoy-plugin dev` on this machine.

    Example: envoy-plugin jobs list --state failed
    """


@app.command("list")
def list_(
    *,
    plugin_app: AppOption = None,
    state: Annotated[list[State] | None, typer.Option(help="Only jobs in this state; repeatable.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=MOST_LISTED, help="How many at most.")] = 50,
    json_wanted: JsonOption = False,
    env_file: EnvFileOption = None,
) -> None:
    """List jobs, the one that changed last first.

    Example: envoy-plugin jobs list --state failed --state running --limit 20
    """
    wanted = tuple(state or State)
    found = ask_engine(plugin_app, env_file, lambda engine: list_jobs(engine, wanted, limit=limit))
    typer.echo(json.dumps({"jobs": [as_record(job) for job in found]}) if json_wanted else as_list(found))


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
