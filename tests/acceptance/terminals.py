"""Runs the shell blocks of a page: commands that end are awaited, servers run until the page is over."""

import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.acceptance.pages import ROOT, Block

SERVERS: Final = re.compile(r"(?:\w+=\S+ )*envoy-plugin (dev|web|worker|run|platform)\b")
READY: Final = {
    "dev": "web.started",
    "web": "web.started",
    "worker": "worker.started",
    "run": "web.started",
    "platform": "ready at",
}
"""What a server says once it can be used."""
SCRIPTS: Final = re.compile(r"\./scripts/(\w+)|(\.ci/run)")
AT_MOST: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """A directory, the environment of its commands, and the ports that its servers take."""

    directory: Path
    environment: Mapping[str, str]
    dev_options: str
    servers: ExitStack

    def run(self, block: Block) -> None:
        """Run each command of a block; one that fails is an error that shows what it said."""
        for command in block.commands:
            if script := SCRIPTS.match(command):
                assert os.access(ROOT / script[0], os.X_OK), f"{block.page}:{block.line}: {command}"
            elif server := SERVERS.match(command):
                self.servers.enter_context(self._serving(command, server[1]))
            else:
                self._await(command, block)

    def _await(self, command: str, block: Block) -> None:
        done = subprocess.run(
            ["sh", "-euc", command],
            cwd=self.directory, env=self.environment, capture_output=True, text=True, timeout=AT_MOST, check=False,
        )  # fmt: skip
        where = f"{block.page.name}:{block.line}: {command}"
        assert done.returncode == 0, f"{where}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"

    @contextmanager
    def _serving(self, command: str, kind: str) -> Iterator[None]:
        """Run a server until the block ends; it must be ready soon, and end with 0 when it is told to."""
        environment = dict(self.environment)
        if kind == "dev":
            command = f"{command} {self.dev_options}"
            del environment["REDIS_URL"]
        with subprocess.Popen(
            ["sh", "-euc", f"exec {command}"],
            cwd=self.directory, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        ) as process:  # fmt: skip
            said: list[str] = []
            try:
                listen(process, READY[kind], said)
                yield
            finally:
                process.terminate()
                code = process.wait(AT_MOST)
        assert code == 0, f"{command} ended with {code}\n{''.join(said[-20:])}"


@contextmanager
def terminal(directory: Path, redis_url: str) -> Iterator[Terminal]:
    """A terminal in an empty directory, whose `envoy-plugin` is this one, and whose ports nobody else has."""
    plugin, envoy, memory = free_ports(3)
    directory.joinpath("home").mkdir()
    environment = {name: value for name, value in os.environ.items() if name.startswith("COV")} | {
        "ENVOY_BASE_URL": f"http://127.0.0.1:{envoy}",
        "HOME": str(directory / "home"),
        "PATH": f"{Path(sys.executable).parent}:{os.defpath}",
        "PORT": str(plugin),
        "REDIS_URL": redis_url,
    }
    options = f"--no-reload --platform-port {envoy} --redis-port {memory}"
    with ExitStack() as servers:
        yield Terminal(directory=directory, environment=environment, dev_options=options, servers=servers)


def listen(process: "subprocess.Popen[str]", ready: str, said: list[str]) -> None:
    """Return once the process says `ready`; what it says later is gathered too. An error if it ends instead."""
    assert process.stdout is not None
    for line in process.stdout:
        said.append(line)
        if ready in line:
            break
    else:
        pytest.fail(f"{process.args!r} ended\n{''.join(said[-20:])}")
    threading.Thread(target=said.extend, args=(process.stdout,), daemon=True).start()


def free_ports(count: int) -> list[int]:
    """Ports of this machine that nobody listens on."""
    with ExitStack() as servers:
        return [servers.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1] for _ in range(count)]
