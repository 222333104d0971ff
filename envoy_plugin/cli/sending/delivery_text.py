"""How a delivery is shown: one JSON object, or text for people."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from http.client import responses
from typing import Final

from envoy_plugin.cli.sending.delivering import JobView, Report
from envoy_plugin.simulator.sender import Answer, Delivery
from envoy_plugin.simulator.wire import Json, JsonObject, parse_json

CONCEALED: Final = "••••"
MOST_LINES: Final = 50


def as_json(reports: Sequence[Report]) -> str:
    """One line: `status`, `outcome`, `job_id`, `body`, and what else there is to know.

    They are those of the first delivery; of several, `deliveries` has all, and `outcomes` counts them.
    """
    first = reports[0]
    job = {} if first.job is None else {"job": first.job.shown, "timeline": first.job.timeline}
    several = {} if len(reports) == 1 else {"outcomes": _counts(reports), "deliveries": [_row(one) for one in reports]}
    return json.dumps(_row(first) | job | several, ensure_ascii=False)


def _row(report: Report) -> JsonObject:
    delivery = report.delivery
    row: JsonObject = {
        **_answer(delivery),
        "job_id": report.webhook.job_id,
        "body": None if delivery.answer is None else delivery.answer.body,
        "event": report.webhook.event,
        "install_id": report.webhook.install_id,
        "seed": report.plan.seed,
    }
    attempts = {"attempts": [_answer(one) for one in report.attempts]} if len(report.attempts) > 1 else {}
    ended = {} if report.plan.follow is None or report.job is None else {"job_status": report.job.shown["status"]}
    return row | attempts | ended


def _answer(delivery: Delivery) -> JsonObject:
    return {
        "status": None if delivery.answer is None else delivery.answer.status,
        "outcome": delivery.outcome,
        "elapsed_ms": _ms(delivery),
        "error": delivery.fault,
    }


def _counts(reports: Sequence[Report]) -> JsonObject:
    return dict(Counter(str(report.delivery.outcome or "no answer") for report in reports).most_common())


def as_text(reports: Sequence[Report]) -> str:
    """Both sides of the request, then the job's timeline, then what Envoy's dashboard shows; of many, a line each."""
    if len(reports) == 1:
        return "\n".join(_lines(reports[0]))
    return "\n".join(_summary_lines(reports))


def _summary_lines(reports: Sequence[Report]) -> Iterator[str]:
    for report in reports[:MOST_LINES]:
        status = "---" if report.delivery.answer is None else report.delivery.answer.status
        ended = f", job {report.job.shown['status']}" if report.job is not None else ""
        yield (
            f"<- {status}  {report.delivery.outcome or 'no answer':<9}  {_ms(report.delivery):>6} ms  "
            f"{_inline(report.webhook.job_id)}  seed {report.plan.seed}{ended}"
        )
    if len(reports) > MOST_LINES:
        yield f"   and {len(reports) - MOST_LINES} more"
    times = sorted(_ms(report.delivery) for report in reports)
    yield ""
    yield f"{len(reports)} deliveries: " + ", ".join(f"{count} {what}" for what, count in _counts(reports).items())
    middle, late = times[len(times) // 2], times[len(times) * 95 // 100]
    yield f"Answered after {middle} ms (median), {late} ms (95 %), {times[-1]} ms (slowest)"


def _lines(report: Report) -> Iterator[str]:
    request = report.delivery.request
    yield f"-> POST {request.url}"
    yield from (f"   {name}: {value}" for name, value in request.headers.items())
    yield _indented(body_text(request.body))
    for number, attempt in enumerate(report.attempts, 1):
        yield "" if number == 1 else f"\n-> the same again, for the {number}. time"
        yield from answer_lines(attempt)
    yield ""
    if report.job is None:
        yield f"No simulated Envoy answers at {report.plan.envoy_url}, so there is no job to look at."
        return
    yield from _timeline_lines(report.webhook.job_id, report.job)
    yield ""
    yield from _dashboard_lines(report.job.shown, report.delivery.answer)


def body_text(body: bytes) -> str:
    """A body for people: JSON indented, anything else as it is, nothing that could steer a terminal."""
    try:
        return json.dumps(parse_json(body), ensure_ascii=False, indent=2)
    except ValueError:
        return "\n".join(printable(line) for line in body.decode(errors="replace").splitlines())


def answer_lines(delivery: Delivery, meaning: str | None = None) -> Iterator[str]:
    """What came back, and how Envoy reads it: as an event's outcome, unless `meaning` is another one."""
    if delivery.answer is None:
        yield f"<- {delivery.fault}"
        return
    status = delivery.answer.status
    if meaning is None:
        odd = "" if delivery.answer.is_understood else ", as any status without a meaning"
        meaning = f"{delivery.outcome}{odd}"
    yield (
        f"<- {status} {responses.get(status, '')}".rstrip()
        + f" after {_ms(delivery)} ms. Envoy reads this as: {meaning}"
    )
    yield f"   Content-Type: {printable(delivery.answer.headers.get('Content-Type', '-'))}"
    if delivery.answer.content:
        yield _indented(_body_text(delivery.answer))


def _body_text(answer: Answer) -> str:
    if isinstance(answer.body, str):
        return "\n".join(printable(line) for line in answer.body.splitlines())
    return json.dumps(answer.body, ensure_ascii=False, indent=2)


def _timeline_lines(job_id: str | None, job: JobView) -> Iterator[str]:
    yield f"Timeline of Envoy's job {job_id}"
    for moment in job.timeline:
        detail = {name: value for name, value in moment.items() if name not in {"time", "what", "status"}}
        said = ", ".join(f"{name} {_inline(value)}" for name, value in detail.items())
        yield f"   {moment['time']}  {moment['what']:<8}  {moment['status']:<11}  {said}".rstrip()


def _to_come(shown: JsonObject, answer: Answer | None) -> str:
    """Of a success Envoy doesn't show what the answer says; the plugin tells it by a call of its own."""
    body = answer.body if answer else None
    says = isinstance(body, dict) and bool(body.get("message"))
    return "  (the answer's follows in a moment)" if says and shown["status_message"] is None else ""


def _dashboard_lines(shown: JsonObject, answer: Answer | None) -> Iterator[str]:
    yield "Envoy's dashboard"
    yield f"   Status:   {shown['status']}"
    yield f"   Message:  {_inline(shown['status_message'])}{_to_come(shown, answer)}"
    if shown["failure_reason"] is not None:
        yield f"   Reason:   {_inline(shown['failure_reason'])}"
    for attachment in shown["attachments"]:
        value = CONCEALED if attachment.get("type") == "password" else _inline(attachment.get("value"))
        link = f" ({_inline(attachment['url'])})" if "url" in attachment else ""
        yield f"   Attached: {_inline(attachment.get('label'))}: {value}{link}"


def _ms(delivery: Delivery) -> int:
    return round(delivery.elapsed.total_seconds() * 1000)


def _indented(text: str) -> str:
    return "\n".join(f"   {line}" for line in text.splitlines())


def _inline(value: Json) -> str:
    if value is None:
        return "-"
    return printable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def printable(text: str) -> str:
    """The text without anything that could steer a terminal."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
