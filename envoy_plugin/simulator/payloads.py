"""The body of a webhook, exactly as Envoy sends it: `{"meta": …, "payload": …}`.

Sources: developers.envoy.com, "Webhooks"; Node SDK 2.5.2, src/sdk/EnvoyMeta.ts and src/payloads. Ids are strings here,
as the SDK types them.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from envoy_plugin.simulator import defaults
from envoy_plugin.simulator.events import ENTRY_EVENTS, EVENTS, INVITE_EVENTS, PAYLOADS, Subject, subject_of
from envoy_plugin.simulator.meta import USER_TOKEN_SECONDS, event_meta, route_meta
from envoy_plugin.simulator.visitors import Visit, invent_visit
from envoy_plugin.simulator.wire import Json, JsonObject, parse_json

__all__ = [
    "ENTRY_EVENTS",
    "EVENTS",
    "INVITE_EVENTS",
    "RouteKind",
    "Spelling",
    "Webhook",
    "build_route",
    "build_webhook",
    "read_webhook",
]


class RouteKind(StrEnum):
    """What a setup step asks for."""

    OPTIONS = "options"
    SELECTED_VALUES = "selected-values"
    REMOTE_VALUE = "remote-value"
    VALIDATION = "validation"
    MIGRATION = "migration"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelling:
    """How a document becomes bytes. The same document can be many bodies, and the signature covers the bytes."""

    spaced: bool = False
    ascii: bool = False
    escaped_slashes: bool = False

    def write(self, document: Json) -> bytes:
        """The document as UTF-8 JSON.

        Raises:
            ValueError: a text in it can't be written as UTF-8.
        """
        separators = (" ,  ", " :\n ") if self.spaced else (",", ":")
        text = json.dumps(document, ensure_ascii=self.ascii, separators=separators)
        # A slash only ever stands within a text.
        return (text.replace("/", "\\/") if self.escaped_slashes else text).encode()


COMPACT = Spelling()


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A webhook that is ready to be sent; `body` is its bytes."""

    event: str
    document: JsonObject
    spelling: Spelling = COMPACT
    raw: bytes | None = field(default=None, repr=False)
    """The bytes themselves, where they came from a file; the document is what can be read in them."""

    @property
    def body(self) -> bytes:
        """The document as UTF-8 JSON; the same document is the same bytes.

        Raises:
            ValueError: a text in it can't be written as UTF-8.
        """
        return self.spelling.write(self.document) if self.raw is None else self.raw

    @property
    def job_id(self) -> str | None:
        """Envoy's id of the job; None for a route, or where an override took it away."""
        job_id = self._job.get("id")
        return None if job_id is None else str(job_id)

    @property
    def job_identifier(self) -> str:
        """What the job is about, as `vr:entry:9001`."""
        return str(self._job.get("identifier"))

    @property
    def install_id(self) -> Json:
        """The install as it is sent: text, or what an override made of it."""
        return self._meta.get("install_id")

    @property
    def config(self) -> JsonObject:
        """The install's config as it is sent."""
        return _object(self._meta.get("config"))

    @property
    def user_token(self) -> tuple[str, int] | None:
        """The access token that the plugin may use as the user, and the seconds that it lives; None without one."""
        auth = _object(self._meta.get("auth"))
        token, seconds = auth.get("access_token"), auth.get("expires_in")
        if not (isinstance(token, str) and token and isinstance(seconds, int) and 0 < seconds <= USER_TOKEN_SECONDS):
            return None
        return token, seconds

    @property
    def _meta(self) -> JsonObject:
        return _object(self.document.get("meta"))

    @property
    def _job(self) -> JsonObject:
        return _object(self._meta.get("job"))


def _object(value: Json) -> JsonObject:
    """An object, or an empty one in place of whatever an override put there."""
    return value if isinstance(value, dict) else {}


def read_webhook(body: bytes) -> Webhook:
    """The webhook of these very bytes, whatever they are: what can be read of them is its document."""
    try:
        document = _object(parse_json(body))
    except ValueError:
        document = {}
    meta = _object(document.get("meta"))
    return Webhook(event=str(meta.get("event") or meta.get("route") or "-"), document=document, raw=body)


def build_webhook(
    event: str,
    *,
    seed: int,
    now: datetime | None = None,
    job_id: str | None = None,
    install_id: str = defaults.INSTALL_ID,
    config: Mapping[str, Json] | None = None,
) -> Webhook:
    """The webhook of an event for the visit of a seed.

    An event that isn't among `EVENTS` gets the entry of a signed-in visitor. `now` is when the visitor signs in;
    without it the same arguments give the same bytes.

    Raises:
        FakerMissing: the extra `dev` isn't installed.
    """
    visit, subject = invent_visit(seed, now), subject_of(event)
    payload = PAYLOADS[subject](event, visit) if subject in PAYLOADS else None
    meta = event_meta(
        event,
        visit,
        subject=_subject(subject, visit, install_id),
        install_id=install_id,
        job_id=job_id or visit.job_id,
        config=dict(config or {}),
    )
    return Webhook(event=event, document={"meta": meta} | ({} if payload is None else {"payload": payload}))


def _subject(subject: Subject, visit: Visit, install_id: str) -> str:
    ids = {Subject.INVITE: visit.invite_id, Subject.LOCATION: visit.site.id, Subject.INSTALL: install_id}
    return f"{subject}:{ids.get(subject, visit.entry_id)}"


def build_route(  # noqa: PLR0913 - what a question is made of, each by its name
    kind: RouteKind,
    name: str,
    *,
    seed: int,
    params: Mapping[str, Json] | None = None,
    form: Mapping[str, Json] | None = None,
    install_id: str = defaults.INSTALL_ID,
    config: Mapping[str, Json] | None = None,
) -> Webhook:
    """The webhook of a setup step's question; it has no job.

    `params` are the query parameters that Envoy passes on, such as `search`, `page` or `value`. Only a validation
    carries a payload: the `form` that the installer filled in.

    Raises:
        FakerMissing: the extra `dev` isn't installed.
    """
    visit = invent_visit(seed)
    meta = route_meta(name, visit, install_id=install_id, params=dict(params or {}), config=dict(config or {}))
    payload = {"payload": dict(form or {})} if kind is RouteKind.VALIDATION else {}
    return Webhook(event=name, document={"meta": meta} | payload)
