"""The webhooks that reached the plugin while `dev` ran: kept in memory, bounded, the newest ones."""

import json
from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from envoy_plugin.simulator.answers import Outcome, read_outcome
from envoy_plugin.simulator.payloads import Webhook
from envoy_plugin.simulator.sender import Answer
from envoy_plugin.simulator.times import Clock, utc_now

MOST_DELIVERIES: Final = 500
MOST_BYTES: Final = 64 * 1024 * 1024
MOST_LINES: Final = 200
"""Log lines of one delivery, or of one job."""
MOST_JOBS: Final = 1_000
"""Jobs whose log lines are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """A line that the plugin logged, as it was redacted there."""

    time: str
    level: str
    event: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One webhook, and the answer once there is one; `fault` says why there is none.

    `number` counts from 1 and never comes again. `path` has no query. `cut` says that the body was larger than a plugin
    takes, and the rest of it isn't here.
    """

    number: int
    request_id: str
    time: datetime
    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    webhook: Webhook = field(repr=False)
    cut: bool = False
    replay_of: int | None = None
    answer: Answer | None = None
    fault: str | None = None
    elapsed: timedelta | None = None

    @property
    def body(self) -> bytes:
        """The bytes as they came."""
        return self.webhook.body

    @property
    def outcome(self) -> Outcome | None:
        """What Envoy reads from the answer to an event; None where none came."""
        return None if self.answer is None else read_outcome(self.answer.status)

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes."""
        return self.elapsed is not None

    @property
    def size(self) -> int:
        """Bytes of both bodies."""
        return len(self.body) + (len(self.answer.content) if self.answer else 0)


class Recorder:
    """The newest deliveries, and the log lines that belong to them; the oldest go first."""

    def __init__(
        self, clock: Clock = utc_now, *, most_deliveries: int = MOST_DELIVERIES, most_bytes: int = MOST_BYTES
    ) -> None:
        self._clock = clock
        self._most_deliveries = most_deliveries
        self._most_bytes = most_bytes
        self._rows: OrderedDict[int, Recorded] = OrderedDict()
        self._lines: dict[str, deque[LogLine]] = {}
        self._job_lines: OrderedDict[str, deque[LogLine]] = OrderedDict()
        self._replays: dict[str, int] = {}
        self._count = 0

    def begin(
        self,
        *,
        request_id: str,
        method: str,
        path: str,
        headers: tuple[tuple[str, str], ...],
        webhook: Webhook,
        cut: bool,
    ) -> Recorded:
        """Keep a webhook that has arrived."""
        self._count += 1
        row = Recorded(
            number=self._count,
            request_id=request_id,
            time=self._clock(),
            method=method,
            path=path,
            headers=headers,
            webhook=webhook,
            cut=cut,
            replay_of=self._replays.get(request_id),
        )
        self._rows[row.number] = row
        self._lines.setdefault(request_id, deque(maxlen=MOST_LINES))
        self._forget_oldest()
        return row

    def finish(self, row: Recorded, *, answer: Answer | None, fault: str | None = None, elapsed: timedelta) -> None:
        """Keep what came back, unless the delivery is forgotten by now."""
        if row.number in self._rows:
            self._rows[row.number] = replace(row, answer=answer, fault=fault, elapsed=elapsed)
            self._forget_oldest()

    def expect_replay(self, request_id: str, *, of: int) -> None:
        """The webhook that comes under this id is a replay."""
        self._replays[request_id] = of

    def replayed(self, request_id: str) -> Recorded | None:
        """The replay that came under an id; None where it never arrived, or is forgotten."""
        self._replays.pop(request_id, None)
        return next((row for row in self.newest_first() if row.request_id == request_id), None)

    def read_line(self, line: bytes) -> None:
        """Keep a log line of the plugin's, one JSON object, with the delivery or the job that it names."""
        try:
            fields = json.loads(line)
        except ValueError:
            return
        if not isinstance(fields, dict):
            return
        time, level, event = (str(fields.pop(name, "")) for name in ("timestamp", "level", "event"))
        said = LogLine(time=time, level=level, event=event, fields=fields)
        if (lines := self._lines.get(str(fields.get("request_id")))) is not None:
            lines.append(said)
        if "job" in fields:
            self._lines_of_job(str(fields["job"])).append(said)

    def get(self, number: int) -> Recorded | None:
        """A delivery, if it is still kept."""
        return self._rows.get(number)

    def newest(self) -> Recorded | None:
        """The last delivery."""
        return next(self.newest_first(), None)

    def newest_first(self) -> Iterator[Recorded]:
        """Every delivery that is kept."""
        return reversed(self._rows.values())

    def lines(self, row: Recorded) -> tuple[LogLine, ...]:
        """What was logged while the delivery was answered."""
        return tuple(self._lines.get(row.request_id, ()))

    def lines_of_job(self, job_id: str) -> tuple[LogLine, ...]:
        """What was logged while a job of the plugin's ran."""
        return tuple(self._job_lines.get(job_id, ()))

    def _lines_of_job(self, job_id: str) -> deque[LogLine]:
        lines = self._job_lines.setdefault(job_id, deque(maxlen=MOST_LINES))
        while len(self._job_lines) > MOST_JOBS:
            self._job_lines.popitem(last=False)
        return lines

    def _forget_oldest(self) -> None:
        """The newest one stays, however large it is."""
        size = sum(row.size for row in self._rows.values())
        while len(self._rows) > 1 and (len(self._rows) > self._most_deliveries or size > self._most_bytes):
            _, row = self._rows.popitem(last=False)
            size -= row.size
            self._lines.pop(row.request_id, None)
