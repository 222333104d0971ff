"""`envoy-plugin jwt`: tokens of the plugin's own, as its `EnvoyJWT` makes and reads them."""

import json
import os
import sys
from datetime import timedelta
from typing import Annotated, Any, Final, TypeAlias

import typer

from envoy_plugin.cli.environment import load_env_file
from envoy_plugin.cli.exits import ExitCode
from envoy_plugin.cli.options import EnvFileOption, JsonOption
from envoy_plugin.cli.sending.targets import read_pairs
from envoy_plugin.envoy.jwt import Algorithm, Claims, EnvoyJWT
from envoy_plugin.errors import JWTError, Problem, SettingsError
from envoy_plugin.variables import duration, secret_values

SECRET: Final = "JWT_SECRET"  # noqa: S105 - a variable's name
LONGEST_TOKEN: Final = 100_000
LIFETIME: Final = duration("1s", "3650d")

AlgorithmOption: TypeAlias = Annotated[Algorithm, typer.Option(help="How it is signed.")]
AppOption: TypeAlias = Annotated[str | None, typer.Option("--app", help="Accepted, as by every command; not needed.")]

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def jwt() -> None:
    """Make and read JSON Web Tokens with JWT_SECRET, as the plugin does with EnvoyJWT.

    Example: envoy-plugin jwt encode entry-9001 --expires-in 1h door=7
    """


@app.command()
def encode(  # noqa: PLR0913 - one parameter is one option
    subject: Annotated[str, typer.Argument(help="Whom or what the token is about: sub.")],
    pairs: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE", help="The payload: JSON or text. Anybody reads it.")
    ] = None,
    *,
    expires_in: Annotated[str, typer.Option(metavar="DURATION", help="When it ends: 90 (seconds), 15m, 24h or 7d.")],
    algorithm: AlgorithmOption = "HS256",
    json_wanted: JsonOption = False,
    env_file: EnvFileOption = None,
    plugin_app: AppOption = None,
) -> None:
    """Print a token that ends.

    Example: envoy-plugin jwt encode entry-9001 --expires-in 1h door=7
    """
    load_env_file(env_file)
    lifetime = _duration(expires_in)
    token = _tokens(algorithm).encode(subject, lifetime, read_pairs(pairs or (), "KEY=VALUE"))
    shown = {"token": token, "subject": subject, "expires_in": int(lifetime.total_seconds())}
    typer.echo(json.dumps(shown) if json_wanted else token)


@app.command()
def decode(
    token: Annotated[str | None, typer.Argument(help="The token. [default: standard input]")] = None,
    *,
    algorithm: AlgorithmOption = "HS256",
    json_wanted: JsonOption = False,
    env_file: EnvFileOption = None,
    plugin_app: AppOption = None,
) -> None:
    """Show what a token of the plugin's own says.

    Exit code 1 where it is none of the plugin's own, or has ended.

    Example: envoy-plugin jwt decode < token.txt
    """
    load_env_file(env_file)
    text = token if token not in {None, "-"} else sys.stdin.read(LONGEST_TOKEN)
    try:
        told: dict[str, Any] = {"valid": True, "error": None, **_record(_tokens(algorithm).decode(str(text).strip()))}
    except JWTError as error:
        told = {"valid": False, "error": str(error)}
    faulty = not told["valid"]
    typer.echo(json.dumps(told, ensure_ascii=False) if json_wanted else _text(told), err=faulty and not json_wanted)
    raise typer.Exit(ExitCode.FAILED if faulty else ExitCode.OK)


def _duration(text: str) -> timedelta:
    try:
        return LIFETIME(text)
    except ValueError as error:
        raise typer.BadParameter(f"It {error}.", param_hint="--expires-in") from None


def _tokens(algorithm: Algorithm) -> EnvoyJWT:
    """What makes and reads them.

    Raises:
        SettingsError: JWT_SECRET is missing or too short.
    """
    try:
        return EnvoyJWT(*secret_values(os.environ.get(SECRET, "")), algorithm=algorithm)
    except ValueError as error:
        raise _unusable(str(error)) from None
    except JWTError:
        raise _unusable(f"is too short for {algorithm}") from None


def _unusable(fault: str) -> SettingsError:
    made = "Make one of random characters: openssl rand -hex 32."
    return SettingsError([Problem(name=SECRET, fault=fault, source=made, example="$(openssl rand -hex 32)")])


def _record(claims: Claims) -> dict[str, Any]:
    return {
        "subject": claims.subject,
        "expires_at": claims.expires_at.isoformat(),
        "issued_at": claims.issued_at.isoformat() if claims.issued_at else None,
        "payload": dict(claims.payload),
    }


def _text(told: dict[str, Any]) -> str:
    return json.dumps(told, ensure_ascii=False, indent=2) if told["valid"] else str(told["error"])
