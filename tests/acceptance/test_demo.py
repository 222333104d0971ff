"""The demo: a visit from start to end, played by real processes."""

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "example_plugin.demo"]
AT_MOST = 140
STEPS = (
    "is set up",
    "is invited",
    "signs in",
    "same event again",
    "delivery person",
    "revoked",
    "dies",
    "host decides",
    "group comes",
    "signs out",
    "stops",
)


def environment(home: Path) -> dict[str, str]:
    """An empty HOME, no redis-server on PATH, and settings of another plugin, which the demo must not take for its."""
    coverage = {name: value for name, value in os.environ.items() if name.startswith("COV")}
    return {"HOME": str(home), "PATH": "/nonexistent", "PORT": "1", "REDIS_TLS_URL": "rediss://elsewhere:1"} | coverage


def badges(step: str) -> set[str]:
    return set(re.findall(r"B-[0-9A-F]{8}", step))


@pytest.mark.long
def test_the_demo_tells_a_visit_from_start_to_end(tmp_path: Path) -> None:
    done = subprocess.run(
        COMMAND, cwd=ROOT, env=environment(tmp_path), capture_output=True, text=True, timeout=AT_MOST, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    steps = re.split(r"\n(?=\d+\. )", done.stdout)[1:]
    assert [title in step.splitlines()[0] for title, step in zip(STEPS, steps, strict=True)] == [True] * len(STEPS)
    assert done.stdout.count("-> POST http://127.0.0.1:") == done.stdout.count("X-Envoy-Signature: ") == 12
    assert re.findall(r"<- (\d+) ", done.stdout) == ["412", "200", "200"] + ["202"] * 6 + ["200", "202", "200"]
    shown = ["done"] * 3 + ["ignored", "failed"] + ["done"] * 7
    assert re.findall(r"Envoy's dashboard: (\w+):", done.stdout) == shown
    assert "says: The door system rejected this API key." in steps[0]
    assert len(badges(steps[2])) == len(badges(steps[6])) == 1
    assert badges(steps[2]) == badges(steps[3])
    assert "PIN: ••••" in steps[2]
    assert "question  queued" in steps[7]
    assert len(badges(steps[7])) == 1
    assert len(badges(steps[8])) == 2
    assert re.findall(r"Print the badge .*  held +unassigned +(held|waits for job)", steps[8]) == [
        "held",
        "waits for job",
    ]
    assert "\x1b" not in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_demo_that_is_told_to_stop_leaves_no_process_behind(tmp_path: Path) -> None:
    mark = {"DEMO_MARK": str(tmp_path)}
    with subprocess.Popen(
        COMMAND, cwd=ROOT, env=environment(tmp_path) | mark, stdout=subprocess.PIPE, text=True
    ) as demo:
        assert demo.stdout is not None
        sent = next(line for line in demo.stdout if "-> POST" in line)
        demo.send_signal(signal.SIGTERM)
        demo.communicate(timeout=AT_MOST)
    assert demo.returncode == 130
    with socket.socket() as client, pytest.raises(ConnectionRefusedError):
        client.connect(("127.0.0.1", int(re.findall(r":(\d+)/", sent)[0])))
    assert processes_with(str(tmp_path)) == []


def processes_with(mark: str) -> list[str]:
    """The processes that have `mark` in their environment, as far as the system tells."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment = process.joinpath("environ").read_bytes()
        except OSError:
            continue
        if mark.encode() in environment:
            found.append(process.name)
    return found
