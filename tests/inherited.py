"""What a process that a test starts gets of the tests' own environment."""

import os
from typing import Final

PASSED_ON: Final = ("COVERAGE_", "COV_", "PYTHONPATH", "PATH", "HOME")
NO_CERTIFICATES: Final = {"SSL_CERT_FILE": os.devnull, "SSL_CERT_DIR": os.devnull}
"""Reading this machine's certificates is a tenth of a process's start, and nobody here speaks TLS to strangers."""


def inherited() -> dict[str, str]:
    """Where programs are, and what measures coverage."""
    passed_on = {name: value for name, value in os.environ.items() if name.startswith(PASSED_ON)}
    return passed_on | NO_CERTIFICATES
