"""How things, their keys and their work look on a terminal. A secret is shown once, where its key is made."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from envoy_plugin.apis.iot_jobs.access_keys import AccessKey
from envoy_plugin.apis.iot_jobs.executions import Execution
from envoy_plugin.apis.iot_jobs.presence import Presence
from envoy_plugin.cli.table import table


def as_secret(key: AccessKey) -> dict[str, str]:
    """A key that was just made, with its secret."""
    return {"accessKeyId": key.id, "secretAccessKey": key.secret}


def as_key(key: AccessKey) -> str:
    """The same, as the environment of an SDK."""
    return f"AWS_ACCESS_KEY_ID={key.id}\nAWS_SECRET_ACCESS_KEY={key.secret}"


def as_record(presence: Presence) -> dict[str, Any]:
    """A thing and how it is doing."""
    thing = presence.thing
    return {
        "thing": thing.name,
        "install": thing.install,
        "location": thing.location or None,
        "createdAt": _iso(thing.created),
        "heardAt": _iso(thing.heard),
        "pending": presence.pending,
        "running": presence.running,
        "failureStreak": presence.failure_streak,
    }


def as_list(seen: Sequence[Presence], following: str) -> str:
    """Things, a line each, and how to see more where there are more after the one that is named."""
    if not seen:
        return "No things."
    head = ("NAME", "INSTALL", "LOCATION", "HEARD", "PENDING", "RUNNING", "FAILED IN A ROW")
    rows = [
        (
            presence.thing.name,
            presence.thing.install,
            presence.thing.location or "-",
            _iso(presence.thing.heard) or "never",
            str(presence.pending),
            str(presence.running),
            str(presence.failure_streak),
        )
        for presence in seen
    ]
    return "\n".join([table([head, *rows]), *([f"More: --after {following}"] if following else [])])


def as_page(
    presence: Presence, keys: Iterable[AccessKey], work: Iterable[Execution], ended: Iterable[Execution]
) -> dict[str, Any]:
    """Everything about a thing but secrets: `work` is what it has to do, `ended` what is over."""
    return {
        **as_record(presence),
        "keys": [
            {
                "accessKeyId": key.id,
                "generation": key.generation,
                "createdAt": _iso(key.created),
                "until": _iso(key.until),
            }
            for key in keys
        ],
        "work": [as_work(execution) for execution in work],
        "ended": [as_work(execution) for execution in ended],
    }


def as_work(execution: Execution) -> dict[str, Any]:
    """An execution, without what its device says of it. `seen` is whether it is there for the device, too."""
    return {
        "thing": execution.thing,
        "jobId": execution.job_id,
        "status": execution.status,
        "seen": execution.seen,
        "executionNumber": execution.number,
        "versionNumber": execution.version,
        "queuedAt": _iso(execution.queued_at),
        "startedAt": _iso(execution.started_at),
        "lastUpdatedAt": _iso(execution.updated_at),
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
