"""Whatever is sent: never a 500, refusals in one shape, and nothing changed by any of them."""

import json
from typing import Any
from urllib.parse import quote, urlencode

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from envoy_plugin.apis.workflow_manager.operations import OPERATIONS
from tests.apis.replies import Reply
from tests.apis.workflow_manager.site import BASE, BOUNDARY, Site
from tests.apis.workflow_manager.test_samples import SAMPLES, prepare
from tests.damage import damage, json_of
from tests.samples.reading import Sample

hard = settings(
    max_examples=80,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
REFUSED = {400, 401, 403, 404, 405, 409, 413, 415, 426}
PARAMETERS = ("jobId", "stepId", "attachmentId", "templateId", "diagramId", "version")
POSTED = [sample for sample in SAMPLES.values() if sample.body.startswith(b"{")]
json_values = json_of(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**63, -(2**70), 1e308, 0.5, "2026-05-18T08:00:00", "0001-01-01T00:00:00+14:00", "x" * 5000])
    | st.text(max_size=20)
)
texts = st.text(st.characters(codec="utf-8", exclude_characters="/"), max_size=12)


@st.composite
def mutated(draw: st.DrawFn) -> tuple[Sample, bytes]:
    """A real request with up to three values of its body replaced or removed, or a body that is anything."""
    sample = draw(st.sampled_from(POSTED))
    if draw(st.integers(0, 9)) == 0:
        return sample, draw(st.binary(max_size=60) | json_values.map(lambda value: json.dumps(value).encode()))
    document = json.loads(sample.body)
    damage(draw, document, json_values, "type")
    return sample, json.dumps(document).encode("utf-8", "surrogatepass")


async def ready(site: Site) -> str:
    """A template, two jobs and an attachment, whose id is answered; what examples have changed is gone."""
    await site.engine.redis.flushdb()
    site.store._cache.clear()
    site.store._published.clear()
    return await prepare(site, SAMPLES["py_get_job"])


async def check(site: Site, reply: Reply, before: dict[Any, Any]) -> None:
    """An answer, or a refusal that has changed nothing."""
    assert reply.status in REFUSED | {200}, reply
    if reply.headers["Content-Type"] != "application/json":
        return
    if reply.status != 200:
        assert reply.error.keys() == {"message", "type", "details", "code"}
        assert await site.everything() == before


@hard
@given(request=mutated())
async def test_a_body_is_taken_or_refused(site: Site, request: tuple[Sample, bytes]) -> None:
    sample, body = request
    attachment = await ready(site)
    before = await site.everything()
    path = sample.target.replace("{attachment}", attachment).removeprefix(BASE).replace("{token}", "")
    await check(site, await site.ask(sample.method, path, data=body, headers=dict(sample.headers[1:2])), before)


@settings(hard, max_examples=200)
@given(
    operation=st.sampled_from(OPERATIONS),
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH"]),
    words=st.lists(texts | st.just("job-1"), min_size=3, max_size=3),
    query=st.dictionaries(st.sampled_from(["extProps", "holds", "f", "token", "num"]), texts, max_size=3),
    body=json_values,
)
async def test_no_path_and_no_query_makes_a_500(
    site: Site, operation: Any, method: str, words: list[str], query: dict[str, str], body: Any
) -> None:
    await site.ask("POST", "/jobTemplates/visit/job", json={"jobId": "job-1"})  # unless it is there
    path = operation.path
    for name, word in zip(PARAMETERS, words * 2, strict=True):
        path = path.replace(f"{{{name}}}", quote(word, safe=""))
    before = await site.everything()
    reply = await site.ask(method, f"{path}?{urlencode(query)}", json=body if method != "GET" else None)
    await check(site, reply, before)


HEADS = (
    b'Content-Disposition: form-data; name="attachment"; filename="a"',
    b'Content-Disposition: form-data; name="alias"',
    b"Content-Type: multipart/mixed; boundary=x",
    b"Content-Type: text/plain; charset=no-such",
    b"Content-Transfer-Encoding: base64",
    b"Content-Encoding: gzip",
)
BOUNDED = f"--{BOUNDARY}".encode()
pieces = st.lists(st.sampled_from([BOUNDED, b"--", b"\r\n", b"\r\n\r\n", b"x", *HEADS]), max_size=14).map(b"".join)


@st.composite
def nearly(draw: st.DrawFn) -> bytes:
    """A form of parts whose heads are drawn."""
    parts = draw(st.lists(st.tuples(st.lists(st.sampled_from(HEADS), max_size=3), st.binary(max_size=9)), max_size=4))
    lines = [BOUNDED + b"\r\n" + b"\r\n".join([*heads, b"", content]) + b"\r\n" for heads, content in parts]
    return b"".join(lines) + BOUNDED + draw(st.sampled_from([b"--\r\n", b"--", b""]))


@hard
@given(
    body=st.binary(max_size=60) | pieces | nearly(), kind=st.sampled_from([f"; boundary={BOUNDARY}", "", "; boundary="])
)
async def test_a_form_is_taken_or_refused(site: Site, body: bytes, kind: str) -> None:
    await ready(site)
    before = await site.everything()
    headers = {"Content-Type": f"multipart/form-data{kind}"}
    await check(site, await site.ask("POST", "/jobs/visit-1/attachments", data=body, headers=headers), before)


NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters='"\\'), max_size=300)


@settings(hard, max_examples=80)
@given(name=NAMES, content=st.binary(max_size=99))
async def test_whatever_a_file_is_called_its_bytes_come_back(site: Site, name: str, content: bytes) -> None:
    await ready(site)
    reply = await site.attach("visit-1", content, name)
    assert reply.status == 200, reply
    body = await site.ask("GET", f"/jobs/visit-1/attachments/{reply.body['attachmentId']}")
    assert body.content == content
    assert body.headers["Content-Disposition"].startswith('attachment; filename="')
