"""`envoy-plugin verify`: whether a signature belongs to a file."""

import json as json_format
from pathlib import Path
from typing import Annotated

import typer

from envoy_plugin.cli.exits import ExitCode
from envoy_plugin.cli.sending.fixture_files import read_file_or_input
from envoy_plugin.cli.sending.targets import SECRET_VARIABLE, read_secrets
from envoy_plugin.envoy.signature import verify as check
from envoy_plugin.errors import BadSignature

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def verify(
    file: Annotated[Path | None, typer.Argument(help="The body. [default: standard input]", allow_dash=True)] = None,
    *,
    signature: Annotated[str, typer.Option(help="The value of X-Envoy-Signature.")],
    secret_env: Annotated[
        str, typer.Option(help="The environment variable with the secret; of two, either will do.")
    ] = SECRET_VARIABLE,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    plugin_app: Annotated[str | None, typer.Option("--app", help="Accepted, as by every command; not needed.")] = None,
) -> None:
    """Check that a file was signed with the plugin's secret; exit 1 where it wasn't.

    Example: envoy-plugin verify body.json --signature ZAls6E3dClCoJaT9IpDTCO4MFSlsJMBl9OI5BaRs3Ho=
    """
    body, secrets = read_file_or_input(file), read_secrets(secret_env)
    fault = _fault(body, signature, secrets)
    shown = {"valid": fault is None, "error": fault, "bytes": len(body)}
    typer.echo(json_format.dumps(shown) if json else fault or "The signature is right.", err=bool(fault) and not json)
    raise typer.Exit(ExitCode.OK if fault is None else ExitCode.FAILED)


def _fault(body: bytes, signature: str, secrets: list[str]) -> str | None:
    try:
        check(body, signature, secrets)
    except BadSignature as error:
        return str(error)
    return None
