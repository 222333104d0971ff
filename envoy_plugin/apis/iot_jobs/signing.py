"""Signature Version 4, the verifying side: was exactly this request signed with that secret, for us, just now?

Pure: a request in, a signature or a fault out. Source: AWS General Reference, "Signature Version 4 signing process";
what clients really send, from botocore's and curl's signers. The path is taken as it is on the request line and
percent-encoded once more, as for every service but S3.
"""

import hashlib
import hmac
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, Self
from urllib.parse import quote, unquote_to_bytes

ALGORITHM: Final = "AWS4-HMAC-SHA256"
TERMINATOR: Final = "aws4_request"
WINDOW: Final = timedelta(minutes=5)
STAMP: Final = "%Y%m%dT%H%M%SZ"
DATE_HEADER: Final = "x-amz-date"
HASH_HEADER: Final = "x-amz-content-sha256"
TYPE_HEADER: Final = "content-type"
JSON: Final = "application/json"
REQUIRED: Final = frozenset({"host", DATE_HEADER})
ONCE: Final = (*sorted(REQUIRED), "authorization")

AUTHORIZATION: Final = re.compile(
    rf"{ALGORITHM} +Credential=([^,\s]+) *, *SignedHeaders=([^,\s]+) *, *Signature=([0-9a-f]{{64}})", re.ASCII
)
KEY_ID: Final = re.compile(r"\w{4,128}", re.ASCII)
MOMENT: Final = re.compile(r"\d{8}T\d{6}Z", re.ASCII)
PRESIGNED: Final = re.compile(r"(?:^|&)x-amz-(?:algorithm|credential|signature)=", re.IGNORECASE)
BLANKS: Final = re.compile(r"[ \t]+")


class Fault(StrEnum):
    """Why a request is not signed as it must be, in words for whoever programs a client."""

    UNSIGNED = "The request has no Authorization header."
    PRESIGNED = "A presigned URL is not taken: sign the Authorization header."
    REPEATED = "A header that may be there once is there twice."
    MALFORMED = f"The Authorization header is not {ALGORITHM} Credential=…, SignedHeaders=…, Signature=…."
    NO_DATE = "X-Amz-Date is missing, or is not like 20260102T030405Z."
    NO_HOST = "The Host header is missing."
    NOT_COVERED = "SignedHeaders must name host, each x-amz-* header that is there, and content-type unless it is JSON."
    UNSIGNED_BODY = "The body must be signed in one piece: UNSIGNED-PAYLOAD and STREAMING-* are not taken."
    OTHER_BODY = "X-Amz-Content-Sha256 is not the hash of the body."
    OTHER_REGION = "The credential is scoped to another region than the plugin's: see its setting THINGS_REGION."
    OTHER_SERVICE = "The credential is scoped to another service than iot-jobs-data and iot."
    OTHER_DATE = "The credential is scoped to another date than X-Amz-Date's."
    EXPIRED = "X-Amz-Date is more than 5 minutes from now: set the clock."


