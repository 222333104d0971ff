"""A Redis of the benchmark's own, and what it says of itself."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Self

import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

REDIS_CORE, PROGRAM_CORE = 0, 1
OWN_COMMANDS = ("info", "client|setinfo", "hello")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What Redis has spent since its start: CPU of its main thread in µs, commands (also those in scripts)."""

    cpu_us: float
    commands: int

    def since(self, earlier: Self) -> Self:
        """The difference."""
        return replace(self, cpu_us=self.cpu_us - earlier.cpu_us, commands=self.commands - earlier.commands)


class RedisServer:
    """One server process without persistence; `url` is where it listens."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"redis://127.0.0.1:{port}/0"
        self._info = redis.Redis(port=port, retry=Retry(ConstantBackoff(0.05), 100))

    @classmethod
    @contextmanager
    def started(cls) -> Iterator[Self]:
        """Start on a free port, on a core of its own where the system can pin; stop at the end."""
        port = free_port()
        command = ["redis-server", "--port", str(port), "--save", "", "--appendonly", "no", "--loglevel", "warning"]
        process = subprocess.Popen(pinned(command, REDIS_CORE), stdout=subprocess.DEVNULL)
        try:
            server = cls(port)
            server._info.ping()
            yield server
        finally:
            process.terminate()
            process.wait(10)

    @property
    def version(self) -> str:
        """The server's version."""
        return str(self._section("server")["redis_version"])

    def empty(self) -> None:
        """Forget everything."""
        self._info.flushall()

    def spent(self) -> Spent:
        """What was spent so far, the benchmark's own questions left out."""
        cpu = self._section("cpu")
        cpu_us = 1e6 * float(cpu["used_cpu_user_main_thread"] + cpu["used_cpu_sys_main_thread"])
        calls = {
            name.removeprefix("cmdstat_"): int(row["calls"]) for name, row in self._section("commandstats").items()
        }
        return Spent(cpu_us=cpu_us, commands=sum(n for name, n in calls.items() if name not in OWN_COMMANDS))

    def memory(self) -> int:
        """Bytes held, once everybody else has disconnected: a connection's buffers would count."""
        patience = time.monotonic() + 2
        while self._section("clients")["connected_clients"] > 1 and time.monotonic() < patience:
            time.sleep(0.01)
        return int(self._section("memory")["used_memory"])

    def _section(self, name: str) -> dict[str, Any]:
        section: dict[str, Any] = self._info.info(name)
        return section


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def pinned(command: list[str], core: int) -> list[str]:
    """The command, kept on one core where `taskset` and a second core exist."""
    if shutil.which("taskset") and (os.cpu_count() or 1) > 1:
        return ["taskset", "-c", str(core), *command]
    return command


def pin_this_process(core: int) -> None:
    """Keep this process on one core where the system can."""
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {core})
