"""`envoy-plugin doctor`: what is wrong with a running plugin's surroundings, and what to do about it."""

import asyncio
from typing import Annotated

import typer
from redis.exceptions import RedisError

from envoy_plugin.cli.environment import has_redis, load_env_file
from envoy_plugin.cli.findings.envoy import look_at_envoy
from envoy_plugin.cli.findings.finding import Finding, Status, show, verdict, warning
from envoy_plugin.cli.findings.jobs import look_at_jobs
from envoy_plugin.cli.findings.own import look_at_plugin, look_at_settings
from envoy_plugin.cli.findings.redis import look_at_redis
from envoy_plugin.cli.findings.reports import look_at_reports
from envoy_plugin.cli.options import AppOption, EnvFileOption, JsonOption
from envoy_plugin.cli.redis_access import ask_redis
from envoy_plugin.engine.engine import Engine
from envoy_plugin.plugin import Plugin
from envoy_plugin.settings import Settings

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def doctor(
    *,
    plugin_app: AppOption = None,
    offline: Annotated[bool, typer.Option("--offline", help="Leave Envoy and Redis alone.")] = False,
    json_wanted: JsonOption = False,
    env_file: EnvFileOption = None,
) -> None:
    """Look at settings, plugin, Envoy's login, this machine's clock, Redis and jobs, and say what to do.

    It logs in at Envoy once and writes nothing. Neither a secret nor a token is shown, so what it prints can be passed
    on. Exit code 78 for settings, 1 for anything else that is wrong, 0 for none or only warnings.

    Example: envoy-plugin doctor --env-file .env
    """
    load_env_file(env_file)
    settings, findings = look_at_settings()
    plugin, found = _plugin(plugin_app)
    findings += found
    if settings is not None and not offline:
        findings += asyncio.run(_look_around(settings, plugin))
    show(findings, advise=True, json_wanted=json_wanted)
    raise typer.Exit(verdict(findings))


def _plugin(app: str | None) -> tuple[Plugin | None, list[Finding]]:
    """The plugin; that none is named is worth a warning here, since most of this can be told without one."""
    try:
        return look_at_plugin(app)
    except typer.BadParameter as error:
        if app is not None:
            raise
        return None, [warning("plugin", "is not named, so it wasn't looked at", error.message)]


async def _look_around(settings: Settings, plugin: Plugin | None) -> list[Finding]:
    findings = await look_at_envoy(settings)
    if not has_redis():
        return findings
    findings += await look_at_redis(settings, plugin.name if plugin else None)
    prefix = settings.redis_prefix or (plugin and plugin.name)
    is_usable = not any(one.status is Status.FAILED and one.about.startswith("redis") for one in findings)
    return findings + (await look_at_work(settings, prefix) if prefix and is_usable else [])


async def look_at_work(settings: Settings, prefix: str) -> list[Finding]:
    """What is to be seen in the jobs, the reports and the workers of the plugin whose keys begin so."""

    async def look(engine: Engine) -> list[Finding]:
        return [*await look_at_jobs(engine), *await look_at_reports(engine)]

    try:
        return await ask_redis(settings, prefix, look)
    except (RedisError, TimeoutError) as error:
        return [warning("jobs", f"can't be looked at: {type(error).__name__}")]
