"""Requests and the signatures that they must have: AWS' own test suite, and what botocore signs for this service.

Source of the first: AWS' public "Signature Version 4 test suite" (service `service`), less what says the same twice and
the one whose own canonical request doesn't hash to its signature. Then what botocore 1.44.5 signs for our service, and
what AWS' other SDKs do, each in its own way.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from envoy_plugin.apis.iot_jobs.signing import SignedRequest

KEY_ID = "AKIDEXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
REGION = "us-east-1"
LETTERS = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SESSION = (
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx"
    "7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q"
    "6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="
)
FORM = "application/x-www-form-urlencoded"
JSON = (("Content-Type", "application/json"),)
EMPTY_OBJECT = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


@dataclass(frozen=True, slots=True, kw_only=True)
class Vector:
    """A request, for which service it is signed, and its signature. `headers` are those beside Host and X-Amz-Date."""

    line: str
    signature: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    service: str = "service"
    host: str = "example.amazonaws.com"
    stamp: str = "20150830T123600Z"
    signed: str = ""
    scope_date: str = ""

    @property
    def now(self) -> datetime:
        return datetime.strptime(self.stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)

    def request(self, *more: tuple[str, str], body: bytes | None = None) -> SignedRequest:
        """The request as it would arrive, with further headers or another body."""
        method, target = self.line.split(" ", 1)
        own = (("Host", self.host), *self.headers, ("X-Amz-Date", self.stamp))
        names = self.signed or ";".join(sorted({name.lower() for name, _ in own}))
        scope = f"{KEY_ID}/{self.scope_date or self.stamp[:8]}/{REGION}/{self.service}/aws4_request"
        said = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={names}, Signature={self.signature}"
        headers = (*own, *more, ("Authorization", said))
        return SignedRequest(method=method, target=target, headers=headers, body=self.body if body is None else body)


def _values(*values: str) -> tuple[tuple[str, str], ...]:
    return tuple(("My-Header1", value) for value in values)


_EMPTY_GET = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
_EMPTY_POST = "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"
_QUERY_POST = "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"

AWS_SUITE = {
    "get-header-key-duplicate": Vector(
        line="GET /",
        headers=_values("value2", "value2", "value1"),
        signature="c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
    ),
    "get-header-value-multiline": Vector(
        line="GET /",
        headers=_values("value1", "  value2", "     value3"),
        signature="ba17b383a53190154eb5fa66a1b836cc297cc0a3d70a5d00705980573d8ff790",
    ),
    "get-header-value-order": Vector(
        line="GET /",
        headers=_values("value4", "value1", "value3", "value2"),
        signature="08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01",
    ),
    "get-header-value-trim": Vector(
        line="GET /",
        headers=(("My-Header1", " value1"), ("My-Header2", ' "a   b   c"')),
        signature="acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    ),
    "get-unreserved": Vector(
        line=f"GET /{LETTERS}",
        signature="07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
    ),
    "get-utf8": Vector(line="GET /ሴ", signature="8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
    "get-vanilla": Vector(line="GET /", signature=_EMPTY_GET),
    "get-vanilla-empty-query-key": Vector(
        line="GET /?Param1=value1", signature="a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"
    ),
    "get-vanilla-query-order-key": Vector(
        line="GET /?Param1=value2&Param1=Value1",
        signature="eedbc4e291e521cf13422ffca22be7d2eb8146eecf653089df300a15b2382bd1",
    ),
    "get-vanilla-query-order-key-case": Vector(
        line="GET /?Param2=value2&Param1=value1",
        signature="b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ),
    "get-vanilla-query-order-value": Vector(
        line="GET /?Param1=value2&Param1=value1",
        signature="5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694",
    ),
    "get-vanilla-query-unreserved": Vector(
        line=f"GET /?{LETTERS}={LETTERS}",
        signature="9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
    ),
    "get-vanilla-utf8-query": Vector(
        line="GET /?ሴ=bar", signature="2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"
    ),
    "post-header-key-case": Vector(line="POST /", signature=_EMPTY_POST),
    "post-header-key-sort": Vector(
        line="POST /",
        headers=_values("value1"),
        signature="c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
    ),
    "post-header-value-case": Vector(
        line="POST /",
        headers=_values("VALUE1"),
        signature="cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
    ),
    "post-vanilla-empty-query-value": Vector(line="POST /?Param1=value1", signature=_QUERY_POST),
    "post-x-www-form-urlencoded": Vector(
        line="POST /",
        headers=(("Content-Type", FORM),),
        body=b"Param1=value1",
        signature="ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    ),
    "get-relative": Vector(line="GET /example/..", signature=_EMPTY_GET),
    "get-relative-relative": Vector(line="GET /example1/example2/../..", signature=_EMPTY_GET),
    "get-slash": Vector(line="GET //", signature=_EMPTY_GET),
    "get-slash-dot-slash": Vector(line="GET /./", signature=_EMPTY_GET),
    "get-slash-pointless-dot": Vector(
        line="GET /./example", signature="ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5"
    ),
    "get-slashes": Vector(
        line="GET //example//", signature="9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"
    ),
    "get-space": Vector(
        line="GET /example space/", signature="652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"
    ),
    "post-sts-header-before": Vector(
        line="POST /",
        headers=(("X-Amz-Security-Token", SESSION),),
        signature="85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
    ),
}


def _of_ours(line: str, signature: str, body: bytes = b"", **how: Any) -> Vector:
    told: dict[str, Any] = {"headers": JSON if body else (), "stamp": "20260102T030405Z", **how}
    return Vector(line=line, signature=signature, body=body, service="iot-jobs-data", host="127.0.0.1:8080", **told)


OURS = {
    "pending, with a colon in the name": _of_ours(
        "GET /things/badge-printer%3A1/jobs", "16ba8b7391a467980a388524c8cd5a72746bdf21d295164b22e333ab919e9105"
    ),
    "start next, with a literal dollar": _of_ours(
        "PUT /things/badge-printer%3A1/jobs/$next",
        "ed1ac2b2832b43dfd2bf6a0e6d742180906444ded814870b13bfaecfa808bbf9",
        b"{}",
    ),
    "describe next, encoded": _of_ours(
        "GET /things/badge-printer%3A1/jobs/%24next",
        "71eb737e9704d19cc00c7aa8ebcc958f5564f53ee94bfc4aabf4705ec9f8b6fe",
    ),
    "describe, with a query": _of_ours(
        "GET /things/t1/jobs/j1?includeJobDocument=false&executionNumber=7",
        "fd0b2a1ebce9fadff27b157acbf60cda340fe06a6b500c7acba52a176e9a5117",
    ),
    "update": _of_ours(
        "POST /things/t1/jobs/j1",
        "29e313a0a1499ac82eeac2859bca87b1db64bcfabd36f14d17222b96d835373c",
        b'{"status": "SUCCEEDED", "expectedVersion": 2}',
    ),
}

OTHER_SDKS = {
    "JavaScript 3": _of_ours(
        "PUT /things/badge-printer%3A1/jobs/$next",
        "0b4e7b174dcaacd155b3f2732b733d0e594bfecaa6b63b95d46b9ad603d0432e",
        b"{}",
        headers=(
            ("content-type", "application/json"),
            ("content-length", "2"),
            ("x-amz-user-agent", "aws-sdk-js/3.956.0"),
            ("amz-sdk-invocation-id", "cc143060-8cf2-4e86-b53b-6b746b5b47e5"),
            ("amz-sdk-request", "attempt=1; max=1"),
            ("x-amz-content-sha256", EMPTY_OBJECT),
        ),
    ),
    "JavaScript 2, which doesn't sign the type, nor does PHP's": _of_ours(
        "PUT /things/badge-printer%3A1/jobs/$next",
        "089ef9f36064fde376082b374f6bac02e997200ae3f1f39997092b6630d69520",
        b"{}",
        headers=(*JSON, ("X-Amz-Content-Sha256", EMPTY_OBJECT)),
        stamp="20261122T121532Z",
        signed="host;x-amz-content-sha256;x-amz-date",
    ),
    "AWS' common runtime, by which Swift and Kotlin sign": _of_ours(
        "PUT /things/badge-printer:1/jobs/$next",
        "b5d0da605955590a0ea4dcd702cc4439b8aedfa396988ae2c539178c60a4970e",
        b"{}",
        headers=(*JSON, ("Content-Length", "2"), ("x-amz-content-sha256", EMPTY_OBJECT)),
    ),
}
