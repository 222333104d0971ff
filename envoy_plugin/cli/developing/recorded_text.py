"""How deliveries that `dev` has recorded are shown to people."""

import json
from collections.abc import Iterator, Sequence
from http.client import responses

from envoy_plugin.cli.sending.delivery_text import printable
from envoy_plugin.cli.table import table
from envoy_plugin.simulator.wire import Json, JsonObject

HEADINGS = ("ID", "TIME", "EVENT", "STATUS", "OUTCOME", "MS", "JOB", "REPLAY OF")


def as_list(rows: Sequence[JsonObject]) -> str:
    """A line for each delivery."""
    if not rows:
        return "Nothing has reached the plugin yet: envoy-plugin trigger entry_sign_in"
    return table([HEADINGS, *(_cells(row) for row in rows)])


def as_page(shown: JsonObject) -> str:
    """Both sides of one delivery, what was logged, the jobs behind it, and what Envoy's dashboard shows."""
    return "\n".join(_lines(shown))


def _cells(row: JsonObject) -> tuple[str, ...]:
    names = ("id", "time", "event", "status", "outcome", "elapsed_ms", "job_status", "replay_of")
    return tuple("-" if row[name] is None else printable(str(row[name])) for name in names)


def _lines(shown: JsonObject) -> Iterator[str]:
    replay = f", a replay of {shown['replay_of']}" if shown["replay_of"] else ""
    yield f"Delivery {shown['id']}{replay}, {shown['time']}"
    yield f"-> {shown['method']} {printable(shown['path'])}"
    yield from _pairs(shown["request"]["headers"])
    yield from _body(shown["request"]["body"])
    yield ""
    yield from _answer(shown)
    yield from _log("Log", shown["log"])
    for job in shown["jobs"]:
        yield f"\nJob {job['id']}: {job['kind']}, {job['state']}{_after(job['reason'])}, attempt {job['attempt']}"
        yield from (
            f"   {row['at']}  {row['event']:<9}  {row['state']}{_after(row['detail'])}" for row in job["history"]
        )
        yield from _log("   Log", job["log"])
    if shown["jobs_fault"]:
        yield f"\n{shown['jobs_fault']}"
    if shown["job"] is not None:
        yield f"\nEnvoy's dashboard: {shown['job']['status']}, {printable(shown['job']['status_message'] or '-')}"


def _answer(shown: JsonObject) -> Iterator[str]:
    if shown["status"] is None:
        yield f"<- {shown['error'] or 'No answer yet.'}"
        return
    name = responses.get(shown["status"], "")
    yield f"<- {shown['status']} {name}".rstrip() + f" after {shown['elapsed_ms']} ms, {shown['outcome']}"
    yield from _pairs(shown["answer_headers"])
    yield from _body(shown["body"])


def _log(title: str, lines: Sequence[JsonObject]) -> Iterator[str]:
    if lines:
        yield f"\n{title}"
    for line in lines:
        fields = " ".join(f"{name}={_text(value)}" for name, value in line["fields"].items())
        yield f"   {line['time'][11:23]} {line['level']:<8} {printable(line['event'])} {printable(fields)}".rstrip()


def _pairs(pairs: Sequence[Sequence[str]]) -> Iterator[str]:
    yield from (f"   {printable(name)}: {printable(value)}" for name, value in pairs)


def _body(body: Json) -> Iterator[str]:
    if body is None:
        return
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False, indent=2)
    yield from (f"   {printable(line)}" for line in text.splitlines())


def _text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _after(word: str | None) -> str:
    return f", {printable(word)}" if word else ""
