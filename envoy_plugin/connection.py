"""The one way to Redis: bounded waits, bounded connections, and no surprise after a silence."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from hiredis import pack_command
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import (
    AbstractConnection,
    Connection,
    SSLConnection,
    UnixDomainSocketConnection,
    parse_url,
)
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import DataError, MovedError, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from envoy_plugin.errors import Problem, SettingsError
from envoy_plugin.logs import get_logger
from envoy_plugin.settings import TlsVerify

BLOCK: Final = timedelta(seconds=2)
"""How long a blocking command may block: well below `ANSWER`, so that an empty queue is not taken for a dead server."""
ANSWER: Final = timedelta(seconds=10)
"""How long an answer may take; then the connection counts as dead."""
CONNECT: Final = timedelta(seconds=3)
IDLE_CHECK: Final = timedelta(seconds=30)
TURN: Final = timedelta(seconds=10)
"""How long a command waits for a connection while all of them are in use."""

DEFAULT_PORT: Final = 6379
SMALL: Final = 32 * 1024
"""The bytes that are sent without waiting; a connection's buffer holds twice as many."""

RETRIES: Final = 5
FIRST_PAUSE: Final = timedelta(milliseconds=20)
LONGEST_PAUSE: Final = timedelta(milliseconds=500)

UNUSABLE: Final = Problem(
    name="REDIS_URL",
    fault="is not a URL that the Redis client understands, or has an option that it doesn't know",
    source="Your host's Redis or Key-Value add-on shows it.",
    example="redis://127.0.0.1:6379/0",
)

log = get_logger(__name__)


def connect_redis(
    url: str,
    *,
    tls_verify: TlsVerify = TlsVerify.AUTO,
    client_name: str = "envoy_plugin",
    max_connections: int = 4,
    retries: int = RETRIES,
) -> Redis:
    """A client of the Redis at `url`; nothing is connected before its first command. Close it with `aclose()`.

    Answers are bytes. At most `max_connections` are open; a command waits up to 10 s for its turn, and a blocking one
    (at most `BLOCK`) keeps a connection for as long. `client_name` is what `CLIENT LIST` shows.

    **A command may run twice.** If a connection breaks after a command was sent, nobody knows whether it ran; it is
    sent up to `retries` times again, with a jittered pause of at most 0.5 s. That is right for what may be repeated:
    reads, `SET`, wake-ups, sweeping, touching a lease, and verbs that name an id, a claim or an attempt, whose second
    run is refused and changes nothing. Use a client with `retries=0` for what may not: there such a command raises at
    once, and so does one while Redis can't be reached. A connection that the server closed in a silence is noticed
    before anything is sent, and replaced; with `retries=0` too.

    While a server takes connections and says nothing a command fails after (`retries` + 1) × 10 s: who must answer
    sooner sets a time-out around it.

    A `rediss://` server's certificate is checked, and one log line says where it isn't: with `tls_verify` `none`, or
    with `auto` and `?ssl_cert_reqs=none` in the URL. To pin a certificate that nobody known signed, give
    `?ssl_ca_certs=FILE`. The time-outs are these whatever the URL says.

    On a Redis Cluster the URL may name any node: all keys of a plugin are in one slot, and the client goes to the node
    that has it. Where that one goes away, it asks the URL's again.

    Raises:
        SettingsError: the URL can't be used. No message quotes it.

    Commands raise redis-py's `ConnectionError` and `TimeoutError`, neither of which quotes a password.
    """
    pool = _pool(url, tls_verify, _every_kind(client_name, retries) | {"max_connections": max_connections})
    if pool is None:
        raise SettingsError([UNUSABLE])
    if pool.connection_kwargs.get("ssl_cert_reqs", "required") != "required":
        log.warning("redis.certificate_unchecked", client=client_name, hint="set REDIS_TLS_VERIFY=full to check it")
    return _Client.from_pool(pool)


class _Client(Redis):
    """Runs scripts, which is what the hot paths do, without what redis-py does around every command of any kind."""

    async def execute_command(self, *command: Any, **options: Any) -> Any:
        """The answer to a command, which redis-py sends unless it is a script's; retried alike."""
        if command[0] != "EVALSHA":
            return await super().execute_command(*command, **options)  # type: ignore[no-untyped-call]  # redis-py leaves it untyped
        pool = self.connection_pool
        connection = await pool.get_connection()  # type: ignore[no-untyped-call]  # redis-py leaves it untyped
        try:
            return await connection.retry.call_with_retry(
                lambda: _ask(connection, command), lambda error: connection.disconnect(error=error)
            )
        finally:
            await pool.release(connection)


