"""The job engine beside its peers, in one run: `python benchmarks/engine.py [--quick] [--json] [--backlog]`."""

import argparse
import json
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from statistics import median, quantiles

from backlog import drained_at_backlogs
from bullmq import BullMQ, install
from contenders import Contender
from loops import run
from measuring import Life, enqueue_against_set, life, start_latencies
from ours import IN_TURN, Ours
from peers import Saq, Streaq, Taskiq
from redis_server import PROGRAM_CORE, RedisServer, pin_this_process
from rounds import print_machine
from targets import ENGINE, print_table, print_targets

ONE_AT_A_TIME, EIGHTS, BEST = (Ours(batch=1, in_flight=1), Ours(batch=8, in_flight=1), Ours(batch=16, in_flight=2))
TURNS = Ours(batch=16, in_flight=2, queue=IN_TURN)
QUICK_SECONDS = 45.0  # no further round begins that would last beyond, if it lasts as long as the longest so far
QUICK_SHARE = 10  # saq drains a tenth of the jobs there: it needs as long for them
LATENCY_SAMPLES = 100
SINGLE_CALLS = 2000


@dataclass(slots=True, kw_only=True)
class Results:
    """By contender, one entry a round."""

    lives: dict[str, list[Life]] = field(default_factory=dict)
    singles: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    latencies: dict[str, list[float]] = field(default_factory=dict)

    def of(self, name: str, fact: Callable[[Life], float]) -> float:
        """The median of a fact over the rounds."""
        return median(map(fact, self.lives[name]))

    def paired(self, name: str, peer: str, fact: Callable[[Life], float]) -> float:
        """The median of the ratio to a peer in the same round."""
        pairs = zip(self.lives[name], self.lives[peer], strict=True)
        return median(fact(one) / fact(other) for one, other in pairs)


async def rounds(server: RedisServer, contenders: list[Contender], arguments: argparse.Namespace) -> Results:
    """All contenders in every round, each time beginning with another."""
    results, begun, longest = Results(), time.monotonic(), 0.0
    for number in range(arguments.rounds):
        start = time.monotonic()
        if arguments.quick and start - begun + longest > QUICK_SECONDS:
            break
        for place in range(len(contenders)):
            await turn(server, contenders[(number + place) % len(contenders)], arguments, results)
        longest = max(longest, time.monotonic() - start)
    return results


async def turn(server: RedisServer, contender: Contender, arguments: argparse.Namespace, results: Results) -> None:
    """One contender in one round."""
    jobs = arguments.jobs // QUICK_SHARE if arguments.quick and contender.name == Saq.name else arguments.jobs
    results.lives.setdefault(contender.name, []).append(await life(contender, server, jobs))
    if contender.in_process and not arguments.quick and not arguments.worker:
        await single_calls(server, contender, results)


async def single_calls(server: RedisServer, contender: Contender, results: Results) -> None:
    """What is told by one job at a time."""
    results.singles.setdefault(contender.name, []).append(await enqueue_against_set(contender, server, SINGLE_CALLS))
    results.latencies.setdefault(contender.name, []).extend(await start_latencies(contender, server, LATENCY_SAMPLES))


def figures_of(results: Results) -> dict[str, float]:
    """The figures that have a target."""
    best = BEST.name
    figures = {
        "drained_vs_saq": results.paired(best, Saq.name, drained),
        "redis_cpu_vs_saq": results.paired(best, Saq.name, cpu_us),
        "commands_in_batches": results.of(best, commands),
        "queued_bytes": results.of(best, lambda one: one.queued_bytes),
        "ended_bytes": results.of(best, lambda one: one.ended_bytes),
    }
    if BullMQ.name in results.lives:
        figures["drained_vs_bullmq"] = results.paired(best, BullMQ.name, drained)
    if results.singles:
        figures |= figures_one_at_a_time(results)
    return figures


