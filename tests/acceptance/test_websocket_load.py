"""Many who are told of many changes by a real web process: each is told once and in order, and the slow are dropped."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "websocket.py"
SOAKING = 900


@pytest.mark.parametrize(
    ("subscribers", "slow", "arguments"),
    [
        pytest.param(20, 3, ["--quick"], id="small"),
        pytest.param(200, 10, [], marks=[pytest.mark.soak, pytest.mark.timeout(SOAKING)], id="10,000 messages"),
    ],
)
def test_everybody_who_reads_is_told_everything_once_and_in_order(
    subscribers: int, slow: int, arguments: list[str], record_property: Callable[[str, object], None]
) -> None:
    command = [sys.executable, str(BENCHMARK), "--json", *arguments]
    done = subprocess.run(command, env={"PATH": os.environ["PATH"]}, capture_output=True, check=True, timeout=SOAKING)
    figures = json.loads(done.stdout.splitlines()[-1])
    for name, value in figures.items():
        record_property(name, value)
    assert (figures["told"], figures["out_of_order"]) == (subscribers * figures["messages"], 0)
    assert (figures["slow_dropped"], figures["delay_p50_ms"] < 1_000) == (slow, True)
