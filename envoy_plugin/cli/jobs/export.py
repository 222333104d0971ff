"""`envoy-plugin jobs export`: every job that fits, a JSON object a line."""

import base64
import json
from typing import Annotated, Final

import typer

from envoy_plugin.cli.jobs.filters import filter_of
from envoy_plugin.cli.jobs.text import JsonObject, as_exported
from envoy_plugin.cli.options import AppOption, EnvFileOption
from envoy_plugin.cli.redis_access import ask_engine, ask_with_secrets
from envoy_plugin.cli.taking import taking
from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.listings import Filter, every_job
from envoy_plugin.engine.model import Job
from envoy_plugin.engine.queries import find_attempts, find_record
from envoy_plugin.errors import JobNotFound, SealError

WARNING: Final = (
    "This holds what visitors and customers have entrusted to the plugin, in the clear: keep it accordingly."
)

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
@taking(wanted=filter_of)
def export(
    *,
    wanted: Filter,
    payloads: Annotated[
        bool, typer.Option("--payloads", help="With payload and outcomes, opened: visitors' data, in the clear.")
    ] = False,
    json_wanted: Annotated[bool, typer.Option("--json", help="Accepted: it is JSON in any case.")] = False,
    plugin_app: AppOption = None,
    env_file: EnvFileOption = None,
) -> None:
    """Print jobs as JSON, an object a line: facts, attempts, history.

    Example: envoy-plugin jobs export --state failed --since 7d > failed.ndjson
    """

    async def write(engine: Engine) -> None:
        async for job in every_job(engine, wanted):
            attempts = await find_attempts(engine, job.id) if job.attempt > 1 else []
            secret = await _opened(engine, job) if payloads else {}
            typer.echo(json.dumps(as_exported(job, attempts) | secret))

    if payloads:
        typer.echo(WARNING, err=True)
    ask = ask_with_secrets if payloads else ask_engine
    ask(plugin_app, env_file, write)


async def _opened(engine: Engine, job: Job) -> JsonObject:
    """The payload, and the outcome of each attempt that has one; `unreadable` where no key opens them."""
    try:
        records = [await find_record(engine, job.id, attempt) for attempt in range(1, job.attempt + 1)]
    except (SealError, JobNotFound):
        return {"payload": None, "outcomes": {}, "unreadable": True}
    outcomes = {
        str(at): _readable(record.outcome) for at, record in enumerate(records, 1) if record.outcome is not None
    }
    return {"payload": _readable(records[-1].payload), "outcomes": outcomes, "unreadable": False}


def _readable(content: bytes | None) -> object:
    """JSON as it is, other bytes as `{"base64": …}`."""
    if content is None:
        return None
    try:
        return json.loads(content)
    except ValueError:
        return {"base64": base64.b64encode(content).decode()}
