"""Real redis-server processes for the tests: on a free port, killable, startable again on the same data."""

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pytest
import redis as redis_py
import trustme
from redis.crc import key_slot

READY = b"Ready to accept connections"
STOP_SECONDS = 10
SLOTS = 16384
BUS = 10_000
"""How far from a cluster node's port the port is at which the others reach it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """A server's certificate for localhost and 127.0.0.1, from an authority that no system trusts."""

    authority: Path
    certificate: Path
    key: Path

    @classmethod
    def make(cls, directory: Path) -> "TlsFiles":
        """Write a new authority and a certificate that it signed."""
        files = cls(authority=directory / "ca.pem", certificate=directory / "cert.pem", key=directory / "key.pem")
        authority = trustme.CA()
        issued = authority.issue_cert("localhost", "127.0.0.1")
        authority.cert_pem.write_to_path(files.authority)
        issued.private_key_pem.write_to_path(files.key)
        for blob in issued.cert_chain_pems:
            blob.write_to_path(files.certificate, append=True)
        return files


@dataclass(slots=True, kw_only=True)
class RedisServer:
    """One redis-server process; `options` are those of redis.conf, by name."""

    port: int
    directory: Path
    options: dict[str, str] = field(default_factory=dict)
    tls: TlsFiles | None = None
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """`redis://…/0`, or `rediss://…/0` with TLS; with the password, if `requirepass` is among the options."""
        scheme = "rediss" if self.tls else "redis"
        password = self.options.get("requirepass")
        return f"{scheme}://{f':{password}@' if password else ''}127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, and return once it has loaded its data and accepts connections."""
        command = [executable(), *self._arguments()]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert self.process.stdout is not None
        log = []
        with self.process.stdout as lines:  # closed then: Redis ignores SIGPIPE, and no pipe fills up
            for line in lines:
                log.append(line)
                if READY in line:
                    return
        self.kill()
        pytest.fail(f"redis-server did not start:\n{b''.join(log).decode(errors='replace')}", pytrace=False)

    def kill(self) -> None:
        """`kill -9`, and wait for its end; `start` then starts it again on the same port and data."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ask it to end, as a host does, and wait for its end."""
        self._end(signal.SIGTERM)

    def _end(self, sign: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(sign)
            self.process.wait(STOP_SECONDS)
            self.process = None

    def _arguments(self) -> list[str]:
        options = {"bind": "127.0.0.1", "dir": str(self.directory), "save": "", "appendonly": "no"}
        options |= {"port": "0", "tls-port": str(self.port)} if self.tls else {"port": str(self.port)}
        if self.tls:
            options |= {"tls-cert-file": str(self.tls.certificate), "tls-key-file": str(self.tls.key)}
            options |= {"tls-ca-cert-file": str(self.tls.authority), "tls-auth-clients": "no"}
        return [word for name, value in (options | self.options).items() for word in (f"--{name}", value)]


class RedisServers(Protocol):
    """Starts a server; options of redis.conf by name, `_` for `-`: `redis_server(appendfsync="always")`."""

    def __call__(self, *, tls: TlsFiles | None = None, **options: str) -> RedisServer: ...


def executable() -> str:
    """The path of redis-server; without it the tests fail rather than be skipped."""
    path = shutil.which("redis-server")
    if path is None:
        pytest.fail("redis-server is not installed; `./scripts/test` gets it with apt or brew.", pytrace=False)
    return path


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_redis(directory: Path, *, tls: TlsFiles | None = None, **options: str) -> Iterator[RedisServer]:
    """A started server, killed at the end."""
    named = {name.replace("_", "-"): value for name, value in options.items()}
    server = RedisServer(port=free_port(), directory=directory, options=named, tls=tls)
    try:
        server.start()
        yield server
    finally:
        server.kill()


@dataclass(slots=True, kw_only=True)
class RedisCluster:
    """Three servers that are one cluster, each with a third of the slots."""

    nodes: Sequence[RedisServer]

    def owner_of(self, tag: str) -> RedisServer:
        """The node that holds the keys with this hash tag."""
        return self.nodes[key_slot(tag.encode()) * len(self.nodes) // SLOTS]

    def stranger_to(self, tag: str) -> RedisServer:
        """A node that holds none of them, and would send a client away."""
        return next(node for node in self.nodes if node is not self.owner_of(tag))

    def form(self) -> None:
        """Join the servers, and return once each of them takes commands."""
        for number, node in enumerate(self.nodes):
            low, high = (-(-SLOTS * part // len(self.nodes)) for part in (number, number + 1))
            with redis_py.Redis.from_url(node.url) as client:
                client.execute_command("CLUSTER ADDSLOTS", *range(low, high))
                client.execute_command("CLUSTER SET-CONFIG-EPOCH", number + 1)
        for node in self.nodes:
            with redis_py.Redis.from_url(node.url) as client:
                for other in self.nodes:
                    client.execute_command("CLUSTER MEET", "127.0.0.1", other.port)
        self.wait()

    def wait(self) -> None:
        """Return once each node says that the whole cluster takes commands."""
        for node in self.nodes:
            self._wait_for(node)

    def _wait_for(self, node: RedisServer) -> None:
        deadline = time.monotonic() + STOP_SECONDS
        with redis_py.Redis.from_url(node.url) as client:
            while time.monotonic() < deadline:
                facts = client.execute_command("CLUSTER INFO")
                if facts["cluster_state"] == "ok" and facts["cluster_known_nodes"] == str(len(self.nodes)):
                    return
                time.sleep(0.02)
        pytest.fail("The nodes did not become a cluster.", pytrace=False)


@contextmanager
def running_cluster(directory: Path) -> Iterator[RedisCluster]:
    """Three started servers that are a cluster, killed at the end."""
    with ExitStack() as servers:
        nodes = []
        for number in range(3):
            home = directory / str(number)
            home.mkdir()
            options = {"cluster-enabled": "yes", "cluster-node-timeout": "5000"}
            node = RedisServer(port=_free_port_with_bus(), directory=home, options=options)
            servers.callback(node.kill)
            node.start()
            nodes.append(node)
        cluster = RedisCluster(nodes=nodes)
        cluster.form()
        yield cluster


def _free_port_with_bus() -> int:
    """A port whose cluster bus has one, too."""
    while True:
        port = free_port()
        with suppress(OSError, OverflowError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port + BUS))
            return port
