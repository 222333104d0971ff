"""Real redis-server processes for the tests: on a free port, killable, startable again on the same data."""

import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pytest
import trustme

READY = b"Ready to accept connections"
STOP_SECONDS = 10


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
