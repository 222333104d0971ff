"""`envoy-plugin sign`: the signature of a file, as Envoy would send it."""

import json as json_format
from pathlib import Path
from typing import Annotated

import typer

from envoy_plugin.cli.sending.fixture_files import read_file_or_input
from envoy_plugin.cli.sending.targets import SECRET_VARIABLE, read_secrets
from envoy_plugin.envoy.signature import HEADER
from envoy_plugin.envoy.signature import sign as signature_of

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def sign(
    file: Annotated[Path | None, typer.Argument(help="The body. [default: standard input]", allow_dash=True)] = None,
    *,
    secret_env: Annotated[
        str, typer.Option(help="The environment variable with the secret; of two, the first one signs.")
    ] = SECRET_VARIABLE,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    plugin_app: Annotated[str | None, typer.Option("--app", help="Accepted, as by every command; not needed.")] = None,
) -> None:
    """Print the X-Envoy-Signature of a file: base64 of HMAC-SHA256 over its bytes, a last line break included.

    Example: envoy-plugin sign fixtures/late_guest.json
    """
    body = read_file_or_input(file)
    signature = signature_of(body, read_secrets(secret_env)[0])
    shown = {"header": HEADER, "signature": signature, "bytes": len(body)}
    typer.echo(json_format.dumps(shown) if json else signature)
