"""`envoy-plugin workers`: the workers that live, and what they run."""

import json
from datetime import datetime

import typer

from envoy_plugin.cli.moments import as_text
from envoy_plugin.cli.options import AppOption, EnvFileOption, JsonOption
from envoy_plugin.cli.redis_access import ask_engine
from envoy_plugin.cli.table import table
from envoy_plugin.engine.engine import Engine
from envoy_plugin.worker.heartbeats import Heartbeat, HeldJob, find_workers

HEADINGS = ("WORKER", "SINCE", "LAST HEARD OF", "QUEUES", "JOBS")

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def workers(*, json_wanted: JsonOption = False, plugin_app: AppOption = None, env_file: EnvFileOption = None) -> None:
    """Show the workers that live: since when, for which queues, and the jobs that each of them runs.

    One that was killed is shown for up to 20 s.

    Example: envoy-plugin workers
    """

    async def ask(engine: Engine) -> tuple[list[Heartbeat], datetime]:
        return await find_workers(engine), await engine.now()

    found, now = ask_engine(plugin_app, env_file, ask)
    if json_wanted:
        typer.echo(json.dumps({"workers": [_record(worker) for worker in found]}))
        return
    typer.echo(table([HEADINGS, *(_cells(worker, now) for worker in found)]) if found else "No workers.")
    for worker in found:
        if worker.jobs:
            typer.echo(f"\n{table([(worker.who,)])}\n{table([_job_cells(job, now) for job in worker.jobs])}")


def _record(worker: Heartbeat) -> dict[str, object]:
    jobs = [
        {"id": job.id, "kind": job.kind, "install": job.install, "since": as_text(job.since)} for job in worker.jobs
    ]
    times = {"since": as_text(worker.since), "seen": as_text(worker.seen)}
    about = {"queues": list(worker.queues), "concurrency": worker.concurrency, "jobs": jobs}
    return {"worker": worker.who, **times, **about}


def _cells(worker: Heartbeat, now: datetime) -> tuple[str, ...]:
    queues = ",".join(worker.queues)
    return (worker.who, as_text(worker.since) or "-", f"{_seconds(worker.seen, now)} ago", queues, _load(worker))


def _load(worker: Heartbeat) -> str:
    """How many jobs it runs, of how many of each queue it could."""
    return f"{len(worker.jobs)} of {worker.concurrency * len(worker.queues)}"


def _job_cells(job: HeldJob, now: datetime) -> tuple[str, ...]:
    return (f"  {job.id}", job.kind, job.install, f"for {_seconds(job.since, now)}")


def _seconds(since: datetime, now: datetime) -> str:
    """Two machines' clocks may differ: never less than none."""
    return f"{max(0, round((now - since).total_seconds())):,} s"
