"""`envoy-plugin config`: the config of one install, as Envoy has it."""

import json
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

import typer

from envoy_plugin.cli.envoy_access import Asked, ask_envoy
from envoy_plugin.cli.loading import load_plugin_if_named
from envoy_plugin.cli.masking import masked, secret_fields
from envoy_plugin.cli.options import AppOption, EnvFileOption, JsonOption
from envoy_plugin.cli.sending.targets import read_pairs
from envoy_plugin.cli.table import table
from envoy_plugin.errors import ApiRefused, EnvoyPluginError

KeyValues: TypeAlias = Annotated[
    list[str] | None, typer.Argument(metavar="KEY=VALUE", help="JSON or text; a KEY again makes an array.")
]
InstallOption: TypeAlias = Annotated[str, typer.Option(metavar="ID", help="Envoy's id of the install.")]
UnsetOption: TypeAlias = Annotated[list[str] | None, typer.Option(metavar="KEY", help="Remove this key; repeatable.")]
RevealOption: TypeAlias = Annotated[bool, typer.Option("--reveal", help="Show secrets, too.")]
Found: TypeAlias = tuple[str, Mapping[str, Any]]
"""Envoy's origin, and the config there."""
NOT_THERE: Final = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN})

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


class NoSuchInstall(EnvoyPluginError):
    """Envoy has no such install of this plugin."""


@app.callback()
def config() -> None:
    """Show or change the config of an install at Envoy, with the plugin's own token.

    It is the Envoy of ENVOY_BASE_URL, else Envoy itself; where no ENVOY_CLIENT_ID is set, the simulated one on this
    machine. Values of the config's Secret fields, and of keys such as api_key or pin, are masked without --reveal.

    Example: envoy-plugin config get --install 1001
    """


@app.command()
def get(
    *,
    install: InstallOption,
    reveal: RevealOption = False,
    json_wanted: JsonOption = False,
    plugin_app: AppOption = None,
    env_file: EnvFileOption = None,
) -> None:
    """Show the whole config of an install.

    Example: envoy-plugin config get --install 1001 --json
    """
    _answer(install, _read, plugin_app, env_file, reveal=reveal, json_wanted=json_wanted)


@app.command("set")
def set_(  # noqa: PLR0913 - one parameter is one option
    pairs: KeyValues = None,
    *,
    install: InstallOption,
    unset: UnsetOption = None,
    reveal: RevealOption = False,
    json_wanted: JsonOption = False,
    plugin_app: AppOption = None,
    env_file: EnvFileOption = None,
) -> None:
    """Give keys new values, or remove them.

    Other keys stay; the value null removes, too. Shows the whole config. Processes that run use what they have kept,
    for 5 minutes at most or until the install's next delivery.

    Example: envoy-plugin config set --install 1001 greeting=Hola level=3 --unset group
    """
    change = partial(_set, changes=_changes(pairs, unset))
    _answer(install, change, plugin_app, env_file, reveal=reveal, json_wanted=json_wanted)


@app.command()
def merge(  # noqa: PLR0913 - one parameter is one option
    pairs: KeyValues = None,
    *,
    install: InstallOption,
    unset: UnsetOption = None,
    reveal: RevealOption = False,
    json_wanted: JsonOption = False,
    plugin_app: AppOption = None,
    env_file: EnvFileOption = None,
) -> None:
    """As set, but merge objects into those there.

    That goes to any depth, and null removes at any depth. Shows the whole config. Processes that run use what they have
    kept, for 5 minutes at most or until the install's next delivery.

    Example: envoy-plugin config merge --install 1001 'door={"floor": 2, "wing": null}'
    """
    change = partial(_merge, changes=_changes(pairs, unset))
    _answer(install, change, plugin_app, env_file, reveal=reveal, json_wanted=json_wanted)


def _changes(pairs: list[str] | None, unset: list[str] | None) -> dict[str, Any]:
    changes = read_pairs(pairs or (), "KEY=VALUE")
    both = sorted(changes.keys() & set(unset or ()))
    if both:
        raise typer.BadParameter(f"{', '.join(both)} can't be given a value and removed.", param_hint="--unset")
    changes |= dict.fromkeys(unset or ())
    if not changes:
        raise typer.BadParameter("Name what is to change: KEY=VALUE, or --unset KEY.", param_hint="KEY=VALUE")
    return changes


async def _read(asked: Asked, install: str) -> Mapping[str, Any]:
    return await asked.api.get_config(install)


async def _set(asked: Asked, install: str, *, changes: Mapping[str, Any]) -> Mapping[str, Any]:
    return await asked.api.set_config(install, changes)


async def _merge(asked: Asked, install: str, *, changes: Mapping[str, Any]) -> Mapping[str, Any]:
    before = await asked.api.get_config(install)
    whole = merged(before, changes)
    return await asked.api.set_config(install, {key: whole.get(key) for key in changes})


def merged(before: Any, changes: Mapping[str, Any]) -> dict[str, Any]:
    """`before` with `changes` merged into it. Source: RFC 7396."""
    whole = dict(before) if isinstance(before, Mapping) else {}
    for key, value in changes.items():
        if value is None:
            whole.pop(key, None)
        else:
            whole[key] = merged(whole.get(key), value) if isinstance(value, Mapping) else value
    return whole


def _answer(
    install: str,
    question: Callable[[Asked, str], Awaitable[Mapping[str, Any]]],
    plugin_app: str | None,
    env_file: Path | None,
    *,
    reveal: bool,
    json_wanted: bool,
) -> None:
    if install in {"", ".", ".."}:
        raise typer.BadParameter("Give Envoy's id of an install.", param_hint="--install")
    plugin = load_plugin_if_named(plugin_app)

    async def ask(asked: Asked) -> Found:
        return asked.base_url, await question(asked, install)

    try:
        base_url, whole = ask_envoy(env_file, ask)
    except ApiRefused as error:
        if error.status not in NOT_THERE:
            raise
        raise NoSuchInstall(f"Envoy has no install {install!r} of this plugin ({error.status}).") from None
    shown = whole if reveal else masked(whole, secret_fields(plugin.config if plugin else None))
    typer.echo(_as_json(install, shown) if json_wanted else _as_text(install, base_url, shown))


def _as_json(install: str, config: Mapping[str, Any]) -> str:
    return json.dumps({"install": install, "config": config}, ensure_ascii=False)


def _as_text(install: str, base_url: str, config: Mapping[str, Any]) -> str:
    rows = [(key, json.dumps(value, ensure_ascii=False)) for key, value in config.items()]
    return f"Install {install} at {base_url}\n{table(rows) if rows else 'The config is empty.'}"
