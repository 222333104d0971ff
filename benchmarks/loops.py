"""The event loop of the measurements: uvloop where there is one, as the command line of the package does."""

import asyncio
import importlib.util
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


def run(main: Coroutine[Any, Any, Result], loop: str = "uvloop") -> Result:
    """Run `main` on the loop of that name; without uvloop on asyncio's."""
    if loop == "uvloop" and importlib.util.find_spec("uvloop"):
        import uvloop  # noqa: PLC0415 (absent on some systems)

        return uvloop.run(main)
    return asyncio.run(main)
