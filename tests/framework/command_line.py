"""`envoy-plugin` as a real process, without the settings of whoever runs the tests."""

import asyncio
import sys

from tests.inherited import inherited

PATIENCE = 30


async def start(*arguments: str, **environment: str) -> asyncio.subprocess.Process:
    """Start `envoy-plugin` with these arguments and environment variables."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "envoy_plugin.cli",
        *arguments,
        env=inherited() | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def run(*arguments: str, **environment: str) -> tuple[int | None, str, str]:
    """Exit code, output and errors of `envoy-plugin`; never a traceback."""
    process = await start(*arguments, **environment)
    out, err = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert b"Traceback" not in err, err.decode()
    return process.returncode, out.decode(), err.decode()
