"""The benchmarks run, and tell what outside checks read."""

import json
import os
import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_quick_engine_benchmark_ends_with_one_json_object() -> None:
    command = [sys.executable, str(BENCHMARKS / "engine.py"), "--quick", "--json", "--jobs", "300", "--rounds", "1"]
    done = subprocess.run(command, env={"PATH": os.environ["PATH"]}, capture_output=True, check=True, timeout=60)
    figures = json.loads(done.stdout.splitlines()[-1])
    assert {"drained_vs_saq", "redis_cpu_vs_saq"} <= figures.keys()
    assert all(isinstance(value, float) for value in figures.values())


def test_the_footprint_is_told_in_one_json_object() -> None:
    command = [sys.executable, str(BENCHMARKS / "footprint.py"), "--json", "--rounds", "1"]
    done = subprocess.run(command, env={"PATH": os.environ["PATH"]}, capture_output=True, check=True, timeout=60)
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures.keys() == {"import_seconds", "import_all_seconds", "idle_web_mib"}
    assert all(value > 0 for value in figures.values())


def test_the_storage_benchmark_ends_with_one_json_object() -> None:
    command = [
        sys.executable,
        str(BENCHMARKS / "storage.py"),
        "--quick",
        "--json",
        "--pipelines",
        "200",
        "--rounds",
        "1",
    ]
    done = subprocess.run(command, env={"PATH": os.environ["PATH"]}, capture_output=True, check=True, timeout=60)
    figures = json.loads(done.stdout.splitlines()[-1])
    assert {"storage_vs_pipeline", "storage_cpu_vs_pipeline"} <= figures.keys()
    assert all(value > 0 for value in figures.values())


def test_the_titan_benchmark_ends_with_one_json_object() -> None:
    command = [sys.executable, str(BENCHMARKS / "titan.py"), "--json", "--jobs", "100", "--rounds", "1"]
    done = subprocess.run(command, env={"PATH": os.environ["PATH"]}, capture_output=True, check=True, timeout=60)
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures.keys() == {"titan_vs_bare", "titan_vs_bare_in_one_request", "titan_by_tens_vs_bare"}
    assert all(value > 0 for value in figures.values())


def test_the_benchmark_of_devices_ends_with_one_json_object() -> None:
    command = [
        sys.executable,
        str(BENCHMARKS / "devices.py"),
        "--json",
        "--jobs",
        "64",
        "--rounds",
        "1",
        "--without-ministack",
    ]
    done = subprocess.run(command, env={"PATH": os.environ["PATH"]}, capture_output=True, check=True, timeout=60)
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures.keys() == {"devices_vs_bare"}
    assert all(value > 0 for value in figures.values())


def test_the_benchmark_of_pages_ends_with_one_json_object() -> None:
    command = [
        sys.executable,
        str(BENCHMARKS / "workflows.py"),
        "--json",
        "--jobs",
        "300",
        "--pages",
        "1",
        "--rounds",
        "1",
    ]
    done = subprocess.run(command, env={"PATH": os.environ["PATH"]}, capture_output=True, check=True, timeout=60)
    figures = json.loads(done.stdout.splitlines()[-1])
    assert {"page_one_tag", "page_two_that_cut", "page_halfway_in_one_tag"} < figures.keys()
    assert all(value > 0 for value in figures.values())
