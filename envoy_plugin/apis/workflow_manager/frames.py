"""The frames of the websocket: what clients send, read; and what they are sent, written.

Sources: the websocket reference of Workflow Manager (message types and their fields); the Python client, which takes a
number as the time, and 25 types, whatever their case. That the number is in ms since 1970 is a guess.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import from_json, to_json

from envoy_plugin.apis.workflow_manager.refusals import Refused
from envoy_plugin.apis.workflow_manager.wire import Wire, shape, to_camel
from envoy_plugin.engine.clock import stamp_of
from envoy_plugin.workflows.models import CurrentStep
from envoy_plugin.workflows.operating.properties import EXTENDED, RELATED, extended_of, related_of
from envoy_plugin.workflows.telling.messages import MessageType, NotificationMessage

CONNECTED: Final = '{"connected":true}'
"""The first frame of all. Source: the Python client, which waits for it before it subscribes."""
MOST_JOBS: Final = 500
MOST_ID: Final = 256
MOST_COMMENT: Final = 4_000
ERROR: Final = "Error"
"""The type of what refuses a frame. Source: the Python client knows it; its fields are ours."""
TABLES: Final = frozenset({EXTENDED, RELATED})
Id: TypeAlias = Annotated[str, Field(min_length=1, max_length=MOST_ID)]
Ids: TypeAlias = Annotated[list[Id], Field(max_length=MOST_JOBS)]


class BadFrame(ValueError):
    """A frame can't be read; says what of it."""


class _Frame(Wire):
    token: Annotated[str | None, Field(max_length=8_192, repr=False)] = None


class Subscribe(_Frame):
    """Tell me of these jobs."""

    msg_type: Literal["subscribe"]
    job_ids: Ids
    sender_id: Annotated[str, Field(max_length=MOST_ID)] | None = None


class Unsubscribe(_Frame):
    """Tell me of these jobs no more, or of none at all."""

    msg_type: Literal["unsubscribe"]
    job_ids: Ids = Field(default=[])
    all: bool = False


class Reply(Wire):
    """What somebody answers a step: a value, where it is a question; yes or no, where it is manual."""

    job_id: Id
    step_id: Id
    question_response: Any = Field(default=None, repr=False)
    manual_response: Annotated[bool, Field(strict=True)] | None = None
    comment: Annotated[str | None, Field(max_length=MOST_COMMENT, repr=False)] = None


class Respond(_Frame):
    """An answer to what a step asks."""

    msg_type: Literal["stepinforesponse"]
    message: Reply


Frame: TypeAlias = Subscribe | Unsubscribe | Respond
_frames: Final[TypeAdapter[Frame]] = TypeAdapter(Annotated[Frame, Field(discriminator="msg_type")])


def read_frame(text: str) -> Frame:
    """What a client says.

    Raises:
        BadFrame: it isn't JSON, is of no type that there is, or lacks something.
    """
    try:
        told = from_json(text, allow_inf_nan=False)
    except ValueError:
        raise BadFrame("The frame isn't JSON.") from None
    if not isinstance(told, dict):
        raise BadFrame("The frame isn't an object.")
    try:
        return _frames.validate_python({**told, "msgType": str(told.get("msgType")).lower()})
    except ValidationError as error:
        raise BadFrame(_what(error)) from None


def write_message(message: NotificationMessage, sender_id: str | None = None) -> str:
    """A message as it is sent; `sender_id` is what whoever has asked for it has named themselves."""
    told = _told(message)
    if sender_id is not None:
        told["message"]["senderId"] = sender_id
    return _write(told)


def write_refusal(refused: Refused, now: datetime, *, job_id: str = "", step_id: str = "") -> str:
    """What is sent to whoever has asked for what can't be."""
    names = {name: value for name, value in {"jobId": job_id, "stepId": step_id}.items() if value}
    facts = {**names, "msg": str(refused), "type": refused.kind, "details": list(refused.details)}
    return _write({"msgType": ERROR, "message": facts, "timestamp": stamp_of(now)})


def _what(error: ValidationError) -> str:
    """Where the first fault is, and what; nothing of what was sent."""
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"][1:])
    return f"{where}: {first['msg']}." if where else "The frame's msgType is none that there is."


def _told(message: NotificationMessage) -> dict[str, Any]:
    facts = {to_camel(name): _fact(name, value) for name, value in message.message.items()}
    facts = {name: value for name, value in facts.items() if value is not None or name == "assignedTo"}
    return {"msgType": str(message.msg_type), "message": facts, "timestamp": stamp_of(message.timestamp)}


def _fact(name: str, value: Any) -> Any:
    match name:
        case "step_states":
            return [_step_state(one) for one in value]
        case "properties":
            return _properties(value)
        case "allowed_actions":
            return int(value)
    return shape(value)


def _step_state(told: Mapping[str, Any]) -> dict[str, Any]:
    step: CurrentStep = told["step"]
    last: NotificationMessage | None = told["last"]
    return {
        "stepId": step.step_id,
        "stepName": step.step_name,
        "assignedType": str(step.assigned_type),
        "assignedTo": step.assigned_to,
        "canSkip": step.can_skip,
        "messageDetails": None if last is None else _told(last),
    }


def _properties(changed: Mapping[str, Any]) -> dict[str, Any]:
    """The properties of a JobUpdated: those of the job itself, and whole tables."""
    plain = {name: value for name, value in changed.items() if name not in TABLES}
    return {
        "jobProperties": [{"propertyName": to_camel(name), "value": shape(value)} for name, value in plain.items()],
        "extendedProperties": shape(extended_of(changed)),
        "relatedProperties": shape(related_of(changed)),
    }


def _write(told: Mapping[str, Any]) -> str:
    return to_json(told, inf_nan_mode="null").decode()


SENT: Final = frozenset({*map(str, MessageType), ERROR})
"""Every type that is sent."""
