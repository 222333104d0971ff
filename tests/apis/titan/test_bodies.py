"""Forms, whatever is in them."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envoy_plugin.apis.titan.bodies import MOST_PARTS, parts_of
from envoy_plugin.apis.titan.refusals import Refused
from tests.apis.titan import site as making
from tests.apis.titan.site import BOUNDARY, Site, multipart

names = st.text(st.characters(codec="utf-8", exclude_characters='"\r\n\\'), min_size=1, max_size=10)
odd = [b"\r\n", b"--", b"\r\n--", b"\r\n\r\n", b"x--" + BOUNDARY.encode()]
contents = st.binary(max_size=50) | st.sampled_from(odd)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(fields=st.dictionaries(names, contents, max_size=4))
def test_every_field_comes_back_as_it_was_sent(fields: dict[str, bytes]) -> None:
    assert dict(parts_of(multipart(fields), BOUNDARY.encode())) == fields


pieces = st.lists(st.sampled_from([b"--b", b"--", b"\r\n", b"x", b"n;name=b"])).map(b"".join)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(body=st.binary(max_size=100) | pieces)
def test_whatever_comes_is_parts_or_is_refused(body: bytes) -> None:
    with suppress(Refused):
        assert all(content in body for _, content in parts_of(body, b"b"))


@pytest.mark.parametrize(
    ("head", "name"),
    [
        ('Content-Disposition: form-data; name="log"; filename="x; name=y"', "log"),
        ("content-disposition:form-data;name=log", "log"),
        ('Content-Type: text/plain\r\nCONTENT-DISPOSITION: form-data; filename="name="; name="log"', "log"),
        ('Content-Disposition: form-data; name=""', ""),
    ],
)
def test_the_name_of_a_part_is_found(head: str, name: str) -> None:
    assert list(parts_of(f"--b\r\n{head}\r\n\r\nx\r\n--b--".encode(), b"b")) == [(name, b"x")]


async def test_the_first_field_of_a_name_counts(site: Site) -> None:
    job_id = await making.running(site)
    first = multipart({"reason": "killed"}).removesuffix(f"--{BOUNDARY}--\r\n".encode())
    twice = first + multipart({"reason": "timeout"})
    sent = {"Content-Type": f'multipart/form-data; Boundary="{BOUNDARY}"'}
    assert (await site.ask("POST", f"/job/{job_id}/fail", data=twice, headers=sent)).job["reason"] == "killed"


@pytest.mark.parametrize("kind", ["multipart/form-data", "application/x-www-form-urlencoded"])
async def test_a_form_of_too_many_fields_is_a_400(site: Site, kind: str) -> None:
    job_id = await making.running(site)
    fields = {f"f{number}": "x" for number in range(MOST_PARTS + 1)}
    body = multipart(fields) if kind.startswith("m") else "&".join(f"{name}=x" for name in fields).encode()
    sent = {"Content-Type": f"{kind}; boundary={BOUNDARY}"}
    assert (await site.ask("POST", f"/job/{job_id}/success", data=body, headers=sent)).status == 400
    assert (await site.job(job_id))["status"] == "running"


async def test_a_body_of_another_type_is_no_form(site: Site) -> None:
    job_id = await making.running(site)
    sent = {"Content-Type": "text/plain"}
    assert (await site.ask("POST", f"/job/{job_id}/success", data=b"log=x", headers=sent)).status == 200
    assert (await site.ask("GET", f"/job/{job_id}/log")).content == b""


async def test_a_body_that_cannot_be_unpacked_is_a_400(site: Site) -> None:
    job_id = await making.running(site)
    sent = {"Content-Type": "text/plain", "Content-Encoding": "gzip"}
    assert (await site.ask("POST", f"/job/{job_id}/cancel", data=b"no gzip", headers=sent)).status == 400
    assert (await site.job(job_id))["status"] == "running"


async def test_a_form_of_more_than_the_limit_is_a_413(site: Site) -> None:
    job_id = await making.running(site)
    assert (await site.post(job_id, "success", log=b"x" * 16 * 1024 * 1024)).status == 413
    assert (await site.job(job_id))["status"] == "running"
