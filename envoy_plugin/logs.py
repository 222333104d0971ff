"""Logs: event names with fields, on one stream, and nothing secret or about a visitor in them.

`configure_logs` is called once, by the process's entry point. Loggers of `get_logger`, structlog's own and those of
the standard library (so those of every other library) end in the same handler. The fields of
`with Bound(request_id=…, install=…, job=…)` are on every line below it, as are those of structlog's own contextvars;
`bind_alone` is for a task of its own, and `bind_more` adds to either once more is known.

One function, `redact`, sees every line before it leaves:

* a field whose name has a word such as token, pin or email in it shows `[redacted]`, at any depth;
* a value that isn't plain (text, number, time, id, list, dict) shows its type alone, so that no repr of a model, a
  secret or an exception gets out;
* control characters are escaped, so that a line stays one line; of another library's message the first line is kept.

An exception is shown by its type and the file, line and function of its frames: never its text, which may quote what
it failed on (pydantic's does), no locals, no source lines. So is a warning of Python's: aiohttp's quote names of files.
"""

import logging
import re
import sys
import traceback
import warnings
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import date, timedelta
from types import MappingProxyType, TracebackType
from typing import Any, Final, TextIO, cast
from uuid import UUID

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

HANDLER_NAME: Final = "envoy_plugin"
ACCESS_LOGGER: Final = "aiohttp.access"
SOCKET_LOGGER: Final = "aiohttp.websocket"  # its warnings quote Sec-WebSocket-Protocol, in which pages send tokens
REDACTED: Final = "[redacted]"
DEEPEST: Final = 6
MOST_FRAMES: Final = 20
META_KEYS: Final = ("_record", "_from_structlog")

SECRET_WORDS: Final = frozenset({
    "apikey", "auth", "authorization", "bearer", "cookie", "credential", "credentials", "jwt", "key", "passphrase",
    "passwd", "password", "pin", "pins", "secret", "secrets", "signature", "token", "tokens",
})  # fmt: skip
PERSONAL_WORDS: Final = frozenset({
    "attachments", "attributes", "body", "email", "emails", "inviter", "mail", "mobile", "name", "names", "notes",
    "payload", "phone", "photo", "query", "thumbnails", "visitor",
})  # fmt: skip
HIDDEN_WORDS: Final = SECRET_WORDS | PERSONAL_WORDS
WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")

WORTH_SHOWING: Final = (date, timedelta, UUID)