class _Pool(BlockingConnectionPool):
    """Hands out at once what is free and ready; redis-py 8.1 takes two locks, a time-out and a dozen coroutines for it.

    Whoever waits for a connection, or needs one that is new or mended, gets it as redis-py has it. Left out are its
    metrics of pools, and its event of a release: by that it renews credentials which end, and no URL gives such.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._asking = 0

    async def get_connection(self, *_: Any, **__: Any) -> Any:
        """A connection that is ready for a command; `release` takes it back."""
        if self._available_connections and not self._asking:
            connection = self.get_available_connection()  # type: ignore[no-untyped-call]  # redis-py leaves it untyped
            if await _is_ready(connection):
                return connection
            self._put_back(connection)
        self._asking += 1
        try:
            return await super().get_connection()  # type: ignore[no-untyped-call]  # the same
        finally:
            self._asking -= 1

    async def release(self, connection: AbstractConnection) -> None:
        """Take a connection back."""
        if self._asking or connection.should_reconnect():  # type: ignore[no-untyped-call]  # the same
            await super().release(connection)
        else:
            self._put_back(connection)

    def _put_back(self, connection: AbstractConnection) -> None:
        self._in_use_connections.remove(connection)
        self._available_connections.append(connection)


async def _is_ready(connection: AbstractConnection) -> bool:
    """Whether a connection is open, and nothing has come that nobody asked for."""
    try:
        return connection.is_connected and not await connection.can_read()
    except RedisConnectionError:
        return False


async def call_once(redis: Redis, *command: bytes | str | int) -> Any:
    """The answer to a command that must not run twice, whatever the client's `retries`; not decoded.

    Raises:
        ConnectionError, TimeoutError: redis-py's. It has not run, or its answer is lost.
        ResponseError: Redis refused it.
    """
    pool = redis.connection_pool
    connection = await pool.get_connection()  # type: ignore[no-untyped-call]  # redis-py leaves it untyped
    try:
        try:
            return await _ask(connection, command)
        except Elsewhere:
            return await _ask(connection, command)
    finally:
        await pool.release(connection)


async def _ask(connection: Any, command: tuple[Any, ...]) -> Any:
    await connection.send_command(*command)
    return await connection.read_response()


def _pool(url: str, tls_verify: TlsVerify, ours: dict[str, Any]) -> _Pool | None:
    """The pool, or None where redis-py can't use the URL: its own errors quote parts of it, so they end here."""
    try:
        pool = _Pool(**(_by_scheme(dict(parse_url(url)), tls_verify) | ours))
        pool.connection_class(**pool.connection_kwargs)
    except (RedisError, TypeError, ValueError):
        return None
    return pool


class _PacksFast:
    """Packs commands by hiredis, as redis-py 8.1 does for its blocking client alone; in Python it takes far longer."""

    def pack_command(self, *args: Any) -> list[bytes]:
        """The bytes of one command. A name may hold a space, as `CONFIG GET`."""
        name = args[0].encode() if isinstance(args[0], str) else args[0]
        try:
            return [pack_command((*name.split(), *args[1:]))]
        except TypeError:
            raise DataError("An argument of a command is neither text, bytes nor a number.") from None


class _LosesNoCancel(AbstractConnection):
    """Lets no cancellation be lost while a command is sent.

    redis-py 8.1 sends in `asyncio.wait_for`, which before Python 3.12 returns as if nothing had happened when it is
    cancelled in the very moment in which it is done; whoever waits for the task's end would wait for ever.
    """

    async def send_packed_command(
        self,
        command: bytes | str | Iterable[bytes],
        check_health: bool = True,  # noqa: FBT001, FBT002 - as inherited
    ) -> None:
        """Send a command; cancelled after that, close, since nobody would read its answer."""
        if check_health and self._hand_over(command):
            return
        task = asyncio.current_task()
        before = task.cancelling() if task else 0
        await super().send_packed_command(command, check_health)
        if task and task.cancelling() > before:
            await self.disconnect(nowait=True)
            raise asyncio.CancelledError

    def _hand_over(self, command: bytes | str | Iterable[bytes]) -> bool:
        """Send what is small at once, if nothing is in its way; redis-py makes a task for each command, and waits."""
        writer = self._writer
        if writer is None or not isinstance(command, list) or sum(map(len, command)) > SMALL:
            return False
        is_checked = not self.health_check_interval or asyncio.get_running_loop().time() <= self.next_health_check
        is_clear = is_checked and not (writer.transport.is_closing() or writer.transport.get_write_buffer_size())
        if is_clear:
            writer.writelines(command)
        return is_clear


