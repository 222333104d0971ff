"""`envoy-plugin` as a real process, without the settings of whoever runs the tests."""

import asyncio
import os
import sys

PATIENCE = 30
PASSED_ON = ("COVERAGE_", "COV_", "PYTHONPATH", "PATH", "HOME")


async def start(*arguments: str, **environment: str) -> asyncio.subprocess.Process:
    """Start `envoy-plugin` with these arguments and environment variables."""
    inherited = {name: value for name, value in os.environ.items() if name.startswith(PASSED_ON)}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "envoy_plugin.cli",
        *arguments,
        env=inherited | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def run(*arguments: str, **environment: str) -> tuple[int | None, str, str]:
    """Exit code, output and errors of `envoy-plugin`; never a traceback."""
    process = await start(*arguments, **environment)
    out, err = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert b"Traceback" not in err, err.decode()
    return process.returncode, out.decode(), err.decode()
