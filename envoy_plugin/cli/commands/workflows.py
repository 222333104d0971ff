"""`envoy-plugin workflows`: what workflows there are, and how one stands, drawn."""

import json
from collections.abc import Collection
from enum import StrEnum
from typing import Annotated, Any, TypeAlias

import typer

from envoy_plugin.cli.loading import load_plugin_if_named
from envoy_plugin.cli.options import AppOption, EnvFileOption, JsonOption
from envoy_plugin.cli.redis_access import ask_with_secrets
from envoy_plugin.cli.table import table
from envoy_plugin.cli.workflow_views import StepView, WorkflowView, find_template, list_workflows, view_workflow
from envoy_plugin.engine.engine import Engine
from envoy_plugin.errors import EnvoyPluginError, JobNotFound
from envoy_plugin.workflows.definitions.checks import dead_answers, faults_in, unreachable
from envoy_plugin.workflows.definitions.conditions import ELSE
from envoy_plugin.workflows.definitions.diagrams import Diagram
from envoy_plugin.workflows.drawing.mermaid import mermaid
from envoy_plugin.workflows.drawing.svg import svg

HEADINGS = ("STEP", "NAME", "KIND", "STATE", "WHOSE", "WHY")
TEMPLATE_HEADINGS = ("STEP", "NAME", "KIND", "WHOSE", "THEN")
LIST_HEADINGS = ("ID", "INSTALL", "TEMPLATE", "STATE", "DONE", "CURRENT STEPS")
InstallOption: TypeAlias = Annotated[str | None, typer.Option("--install", metavar="ID", help="Of this install alone.")]


class Form(StrEnum):
    """How a workflow is shown."""

    TABLE = "table"
    MERMAID = "mermaid"
    SVG = "svg"


class UnknownWorkflow(EnvoyPluginError):
    """There is neither a workflow nor a template of this name."""


app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def workflows() -> None:
    """Show workflows: visits as steps of code, devices, pull-workers and people.

    Example: envoy-plugin workflows list
    """


@app.command("list")
def list_(
    *,
    install: InstallOption = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 50,
    json_wanted: JsonOption = False,
    plugin_app: AppOption = None,
    env_file: EnvFileOption = None,
) -> None:
    """Show workflows, the newest first: how far each is, and which steps somebody has to do now.

    Example: envoy-plugin workflows list --install 1001
    """
    found = ask_with_secrets(plugin_app, env_file, lambda engine: list_workflows(engine, install, limit))
    if json_wanted:
        typer.echo(json.dumps({"workflows": [_record(view) for view in found]}, ensure_ascii=False))
    else:
        typer.echo(table([LIST_HEADINGS, *(_cells(view) for view in found)]) if found else "No workflows.")


@app.command()
def show(
    target: Annotated[str, typer.Argument(metavar="ID|TEMPLATE", help="A workflow, or a template's id.")],
    *,
    form: Annotated[Form, typer.Option("--as", help="A table, a Mermaid flowchart, or an SVG picture.")] = Form.TABLE,
    install: InstallOption = None,
    json_wanted: JsonOption = False,
    plugin_app: AppOption = None,
    env_file: EnvFileOption = None,
) -> None:
    """Show the steps of a workflow, each with its state; or those that a template has, each with what follows.

    Example: envoy-plugin workflows show visit --as svg > visit.svg
    """
    plugin = load_plugin_if_named(plugin_app)
    own = plugin.templates if plugin else {}

    async def ask(engine: Engine) -> WorkflowView | Diagram | None:
        try:
            return await view_workflow(engine, target)
        except JobNotFound:
            return await find_template(engine, own, target, install)

    template = own.get(target)
    found = template.diagram if template else ask_with_secrets(plugin_app, env_file, ask)
    if plugin and template and template.diagram:
        _note(template.diagram, plugin.steps)
    if found is None:
        had = f" The plugin's own templates: {', '.join(own)}." if own else ""
        raise UnknownWorkflow(f"There is neither a workflow nor a template {target!r}.{had}")
    view = WorkflowView.of_diagram(found) if isinstance(found, Diagram) else found
    typer.echo(_shown(view, form, json_wanted=json_wanted))


def _note(diagram: Diagram, functions: Collection[str]) -> None:
    """Say beside the drawing what will not run as it stands, and what leads nowhere, or is led to from nowhere."""
    for fault in faults_in(diagram, functions):
        typer.echo(fault, err=True)
    for step_id in unreachable(diagram):
        typer.echo(f"No path leads to step {step_id!r}: only somebody who sets it current gets there.", err=True)
    for step_id, answer in dead_answers(diagram):
        typer.echo(f"The answer {answer!r} of step {step_id!r} will be refused: no path is taken at it.", err=True)


def _shown(view: WorkflowView, form: Form, *, json_wanted: bool) -> str:
    states = {step.id: step.state for step in view.steps} if view.id else None
    if json_wanted:
        return json.dumps({**_record(view), "steps": [_step_record(step) for step in view.steps]}, ensure_ascii=False)
    match form:
        case Form.MERMAID:
            return mermaid(view.diagram, states).rstrip()
        case Form.SVG:
            return svg(view.diagram, states).rstrip()
    if view.id:
        head = f"{view.template}  {view.state}, {view.percent:.0f} % done"
        return f"{head}\n{table([HEADINGS, *(_step_cells(step) for step in view.steps)])}"
    return f"{view.diagram.name}\n{table([TEMPLATE_HEADINGS, *(_template_cells(step) for step in view.steps)])}"


def _record(view: WorkflowView) -> dict[str, Any]:
    return {
        "id": view.id or None,
        "install": view.install or None,
        "template": view.template,
        "state": view.state or None,
        "percent": round(view.percent, 1),
        "current": list(view.current),
    }


def _step_record(step: StepView) -> dict[str, Any]:
    return {"id": step.id, "name": step.name, "kind": step.kind, "state": step.state or None} | {
        "assignee": step.assignee or None,
        "why": step.why or None,
        "job": step.job or None,
        "attempt": step.attempt or None,
        "then": [{"step": step_id, "when": when or None} for step_id, when in step.then],
    }


def _cells(view: WorkflowView) -> tuple[str, ...]:
    done = f"{view.percent:.0f} %"
    return (view.id, view.install, view.template, view.state, done, ", ".join(view.current) or "-")


def _step_cells(step: StepView) -> tuple[str, ...]:
    return (step.id, step.name or "-", step.kind, step.state or "-", step.assignee or "-", step.why or "-")


def _in_words(when: str) -> str:
    if when == ELSE:
        return " else"
    return f" if {when}" if when else ""


def _template_cells(step: StepView) -> tuple[str, ...]:
    then = "; ".join(f"{step_id}{_in_words(when)}" for step_id, when in step.then)
    return (step.id, step.name or "-", step.kind, step.assignee or "-", then or "-")