class Elsewhere(RedisConnectionError):
    """Another node of the cluster has these keys: nothing has run, and the next connection goes there."""


@dataclass(slots=True)
class _Home:
    """The address that the connections of a pool go to: the URL's, or that of the cluster's node that has the keys."""

    named: tuple[str, int]
    found: tuple[str, int] | None = None

    @property
    def address(self) -> tuple[str, int]:
        return self.found or self.named

    def move(self, host: str, port: int) -> None:
        """Without a host it is the same one; a node may not know its own name."""
        self.found = (host if host not in {"", "?"} else self.address[0], port)


class _FollowsKeys(Connection):
    """Goes to the node of a cluster that has the keys: all of a plugin's are in one slot, so one node has them all."""

    def __init__(self, *, home: _Home, **options: Any) -> None:
        super().__init__(**options)
        self._home = home

    async def _connect(self) -> None:
        self.host, self.port = self._home.address
        try:
            await super()._connect()  # type: ignore[no-untyped-call]  # redis-py leaves it untyped
        except BaseException:
            self._home.found = None
            raise

    async def read_response(self, *arguments: Any, **options: Any) -> Any:
        """The next answer."""
        try:
            return await super().read_response(*arguments, **options)
        except MovedError as moved:
            self._home.move(*moved.node_addr)
            await self.disconnect(nowait=True)
            raise Elsewhere("Another node of the cluster has these keys.") from None


class _TcpConnection(_PacksFast, _LosesNoCancel, _FollowsKeys, Connection):
    """Over TCP."""


class _TlsConnection(_PacksFast, _LosesNoCancel, _FollowsKeys, SSLConnection):
    """Over TLS."""


class _UnixConnection(_PacksFast, _LosesNoCancel, UnixDomainSocketConnection):
    """Over a socket of this machine."""


CONNECTIONS: Final[Mapping[type, type]] = {
    Connection: _TcpConnection,
    SSLConnection: _TlsConnection,
    UnixDomainSocketConnection: _UnixConnection,
}


def _by_scheme(theirs: dict[str, Any], tls_verify: TlsVerify) -> dict[str, Any]:
    """The URL's options, and what its scheme takes beside them."""
    connection = theirs.get("connection_class", Connection)
    theirs = theirs | {"connection_class": CONNECTIONS[connection]}
    if connection is UnixDomainSocketConnection:
        return theirs
    home = _Home((theirs.get("host", "localhost"), int(theirs.get("port", DEFAULT_PORT))))
    options = theirs | {"socket_keepalive": True, "home": home}
    if connection is not SSLConnection or tls_verify is TlsVerify.AUTO:
        return options
    return options | {"ssl_cert_reqs": "required" if tls_verify is TlsVerify.FULL else "none"}


def _every_kind(client_name: str, retries: int) -> dict[str, Any]:
    """What every kind of connection takes.

    RESP2, because with RESP3 redis-py 8.1 keeps push messages on, and then doesn't notice that a pooled connection was
    closed; its answers also look the same with every server.
    """
    backoff = ExponentialWithJitterBackoff(cap=LONGEST_PAUSE.total_seconds(), base=FIRST_PAUSE.total_seconds())
    return {
        "client_name": client_name,
        "decode_responses": False,
        "health_check_interval": IDLE_CHECK.total_seconds(),
        "protocol": 2,
        "retry": Retry(backoff, retries, (RedisConnectionError, RedisTimeoutError)),
        "socket_connect_timeout": CONNECT.total_seconds(),
        "socket_timeout": ANSWER.total_seconds(),
        "timeout": TURN.total_seconds(),
    }
