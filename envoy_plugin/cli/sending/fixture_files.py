"""Fixtures: files that hold exactly the body of a webhook, as it is sent."""

import re
import sys
from pathlib import Path
from typing import Final

import typer

from envoy_plugin.simulator import defaults

NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
MAX_BYTES: Final = 16 * 1024 * 1024


def fixture_path(name: str, directory: Path | None = None) -> Path:
    """The file of a saved fixture.

    Raises:
        typer.BadParameter: the name could lead elsewhere.
    """
    if not NAME.fullmatch(name):
        raise typer.BadParameter(f"{name!r} is no name: letters, digits, '.', '_' and '-' make one.")
    return (directory or Path(defaults.FIXTURES)) / f"{name.removesuffix('.json')}.json"


def read_fixture(text: str, option: str = "--fixture") -> bytes:
    """The body in a file, or in the saved fixture of that name.

    Raises:
        typer.BadParameter: there is none.
    """
    path = Path(text)
    if not path.is_file() and NAME.fullmatch(text):
        path = fixture_path(text)
    return read_body(path, option)


def read_body(path: Path, option: str) -> bytes:
    """The bytes of a file.

    Raises:
        typer.BadParameter: they can't be read, or are too many.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise typer.BadParameter(f"{path} is larger than {MAX_BYTES} bytes.", param_hint=option)
        return path.read_bytes()
    except OSError as error:
        raise typer.BadParameter(f"{path} can't be read: {error.strerror}.", param_hint=option) from None


def save_fixture(path: Path, body: bytes) -> None:
    """Write a body to a file that isn't there yet, or holds the same.

    Raises:
        typer.BadParameter: another fixture has the name, or the file can't be written.
    """
    try:
        if path.exists() and path.read_bytes() != body:
            raise typer.BadParameter(f"{path} is there already, and differs.", param_hint="--save")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    except OSError as error:
        raise typer.BadParameter(f"{path} can't be written: {error.strerror}.", param_hint="--save") from None


def list_fixtures(directory: Path) -> list[Path]:
    """The fixtures of a directory, by name; none where there is no such directory."""
    return sorted(path for path in directory.glob("*.json") if path.is_file())


def read_file_or_input(path: Path | None) -> bytes:
    """The bytes of a file, or of standard input without one.

    Raises:
        typer.BadParameter: they can't be read, or are too many.
    """
    if path is not None and str(path) != "-":
        return read_body(path, "FILE")
    body = sys.stdin.buffer.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        raise typer.BadParameter(f"The input is larger than {MAX_BYTES} bytes.", param_hint="FILE")
    return body
