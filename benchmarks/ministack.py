"""ministack as a contender: an emulator of AWS in Python, in a process of its own with an environment of its own."""

import os
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

from redis_server import PROGRAM_CORE, free_port, pinned

DIRECTORY = Path(__file__).parent / ".ministack"
PACKAGES = ("ministack==1.5.33", "uvloop")
PATIENCE_S = 30.0


def install() -> str | None:
    """Install it beside this file, once: it wants another botocore than the tests. Why it can't be had, or None."""
    if (DIRECTORY / "bin" / "ministack").exists():
        return None
    venv.create(DIRECTORY, with_pip=True, clear=True)
    command = [str(DIRECTORY / "bin" / "python"), "-m", "pip", "install", "--quiet", *PACKAGES]
    try:
        subprocess.run(command, check=True, timeout=300, capture_output=True)
    except (subprocess.SubprocessError, OSError) as error:
        return f"pip could not install it ({type(error).__name__})"
    return None


class Ministack:
    """Its process."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self._process = process
        self.port = port

    @classmethod
    @contextmanager
    def started(cls) -> Iterator["Ministack"]:
        """Start on a free port, on the contenders' core; stop at the end."""
        port = free_port()
        environment = {**os.environ, "GATEWAY_PORT": str(port), "LOG_LEVEL": "ERROR"}
        command = pinned([str(DIRECTORY / "bin" / "ministack")], PROGRAM_CORE)
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _wait_for(port)
            yield cls(process, port)
        finally:
            process.terminate()
            process.wait(20)

    def reset(self) -> None:
        """Let it forget everything: it is slower with all that it has ever kept."""
        with urlopen(Request(f"http://127.0.0.1:{self.port}/_ministack/reset", method="POST")):
            pass

    def cpu(self) -> float:
        """The seconds of CPU that it has used; of its process alone, which is all that serves."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _wait_for(port: int) -> None:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        try:
            with urlopen(f"http://127.0.0.1:{port}/_ministack/health", timeout=1):
                return
        except (URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    sys.exit("ministack did not start.")
