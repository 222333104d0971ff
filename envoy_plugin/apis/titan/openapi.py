"""The OpenAPI 3.1 document, made of the same tables as the routes."""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from pydantic_core import to_json

from envoy_plugin.apis.titan.new_jobs import NewJob
from envoy_plugin.apis.titan.operations import BASE, EVERYWHERE, OPERATIONS, Answer, Operation, Parameter
from envoy_plugin.apis.titan.words import FAILURES, Status, Why
from envoy_plugin.engine.engine import MOST_ITEMS

VERSION: Final = "0.2.5"
KEPT: Final = ("minimum", "maximum", "maxLength", "default")
NUMBERS: Final = ("delay", "timeout", "priority", "max_retries", "retries_delay")


def _text(about: str, **more: object) -> dict[str, Any]:
    return {"type": "string", "description": about, **more}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _time(about: str) -> dict[str, Any]:
    return _text(f"{about} UTC.", format="date-time")


def _new_job() -> Mapping[str, Any]:
    """As the checks have it; null counts as left out."""
    members = {}
    for name, member in NewJob.model_json_schema()["properties"].items():
        told = {**member, **member.get("anyOf", ({},))[0]}  # of `X | None`, X comes first
        kept = {word: told[word] for word in KEPT if told.get(word) is not None}
        members[name] = {"type": [told["type"], "null"], **kept, "description": ABOUT[name]}
    return {"type": "object", "properties": members}


ABOUT: Final[Mapping[str, str]] = {
    "image": "Name of image to use: workers agree on what these names mean.",
    "payload": "What the job is about; at most 1 MiB in UTF-8.",
    "delay": "Seconds before it is queued for the first time.",
    "timeout": "Seconds that a worker which says nothing may have it.",
    "priority": "The higher, the sooner; equal ones in order.",
    "max_retries": "How often it is tried again by itself after a failure.",
    "retries_delay": "Seconds before an automatic retry is queued.",
}


def _job() -> dict[str, Any]:
    members = {name: _text(ABOUT[name]) for name in ("image", "payload")}
    members |= {name: {"type": "integer", "minimum": 0, "description": ABOUT[name]} for name in NUMBERS}
    members |= {
        "image_id": _text("The same as `image`."),
        "reason": {"enum": list(Why), "description": "Why it failed or was cancelled; else it isn't there."},
        "created_at": _time("When it was made."),
        "started_at": _time("When a worker took it."),
        "completed_at": _time("When it was over."),
        "retry_of": _text("The job that this is a retry of."),
        "retry_id": _text("Not in 0.2.5: the job that is a retry of this one."),
        "details": _text("Not in 0.2.5: what was said of its failure or cancellation."),
    }
    required = ["id", "status", "created_at", *NUMBERS]
    return {
        "type": "object",
        "description": "No member is ever null.",
        "properties": {**_id_status(), **members},
        "required": required,
    }


def _id_status() -> dict[str, Any]:
    return {"id": _text("Name of the job."), "status": {"enum": list(Status), "description": "Where it is."}}


def _schemas() -> dict[str, Any]:
    error = {"message": _text("What is wrong."), "fields": _text("What in the request is wrong.")}
    log = {"type": "string", "format": "binary", "description": "The job's log; more than 1 MiB is cut to its end."}
    report = {
        "reason": {"enum": list(FAILURES), "description": "/fail: why. [default: bad_exit]"},
        "details": _text("/fail: in words."),
        "log": log,
    }
    jobs = {"type": "array", "items": _ref("Job")}
    new = {"type": "array", "items": _ref("NewJob"), "maxItems": MOST_ITEMS}
    cursor = _text("Not in 0.2.5: where the next page begins; the last page has none.")
    return {
        "NewJob": _new_job(),
        "NewJobsWrapper": {"type": "object", "properties": {"jobs": new}, "required": ["jobs"]},
        "Job": _job(),
        "JobWrapper": {"type": "object", "properties": {"job": _ref("Job")}, "required": ["job"]},
        "JobsWrapper": {"type": "object", "properties": {"jobs": jobs, "cursor": cursor}, "required": ["jobs"]},
        "IdStatus": {
            "type": "object",
            "properties": {**_id_status(), "error": _ref("ErrorBody")},
            "required": ["id", "status"],
        },
        "ErrorBody": {"type": "object", "properties": error, "required": ["message"]},
        "Error": {"type": "object", "properties": {"error": _ref("ErrorBody")}, "required": ["error"]},
        "Details": _text("Why it is cancelled, as a JSON string or as bare text."),
        "Report": {"type": "object", "properties": report},
        "Log": {"type": "string"},
    }


def _parameter(parameter: Parameter) -> dict[str, Any]:
    told = {"name": parameter.name, "in": parameter.place, "description": parameter.about}
    return {**told, "required": False, "schema": dict(parameter.schema)}


def _answer(answer: Answer) -> dict[str, Any]:
    told: dict[str, Any] = {"description": answer.about}
    return told if answer.schema is None else told | {"content": {answer.media: {"schema": _ref(answer.schema)}}}


def _operation(operation: Operation) -> dict[str, Any]:
    parameters = [_parameter(parameter) for parameter in operation.parameters]
    if "{id}" in operation.path:
        parameters.append(
            {"name": "id", "in": "path", "description": "Job id", "required": True, "schema": {"type": "string"}}
        )
    told: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.about,
        "tags": ["Jobs"],
        "security": [{"token": sorted(operation.scopes)}, {}],
        "parameters": parameters,
        "responses": {
            str(code): _answer(answer) for code, answer in sorted({**operation.answers, **EVERYWHERE}.items())
        },
    }
    if operation.body:
        content = {media: {"schema": _ref(name)} for media, name in operation.body.items()}
        told["requestBody"] = {"required": operation.needs_body, "content": content}
    return told


def document() -> dict[str, Any]:
    """The whole document."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    bearer = {"type": "http", "scheme": "bearer", "description": "From `envoy-plugin tokens add`."}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Titan jobs API", "version": VERSION, "description": "Jobs for pull-workers."},
        "servers": [{"url": BASE}],
        "paths": paths,
        "components": {"schemas": _schemas(), "securitySchemes": {"token": bearer}},
    }


@cache
def document_json() -> bytes:
    """The same as JSON."""
    return to_json(document())
