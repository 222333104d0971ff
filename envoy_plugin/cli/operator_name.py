"""Who acts on jobs from a terminal, as histories and pauses show it."""

import getpass
import os
import socket


def operator_name() -> str:
    """The user of this process and the machine, as `ada@laptop`."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # containers have users without a name
        user = f"uid-{os.getuid()}"
    return f"{user}@{socket.gethostname()}"
