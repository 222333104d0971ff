"""How a delivery is shown: one JSON object, or text for people."""

import json
from collections.abc import Iterator
from http.client import responses

from envoy_plugin.cli.delivering import JobView, Report
from envoy_plugin.simulator.sender import Answer, Delivery
from envoy_plugin.simulator.wire import Json, JsonObject

CONCEALED = "••••"


def as_json(report: Report) -> str:
    """One line: `status`, `outcome`, `job_id`, `body`, and what else there is to know."""
    delivery, job = report.delivery, report.job
    answer: JsonObject = {
        "status": None if delivery.answer is None else delivery.answer.status,
        "outcome": delivery.outcome,
        "job_id": report.webhook.job_id,
        "body": None if delivery.answer is None else delivery.answer.body,
        "event": report.webhook.event,
        "install_id": report.webhook.install_id,
        "seed": report.plan.seed,
        "elapsed_ms": _ms(delivery),
        "error": delivery.fault,
    }
    seen = {} if job is None else {"job": job.shown, "timeline": job.timeline}
    return json.dumps(answer | seen, ensure_ascii=False)


def as_text(report: Report) -> str:
    """Both sides of the request, then the job's timeline, then what Envoy's dashboard shows."""
    return "\n".join(_lines(report))


def _lines(report: Report) -> Iterator[str]:
    request = report.delivery.request
    yield f"-> POST {request.url}"
    yield from (f"   {name}: {value}" for name, value in request.headers.items())
    yield _indented(json.dumps(report.webhook.document, ensure_ascii=False, indent=2))
    yield ""
    yield from _answer_lines(report.delivery)
    yield ""
    if report.job is None:
        yield f"No simulated Envoy answers at {report.plan.envoy_url}, so there is no job to look at."
        return
    yield from _timeline_lines(report.webhook.job_id, report.job)
    yield ""
    yield from _dashboard_lines(report.job.shown)


def _answer_lines(delivery: Delivery) -> Iterator[str]:
    if delivery.answer is None:
        yield f"<- {delivery.fault}"
        return
    status = delivery.answer.status
    meaning = (
        delivery.outcome if delivery.answer.is_understood else f"{delivery.outcome}, as any status without a meaning"
    )
    yield (
        f"<- {status} {responses.get(status, '')}".rstrip()
        + f" after {_ms(delivery)} ms. Envoy reads this as: {meaning}"
    )
    yield f"   Content-Type: {_printable(delivery.answer.headers.get('Content-Type', '-'))}"
    if delivery.answer.content:
        yield _indented(_body_text(delivery.answer))


def _body_text(answer: Answer) -> str:
    if isinstance(answer.body, str):
        return "\n".join(_printable(line) for line in answer.body.splitlines())
    return json.dumps(answer.body, ensure_ascii=False, indent=2)


def _timeline_lines(job_id: str | None, job: JobView) -> Iterator[str]:
    yield f"Timeline of Envoy's job {job_id}"
    for moment in job.timeline:
        detail = {name: value for name, value in moment.items() if name not in {"time", "what", "status"}}
        said = ", ".join(f"{name} {_inline(value)}" for name, value in detail.items())
        yield f"   {moment['time']}  {moment['what']:<8}  {moment['status']:<11}  {said}".rstrip()


def _dashboard_lines(shown: JsonObject) -> Iterator[str]:
    yield "Envoy's dashboard"
    yield f"   Status:   {shown['status']}"
    yield f"   Message:  {_inline(shown['status_message'])}"
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
    return _printable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _printable(text: str) -> str:
    """The text without anything that could steer a terminal."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
