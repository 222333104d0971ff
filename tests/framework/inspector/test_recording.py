"""What is kept is bounded, and the newest of it."""

import json

import pytest

from envoy_plugin.inspector.recording import MOST_JOBS, MOST_LINES, Recorded, Recorder
from envoy_plugin.simulator.payloads import read_webhook


def record(recorder: Recorder, body: bytes = b"{}", request_id: str = "r") -> Recorded:
    """One delivery that has arrived."""
    return recorder.begin(
        request_id=request_id,
        method="POST",
        path="/envoy/events",
        headers=(),
        webhook=read_webhook(body),
        cut=False,
    )


def line(**fields: object) -> bytes:
    return json.dumps({"timestamp": "2026-11-21T09:00:00Z", "level": "info", "event": "x", **fields}).encode()


def numbers(recorder: Recorder) -> list[int]:
    return [row.number for row in recorder.newest_first()]


def test_the_oldest_deliveries_go_first_and_no_number_comes_again() -> None:
    recorder = Recorder(most_deliveries=2)
    rows = [record(recorder, request_id=str(number)) for number in range(4)]
    assert numbers(recorder) == [4, 3]
    assert recorder.get(rows[0].number) is None


def test_large_bodies_push_out_older_ones_and_the_newest_stays() -> None:
    recorder = Recorder(most_bytes=100)
    record(recorder, b"x" * 60)
    record(recorder, b"x" * 60)
    assert numbers(recorder) == [2]
    record(recorder, b"x" * 1_000)
    assert numbers(recorder) == [3]


def test_log_lines_go_to_their_delivery_and_to_their_job_and_are_bounded() -> None:
    recorder = Recorder()
    row = record(recorder)
    for number in range(MOST_LINES + 1):
        recorder.read_line(line(request_id="r", number=number))
        recorder.read_line(line(job="j", number=number))
    recorder.read_line(line(request_id="another"))
    assert [said.fields["number"] for said in recorder.lines(row)] == list(range(1, MOST_LINES + 1))
    assert len(recorder.lines_of_job("j")) == MOST_LINES


def test_the_lines_of_the_oldest_job_go_first() -> None:
    recorder = Recorder()
    for number in range(MOST_JOBS + 1):
        recorder.read_line(line(job=f"j{number}"))
    assert recorder.lines_of_job("j0") == ()
    assert len(recorder.lines_of_job("j1")) == 1


@pytest.mark.parametrize("junk", [b"", b"no JSON\n", b"[1]\n", b'"text"\n', b"\xff\n", b'{"event": 1}'])
def test_a_line_that_is_none_is_left_alone(junk: bytes) -> None:
    Recorder().read_line(junk)
