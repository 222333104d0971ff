"""What is to be reached, and how a result stands to it."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """A figure with what it must and what it should reach; `at_most`: smaller is better."""

    name: str
    must: float
    aim: float
    at_most: bool = False

    def verdict(self, value: float) -> str:
        """Which of the two is met."""
        if self._meets(value, self.aim):
            return "aim"
        return "must" if self._meets(value, self.must) else "MISSED"

    def _meets(self, value: float, bound: float) -> bool:
        return value <= bound if self.at_most else value >= bound


ENGINE = {
    "drained_vs_saq": Target("drained, against saq", 10, 25),
    "drained_vs_bullmq": Target("drained, against warm BullMQ", 1.5, 3),
    "redis_cpu_vs_saq": Target("Redis CPU per job, whole life, against saq", 0.6, 0.4, at_most=True),
    "commands_in_batches": Target("Redis commands per job, in batches", 10, 8, at_most=True),
    "commands_one_at_a_time": Target("Redis commands per job, one at a time", 22, 16, at_most=True),
    "queued_bytes": Target("bytes per queued job beyond its payload", 600, 500, at_most=True),
    "ended_bytes": Target("bytes per ended job kept, its payload of 100 included", 800, 650, at_most=True),
    "enqueue_vs_set": Target("enqueue one by one, against a bare SET", 0.55, 0.7),
    "bulk_vs_single": Target("enqueue 100 a call, against one by one", 4, 5.5),
    "latency_p50_ms": Target("idle start latency, median, ms", 1.5, 1, at_most=True),
    "latency_p99_ms": Target("idle start latency, 99th percentile, ms", 5, 2, at_most=True),
    "backlog": Target("drained at a backlog of 1 M, against 25 k", 0.75, 0.9),
}

WEBHOOK = {
    "inline_vs_bare": Target("inline, typed, no delivery record, against bare aiohttp", 0.65, 0.8),
    "inline_vs_bolt": Target("the same, against Slack Bolt", 1.5, 2),
    "durable_vs_bare": Target("acknowledged after the write to Redis, against bare aiohttp", 0.3, 0.45),
    "idle_rss_mib": Target("RSS of an idle web process, MiB", 85, 70, at_most=True),
}

TITAN = {
    "titan_vs_bare": Target("consume and succeed, against a bare route with two EVALSHA a job", 0.5, 0.6),
}

DEVICES = {
    "devices_vs_ministack": Target("start and end a device's job, against ministack", 1, 2),
}

FOOTPRINT = {
    "import_seconds": Target("`import envoy_plugin`, seconds", 0.5, 0.3, at_most=True),
    "idle_web_mib": Target("RSS of an idle `envoy-plugin web`, MiB", 85, 70, at_most=True),
}


def print_targets(targets: dict[str, Target], figures: dict[str, float]) -> None:
    """A row for each figure: value, must, aim, which is met."""
    rows = [
        (t.name, figures[key], t.must, t.aim, t.verdict(figures[key])) for key, t in targets.items() if key in figures
    ]
    print_table(("what", "measured", "must", "aim", "met"), rows)


def print_table(head: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> None:
    """A Markdown table."""
    print("\n| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(_cell(cell) for cell in row) + " |")


def _cell(value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
