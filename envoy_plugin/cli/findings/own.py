"""What `check` and `doctor` find about the settings and the plugin."""

import os
from typing import Final

from envoy_plugin.cli.environment import has_redis
from envoy_plugin.cli.findings.finding import Finding, Status, failed, ok, warning
from envoy_plugin.cli.loading import load_plugin
from envoy_plugin.errors import EnvoyPluginError, SettingsError
from envoy_plugin.plugin import Plugin
from envoy_plugin.settings import Settings

PLACEHOLDER: Final = "redis://127.0.0.1:6379/0"
NO_REDIS: Final = "is not set: web and worker won't start without it; on a first deploy the add-on may not be there yet"
ADD_REDIS: Final = (
    "Add a Redis or Key-Value store at your host; for this machine alone `envoy-plugin dev` brings its own."
)
CORRECT: Final = "Correct it there, or name another plugin by --app."


def look_at_settings() -> tuple[Settings | None, list[Finding]]:
    """The settings of the environment, where they can be used; that there is no Redis is a warning."""
    missing = [] if has_redis() else [warning("REDIS_URL", NO_REDIS, ADD_REDIS)]
    environ = {**os.environ, **({"REDIS_URL": PLACEHOLDER} if missing else {})}
    try:
        settings = Settings.from_env(environ)
    except SettingsError as error:
        return None, [_problem(str(problem)) for problem in error.problems] + missing
    return settings, [ok("settings", "complete but for Redis" if missing else "complete"), *missing]


def _problem(text: str) -> Finding:
    return Finding(about="settings", status=Status.FAILED, text=text, is_setting=True)


def look_at_plugin(app: str | None) -> tuple[Plugin | None, list[Finding]]:
    """The plugin, where it can be imported and everything its handlers ask for is there."""
    try:
        plugin = load_plugin(app)
        plugin.check()
    except EnvoyPluginError as error:
        return None, [failed("plugin", line, CORRECT) for line in str(error).splitlines()]
    count = len(plugin.handlers)
    return plugin, [ok("plugin", f"{plugin.name} handles {count} event{'' if count == 1 else 's'}")]
