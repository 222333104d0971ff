"""`envoy-plugin`: the command line.

A command is a module of `commands` whose `app` is a typer application, and one line in `COMMANDS`. Only the module
of the command that is run is imported.
"""

import gc
import sys
from collections.abc import Mapping
from importlib import import_module
from io import TextIOWrapper
from types import MappingProxyType
from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

from envoy_plugin.cli.exits import ExitCode
from envoy_plugin.errors import EnvoyPluginError, SettingsError

COMMANDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "dev": "Run a plugin here, with a simulated Envoy and a Redis in memory.",
        "web": "Answer Envoy's webhooks.",
        "worker": "Run background work, and tell Envoy its end.",
        "run": "Answer Envoy and run background work in one process.",
        "check": "Check settings, plugin and Redis, as before a release.",
        "doctor": "Find out what is wrong around a plugin, and what to do.",
        "routes": "Show what the plugin handles.",
        "jobs": "Show and change jobs: list, show, tail, retry, cancel, hold, unhold, run, export.",
        "queues": "Show and pause queues: list, pause, unpause.",
        "workflows": "Show workflows, and draw them: list, show.",
        "workers": "Show the workers that live, and what they run.",
        "platform": "Run a simulated Envoy on this machine.",
        "trigger": "Send a signed event to a plugin, as Envoy would.",
        "route": "Ask a plugin what a setup step would ask it.",
        "config": "Show or change an install's config at Envoy: get, set, merge.",
        "storage": "Show or change what a plugin stores: get, set, unset, list.",
        "deliveries": "Show what reached the plugin that `dev` runs, both sides.",
        "replay": "Send a webhook that reached the plugin once more.",
        "save": "Keep a webhook that reached the plugin as a fixture.",
        "events": "Show the events that are known, and their payloads.",
        "fixtures": "Show saved bodies of webhooks: list, show.",
        "sign": "Sign a file as Envoy would.",
        "verify": "Check a file's signature.",
        "tokens": "Make, show, revoke tokens for the Titan jobs API: add, list, revoke.",
        "users": "Make and revoke tokens for the operator API: token, revoke.",
        "things": "Register devices, make their keys, give them work: add, list, show, key, revoke, send, cancel.",
        "jwt": "Make and read tokens of the plugin's own: encode, decode.",
    }
)


GARBAGE_EVERY: Final = 50_000
"""Objects made between two collections. At Python's own 700 a tenth of a command's start is a search of its imports."""


class LazyGroup(TyperGroup):
    """A group that knows the names of its commands, and imports the one that is called."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = {name: TyperCommand(name, help=summary) for name, summary in COMMANDS.items()}

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Typer's hook between finding a command's name and running it."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, typer.main.get_command(import_module(f"{__name__}.commands.{name}").app), rest


app = typer.Typer(
    cls=LazyGroup, no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
)


def _show_version(asked: bool) -> None:  # noqa: FBT001 - the signature of a typer callback
    if asked:
        from importlib.metadata import version  # noqa: PLC0415 - slow, and seldom wanted

        typer.echo(version("envoy_plugin"))
        raise typer.Exit


@app.callback()
def root(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Write, run and try plugins for Envoy's visitor management.

    Exit codes: 0 ok, 1 failed, 2 usage, 3 unexpected outcome, 78 bad configuration.
    """


def main() -> None:
    """Run the command line; the console script `envoy-plugin`."""
    gc.set_threshold(GARBAGE_EVERY)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        app(prog_name="envoy-plugin")
    except SettingsError as error:
        typer.echo(str(error), err=True)
        sys.exit(ExitCode.BAD_CONFIGURATION)
    except EnvoyPluginError as error:
        typer.echo(str(error), err=True)
        sys.exit(ExitCode.FAILED)