def configure_logs(*, level: str, json: bool, access: bool = False, stream: TextIO | None = None) -> None:
    """Send the logs of the whole process to `stream` (standard output), as JSON lines or for reading.

    Replaces the handlers of the root logger. `level` is a name of the standard library's, in any case. With `access`
    each HTTP request is a line `http.answered` with method, path, status and size, without query or headers.

    Raises:
        ValueError: there is no such level.
    """
    structlog.configure(
        processors=list(_OWN_CHAIN),
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.setLevel(level.upper())
    root.handlers[:] = [_handler(stream or sys.stdout, json=json)]
    logging.getLogger(ACCESS_LOGGER).setLevel(logging.INFO if access else logging.WARNING)
    logging.getLogger(SOCKET_LOGGER).setLevel(logging.ERROR)
    warnings.showwarning = _log_warning


def also_tell(tell: Callable[[str], None]) -> None:
    """Call `tell` with every line that the process logs from now on, as JSON, beside where it goes already."""
    logging.getLogger().addHandler(_Teller(tell))


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of a module: `log.info("job.claimed", id=…, queue=…)`.

    It redacts by itself, so that lines are safe where somebody else has set up logging.
    """
    logger = structlog.wrap_logger(
        logging.getLogger(name),
        processors=list(_OWN_CHAIN),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return cast("structlog.stdlib.BoundLogger", logger)


def _log_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Log a warning of Python's, without its text."""
    del message, file, line
    get_logger("py.warnings").warning("python.warned", error=category.__qualname__, frames=[f"{filename}:{lineno}"])


class Bound:
    """Puts fields on every line that is logged within the block; on the hot path, where structlog's own costs more."""

    __slots__ = ("_fields", "_token")

    def __init__(self, **fields: object) -> None:
        self._fields = fields

    def __enter__(self) -> None:
        self._token = _BOUND.set({**_BOUND.get(), **self._fields})

    def __exit__(self, *_: object) -> None:
        _BOUND.reset(self._token)


def bind_alone(**fields: object) -> None:
    """Put these, and no others, on every line of the running asyncio task. For a request, which has one of its own."""
    _BOUND.set(fields)


def bind_more(**fields: object) -> None:
    """Put these, too, on every line of the `Bound` block, or of the task with `bind_alone`, in which this is called."""
    _BOUND.get().update(fields)


_NOTHING: Final = cast("dict[str, object]", MappingProxyType({}))
_BOUND: Final[ContextVar[dict[str, object]]] = ContextVar("bound", default=_NOTHING)


def _merge_bound(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {**_BOUND.get(), **event}


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Hide what the names of fields or the types of values forbid; see the module's docstring."""
    return {key: value if key in META_KEYS else _shown(key, value, 0) for key, value in event.items()}


def describe_exception(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace `exc_info` by `error`, the chain of types, and `frames`, where it happened, outermost first."""
    event.pop("stack_info", None)
    error = _exception(event.pop("exc_info", None))
    if error is not None:
        event["error"] = " from ".join(type(link).__qualname__ for link in _chain(error))
        event["frames"] = _frames(error.__traceback__)
    return event


class Line(dict[str, Any]):
    """The fields of one line; as text where a handler that isn't ours shows it."""

    def __str__(self) -> str:
        return _fields_text(self)


def names_secret(name: str) -> bool:
    """Whether what has this name counts as a secret, as `api_key` or `doorPin`."""
    return _has_word(name, SECRET_WORDS)


def _has_word(name: str, words: frozenset[str]) -> bool:
    return not words.isdisjoint(word.lower() for word in WORD.findall(name))


def _shown(key: str, value: object, depth: int) -> object:
    if value is None or isinstance(value, bool):
        return value
    if _has_word(key, HIDDEN_WORDS):
        return REDACTED
    if isinstance(value, Mapping) and depth < DEEPEST:
        return {str(inner): _shown(str(inner), item, depth + 1) for inner, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)) and depth < DEEPEST:
        return [_shown(key, item, depth + 1) for item in value]
    return _plain(value)


def _plain(value: object) -> object:
    """Text and numbers as they are, times and ids as text, anything else as its type."""
    if isinstance(value, str):
        return value if value.isprintable() else value.encode("unicode_escape").decode()
    if isinstance(value, (int, float)):
        return value
    return str(value) if isinstance(value, WORTH_SHOWING) else f"<{type(value).__qualname__}>"


def _exception(exc_info: object) -> BaseException | None:
    """The exception that `exc_info` stands for, in each form that logging knows: itself, a triple, or True."""
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple):
        return cast("BaseException | None", exc_info[1])
    return sys.exc_info()[1] if exc_info else None


def _chain(error: BaseException) -> list[BaseException]:
    """The exception and what it was raised from."""
    chain = [error]
    while (cause := chain[-1].__cause__) is not None and cause not in chain:
        chain.append(cause)
    return chain


def _frames(trace: TracebackType | None) -> list[str]:
    """The innermost frames as `file:line:function`."""
    frames = [(frame.f_code, line) for frame, line in traceback.walk_tb(trace)]
    return [f"{code.co_filename}:{line}:{code.co_name}" for code, line in frames[-MOST_FRAMES:]]


def _first_line(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Cut a foreign message at its first line: asyncio puts the repr of a lost exception on the second."""
    event["event"] = str(event["event"]).partition("\n")[0]
    return event


def _name_access(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Turn a line of aiohttp's access log into an event without query, referrer and user agent.

    Source: aiohttp 3.14, `web_log.py`: the parts of the line are attributes of the record.
    """
    record: logging.LogRecord = event["_record"]
    if record.name != ACCESS_LOGGER or not hasattr(record, "first_request_line"):
        return event
    method, _, rest = record.first_request_line.partition(" ")
    path = rest.rpartition(" ")[0].partition("?")[0]
    event.update(event="http.answered", method=method, path=path)
    event.update(status=getattr(record, "response_status", None), size=getattr(record, "response_size", None))
    return event


def _as_line(logger: logging.Logger, method: str, event: EventDict) -> tuple[tuple[Line], dict[str, Any]]:
    """Hand the fields to the standard library, marked for our handler's formatter."""
    return (Line(event),), {"extra": {"_logger": logger, "_name": method}}


def _fields_text(event: Mapping[str, Any]) -> str:
    fields = " ".join(f"{key}={value}" for key, value in event.items() if key not in {"event", "timestamp", "level"})
    return f"{event.get('event')} {fields}".rstrip()


def _render_text(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    """A line for reading: time of day in UTC, level, event, fields; an exception's frames on lines of their own."""
    frames = "".join(f"\n    {frame}" for frame in event.pop("frames", ()))
    time = str(event.get("timestamp", ""))[11:23]
    return f"{time} {event.get('level', ''):<8} {_fields_text(event)}{frames}"


def _handler(stream: TextIO, *, json: bool) -> logging.Handler:
    renderer: Processor = structlog.processors.JSONRenderer() if json else _render_text
    handler = logging.StreamHandler(stream)
    handler.set_name(HANDLER_NAME)
    handler.setFormatter(_formatter(renderer))
    return handler


def _formatter(renderer: Processor) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_FOREIGN_CHAIN,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )


class _Teller(logging.Handler):
    """Hands each line to a function."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__()
        self._tell = tell
        self.setFormatter(_formatter(structlog.processors.JSONRenderer()))

    def emit(self, record: logging.LogRecord) -> None:
        """For logging itself."""
        self._tell(self.format(record))


_SHARED_CHAIN: Final[tuple[Processor, ...]] = (
    structlog.contextvars.merge_contextvars,
    _merge_bound,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    describe_exception,
    redact,
)
_OWN_CHAIN: Final[tuple[Processor, ...]] = (
    structlog.stdlib.filter_by_level,
    structlog.stdlib.PositionalArgumentsFormatter(),
    *_SHARED_CHAIN,
    cast("Processor", _as_line),
)
_FOREIGN_CHAIN: Final[tuple[Processor, ...]] = (_first_line, _name_access, *_SHARED_CHAIN)