class SignatureFault(Exception):
    """The request can't be one of ours, whatever its secret is; `fault` says why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.value)
        self.fault = fault


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedRequest:
    """A request as it came: `target` is path and query as on the request line; headers in order, any case."""

    method: str
    target: str
    headers: Sequence[tuple[str, str]] = field(repr=False)
    body: bytes = field(default=b"", repr=False)

    def values(self, name: str) -> list[str]:
        """What the lines of a header say, in order; `name` in lower case."""
        return [value for header, value in self.headers if header.lower() == name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """What a request claims: by which key, for what, over which headers, when."""

    key_id: str
    date: str
    region: str
    service: str
    signed: tuple[str, ...]
    stamp: str
    signature: str = field(repr=False)

    @property
    def scope(self) -> str:
        """The credential scope: date, region, service."""
        return f"{self.date}/{self.region}/{self.service}/{TERMINATOR}"

    @classmethod
    def of(cls, request: SignedRequest) -> Self:
        """Read a request's claim; whether it is true, `signature_of` tells.

        Raises:
            SignatureFault: there is none, or it leaves out what must be signed.
        """
        if PRESIGNED.search(request.target.partition("?")[2]):
            raise SignatureFault(Fault.PRESIGNED)
        if any(len(request.values(name)) > 1 for name in ONCE):
            raise SignatureFault(Fault.REPEATED)
        key_id, scope, signed, signature = _parts(request)
        claimed = cls(
            key_id=key_id,
            date=scope[0],
            region=scope[1],
            service=scope[2],
            signed=signed,
            stamp=_stamp(request),
            signature=signature,
        )
        _check_covered(request, frozenset(signed))
        _check_body(request)
        return claimed

    def check(self, *, region: str, services: frozenset[str], now: datetime) -> None:
        """Refuse what is for others, or not of now.

        Raises:
            SignatureFault: another region, service or date than ours, or more than 5 minutes from `now`.
        """
        if self.region != region:
            raise SignatureFault(Fault.OTHER_REGION)
        if self.service not in services:
            raise SignatureFault(Fault.OTHER_SERVICE)
        if self.date != self.stamp[:8]:
            raise SignatureFault(Fault.OTHER_DATE)
        try:
            signed_at = datetime.strptime(self.stamp, STAMP).replace(tzinfo=UTC)
        except ValueError:
            raise SignatureFault(Fault.NO_DATE) from None
        if abs(now - signed_at) > WINDOW:
            raise SignatureFault(Fault.EXPIRED)


def is_signed_with(secret: str, request: SignedRequest, claimed: Authorization) -> bool:
    """Whether the request was signed with this secret. Takes as long for a wrong signature as for the right one."""
    return hmac.compare_digest(signature_of(secret, request, claimed).encode(), claimed.signature.encode())


def signature_of(secret: str, request: SignedRequest, claimed: Authorization) -> str:
    """The signature that a request with this claim has by this secret, in hex."""
    digest = hashlib.sha256(canonical_request(request, claimed.signed)).hexdigest()
    text = "\n".join((ALGORITHM, claimed.stamp, claimed.scope, digest))
    key = f"AWS4{secret}".encode()
    for word in (claimed.date, claimed.region, claimed.service, TERMINATOR):
        key = hmac.digest(key, word.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()


def canonical_request(request: SignedRequest, signed: Sequence[str]) -> bytes:
    """The one spelling of a request that both sides hash."""
    path, _, query = request.target.partition("?")
    lines = [request.method, canonical_path(path), canonical_query(query)]
    lines += [f"{name}:{','.join(map(_trimmed, request.values(name)))}" for name in signed]
    lines += ["", ";".join(signed), hashlib.sha256(request.body).hexdigest()]
    return "\n".join(lines).encode(errors="surrogateescape")


def canonical_path(path: str) -> str:
    """The path without empty and dot segments, percent-encoded (again)."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in {"", "."}:
            kept.append(segment)
    closed = "/" if kept and path.endswith("/") else ""
    return quote(f"/{'/'.join(kept)}{closed}", safe="/~", errors="surrogateescape")


def canonical_query(query: str) -> str:
    """The parameters, each encoded alike, in order of their bytes."""
    return "&".join("=".join(pair) for pair in sorted(_pairs(query)))


def _pairs(query: str) -> Iterator[tuple[str, str]]:
    for part in query.split("&") if query else ():
        name, _, value = part.partition("=")
        yield _encoded(name), _encoded(value)


def _encoded(text: str) -> str:
    return quote(unquote_to_bytes(text.encode(errors="surrogateescape")), safe="~")


def _trimmed(value: str) -> str:
    return BLANKS.sub(" ", value).strip(" ")


def _parts(request: SignedRequest) -> tuple[str, tuple[str, str, str], tuple[str, ...], str]:
    """The key's id, date, region and service, the names of the signed headers, the signature."""
    values = request.values("authorization")
    if not values:
        raise SignatureFault(Fault.UNSIGNED)
    found = AUTHORIZATION.fullmatch(values[0].strip())
    credential = found[1].split("/") if found else []
    match credential:
        case [key_id, date, region, service, terminator] if found and terminator == TERMINATOR and _is_key(key_id):
            return key_id, (date, region, service), tuple(found[2].split(";")), found[3]
        case _:
            raise SignatureFault(Fault.MALFORMED)


def _is_key(text: str) -> bool:
    return KEY_ID.fullmatch(text) is not None


def _stamp(request: SignedRequest) -> str:
    values = request.values(DATE_HEADER)
    if not values or not MOMENT.fullmatch(values[0].strip()):
        raise SignatureFault(Fault.NO_DATE)
    return values[0].strip()


def _check_covered(request: SignedRequest, signed: frozenset[str]) -> None:
    """Whatever changes what a request means must be signed, or it could be smuggled in.

    Bodies are read as JSON whatever their type is, so that it says nothing. AWS' SDKs for PHP and JavaScript 2 leave it
    unsigned.
    """
    there = {header.lower() for header, _ in request.headers}
    if "host" not in there:
        raise SignatureFault(Fault.NO_HOST)
    wanted = REQUIRED | {name for name in there if name.startswith("x-amz-")}
    if any(said.strip().lower() != JSON for said in request.values(TYPE_HEADER)):
        wanted |= {TYPE_HEADER}
    if not wanted <= signed:
        raise SignatureFault(Fault.NOT_COVERED)


def _check_body(request: SignedRequest) -> None:
    for said in request.values(HASH_HEADER):
        if said.strip().upper().startswith(("UNSIGNED-", "STREAMING-")):
            raise SignatureFault(Fault.UNSIGNED_BODY)
        if said.strip() != hashlib.sha256(request.body).hexdigest():  # no secret: the caller knows both
            raise SignatureFault(Fault.OTHER_BODY)
