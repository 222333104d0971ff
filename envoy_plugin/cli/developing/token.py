"""The token of a running `dev`, in a file that its user alone can read: how commands in another terminal have it."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

PRIVATE_DIRECTORY: Final = 0o700
PRIVATE_FILE: Final = 0o600
LONGEST: Final = 200


def token_path(port: int) -> Path:
    """The file for the `dev` whose plugin is on `port`; XDG_RUNTIME_DIR, else XDG_STATE_HOME, says where."""
    given = os.environ.get("XDG_RUNTIME_DIR") or os.environ.get("XDG_STATE_HOME")
    return (Path(given) if given else Path.home() / ".local/state") / "envoy-plugin" / f"dev-{port}.token"


@contextmanager
def kept_token(port: int, token: str) -> Iterator[bool]:
    """Keep the token for the block; False where there is no place for it."""
    path = token_path(port)
    try:
        _write(path, token)
    except (OSError, RuntimeError):  # RuntimeError: nobody knows where home is
        yield False
        return
    try:
        yield True
    finally:
        with suppress(OSError):
            path.unlink()


def read_token(port: int) -> str | None:
    """The token of the `dev` on `port`; None where there is none, or where somebody else could have written it."""
    try:
        with token_path(port).open(encoding="ascii") as file:
            facts = os.fstat(file.fileno())
            if facts.st_uid != os.getuid() or stat.S_IMODE(facts.st_mode) & ~PRIVATE_FILE:
                return None
            return file.read(LONGEST).strip()
    except (OSError, RuntimeError, ValueError):
        return None


def _write(path: Path, token: str) -> None:
    path.parent.mkdir(mode=PRIVATE_DIRECTORY, parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        path.unlink()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(token)
