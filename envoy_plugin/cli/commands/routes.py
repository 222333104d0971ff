"""`envoy-plugin routes`: what a plugin handles."""

import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated, Any

import typer

from envoy_plugin.cli.environment import load_env_file
from envoy_plugin.cli.loading import load_plugin
from envoy_plugin.cli.options import AppOption, EnvFileOption, JsonOption
from envoy_plugin.cli.public_urls import events_url, read_base, route_url
from envoy_plugin.cli.table import table
from envoy_plugin.declarations.steps import StepHandler
from envoy_plugin.injection.handlers import place
from envoy_plugin.routing import Handler, RouteHandler, is_pattern
from envoy_plugin.tasks.schedules import Schedule
from envoy_plugin.tasks.task import TaskHandler

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def routes(
    *,
    plugin_app: AppOption = None,
    url: Annotated[
        str, typer.Option(metavar="BASE", help="Where the plugin is served, as https://doors.example.com.")
    ] = "",
    json_wanted: JsonOption = False,
    env_file: EnvFileOption = None,
) -> None:
    """Show what the plugin handles, how and by which function: events, setup steps, tasks, steps of workflows.

    The URLs are for Envoy's Dev Dashboard. Any event can be sent to /envoy/events too, and one that a pattern such as
    invite_* means also to a URL of its own.

    Example: envoy-plugin routes --app my_plugin:plugin --url https://doors.example.com
    """
    load_env_file(env_file)
    base = read_base(url, "--url")
    plugin = load_plugin(plugin_app)
    handlers = [_row(handler, base) for handler in plugin.handlers.values()]
    steps = [_step(route, base) for route in plugin.routes.values()]
    work = {
        "tasks": [_task(task, plugin.schedules.values()) for task in plugin.tasks.values()],
        "steps": [_work(step) for step in plugin.steps.values()],
    }
    if json_wanted:
        told = {"plugin": plugin.name, "url": events_url(base), "handlers": handlers, "routes": steps} | work
        typer.echo(json.dumps(told, ensure_ascii=False))
        return
    rows = [[row[name] for name in ("event", "mode", "url", "function")] for row in handlers]
    rows += [[row[name] for name in ("name", "kind", "url", "function")] for row in steps]
    for row in work["tasks"]:
        rows.append([row["name"], "task", ", ".join(row["schedules"]) or f"queue {row['queue']}", row["function"]])
    rows += [[row["name"], "step", "-", row["function"]] for row in work["steps"]]
    typer.echo(table(rows) if rows else f"{plugin.name} handles nothing.")


def _row(handler: Handler, base: str) -> dict[str, Any]:
    """What is registered; `timeout_seconds` None: HANDLER_TIMEOUT."""
    return {
        "event": handler.event,
        "mode": "background" if handler.background else "inline",
        "url": events_url(base, None if is_pattern(handler.event) else handler.event),
        "function": place(handler.function),
        "timeout_seconds": _seconds(handler.timeout),
        "retries": handler.retries,
    }


def _step(route: RouteHandler, base: str) -> dict[str, Any]:
    """The same of a setup step."""
    return {
        "name": route.name,
        "kind": route.kind,
        "url": route_url(base, route.kind, route.name),
        "function": place(route.function),
        "timeout_seconds": _seconds(route.timeout),
    }


def _work(handler: TaskHandler | StepHandler) -> dict[str, Any]:
    """What is common to tasks and the functions that do steps of workflows."""
    return {
        "name": handler.name,
        "function": place(handler.function),
        "timeout_seconds": handler.timeout.total_seconds(),
    }


def _task(task: TaskHandler, schedules: Iterable[Schedule]) -> dict[str, Any]:
    """The same of a task; without a schedule it runs when it is enqueued."""
    due = [str(schedule.rule) for schedule in schedules if schedule.task == task.name]
    return _work(task) | {"queue": task.queue, "schedules": due, "retries": task.retries}


def _seconds(timeout: timedelta | None) -> float | None:
    return timeout.total_seconds() if timeout else None
