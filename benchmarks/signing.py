"""Signed requests: one 2.6 KB `entry_sign_in`, each time with another job id; for Slack Bolt as Slack would send it."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

SECRET = "benchmark-secret-of-32-characters"
BODY_BYTES = 2600
JOB = "job-000000000000"
ENVIRONMENT = {
    "ENVOY_CLIENT_ID": "bench",
    "ENVOY_CLIENT_SECRET": SECRET,
    "JWT_SECRET": "b" * 32,
    "ENVOY_BASE_URL": "http://127.0.0.1:9",
}


def requests(count: int, *, first: int, slack: bool) -> list[bytes]:
    """So many whole HTTP requests, numbered from `first`."""
    template = _slack_body() if slack else _envoy_body()
    bodies = (template.replace(JOB.encode(), b"job-%012d" % number) for number in range(first, first + count))
    head = _slack_head if slack else _envoy_head
    return [_request(head(body), body) for body in bodies]


def _request(headers: str, body: bytes) -> bytes:
    head = (
        f"POST /envoy/events HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    )
    return f"{head}\r\n{headers}\r\n\r\n".encode() + body


def _envoy_head(body: bytes) -> str:
    digest = hmac.digest(SECRET.encode(), body, "sha256")
    return f"X-Envoy-Signature: {base64.b64encode(digest).decode()}"


def _slack_head(body: bytes) -> str:
    now = int(time.time())
    digest = hmac.new(SECRET.encode(), f"v0:{now}:".encode() + body, hashlib.sha256).hexdigest()
    return f"X-Slack-Request-Timestamp: {now}\r\nX-Slack-Signature: v0={digest}"


def event_body() -> bytes:
    """An `entry_sign_in` of 2.2 KB that owes Envoy no answer, as a worker finds it."""
    document = _document()
    del document["meta"]["job"]
    return json.dumps(document, separators=(",", ":")).encode()


def _document() -> dict[str, Any]:
    from envoy_plugin.simulator.payloads import build_webhook  # noqa: PLC0415 (needs the extra dev)

    document: dict[str, Any] = build_webhook("entry_sign_in", seed=1, job_id=JOB).document
    return document


def _envoy_body() -> bytes:
    document = _document()
    return _padded(document, document["meta"]["config"])


def _slack_body() -> bytes:
    event: dict[str, object] = {
        "type": "entry_sign_in",
        "user": "U2",
        "channel": "C1",
        "ts": "1.2",
        "client_msg_id": JOB,
    }
    outer = {"token": "t", "team_id": "T1", "api_app_id": "A1", "type": "event_callback", "event_id": JOB}
    event["blocks"] = [{"type": "section", "text": {"type": "mrkdwn", "text": f"line {n}"}} for n in range(30)]
    return _padded({**outer, "event": event}, event)


def _padded(document: dict[str, object], room: dict[str, object]) -> bytes:
    room["note"] = ""
    room["note"] = "x" * max(0, BODY_BYTES - len(json.dumps(document, separators=(",", ":"))))
    return json.dumps(document, separators=(",", ":")).encode()
