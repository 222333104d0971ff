"""Options that several commands have."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

AppOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--app",
        metavar="MODULE:ATTR",
        help="The Plugin, imported with this directory first on the import path. "
        "[default: app under [tool.envoy_plugin] in pyproject.toml]",
    ),
]
EnvFileOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--env-file",
        exists=True,
        dir_okay=False,
        readable=True,
        help="A file of NAME=value lines; what is set already goes before it.",
    ),
]
PortOption: TypeAlias = Annotated[
    int | None,
    typer.Option("--port", "-p", min=0, max=65535, help="TCP port; 0 takes a free one. [default: PORT, or 8000]"),
]
HostOption: TypeAlias = Annotated[
    str | None, typer.Option("--host", help="Address to listen on. [default: HOST, or every one]")
]
JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