def figures_one_at_a_time(results: Results) -> dict[str, float]:
    """The figures that the quick run leaves out."""
    singles = results.singles[BEST.name]
    bulk = zip(results.lives[BEST.name], singles, strict=True)
    cuts = quantiles(results.latencies[ONE_AT_A_TIME.name], n=100)
    return {
        "commands_one_at_a_time": results.of(ONE_AT_A_TIME.name, commands),
        "enqueue_vs_set": median(share for _, share in singles),
        "bulk_vs_single": median(one.enqueued / single for one, (single, _) in bulk),
        "latency_p50_ms": cuts[49],
        "latency_p99_ms": cuts[98],
    }


def drained(one: Life) -> float:
    """Jobs per second."""
    return one.drained


def cpu_us(one: Life) -> float:
    """Redis CPU per job."""
    return one.cpu_us


def commands(one: Life) -> float:
    """Redis commands per job."""
    return one.commands


def print_contenders(results: Results) -> None:
    """A row for each contender, medians of the rounds."""
    head = ("contender", "drained/s", "vs saq", "Redis µs", "vs saq", "commands", "B queued", "B ended", "bulk/s")
    print_table(
        (*head, "one by one/s", "vs SET", "start p50 / p99 ms"), (row_of(name, results) for name in results.lives)
    )


def row_of(name: str, results: Results) -> tuple[object, ...]:
    """One contender's medians."""
    lives = results.lives[name]
    per_job = [
        median(values)
        for values in zip(*((o.commands, o.queued_bytes, o.ended_bytes, o.enqueued) for o in lives), strict=True)
    ]
    speed = (results.of(name, drained), results.paired(name, Saq.name, drained))
    cost = (results.of(name, cpu_us), results.paired(name, Saq.name, cpu_us))
    return (name, *speed, *cost, *per_job, *single_cells(name, results))


def single_cells(name: str, results: Results) -> Iterable[object]:
    """The cells of what is measured one job at a time."""
    if name not in results.singles:
        return ("-", "-", "-")
    rate, share = (median(values) for values in zip(*results.singles[name], strict=True))
    cuts = quantiles(results.latencies[name], n=100)
    return (rate, share, f"{cuts[49]:.2f} / {cuts[98]:.2f}")


def chosen(arguments: argparse.Namespace) -> list[Contender]:
    """Who takes part, BullMQ apart."""
    if arguments.worker:
        from ours_worker import OurLoop, OurPlugin  # noqa: PLC0415 (the plugin's whole process, only where asked for)

        return [Saq(), BEST, OurLoop(), OurPlugin()]
    return [Saq(), BEST] if arguments.quick else [Saq(), Streaq(), Taskiq(), ONE_AT_A_TIME, EIGHTS, BEST, TURNS]


async def measure(arguments: argparse.Namespace) -> dict[str, float]:
    """Measure, print, and give the figures."""
    with RedisServer.started() as server:
        print_machine(server.version)
        missing = "left out of this run" if arguments.quick or arguments.worker else install()
        if missing:
            print(f"BullMQ: {missing}.")
        bullmq = BullMQ()
        contenders = chosen(arguments) if missing else [*chosen(arguments), bullmq]
        results = await rounds(server, contenders, arguments)
        await bullmq.end()
    print_contenders(results)
    figures = figures_of(results)
    if arguments.backlog:
        figures["backlog"] = await drained_at_backlogs(BEST, arguments.rounds)
    print_targets(ENGINE, figures)
    return figures


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="saq and ours alone, in under 50 s")
    parser.add_argument("--json", action="store_true", help="the figures as one JSON object in the last line")
    parser.add_argument("--backlog", action="store_true", help="also drain from a backlog of 1 M (some minutes)")
    parser.add_argument("--worker", action="store_true", help="saq, our engine, and our worker on top of it")
    parser.add_argument("--jobs", type=int, default=20_000, help="jobs of a round (quick: a tenth for saq)")
    parser.add_argument("--rounds", type=int, help="default 5; quick: 7, as far as time allows")
    arguments = parser.parse_args()
    arguments.rounds = arguments.rounds or (7 if arguments.quick else 5)
    logging.disable(logging.WARNING)
    pin_this_process(PROGRAM_CORE)
    figures = run(measure(arguments))
    if arguments.json:
        print(json.dumps({name: round(value, 4) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
