"""A Redis in memory, for `dev` alone: fakeredis behind a TCP port of this machine, gone when the process is.

Several processes can use it at once. It is no Redis: it runs some thousand scripts a second, a value of megabytes takes
it seconds, `INFO`, `CONFIG` and `MEMORY` are unknown to it, and a blocking command goes on after its client has gone,
and may take one wake-up with it.

Importing this raises `SettingsError` where the extra `dev` is not installed.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from socketserver import StreamRequestHandler
from typing import Any, Final

from redis.exceptions import ResponseError

from envoy_plugin.errors import Problem, SettingsError

NOT_INSTALLED: Final = Problem(
    name="REDIS_URL",
    fault="is memory://, which needs the extra `dev`",
    source="Install it with `pip install 'envoy_plugin[dev]'`, or name a Redis.",
    example="redis://127.0.0.1:6379/0",
)
if find_spec("fakeredis") is None or find_spec("lupa") is None:
    raise SettingsError([NOT_INSTALLED])

from fakeredis import TcpFakeServer  # noqa: E402  # only where it is installed

POLL_SECONDS: Final = 0.05
SEND_SECONDS: Final = 10


class OneLineErrors:
    """A client of fakeredis whose errors are answers: raised, they would end the connection and break its framing."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def read_response(self) -> object:
        try:
            return self._client.read_response()
        except ResponseError as error:
            error.args = (" ".join(str(error).split()),)
            return error


class PatientWriter:
    """Sends all of a large answer; fakeredis leaves the socket non-blocking, so that its own write gives up."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection.dup()
        self._socket.settimeout(SEND_SECONDS)

    def write(self, answer: bytes) -> None:
        self._socket.sendall(answer)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        self._socket.close()


class LikeRedis(StreamRequestHandler):
    """Put before fakeredis' handler of one connection: where it differs from Redis in what we need."""

    disable_nagle_algorithm = True
    current_client: Any
    writer: Any

    def setup(self) -> None:
        super().setup()
        self.current_client = OneLineErrors(self.current_client)
        self.writer.writer = PatientWriter(self.connection)

    def finish(self) -> None:
        self.writer.writer.close()
        super().finish()


@contextmanager
def memory_redis(port: int = 0) -> Iterator[str]:
    """Serve an empty Redis on a port of 127.0.0.1, 0 being a free one, and yield its URL, `redis://127.0.0.1:PORT/0`.

    Leaving waits for its threads: as long as the longest blocking command.

    Raises:
        OSError: the port is taken.
    """
    with TcpFakeServer(("127.0.0.1", port)) as server:
        theirs: Any = server.RequestHandlerClass
        server.RequestHandlerClass = type("Handler", (LikeRedis, theirs), {})
        thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), name="memory-redis")
        thread.start()
        try:
            yield f"redis://127.0.0.1:{server.server_address[1]}/0"
        finally:
            server.shutdown()
            thread.join()
