"""A process that ends with the one that started it, however that one ends."""

import os
import signal
import threading
import time
from typing import Final

from envoy_plugin.cli.exits import ExitCode

LONGEST_END_SECONDS: Final = 30


def end_with(lifeline: int) -> None:
    """End this process once the other end of the pipe `lifeline`, a file descriptor, is closed.

    It is told to stop as by a host, and ended for good where it hasn't stopped after 30 s.
    """
    threading.Thread(target=_watch, args=(lifeline,), name="lifeline", daemon=True).start()


def _watch(lifeline: int) -> None:
    os.read(lifeline, 1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(LONGEST_END_SECONDS)
    os._exit(ExitCode.FAILED)
