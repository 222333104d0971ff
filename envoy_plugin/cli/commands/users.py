"""`envoy-plugin users`: operators' tokens, with which people and their programs use the operator API."""

import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

import typer

from envoy_plugin.apis.workflow_manager.tokens import (
    ID,
    TEXT,
    BadToken,
    Operator,
    OperatorRefused,
    OperatorTokens,
    Revocations,
)
from envoy_plugin.cli.environment import load_env_file
from envoy_plugin.cli.exits import ExitCode
from envoy_plugin.cli.options import AppOption, EnvFileOption, JsonOption
from envoy_plugin.cli.redis_access import ask_with_secrets, settings_with_secrets
from envoy_plugin.engine.engine import Engine
from envoy_plugin.variables import duration

LIFETIME: Final = duration("1s", "30d")
LONGEST_TOKEN: Final = 10_000
FROM_INPUT: Final = "-"

UnusedAppOption: TypeAlias = Annotated[
    str | None, typer.Option("--app", help="Accepted, as by every command; not needed.")
]

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def users() -> None:
    """Make and revoke tokens for the operator API, which `web` serves below /workflow.

    Example: envoy-plugin users token ada --group front-desk --privilege jobUpdateHolds
    """


@app.command()
def token(  # noqa: PLR0913 - one parameter is one option
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Who it is, as steps are assigned and histories tell it.")
    ],
    *,
    group: Annotated[list[str] | None, typer.Option(help="A group that they are in; repeatable.")] = None,
    item: Annotated[
        list[str] | None,
        typer.Option(metavar="ITEM", help="An install's id, or a word; repeatable. [default: WORKFLOW_ITEM]"),
    ] = None,
    privilege: Annotated[
        list[str] | None, typer.Option(metavar="NAME|all", help="What they may change; repeatable. [nothing]")
    ] = None,
    expires_in: Annotated[
        str, typer.Option("--expires-in", "--expires", metavar="DURATION", help="When it ends; 30d at most.")
    ] = "12h",
    json_wanted: JsonOption = False,
    env_file: EnvFileOption = None,
    plugin_app: UnusedAppOption = None,
) -> None:
    """Print a token for somebody. It is kept nowhere, and good until it ends or is revoked.

    Example: envoy-plugin users token ada --group front-desk --privilege all --expires-in 8h
    """
    load_env_file(env_file)
    settings = settings_with_secrets()
    life = _life(expires_in)
    try:
        operator, text = OperatorTokens(settings.root_secrets).mint(
            name, items=item or [settings.workflow_item], groups=group or (), privileges=privilege or (), life=life
        )
    except OperatorRefused as error:
        raise typer.BadParameter(str(error)) from None
    typer.echo(json.dumps({"token": text, **_record(operator)}) if json_wanted else text)


@app.command()
def revoke(
    what: Annotated[
        str, typer.Argument(metavar="NAME|ID|TOKEN", help="Whose tokens, or which one; -: standard input.")
    ],
    *,
    json_wanted: JsonOption = False,
    plugin_app: AppOption = None,
    env_file: EnvFileOption = None,
) -> None:
    """Make one token good for nothing, at once and for good; by a name, every token that they have.

    Exit code 1 for a token that is none of the plugin's own, or has ended.

    Example: envoy-plugin users revoke ada
    """
    given = sys.stdin.read(LONGEST_TOKEN).strip() if what == FROM_INPUT else what
    if not given:
        raise typer.BadParameter("There is nothing to revoke.", param_hint="NAME|ID|TOKEN")
    try:
        told = _revoke(given, plugin_app, env_file)
    except BadToken as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(ExitCode.FAILED) from None
    typer.echo(json.dumps(told) if json_wanted else _said(told))


def _revoke(given: str, plugin_app: str | None, env_file: Path | None) -> dict[str, str]:
    """What was revoked: one token's id, or a user.

    Raises:
        BadToken: it looks like a token, and is none of ours or has ended.
    """
    load_env_file(env_file)
    if TEXT.fullmatch(given):
        operator = OperatorTokens(settings_with_secrets().root_secrets).read(given)
        ask_with_secrets(plugin_app, env_file, lambda engine: _of(engine).revoke(operator.jti, operator.exp))
        return {"id": operator.jti}
    if ID.fullmatch(given):
        ask_with_secrets(plugin_app, env_file, lambda engine: _of(engine).revoke(given))
        return {"id": given}
    ask_with_secrets(plugin_app, env_file, lambda engine: _of(engine).revoke_user(given))
    return {"user": given}


def _of(engine: Engine) -> Revocations:
    return Revocations(engine.redis, engine.keys.operators_revoked)


def _said(told: dict[str, str]) -> str:
    if "user" in told:
        return f"Revoked: every token that {told['user']} has had until now."
    return f"Revoked: {told['id']}."


def _life(text: str) -> timedelta:
    try:
        return LIFETIME(text)
    except ValueError as error:
        raise typer.BadParameter(f"It {error}.", param_hint="--expires-in") from None


def _record(operator: Operator) -> dict[str, Any]:
    return {
        "id": operator.jti,
        "user": operator.name,
        "items": sorted(operator.items),
        "groups": sorted(operator.groups),
        "privileges": sorted(operator.privileges),
        "expires": operator.exp.isoformat(timespec="seconds"),
    }
