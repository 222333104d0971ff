"""What leaves the process as a log line, and what never does."""

import asyncio
import io
import json
import logging
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
import structlog
from aiohttp import BadContentDispositionParam
from pydantic import BaseModel, SecretStr, ValidationError
from structlog.contextvars import bound_contextvars

from envoy_plugin.logs import ACCESS_LOGGER, configure_logs, get_logger

pytestmark = pytest.mark.usefixtures("logging_as_before")

CANARY = "canary-4711"
Lines = Callable[[], list[dict[str, Any]]]


class Visitor(BaseModel):
    """A model with something in it that must not be seen."""

    full_name: str
    age: int = 0


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def lines(stream: io.StringIO) -> Lines:
    """Log JSON at level debug, with the access log on; the lines so far."""
    configure_logs(level="debug", json=True, access=True, stream=stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_has_event_fields_level_logger_and_utc_time(lines: Lines) -> None:
    get_logger("worker").info("job.claimed", id="a0", queue="events", attempt=1)
    [line] = lines()
    assert datetime.fromisoformat(line.pop("timestamp")).tzinfo is not None
    assert line == {
        "event": "job.claimed",
        "id": "a0",
        "queue": "events",
        "attempt": 1,
        "level": "info",
        "logger": "worker",
    }


def test_what_is_bound_to_the_context_is_on_lines_of_every_kind_of_logger(lines: Lines) -> None:
    with bound_contextvars(request_id="r1", install="1001", job="a0"):
        get_logger("ours").info("a")
        structlog.get_logger("users").info("b")
        logging.getLogger("library").info("c")
    assert [(line["event"], line["request_id"], line["install"], line["job"]) for line in lines()] == [
        (event, "r1", "1001", "a0") for event in "abc"
    ]


def test_lines_below_the_level_are_not_written(stream: io.StringIO) -> None:
    configure_logs(level="warning", json=True, stream=stream)
    get_logger("ours").info("a")
    logging.getLogger("library").info("b")
    assert stream.getvalue() == ""


def test_the_level_can_change_after_a_logger_was_used(stream: io.StringIO) -> None:
    log = get_logger("ours")
    configure_logs(level="error", json=True, stream=stream)
    log.info("before")
    configure_logs(level="info", json=True, stream=stream)
    log.info("after")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["after"]


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(ValueError, match="LOUD"):
        configure_logs(level="loud", json=True)


SECRET_KEYS = ["token", "access_token", "clientSecret", "Authorization", "X-Envoy-Signature", "api_key", "API_KEY"]
MORE_KEYS = [
    "apikey",
    "password",
    "pin",
    "door_pin",
    "email",
    "hostEmail",
    "phone_number",
    "name",
    "full-name",
    "fullName",
]


@pytest.mark.parametrize("key", [*SECRET_KEYS, *MORE_KEYS])
def test_fields_with_telling_names_are_hidden_at_any_depth(lines: Lines, key: str) -> None:
    get_logger("ours").info("a", **{key: CANARY}, deep=[{"x": {key: [CANARY]}}])
    [line] = lines()
    assert CANARY not in json.dumps(line)
    assert line[key] == "[redacted]"


@pytest.mark.parametrize("key", ["filename", "shipping", "keyword", "tokenizer", "hostname"])
def test_a_word_within_another_word_hides_nothing(lines: Lines, key: str) -> None:
    get_logger("ours").info("a", **{key: "seen"})
    assert lines()[0][key] == "seen"


@pytest.mark.parametrize(
    "value",
    [SecretStr(CANARY), Visitor(full_name=CANARY), ValueError(CANARY), CANARY.encode(), SimpleNamespace(x=CANARY)],
    ids=lambda value: type(value).__name__,
)
def test_a_value_that_is_not_plain_shows_its_type_alone(lines: Lines, value: object) -> None:
    get_logger("ours").info("a", value=value, values=[value])
    [line] = lines()
    assert line["value"] == f"<{type(value).__name__}>"
    assert CANARY not in json.dumps(line)


def test_plain_values_stay_as_they_are(lines: Lines) -> None:
    plain = {"text": "ü", "number": 1.5, "yes": True, "nothing": None, "many": [1, "a"], "within": {"a": 1}}
    get_logger("ours").info(
        "a", **plain, at=datetime(2026, 11, 21, tzinfo=UTC), took=timedelta(seconds=1), id=UUID(int=1)
    )
    [line] = lines()
    assert line | plain == line
    assert line["at"] == "2026-11-21 00:00:00+00:00"
    assert line["took"] == "0:00:01"
    assert line["id"] == str(UUID(int=1))


def test_values_that_contain_themselves_end_somewhere(lines: Lines) -> None:
    loop: list[object] = []
    loop.append(loop)
    get_logger("ours").info("a", loop=loop)
    assert "<list>" in json.dumps(lines())


def test_control_characters_are_escaped(lines: Lines) -> None:
    get_logger("ours").info("a\nb", field="x\x1b[31m")
    assert lines()[0]["event"] == r"a\nb"
    assert lines()[0]["field"] == r"x\x1b[31m"


def test_an_exception_shows_types_and_frames_but_neither_text_nor_locals(lines: Lines) -> None:
    def fail(secret: str) -> None:
        try:
            Visitor.model_validate({"full_name": "x", "age": secret})
        except ValidationError as error:
            raise RuntimeError(secret) from error

    try:
        fail(CANARY)
    except RuntimeError:
        get_logger("ours").exception("job.crashed", id="a0")
        logging.getLogger("library").exception("Something broke", stack_info=True)
    assert CANARY not in json.dumps(lines())
    for line in lines():
        assert line["error"] == "RuntimeError from ValidationError"
        assert line["frames"][-1].endswith(":fail")
        assert f"{__file__}:" in line["frames"][0]


def test_an_exception_can_be_given_as_itself_and_may_have_no_frames(lines: Lines) -> None:
    get_logger("ours").warning("a", exc_info=ValueError(CANARY))
    get_logger("ours").warning("b", exc_info=True)
    assert lines()[0]["error"] == "ValueError"
    assert lines()[0]["frames"] == []
    assert "error" not in lines()[1]


async def test_a_lost_task_exception_shows_no_text(lines: Lines) -> None:
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    future.set_exception(ValueError(CANARY))
    loop.call_exception_handler({"message": "lost", "future": future, "exception": future.exception()})
    [line] = [line for line in lines() if line["logger"] == "asyncio" and line["level"] == "error"]
    assert line["event"] == "lost"
    assert line["error"] == "ValueError"
    assert CANARY not in json.dumps(lines())


def access_line(path: str) -> None:
    extra = {"first_request_line": f"POST {path} HTTP/1.1", "response_status": 200, "response_size": 7}
    headers = {"request_header": {"Referer": CANARY}}
    logging.getLogger(ACCESS_LOGGER).info("127.0.0.1 %s %s", path, CANARY, extra=extra | headers)


def test_the_access_log_has_no_query_and_no_headers(lines: Lines) -> None:
    access_line(f"/envoy/events?token={CANARY}")
    [line] = lines()
    assert CANARY not in json.dumps(line)
    assert line["event"] == "http.answered"
    assert (line["method"], line["path"], line["status"], line["size"]) == ("POST", "/envoy/events", 200, 7)


def test_other_lines_of_the_access_logger_stay(lines: Lines) -> None:
    logging.getLogger(ACCESS_LOGGER).error("Error in logging")
    assert lines()[0]["event"] == "Error in logging"


def test_the_access_log_is_off_unless_asked_for(stream: io.StringIO) -> None:
    configure_logs(level="debug", json=True, stream=stream)
    access_line("/envoy/events")
    assert stream.getvalue() == ""


def test_text_lines_are_for_reading(stream: io.StringIO) -> None:
    configure_logs(level="info", json=False, stream=stream)
    get_logger("worker").info("job.claimed", id="a0", token=CANARY)
    logging.getLogger("library").warning("hello %s", "you")
    first, second = stream.getvalue().splitlines()
    assert first[12:] == " info     job.claimed id=a0 token=[redacted] logger=worker"
    assert second[12:] == " warning  hello you logger=library"


def test_text_lines_show_the_frames_of_an_exception_below(stream: io.StringIO) -> None:
    configure_logs(level="info", json=False, stream=stream)
    try:
        int(CANARY)
    except ValueError:
        get_logger("worker").exception("job.crashed")
    first, second = stream.getvalue().splitlines()
    assert first.endswith("job.crashed logger=worker error=ValueError")
    assert second.startswith("    ")
    assert second.endswith("an_exception_below")
    assert CANARY not in stream.getvalue()


def test_our_lines_are_redacted_where_somebody_else_has_set_up_logging(stream: io.StringIO) -> None:
    handler = logging.StreamHandler(stream)
    logging.getLogger("ours").addHandler(handler)
    get_logger("ours").warning("job.claimed", id="a0", token=CANARY)
    logging.getLogger("ours").removeHandler(handler)
    assert stream.getvalue() == "job.claimed id=a0 token=[redacted] logger=ours\n"


def test_lines_go_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(level="info", json=False)
    get_logger("ours").info("hello.there")
    assert "hello.there" in capsys.readouterr().out


def test_a_warning_of_python_is_shown_without_its_text(lines: Lines) -> None:
    warnings.simplefilter("always")
    warnings.warn(BadContentDispositionParam(CANARY), stacklevel=1)
    [line] = lines()
    assert (line["event"], line["error"]) == ("python.warned", "BadContentDispositionParam")
    assert line["frames"][0].startswith(__file__)
    assert CANARY not in json.dumps(line)


def test_what_pages_say_of_protocols_is_not_shown(lines: Lines) -> None:
    logging.getLogger("aiohttp.websocket").warning("%s: Client protocols %r don't overlap", "::1", [CANARY])
    assert lines() == []
