"""How a plugin tells the `dev` that runs it what it logs, and what its keys in Redis begin with: JSON on a pipe."""

import json
import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final

from envoy_plugin.logs import also_tell

PREFIX: Final = "redis_prefix"


def tell_lines(pipe: int) -> Callable[[str], None]:
    """Write each log line of this process to a file descriptor too; answers what tells the prefix, once it is known."""
    also_tell(partial(_write, pipe))
    return lambda prefix: _write(pipe, json.dumps({PREFIX: prefix}))


def _write(pipe: int, line: str) -> None:
    """Without its reader the process is about to end anyway."""
    with suppress(OSError):
        os.write(pipe, f"{line}\n".encode())
