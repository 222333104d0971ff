"""`envoy-plugin jobs run`: one job, here and now, in this process."""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

import typer
from redis.exceptions import RedisError

from envoy_plugin.cli.environment import load_env_file, log_as
from envoy_plugin.cli.exits import ExitCode
from envoy_plugin.cli.jobs.text import as_record
from envoy_plugin.cli.jobs.views import gates_text
from envoy_plugin.cli.loading import load_plugin
from envoy_plugin.cli.operator_name import operator_name
from envoy_plugin.cli.options import AppOption, EnvFileOption, JsonOption
from envoy_plugin.cli.redis_access import lost, settings_with_secrets
from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.model import Claimed, Job
from envoy_plugin.engine.queries import find_job
from envoy_plugin.engine.queues import is_owned
from envoy_plugin.engine.states import State
from envoy_plugin.engine.verbs import ClaimJob, Release, Reschedule, Verb
from envoy_plugin.errors import CallRefused, EngineError, EnvoyPluginError, WrongState
from envoy_plugin.logs import Bound
from envoy_plugin.plugin import Plugin
from envoy_plugin.runtime import Runtime, open_runtime
from envoy_plugin.settings import Settings
from envoy_plugin.worker.ending import Ending, end_job
from envoy_plugin.worker.execution import execute, is_known

OTHERS: Final = frozenset({"default", "unassigned"})
"""Queues beside those with a colon in their names whose jobs aren't a worker's of ours."""
PAUSED: Final = "paused"
"""Why a job of a paused queue can't be claimed; see `WrongState`."""
TOUCHES_A_LEASE: Final = 3

app = typer.Typer(add_completion=False, rich_markup_mode=None)


class CannotRun(EnvoyPluginError):
    """This job can't be run here; the message says why."""


@app.command()
def run(
    job_id: Annotated[str, typer.Argument(metavar="ID", help="The job's id, as `jobs list` shows it.")],
    *,
    json_wanted: JsonOption = False,
    plugin_app: AppOption = None,
    env_file: EnvFileOption = None,
) -> None:
    """Run a job in this process that waits for nothing but a worker or its time, and show what became of it.

    Log lines go to standard error. Exit code 0 where it has succeeded.

    Example: envoy-plugin jobs run a2rwiehoecn464zn
    """
    load_env_file(env_file)
    settings = settings_with_secrets()
    log_as(settings, sys.stderr)
    try:
        job = asyncio.run(run_here(load_plugin(plugin_app), settings, job_id))
    except (RedisError, TimeoutError) as error:
        raise lost(settings, error) from None
    reason = f", {job.reason}" if job.reason else ""
    typer.echo(json.dumps(as_record(job)) if json_wanted else f"{job.id}, attempt {job.attempt}: {job.state}{reason}")
    raise typer.Exit(ExitCode.OK if job.state is State.SUCCEEDED else ExitCode.FAILED)


async def run_here(plugin: Plugin, settings: Settings, job_id: str) -> Job:
    """Claim a job, do what it is for, and end it; the job as it stands then.

    Raises:
        CannotRun: nobody here may, or it waits for something.
        EngineError: there is none, it is over or somebody runs it, its queue is paused, or it was lost on the way.
        RedisError: Redis doesn't answer.
    """
    async with open_runtime(plugin, settings) as runtime:
        job = await find_job(runtime.engine, job_id)
        _check(plugin, job)
        held = await _take(runtime.engine, job, settings)
        with Bound(job=held.id, install=held.install, attempt=held.attempt):
            await end_job(runtime.engine, runtime.batcher, await _work(runtime, held))
        return await find_job(runtime.engine, job_id)


def _check(plugin: Plugin, job: Job) -> None:
    """Say why a job can't be run here, if it can't."""
    if job.envelope:
        raise CannotRun(f"Job {job.id!r} is an envelope: its children are what runs.")
    if is_owned(job.queue) or job.queue in OTHERS:
        raise CannotRun(f"Job {job.id!r} is in queue {job.queue!r}: somebody else does what is in there.")
    if not is_known(plugin, job.kind):
        raise CannotRun(f"Plugin {plugin.name} has nothing that does {job.kind!r}, which job {job.id!r} is.")
    if job.state is State.BLOCKED:
        raise CannotRun(f"Job {job.id!r} waits for {gates_text(job)}.")


async def _take(engine: Engine, job: Job, settings: Settings) -> Claimed:
    """Claim it; a job that waits for its time has come to it."""
    early: list[Verb[Any]] = [Reschedule(id=job.id)] if job.state is State.SCHEDULED else []
    claim = ClaimJob(id=job.id, who=operator_name(), lease=settings.job_lease)
    try:
        (held,) = (await engine.call([*early, claim]))[-1]
    except CallRefused as refused:
        refusal = next(iter(refused.refusals.values()))
        if isinstance(refusal, WrongState) and refusal.why == PAUSED:
            raise CannotRun(f"Job {job.id!r} is in queue {job.queue!r}, which is paused.") from None
        raise refusal from None
    return held  # type: ignore[no-any-return]  # a call answers what its verbs do


async def _work(runtime: Runtime, held: Claimed) -> Ending:
    """Do what the job is for; interrupted, give it back, and no retry is spent."""
    work = asyncio.create_task(execute(runtime, held))
    async with _touching(runtime, held, work):
        try:
            return await work
        except asyncio.CancelledError:
            await runtime.engine.run(Release.of(held))
            raise


@contextlib.asynccontextmanager
async def _touching(runtime: Runtime, held: Claimed, work: asyncio.Task[Ending]) -> AsyncIterator[None]:
    task = asyncio.create_task(_touch_for_ever(runtime, held, work))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _touch_for_ever(runtime: Runtime, held: Claimed, work: asyncio.Task[Ending]) -> None:
    """Keep the lease; where it is lost, the work is for nothing."""
    lease = runtime.settings.job_lease
    while True:
        await asyncio.sleep(lease.total_seconds() / TOUCHES_A_LEASE)
        try:
            await runtime.engine.touch(held, lease)
        except EngineError:
            work.cancel()
            return
        except RedisError:
            continue
