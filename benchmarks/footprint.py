"""What the package costs before it does anything: `python benchmarks/footprint.py [--json] [--rounds N]`."""

import argparse
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from redis_server import RedisServer, free_port
from rounds import print_machine
from targets import FOOTPRINT, print_targets

PATIENCE_SECONDS = 20
SETTLE_SECONDS = 1  # what a start leaves behind is given back
PLUGIN = """
from envoy_plugin import Entry, Plugin

plugin = Plugin("bench")


@plugin.on("entry_sign_in", background=True)
async def seen(entry: Entry) -> None: ...
"""
IMPORTS = {
    "import_seconds": "import envoy_plugin",
    "import_all_seconds": "from envoy_plugin import *",
}
CLOCK = "import time; start = time.perf_counter()\n{}\nprint(time.perf_counter() - start)"


def import_seconds(statement: str) -> float:
    """Seconds that the statement takes in a fresh interpreter, whose own start isn't counted."""
    done = subprocess.run([sys.executable, "-c", CLOCK.format(statement)], capture_output=True, text=True, check=True)
    return float(done.stdout)


def idle_web_mib(redis_url: str) -> float:
    """RSS of `envoy-plugin web` that has answered `/readyz` and nothing else."""
    port = free_port()
    settings = {"ENVOY_CLIENT_ID": "bench", "ENVOY_CLIENT_SECRET": "bench-client-secret", "REDIS_URL": redis_url}
    with TemporaryDirectory() as directory:
        Path(directory, "bench_plugin.py").write_text(PLUGIN)
        command = [sys.executable, "-m", "envoy_plugin.cli", "web", "--app", "bench_plugin:plugin", "--port", str(port)]
        environ = {"PATH": os.environ["PATH"], "HOST": "127.0.0.1", "DRAIN_TIMEOUT": "0", **settings}
        process = subprocess.Popen(command, cwd=directory, env=environ, stdout=subprocess.DEVNULL)
        try:
            wait_until_ready(port, process)
            time.sleep(SETTLE_SECONDS)
            return rss_mib(process.pid)
        finally:
            process.terminate()
            process.wait(PATIENCE_SECONDS)


def wait_until_ready(port: int, process: "subprocess.Popen[bytes]") -> None:
    """Ask until it answers 200."""
    patience = time.monotonic() + PATIENCE_SECONDS
    while process.poll() is None and time.monotonic() < patience:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise SystemExit("`envoy-plugin web` didn't start.")


def rss_mib(pid: int) -> float:
    """Memory of a process that isn't swapped out, shared pages included."""
    found = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True)
    return int(found.stdout) / 1024


def measure(rounds: int) -> dict[str, float]:
    """The median of each figure over the rounds; a first import, which compiles, isn't counted."""
    for statement in IMPORTS.values():
        import_seconds(statement)
    figures: dict[str, list[float]] = {name: [] for name in (*IMPORTS, "idle_web_mib")}
    with RedisServer.started() as redis:
        print_machine(redis.version)
        for _ in range(rounds):
            for name, statement in IMPORTS.items():
                figures[name].append(import_seconds(statement))
            figures["idle_web_mib"].append(idle_web_mib(redis.url))
    return {name: median(values) for name, values in figures.items()}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="the figures as one JSON object in the last line")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    figures = measure(arguments.rounds)
    print_targets(FOOTPRINT, figures)
    print(f"\nEvery public name imported: {figures['import_all_seconds']:.2f} s.")
    if arguments.json:
        print(json.dumps({name: round(value, 4) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
