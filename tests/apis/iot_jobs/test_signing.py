"""Signature Version 4: what was signed is taken, and nothing else."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from envoy_plugin.apis.iot_jobs.signing import (
    Authorization,
    Fault,
    SignatureFault,
    SignedRequest,
    canonical_path,
    canonical_request,
    is_signed_with,
)
from tests.apis.iot_jobs.vectors import AWS_SUITE, FORM, KEY_ID, OTHER_SDKS, OURS, REGION, SECRET, Vector

SERVICES = frozenset({"iot", "iot-jobs-data"})
VECTORS = {**AWS_SUITE, **OURS, **OTHER_SDKS}
UPDATE = OURS["update"]
GOOD = UPDATE.request().headers[-1][1]
SESSION = "a-session"
EMPTY_HASH = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=8)
SEGMENTS = st.sampled_from(["$next", "%24next", "a%3Ab", "%2F", ".", "..", ""]) | WORDS.map(quote)


def fault_of(request: SignedRequest, *, now: datetime = UPDATE.now, region: str = REGION) -> Fault:
    with pytest.raises(SignatureFault) as caught:
        Authorization.of(request).check(region=region, services=SERVICES, now=now)
    return caught.value.fault


def claiming(said: str) -> SignedRequest:
    """The update with another Authorization header."""
    request = UPDATE.request()
    return replace(request, headers=(*request.headers[:-1], ("Authorization", said)))


def signed_by_botocore(method: str, url: str, headers: dict[str, str], body: bytes) -> SignedRequest:
    """What arrives of a request that botocore signs now."""
    asked = AWSRequest(method=method, url=url, headers=headers, data=body)
    SigV4Auth(Credentials(KEY_ID, SECRET, token=headers.pop("token", None)), "iot-jobs-data", REGION).add_auth(asked)
    sent = asked.prepare()
    parts = urlsplit(sent.url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    lines = [("Host", parts.netloc), *((name, str(value)) for name, value in sent.headers.items())]
    return SignedRequest(method=method, target=target, headers=lines, body=body)


@pytest.mark.parametrize("vector", VECTORS.values(), ids=VECTORS)
def test_what_aws_and_its_sdks_signed_is_taken(vector: Vector) -> None:
    request = vector.request()
    claimed = Authorization.of(request)
    claimed.check(region=REGION, services=frozenset({vector.service}), now=vector.now)
    assert claimed.key_id == KEY_ID
    assert is_signed_with(SECRET, request, claimed)
    assert not is_signed_with(f"{SECRET}x", request, claimed)


@pytest.mark.parametrize(
    "changed",
    [
        {"body": UPDATE.body.replace(b"2", b"3")},
        {"line": "POST /things/t1/jobs/j2"},
        {"line": "POST /things/t1/jobs/j1?a=b"},
        {"line": "PUT /things/t1/jobs/j1"},
        {"host": "127.0.0.1"},
        {"headers": (("Content-Type", "text/plain"),)},
        {"stamp": "20260102T030406Z"},
        {"service": "iot"},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_what_was_changed_on_the_way_is_not_taken(changed: dict[str, object]) -> None:
    request = replace(UPDATE, **changed).request()  # type: ignore[arg-type]
    assert not is_signed_with(SECRET, request, Authorization.of(request))


@settings(max_examples=60)
@given(
    path=st.lists(SEGMENTS, max_size=4),
    query=st.lists(st.tuples(WORDS, WORDS), max_size=3),
    host=st.sampled_from(["127.0.0.1:8080", "plugin.example.com", "[::1]:9"]),
    body=st.binary(max_size=64),
    session=st.booleans(),
)
def test_whatever_botocore_signs_is_taken(
    path: list[str], query: list[tuple[str, str]], host: str, body: bytes, *, session: bool
) -> None:
    asked = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query)
    headers = {"Content-Type": "application/json", "X-Amz-Extra": "a  b"} | ({"token": SESSION} if session else {})
    url = f"http://{host}/{'/'.join(path)}" + (f"?{asked}" if asked else "")
    request = signed_by_botocore("PUT", url, headers, body)
    claimed = Authorization.of(request)
    claimed.check(region=REGION, services=SERVICES, now=datetime.now(UTC))
    assert is_signed_with(SECRET, request, claimed)


@pytest.mark.parametrize(
    ("path", "canonical"),
    [
        ("/a/b/../c", "/a/c"),
        ("/../a/./b//", "/a/b/"),
        ("/a/b/..", "/a"),
        ("/%2e%2e/a%2Fb", "/%252e%252e/a%252Fb"),
        ("/$next/a:b~", "/%24next/a%3Ab~"),
    ],
)
def test_a_path_is_signed_without_dots_and_encoded_once_more(path: str, canonical: str) -> None:
    assert canonical_path(path) == canonical


def test_a_header_that_is_no_utf_8_is_signed_byte_by_byte() -> None:
    request = UPDATE.request(("X-Amz-Extra", "\udcff"))
    assert b"x-amz-extra:\xff\n" in canonical_request(request, ("host", "x-amz-extra"))


@pytest.mark.parametrize(
    ("minutes", "taken"), [(-5, True), (5, True), (-5.02, False), (5.02, False), (-60 * 24, False)]
)
def test_a_signature_is_good_for_five_minutes_on_either_side(minutes: float, taken: bool) -> None:  # noqa: FBT001 - a column
    claimed = Authorization.of(UPDATE.request())
    now = UPDATE.now + timedelta(minutes=minutes)
    if taken:
        claimed.check(region=REGION, services=SERVICES, now=now)
    else:
        assert fault_of(UPDATE.request(), now=now) is Fault.EXPIRED


@pytest.mark.parametrize(
    ("vector", "region", "fault"),
    [
        (UPDATE, "eu-west-1", Fault.OTHER_REGION),
        (replace(UPDATE, service="s3"), REGION, Fault.OTHER_SERVICE),
        (replace(UPDATE, stamp="20260103T030405Z", scope_date="20260102"), REGION, Fault.OTHER_DATE),
    ],
    ids=["another region", "another service", "another date"],
)
def test_a_credential_for_something_else_is_refused(vector: Vector, region: str, fault: Fault) -> None:
    assert fault_of(vector.request(), now=vector.now, region=region) is fault


@pytest.mark.parametrize(
    "header",
    [("X-Amz-Extra", "1"), ("x-amz-target", "AWSIotJobs.Delete"), ("x-amz-security-token", "t")],
)
def test_a_header_that_was_smuggled_in_is_refused(header: tuple[str, str]) -> None:
    assert fault_of(UPDATE.request(header)) is Fault.NOT_COVERED


@pytest.mark.parametrize("name", ["X-Amzn-Trace-Id", "X-Forwarded-Host", "Via", "User-Agent"])
def test_what_a_proxy_adds_needs_no_signature(name: str) -> None:
    request = UPDATE.request((name, "1"))
    assert is_signed_with(SECRET, request, Authorization.of(request))


@pytest.mark.parametrize("signed", ["content-type;host", "content-type;x-amz-date", "Host;X-Amz-Date;Content-Type"])
def test_host_and_date_must_be_signed(signed: str) -> None:
    assert fault_of(replace(UPDATE, signed=signed).request()) is Fault.NOT_COVERED


@pytest.mark.parametrize(("said", "taken"), [("application/json", True), ("Application/JSON", True), (FORM, False)])
def test_a_type_must_be_signed_unless_it_is_what_bodies_are_read_as_anyway(said: str, taken: bool) -> None:  # noqa: FBT001 - a column
    request = replace(UPDATE, headers=(("Content-Type", said),), signed="host;x-amz-date").request()
    if taken:
        assert Authorization.of(request).key_id == KEY_ID
    else:
        assert fault_of(request) is Fault.NOT_COVERED


def test_a_host_that_is_signed_must_be_there() -> None:
    request = UPDATE.request()
    assert fault_of(replace(request, headers=request.headers[1:])) is Fault.NO_HOST


@pytest.mark.parametrize("name", ["Host", "HOST", "X-Amz-Date", "x-amz-date", "Authorization"])
def test_a_second_host_date_or_authorization_is_refused(name: str) -> None:
    assert fault_of(UPDATE.request((name, UPDATE.stamp))) is Fault.REPEATED


@pytest.mark.parametrize("said", ["UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "unsigned-payload"])
def test_a_body_that_is_not_signed_in_one_piece_is_refused(said: str) -> None:
    vector = replace(UPDATE, headers=(*UPDATE.headers, ("X-Amz-Content-SHA256", said)))
    assert fault_of(vector.request()) is Fault.UNSIGNED_BODY


@pytest.mark.parametrize("said", [EMPTY_HASH, "", "é", "\udcff"])
def test_a_hash_of_another_body_is_refused(said: str) -> None:
    vector = replace(UPDATE, headers=(*UPDATE.headers, ("X-Amz-Content-SHA256", said)))
    assert fault_of(vector.request()) is Fault.OTHER_BODY


def test_the_hash_of_the_body_is_taken() -> None:
    vector = replace(UPDATE, headers=(*UPDATE.headers, ("X-Amz-Content-SHA256", EMPTY_HASH)))
    assert Authorization.of(vector.request(body=b"")).key_id == KEY_ID


@pytest.mark.parametrize("query", ["X-Amz-Signature=0", "a=b&x-amz-credential=c", "X-Amz-Algorithm=AWS4-HMAC-SHA256"])
def test_a_presigned_url_is_refused(query: str) -> None:
    assert fault_of(replace(UPDATE, line=f"POST /things/t1/jobs/j1?{query}").request()) is Fault.PRESIGNED


@pytest.mark.parametrize("stamp", ["", "2026-01-02T03:04:05Z", "20261302T030405Z", "20260102T030405+0000", "٢" * 8])
def test_a_date_that_is_none_is_refused(stamp: str) -> None:
    assert fault_of(replace(UPDATE, stamp=stamp, scope_date=stamp[:8]).request()) in {Fault.NO_DATE, Fault.MALFORMED}


@pytest.mark.parametrize(
    "said",
    [
        "",
        "Bearer token",
        GOOD.replace("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"),
        GOOD.replace("aws4_request", "aws4_reply"),
        GOOD.replace("/us-east-1", ""),
        GOOD.replace("Signature=", "Signature=0"),
        GOOD.replace(KEY_ID, ""),
        GOOD.replace(KEY_ID, "AKID{EXAMPLE}"),
        GOOD.replace(KEY_ID, "A" * 129),
        f"{GOOD}, Signature={UPDATE.signature}",
    ],
)
def test_an_authorization_that_is_no_signature_of_this_kind_is_refused(said: str) -> None:
    assert fault_of(claiming(said)) is Fault.MALFORMED


def test_a_request_without_authorization_is_refused() -> None:
    request = UPDATE.request()
    assert fault_of(replace(request, headers=request.headers[:-1])) is Fault.UNSIGNED


def test_no_fault_and_no_repr_shows_a_signature() -> None:
    request = UPDATE.request()
    shown = f"{request!r} {Authorization.of(request)!r} {' '.join(Fault)}"
    assert UPDATE.signature not in shown
