"""Runs the shell blocks of a page: commands that end are awaited, servers run until the page is over."""

import os
import queue
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.acceptance.pages import ROOT, Block
from tests.inherited import NO_CERTIFICATES

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
USUAL_PORT: Final = "8010"
"""The port of the simulated Envoy that the pages write."""
AT_MOST: Final = 40


class Server:
    """A command that runs until it is told to stop."""

    def __init__(self, command: str, kind: str, directory: Path, environment: Mapping[str, str]) -> None:
        """Start it; `wait` for it before it is used."""
        self.reloads = kind == "dev"
        self._command = command
        self._ready = READY[kind]
        self._lines: queue.Queue[str] = queue.Queue()
        self._said: list[str] = []
        self._process = subprocess.Popen(
            ["sh", "-euc", f"exec env {command}"],
            cwd=directory, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    def wait(self) -> None:
        """Return once it says (again) that it can be used; an error where it ends instead."""
        while self._ready not in (line := self._lines.get(timeout=AT_MOST)):
            assert line, f"{self._command} has ended\n{''.join(self._said[-20:])}"

    def stop(self) -> None:
        """Tell it to stop; an error if it doesn't end well."""
        self._process.terminate()
        self._listener.join(AT_MOST)
        code = self._process.wait(AT_MOST)
        assert code == 0, f"{self._command} ended with {code}\n{''.join(self._said[-20:])}"

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as output:
            for line in output:
                self._said.append(line)
                self._lines.put(line)
        self._lines.put("")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """A directory, the environment of its commands, and the ports that its servers take."""

    directory: Path
    environment: Mapping[str, str]
    dev_options: str
    servers: list[Server] = field(default_factory=list)

    def save(self, block: Block) -> None:
        """Save the file that a block shows; return once what reloads has done so."""
        assert block.title is not None
        self.directory.joinpath(block.title).write_text(block.text, encoding="utf-8")
        for server in self.servers:
            if server.reloads and block.language == "python":
                server.wait()

    def run(self, block: Block) -> None:
        """Run each command of a block; one that fails is an error that shows what it said."""
        port = self.environment["ENVOY_BASE_URL"].rpartition(":")[2]
        for command in [line.replace(USUAL_PORT, port) for line in block.commands]:
            if script := SCRIPTS.match(command):
                assert os.access(ROOT / script[0], os.X_OK), f"{block.page}:{block.line}: {command}"
            elif server := SERVERS.match(command):
                self._serve(command, server[1])
            else:
                self._await(command, block)

    def _await(self, command: str, block: Block) -> None:
        done = subprocess.run(
            ["sh", "-euc", command],
            cwd=self.directory, env=self.environment, capture_output=True, text=True, timeout=AT_MOST, check=False,
        )  # fmt: skip
        where = f"{block.page.name}:{block.line}: {command}"
        assert done.returncode == 0, f"{where}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"

    def _serve(self, command: str, kind: str) -> None:
        environment = dict(self.environment)
        if kind == "dev":
            command = f"{command} {self.dev_options}"
            del environment["REDIS_URL"]
        self.servers.append(Server(command, kind, self.directory, environment))
        self.servers[-1].wait()


@contextmanager
def terminal(directory: Path, redis_url: str, **variables: str) -> Iterator[Terminal]:
    """A terminal in an empty directory, whose `envoy-plugin` is this one, and whose ports nobody else has."""
    plugin, envoy, memory = free_ports(3)
    directory.joinpath("home").mkdir()
    environment = NO_CERTIFICATES | {
        "ENVOY_BASE_URL": f"http://127.0.0.1:{envoy}",
        "ENVOY_CLIENT_ID": "my-client",
        "ENVOY_CLIENT_SECRET": "my-client-secret-0123456789",
        "HOME": str(directory / "home"),
        "HOST": "127.0.0.1",
        "PATH": f"{Path(sys.executable).parent}:{os.defpath}",
        "PORT": str(plugin),
        "REDIS_URL": redis_url,
        **variables,
    }
    options = f"--platform-port {envoy} --redis-port {memory}"
    shell = Terminal(directory=directory, environment=environment, dev_options=options)
    try:
        yield shell
    finally:
        with ExitStack() as stops:  # the last first, and each of them, whatever another says
            for server in shell.servers:
                stops.callback(server.stop)


def free_ports(count: int) -> list[int]:
    """Ports of this machine that nobody listens on."""
    with ExitStack() as servers:
        return [servers.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1] for _ in range(count)]
