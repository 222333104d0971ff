"""Whatever is sent on the websocket: it is answered or closed, nothing fails inside, and the next one is served."""

import json
from typing import Any

import pytest
from aiohttp import WSMsgType
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.apis.workflow_manager.site import Site
from tests.apis.workflow_manager.socket_site import Client, opened
from tests.apis.workflow_manager.test_fuzz import json_values

GOOD_CODES = {1000, 1002, 1003, 1007, 1008, 1009}
hard = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
KINDS = st.sampled_from(["subscribe", "unsubscribe", "StepInfoResponse", "SUBSCRIBE", "JobState", "", None, 7])
NAMES = st.sampled_from(["jobIds", "all", "token", "senderId", "message"])
REPLIES = st.fixed_dictionaries(
    {},
    optional={
        "jobId": st.just("JOB") | json_values,
        "stepId": st.sampled_from(["sign", "host"]) | json_values,
        "questionResponse": json_values,
        "manualResponse": json_values,
        "comment": json_values,
    },
)


@st.composite
def said(draw: st.DrawFn) -> Any:
    """Nearly a frame, or any JSON."""
    if draw(st.integers(0, 5)) == 0:
        return draw(json_values)
    frame: dict[str, Any] = {"msgType": draw(KINDS)}
    for name in draw(st.lists(NAMES, max_size=4)):
        frame[name] = draw(json_values | st.lists(st.just("JOB") | st.text(max_size=5), max_size=4) | REPLIES)
    return frame


@pytest.fixture
def job_ids() -> dict[str, str]:
    """The job that examples name."""
    return {}


async def is_served(client: Client) -> bool:
    """Whether the socket still answers; what is told before that is passed over."""
    try:
        await client.ws.send_str('{"msgType":"subscribe","jobIds":["the-last-one"]}')
    except ConnectionError:
        return False
    while (frame := await client.ws.receive()).type is WSMsgType.TEXT:
        told = json.loads(frame.data)
        assert isinstance(told["timestamp"], int), told
        if told["message"].get("jobId") == "the-last-one":
            return True
    assert client.ws.close_code in GOOD_CODES
    return False


@hard
@given(frames=st.lists(said(), min_size=1, max_size=8))
async def test_any_frames_are_answered_or_left(
    site: Site, job_ids: dict[str, str], caplog: pytest.LogCaptureFixture, frames: list[Any]
) -> None:
    if not job_ids:
        job_ids["JOB"] = await site.job()
    async with opened(site) as client:
        for frame in frames:
            text = json.dumps(frame).replace('"JOB"', json.dumps(job_ids["JOB"]))
            await client.ws.send_str(text)
        assert await is_served(client)
    assert "Traceback" not in caplog.text
    assert "failed" not in caplog.text


@hard
@given(frames=st.lists(st.tuples(st.sampled_from([0, 1, 2, 3, 8, 9, 10, 11]), st.binary(max_size=130)), max_size=4))
async def test_any_bytes_close_the_socket_or_are_passed_over(
    site: Site, caplog: pytest.LogCaptureFixture, frames: list[tuple[int, bytes]]
) -> None:
    async with opened(site) as client:
        for opcode, content in frames:
            try:
                await client.ws.send_frame(content, opcode)  # type: ignore[arg-type] # also such as there aren't
            except ConnectionError:
                break
        await is_served(client)
    async with opened(site) as another:
        assert await is_served(another)
    assert "Traceback" not in caplog.text
    assert "failed" not in caplog.text
