"""`envoy-plugin check`: whether a release would work, before it is one."""

import asyncio
from typing import Annotated

import typer

from envoy_plugin.cli.environment import has_redis, load_env_file
from envoy_plugin.cli.findings.finding import show, verdict
from envoy_plugin.cli.findings.own import look_at_plugin, look_at_settings
from envoy_plugin.cli.findings.redis import look_at_redis
from envoy_plugin.cli.options import AppOption, EnvFileOption, JsonOption

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
    settings, findings = look_at_settings()
    plugin, found = look_at_plugin(plugin_app)
    findings += found
    if settings is not None and has_redis() and not offline:
        findings += asyncio.run(look_at_redis(settings, plugin.name if plugin else None))
    show(findings, advise=False, json_wanted=json_wanted)
    raise typer.Exit(verdict(findings))
