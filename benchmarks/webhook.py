"""A signed webhook beside its peers, in one run: `python benchmarks/webhook.py [--quick] [--json]`."""

import argparse
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

from load import send
from loops import run
from redis_server import PROGRAM_CORE, REDIS_CORE, RedisServer, pin_this_process, pinned
from rounds import in_turns, paired, print_machine
from signing import requests
from targets import WEBHOOK, print_table, print_targets

SERVER = Path(__file__).parent / "web_contenders.py"
NAMES = {
    "bare": "bare aiohttp, json.loads",
    "inline": "ours, inline, no delivery record",
    "recorded": "ours, inline, delivery record",
    "background": "ours, background: 202 after the write",
    "bolt": "Slack Bolt for Python",
}
LOOPS = ("uvloop", "asyncio")
WARM_UP = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One contender under load once."""

    rate: float
    cpu_us: float
    p50_ms: float
    p99_ms: float
    load_busy: float


class Server:
    """A contender's process."""

    def __init__(self, name: str, process: subprocess.Popen[str]) -> None:
        self._slack = name == "bolt"
        self._expected = 202 if name == "background" else 200
        self._process = process
        self.port = int(self._read())
        self.rss_mib = self._rss_mib()
        self._first = 0

    @classmethod
    @contextmanager
    def started(cls, name: str, loop: str, redis_url: str) -> Iterator["Server"]:
        """The contender on that loop, on a core of its own."""
        command = pinned([sys.executable, str(SERVER), name, loop, redis_url], PROGRAM_CORE)
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            yield cls(name, process)
        finally:
            process.communicate(timeout=20)

    async def measure(self, count: int) -> Round:
        """Send so many requests, each one new to it."""
        await self._send(WARM_UP)
        signed = requests(count, first=self._first, slack=self._slack)
        self._first += count
        before = self.cpu()
        answers = await send(self.port, signed)
        cpu = self.cpu() - before
        assert answers.statuses == {self._expected: count}, answers.statuses
        cuts = quantiles(answers.seconds, n=100)
        return Round(
            rate=count / answers.wall,
            cpu_us=1e6 * cpu / count,
            p50_ms=1000 * cuts[49],
            p99_ms=1000 * cuts[98],
            load_busy=answers.busy,
        )

    async def _send(self, count: int) -> None:
        await send(self.port, requests(count, first=self._first, slack=self._slack))
        self._first += count

    def cpu(self) -> float:
        """The seconds of CPU that it has used."""
        assert self._process.stdin is not None
        self._process.stdin.write("cpu\n")
        self._process.stdin.flush()
        return float(self._read())

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def _rss_mib(self) -> float:
        found = subprocess.run(
            ["ps", "-o", "rss=", "-p", str(self._process.pid)], capture_output=True, text=True, check=True
        )
        return int(found.stdout) / 1024


Results = dict[str, list[Round]]


async def measure_loop(loop: str, redis_url: str, arguments: argparse.Namespace) -> tuple[Results, dict[str, float]]:
    """All contenders on one loop, interleaved, each round beginning with another; and their idle RSS in MiB."""
    with ExitStack() as stack:
        servers = {name: stack.enter_context(Server.started(name, loop, redis_url)) for name in NAMES}
        results: Results = {name: [] for name in NAMES}
        for name in in_turns(list(NAMES), arguments.rounds):
            results[name].append(await servers[name].measure(arguments.requests))
        return results, {name: server.rss_mib for name, server in servers.items()}


def figures_of(results: Results) -> dict[str, float]:
    """The figures that have a target."""
    return {
        "inline_vs_bare": paired(results, "inline", "bare"),
        "inline_vs_bolt": paired(results, "inline", "bolt"),
        "durable_vs_bare": paired(results, "background", "bare"),
        "recorded_vs_bare": paired(results, "recorded", "bare"),
    }


def print_loop(loop: str, results: Results, rss: dict[str, float]) -> None:
    """A row for each contender, medians of the rounds."""
    head = (f"on {loop}", "requests/s", "vs bare", "vs Bolt", "CPU µs", "p50 / p99 ms", "idle MiB", "load busy")
    print_table(head, (row_of(name, results, rss[name]) for name in results))


def row_of(name: str, results: Results, rss_mib: float) -> tuple[object, ...]:
    """One contender's medians."""
    rounds = results[name]
    latency = f"{median(r.p50_ms for r in rounds):.1f} / {median(r.p99_ms for r in rounds):.1f}"
    speed = (median(r.rate for r in rounds), paired(results, name, "bare"), paired(results, name, "bolt"))
    return (
        NAMES[name],
        *speed,
        median(r.cpu_us for r in rounds),
        latency,
        rss_mib,
        median(r.load_busy for r in rounds),
    )


async def measure(arguments: argparse.Namespace) -> dict[str, float]:
    """Measure, print, and give the figures: those of uvloop under their own names, asyncio's with its name."""
    figures: dict[str, float] = {}
    with RedisServer.started() as redis:
        print_machine(redis.version)
        for loop in LOOPS:
            results, rss = await measure_loop(loop, redis.url, arguments)
            print_loop(loop, results, rss)
            found = {**figures_of(results), "idle_rss_mib": rss["inline"]}
            print_targets(WEBHOOK, found)
            figures |= found if loop == LOOPS[0] else {f"{name}_on_{loop}": value for name, value in found.items()}
    return figures


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer requests, in about 30 s")
    parser.add_argument("--json", action="store_true", help="the figures as one JSON object in the last line")
    parser.add_argument("--requests", type=int, help="a round's; default 10,000, quick: 1,500")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    arguments.requests = arguments.requests or (1500 if arguments.quick else 10_000)
    logging.disable(logging.WARNING)
    pin_this_process(REDIS_CORE)
    figures = run(measure(arguments))
    if arguments.json:
        print(json.dumps({name: round(value, 4) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
