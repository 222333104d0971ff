"""What is shown of a delivery: the same JSON for programs and, through templates, for people.

Values of credentials are left out: of headers, and the tokens in a body. Who wants the very bytes asks for the body.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from envoy_plugin.engine.model import Job, Row
from envoy_plugin.inspector.backstage import Backstage
from envoy_plugin.inspector.recording import LogLine, Recorded, Recorder
from envoy_plugin.simulator.jobs import Jobs
from envoy_plugin.simulator.request_log import HIDDEN, SECRET_HEADERS
from envoy_plugin.simulator.times import iso
from envoy_plugin.simulator.wire import Json, JsonObject, parse_json

SECRET_KEYS: Final = frozenset({"access_token", "client_secret", "refresh_token"})
ALREADY_SAID: Final = frozenset({"request_id", "logger"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Puts together what is known of a delivery: here, at the simulated Envoy, and in the plugin's Redis."""

    recorder: Recorder
    envoy_jobs: Jobs
    backstage: Backstage

    def summaries(self, *, below: int | None = None, most: int) -> list[JsonObject]:
        """The newest deliveries, those with a lower number than `below` alone."""
        rows = (row for row in self.recorder.newest_first() if below is None or row.number < below)
        return [self._summary(row) for row, _ in zip(rows, range(most), strict=False)]

    def dashboard(self, *, most: int) -> list[JsonObject]:
        """What Envoy's dashboard shows of the newest jobs that deliveries were about, each with its deliveries."""
        numbers: dict[str, list[int]] = {}
        events: dict[str, str] = {}
        for row in self.recorder.newest_first():
            if row.webhook.job_id is not None:
                numbers.setdefault(row.webhook.job_id, []).append(row.number)
                events[row.webhook.job_id] = row.webhook.event
        shown = ({"job_id": job_id, "event": events[job_id], "deliveries": of} | self._envoy_job(job_id)
                 for job_id, of in numbers.items())  # fmt: skip
        return [job for job in shown if job["job"] is not None][:most]

    async def detail(self, row: Recorded) -> JsonObject:
        """Everything about one delivery."""
        behind = await self.backstage.behind(row.body)
        return {
            **self._summary(row),
            "request": {"headers": _headers(row.headers), "body": _shown(row.body), "cut": row.cut},
            "answer_headers": {} if row.answer is None else _headers(row.answer.headers.items()),
            "body": None if row.answer is None else _masked(row.answer.body),
            "log": _lines(self.recorder.lines(row)),
            "jobs": [self._job(job) for job in behind.jobs],
            "jobs_fault": behind.fault,
            **self._envoy_job(row.webhook.job_id),
        }

    def _summary(self, row: Recorded) -> JsonObject:
        job = None if row.webhook.job_id is None else self.envoy_jobs.get(row.webhook.job_id)
        return {
            "id": row.number,
            "time": iso(row.time),
            "event": row.webhook.event,
            "method": row.method,
            "path": row.path,
            "status": None if row.answer is None else row.answer.status,
            "outcome": row.outcome,
            "elapsed_ms": None if row.elapsed is None else round(row.elapsed.total_seconds() * 1000),
            "error": row.fault,
            "job_id": row.webhook.job_id,
            "job_status": None if job is None else job.status,
            "install_id": row.webhook.install_id,
            "replay_of": row.replay_of,
        }

    def _envoy_job(self, job_id: str | None) -> JsonObject:
        job = None if job_id is None else self.envoy_jobs.get(job_id)
        if job is None:
            return {"job": None, "timeline": []}
        return {"job": job.as_shown(), "timeline": [moment.as_json() for moment in self.envoy_jobs.timeline(job.id)]}

    def _job(self, job: Job) -> JsonObject:
        return {
            "id": job.id,
            "kind": job.kind,
            "queue": job.queue,
            "state": job.state,
            "reason": job.reason,
            "attempt": job.attempt,
            "retries_left": job.retries_left,
            "due": _time(job.due),
            "history": [_row(row) for row in job.history],
            "log": _lines(self.recorder.lines_of_job(job.id)),
        }


def pretty(value: Json) -> str:
    """A value for people: JSON indented, text as it is."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)


def _headers(headers: Iterable[tuple[str, str]]) -> list[list[str]]:
    return [[name, HIDDEN if _is_secret(name) else value] for name, value in headers]


def _is_secret(name: str) -> bool:
    return name.lower() in SECRET_HEADERS | {"set-cookie"}


def _shown(body: bytes) -> Json:
    try:
        return _masked(parse_json(body))
    except ValueError:
        return body.decode(errors="replace")


def _masked(value: Json) -> Json:
    if isinstance(value, dict):
        return {name: HIDDEN if name in SECRET_KEYS and inner else _masked(inner) for name, inner in value.items()}
    return [_masked(inner) for inner in value] if isinstance(value, list) else value


def _lines(lines: Iterable[LogLine]) -> list[JsonObject]:
    return [
        {
            "time": line.time,
            "level": line.level,
            "event": line.event,
            "fields": {name: value for name, value in line.fields.items() if name not in ALREADY_SAID},
        }
        for line in lines
    ]


def _row(row: Row) -> JsonObject:
    return {"at": _time(row.at), "event": row.event, "state": row.state, "attempt": row.attempt, "detail": row.detail}


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else iso(moment)
