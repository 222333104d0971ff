"""`envoy-plugin check`: whether a release would work, before it is one."""

import asyncio
import json
import os
from collections.abc import Iterator, Sequence
from typing import Annotated, Final

import typer

from envoy_plugin.cli.environment import load_env_file
from envoy_plugin.cli.findings import Finding, Status, failed, ok, verdict, warning
from envoy_plugin.cli.loading import load_plugin
from envoy_plugin.cli.options import AppOption, EnvFileOption, JsonOption
from envoy_plugin.cli.redis_findings import look_at_redis
from envoy_plugin.cli.table import table
from envoy_plugin.errors import EnvoyPluginError, SettingsError
from envoy_plugin.plugin import Plugin
from envoy_plugin.settings import REDIS_VARIABLES, Settings

PLACEHOLDER: Final = "redis://127.0.0.1:6379/0"
NO_REDIS: Final = "is not set: web and worker won't start without it; on a first deploy the add-on may not be there yet"

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def check(
    *,
    plugin_app: AppOption = None,
    offline: Annotated[bool, typer.Option("--offline", help="Leave Redis alone.")] = False,
    json_wanted: JsonOption = False,
    env_file: EnvFileOption = None,
) -> None:
    """Check settings, plugin and Redis, and write nothing: for a host's release phase.

    Exit code 78 for settings, 1 for anything else that won't work, 0 for none or only warnings. That no Redis is set
    is a warning, so that a first deploy can add one; one that is set must answer.

    Example: envoy-plugin check --app my_plugin:plugin
    """
    load_env_file(env_file)
    settings, findings = _settings()
    plugin, found = _plugin(plugin_app)
    findings += found
    if settings is not None and _has_redis() and not offline:
        findings += asyncio.run(look_at_redis(settings, plugin.name if plugin else None))
    _show(findings, json_wanted=json_wanted)
    raise typer.Exit(verdict(findings))


def _has_redis() -> bool:
    return any(os.environ.get(name) for name in REDIS_VARIABLES)


def _settings() -> tuple[Settings | None, list[Finding]]:
    missing = [] if _has_redis() else [warning("REDIS_URL", NO_REDIS)]
    environ = {**os.environ, **({"REDIS_URL": PLACEHOLDER} if missing else {})}
    try:
        return Settings.from_env(environ), [
            ok("settings", "complete" if not missing else "complete but for Redis"),
            *missing,
        ]
    except SettingsError as error:
        problems = [
            Finding(about="settings", status=Status.FAILED, text=str(problem), is_setting=True)
            for problem in error.problems
        ]
    return None, problems + missing


def _plugin(app: str | None) -> tuple[Plugin | None, list[Finding]]:
    try:
        plugin = load_plugin(app)
        plugin.check()
    except EnvoyPluginError as error:
        return None, [failed("plugin", line) for line in str(error).splitlines()]
    count = len(plugin.handlers)
    return plugin, [ok("plugin", f"{plugin.name} handles {count} event{'' if count == 1 else 's'}")]


def _show(findings: Sequence[Finding], *, json_wanted: bool) -> None:
    if json_wanted:
        typer.echo(json.dumps({"ok": verdict(findings) == 0, "checks": list(_records(findings))}, ensure_ascii=False))
        return
    for faulty in (False, True):
        rows = [(f.status.ljust(7), f.about, f.text) for f in findings if (f.status is Status.FAILED) is faulty]
        if rows:
            typer.echo(table(rows), err=faulty)


def _records(findings: Sequence[Finding]) -> Iterator[dict[str, str]]:
    for finding in findings:
        yield {"about": finding.about, "status": finding.status, "text": finding.text}
