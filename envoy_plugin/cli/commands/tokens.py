"""`envoy-plugin tokens`: who may use the Titan jobs API."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, TypeAlias, TypeVar

import typer

from envoy_plugin.apis.titan.tokens import Scope, Token, TokenRefused, Tokens
from envoy_plugin.cli.exits import ExitCode
from envoy_plugin.cli.options import AppOption, EnvFileOption, JsonOption
from envoy_plugin.cli.redis_access import ask_engine
from envoy_plugin.cli.table import table
from envoy_plugin.engine.engine import Engine

Answer = TypeVar("Answer")
NameArgument: TypeAlias = Annotated[str, typer.Argument(metavar="NAME", help="Whose it is: a-z, 0-9 and -.")]

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def tokens() -> None:
    """Make, show and revoke tokens for the Titan jobs API, which TITAN_ACCESS=tokens serves.

    Example: envoy-plugin tokens add resizer --scope consume
    """


@app.command()
def add(
    name: NameArgument,
    *,
    scope: Annotated[list[Scope], typer.Option(help="What it is good for; repeatable.")],
    json_wanted: JsonOption = False,
    plugin_app: AppOption = None,
    env_file: EnvFileOption = None,
) -> None:
    """Make a token, and print it this once: what is kept is a digest.

    Example: envoy-plugin tokens add resizer --scope consume
    """
    try:
        made, text = _ask(plugin_app, env_file, lambda tokens: tokens.add(name, scope))
    except TokenRefused as error:
        raise typer.BadParameter(str(error), param_hint="NAME") from None
    typer.echo(json.dumps({"token": text, **_record(made)}) if json_wanted else text)


@app.command("list")
def list_(*, json_wanted: JsonOption = False, plugin_app: AppOption = None, env_file: EnvFileOption = None) -> None:
    """Show the tokens that there are, but not their texts.

    Example: envoy-plugin tokens list
    """
    found = _ask(plugin_app, env_file, lambda tokens: tokens.list())
    if json_wanted:
        typer.echo(json.dumps([_record(token) for token in found]))
    else:
        rows = [
            (token.name, " ".join(sorted(token.scopes)), token.created.isoformat(" ", "seconds")) for token in found
        ]
        typer.echo(table(rows) if rows else "No tokens.")


@app.command()
def revoke(
    name: NameArgument,
    *,
    json_wanted: JsonOption = False,
    plugin_app: AppOption = None,
    env_file: EnvFileOption = None,
) -> None:
    """Make a token good for nothing, at once and for good.

    Exit code 1 where there is none of this name.

    Example: envoy-plugin tokens revoke resizer
    """
    was_there = _ask(plugin_app, env_file, lambda tokens: tokens.revoke(name))
    if json_wanted:
        typer.echo(json.dumps({"name": name, "revoked": was_there}))
    else:
        typer.echo("Revoked." if was_there else f"There is no token {name!r}.", err=not was_there)
    raise typer.Exit(ExitCode.OK if was_there else ExitCode.FAILED)


def _ask(plugin_app: str | None, env_file: Path | None, question: Callable[[Tokens], Awaitable[Answer]]) -> Answer:
    async def ask(engine: Engine) -> Answer:
        return await question(Tokens(engine.redis, engine.keys.titan_tokens))

    return ask_engine(plugin_app, env_file, ask)


def _row(token: Token) -> tuple[str, str, str]:
    return token.name, " ".join(sorted(token.scopes)), token.created.isoformat(" ", "seconds")


def _record(token: Token) -> dict[str, Any]:
    return {"name": token.name, "scopes": sorted(token.scopes), "created": token.created.isoformat()}
