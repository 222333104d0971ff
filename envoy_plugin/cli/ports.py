"""Ports of this machine, before something is started on them."""

import os
import socket
from typing import Final

from envoy_plugin.errors import EnvoyPluginError

LOOPBACK: Final = "127.0.0.1"
DEV_REDIS_PORT: Final = 8011
"""The port of the Redis of `dev`, so that commands in another terminal find it."""
DEV_REDIS_URL: Final = f"redis://{LOOPBACK}:{DEV_REDIS_PORT}/0"


class PortTaken(EnvoyPluginError):
    """A port can't be listened on; the message names the option that takes another one."""


def free_port(host: str = LOOPBACK) -> int:
    """A port that nobody listened on a moment ago."""
    with socket.create_server((host, 0)) as server:
        return int(server.getsockname()[1])


def usable_port(number: int, *, option: str) -> int:
    """`number` where 127.0.0.1 can be listened on at it, a free port for 0.

    Raises:
        PortTaken: it can't.
    """
    try:
        with socket.create_server((LOOPBACK, number)) as server:
            return int(server.getsockname()[1])
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise PortTaken(f"Port {number} can't be used: {why}. {option} takes another one.") from None
