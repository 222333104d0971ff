"""`envoy-plugin queues`: what waits and runs in each queue, and pausing them."""

import json
from typing import Annotated, TypeAlias

import typer

from envoy_plugin.cli.jobs.pauses import UNREADABLE, Pausing
from envoy_plugin.cli.jobs.queue_views import QueueView, view_queues
from envoy_plugin.cli.moments import as_text
from envoy_plugin.cli.operator_name import operator_name
from envoy_plugin.cli.options import AppOption, EnvFileOption, JsonOption
from envoy_plugin.cli.redis_access import ask_engine, ask_with_secrets
from envoy_plugin.cli.table import table
from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.queries import queues_of
from envoy_plugin.engine.verbs import Pause, Unpause

HEADINGS = ("QUEUE", "AVAILABLE", "RUNNING", "PAUSED")
QueueArgument: TypeAlias = Annotated[str, typer.Argument(metavar="QUEUE", help="As `events`, `report`, `default`.")]

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def queues() -> None:
    """Show queues, and pause them: nobody gets a job of a paused queue; what runs goes on, and jobs are still taken in.

    Example: envoy-plugin queues pause events --why "the doors are being serviced"
    """


@app.command("list")
def list_(*, json_wanted: JsonOption = False, plugin_app: AppOption = None, env_file: EnvFileOption = None) -> None:
    """Show every queue that has held a job.

    Example: envoy-plugin queues list
    """
    found = ask_engine(plugin_app, env_file, view_queues)
    if json_wanted:
        typer.echo(json.dumps({"queues": [_record(queue) for queue in found]}))
    else:
        typer.echo(table([HEADINGS, *(_cells(queue) for queue in found)]) if found else "No queues.")


@app.command()
def pause(
    queue: QueueArgument,
    *,
    why: Annotated[str, typer.Option(help="The reason, for whoever finds it paused.")],
    who: Annotated[str | None, typer.Option(help="Who pauses it. [default: USER@MACHINE]")] = None,
    json_wanted: JsonOption = False,
    plugin_app: AppOption = None,
    env_file: EnvFileOption = None,
) -> None:
    """Hand out nothing of a queue until it is unpaused. It lasts, whatever is restarted.

    Example: envoy-plugin queues pause events --why "the doors are being serviced"
    """

    async def ask(engine: Engine) -> tuple[bool, bool]:
        pausing = Pausing(who=who or operator_name(), why=why, at=await engine.now())
        is_known = queue in await queues_of(engine)
        return is_known, await engine.run(Pause(queue=queue, why=engine.seal(pausing.encode())))

    is_known, is_news = ask_with_secrets(plugin_app, env_file, ask)
    if json_wanted:
        typer.echo(json.dumps({"queue": queue, "paused": True, "was_paused": not is_news}))
        return
    typer.echo("Paused." if is_news else "It was paused already, and says this now.")
    if not is_known:
        typer.echo("No job has been in a queue of this name so far.", err=True)


@app.command()
def unpause(
    queue: QueueArgument,
    *,
    json_wanted: JsonOption = False,
    plugin_app: AppOption = None,
    env_file: EnvFileOption = None,
) -> None:
    """Hand out the jobs of a queue again.

    Example: envoy-plugin queues unpause events
    """
    is_news = ask_engine(plugin_app, env_file, lambda engine: engine.run(Unpause(queue=queue)))
    if json_wanted:
        typer.echo(json.dumps({"queue": queue, "paused": False, "was_paused": is_news}))
    else:
        typer.echo("Unpaused." if is_news else "It was not paused.")


def _record(queue: QueueView) -> dict[str, object]:
    paused = queue.paused
    told = None if paused is None else {"who": paused.who, "why": paused.why, "at": as_text(paused.at)}
    return {"queue": queue.name, "available": queue.available, "running": queue.running, "paused": told}


def _cells(queue: QueueView) -> tuple[str, ...]:
    return (queue.name, f"{queue.available:,}", f"{queue.running:,}", _told(queue.paused))


def _told(paused: Pausing | None) -> str:
    if paused is None:
        return "-"
    if paused == UNREADABLE:
        return "by somebody; who and why, these settings can't open"
    return f"by {paused.who} at {as_text(paused.at)}: {paused.why}"
