"""Attachments over HTTP: what is taken, what comes back, and who a URL is good for."""

import asyncio
import time
from asyncio import StreamReader
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from yarl import URL

from envoy_plugin.apis.workflow_manager import application
from envoy_plugin.apis.workflow_manager.uploads import MOST_CONTENT, MOST_FORM, plain_name
from envoy_plugin.settings import Settings
from envoy_plugin.workflows.links import LIFE
from tests.apis.workflow_manager.site import BASE, BOUNDARY, ENVIRONMENT, FORM, Site, form, make_store, serving
from tests.apis.workflow_manager.socket_site import PATIENCE


async def kept(site: Site, job_id: str, name: str = "nda.pdf") -> str:
    """The path of a new attachment."""
    reply = await site.attach(job_id, name=name)
    return f"/jobs/{job_id}/attachments/{reply.body['attachmentId']}"


async def url_of(site: Site, path: str) -> str:
    """The URL of an attachment, with a token for it alone, as a path."""
    _, _, job_id, _, attachment_id = path.split("/")
    return (await site.plugin.get_attachment_url(job_id, attachment_id)).removeprefix("/workflow/default")


@pytest.mark.parametrize(
    ("name", "disposition"),
    [
        ("nda.pdf", "filename=\"nda.pdf\"; filename*=UTF-8''nda.pdf"),
        ("C:\\\\photos\\\\face.jpg", "filename=\"face.jpg\"; filename*=UTF-8''face.jpg"),
        ("../../etc/passwd", "filename=\"passwd\"; filename*=UTF-8''passwd"),
        ("Größe 100%.txt", "filename=\"Gr__e 100_.txt\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe%20100%25.txt"),
        ("..", "filename=\"attachment\"; filename*=UTF-8''attachment"),
        ("", "filename=\"attachment\"; filename*=UTF-8''attachment"),
        ("exe\u202etxt.pdf", "filename=\"exetxt.pdf\"; filename*=UTF-8''exetxt.pdf"),
    ],
)
async def test_a_file_comes_back_by_a_plain_name(site: Site, name: str, disposition: str) -> None:
    reply = await site.ask("GET", await kept(site, await site.job(), name))
    assert reply.headers["Content-Disposition"] == f"attachment; {disposition}"
    assert reply.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert reply.headers["Cache-Control"] == "no-store"
    assert reply.headers["Referrer-Policy"] == "no-referrer"


def test_a_name_is_never_longer_than_128_characters() -> None:
    assert plain_name("a/" + "x" * 500) == "x" * 128
    assert plain_name("a\r\nSet-Cookie: b\x7f\x85") == "aSet-Cookie: b"


async def test_fields_of_the_form_say_more_of_a_file(site: Site) -> None:
    job_id = await site.job()
    reply = await site.attach(job_id, b"\x89PNG", "face.png", alias="Face", folder="photos", stepId="host", other="x")
    assert reply.body["alias"] == "Face"
    (told,) = (await site.ask("GET", f"/jobs/{job_id}/attachments")).body["attachments"]
    assert (told["alias"], told["folder"], told["stepId"], told["size"]) == ("Face", "photos", "host", 4)


@pytest.mark.parametrize("fields", [{"alias": "a/b"}, {"stepId": "nowhere"}, {"folder": "x" * 300}])
async def test_a_file_that_is_refused_leaves_no_bytes(site: Site, fields: dict[str, str]) -> None:
    job_id = await site.job()
    before = await site.everything()
    assert (await site.attach(job_id, b"x", "a", **fields)).status == 400
    assert await site.everything() == before


async def test_a_form_without_a_file_is_refused(site: Site) -> None:
    job_id = await site.job()
    data = form(b"x", "a").replace(b'name="attachment"', b'name="other"')
    reply = await site.ask("POST", f"/jobs/{job_id}/attachments", data=data, headers=FORM)
    assert (reply.status, reply.error["message"]) == (400, "attachment can't be this: it is missing.")


async def test_the_largest_file_is_taken_and_one_byte_more_is_not(site: Site) -> None:
    job_id = await site.job()
    before = await site.everything()
    reply = await site.attach(job_id, bytes(MOST_CONTENT + 1))
    assert (reply.status, reply.error["type"]) == (413, "TooLarge")
    assert (await site.attach(job_id, name="x", alias="x" * 9000)).status == 413
    assert await site.everything() == before
    assert (await site.attach(job_id, bytes(MOST_CONTENT))).status == 200


async def test_a_form_has_one_file(site: Site) -> None:
    job_id = await site.job()
    before = await site.everything()
    one, two = form(b"x", "a"), form(b"y", "b")
    data = one.removesuffix(f"--{BOUNDARY}--\r\n".encode()) + two
    reply = await site.ask("POST", f"/jobs/{job_id}/attachments", data=data, headers=FORM)
    assert (reply.status, reply.error["message"]) == (400, "The form has two files: send them one by one.")
    assert await site.everything() == before


async def test_a_form_that_says_it_is_too_large_is_not_read_whoever_sends_it(site: Site) -> None:
    path, data = f"/jobs/{await site.job()}/attachments", form(b"x", "a") + bytes(MOST_FORM)
    reply = await site.ask("POST", path, data=data, headers=FORM, token=None)
    assert (reply.status, reply.error["type"]) == (413, "TooLarge")


@asynccontextmanager
async def unfinished(site: Site, path: str) -> AsyncIterator[Callable[[], Awaitable[StreamReader]]]:
    """What begins one more form without a token, and ends it not."""
    head = f"POST {BASE}{path} HTTP/1.1\r\nHost: a\r\nContent-Type: {FORM['Content-Type']}\r\nContent-Length: 999\r\n"
    async with AsyncExitStack() as ends:

        async def begin() -> StreamReader:
            reader, writer = await asyncio.open_connection("127.0.0.1", URL(site.url).port)
            ends.callback(writer.close)
            writer.write(f"{head}\r\n--{BOUNDARY}".encode())
            return reader

        yield begin


async def test_few_forms_are_read_at_once_before_it_is_known_whose_they_are(site: Site) -> None:
    path, data = f"/jobs/{await site.job()}/attachments", form(b"x", "a", token=site.token())
    async with asyncio.timeout(PATIENCE):
        async with unfinished(site, path) as begin:
            while (reply := await site.ask("POST", path, data=data, headers=FORM, token=None)).status == 200:
                await begin()
            assert (reply.status, reply.error["type"]) == (503, "Unavailable")
            assert (await site.ask("POST", path, data=data, headers=FORM)).status == 200
        while (await site.ask("POST", path, data=data, headers=FORM, token=None)).status == 503:
            pass


async def test_a_form_of_nobody_known_has_an_end(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(application, "UNKNOWN_SECONDS", 0.01)
    async with asyncio.timeout(PATIENCE), unfinished(site, f"/jobs/{await site.job()}/attachments") as begin:
        assert b"The form takes too long." in await (await begin()).readuntil(b"}}")


async def test_a_form_has_sixteen_parts_at_most(site: Site) -> None:
    reply = await site.attach(await site.job(), b"x", "a", **{f"field-{number}": "x" for number in range(16)})
    assert (reply.status, reply.error["message"]) == (400, "The form has more than 16 parts.")


async def test_a_job_takes_so_many_and_no_more(site: Site) -> None:
    job_id = await site.job()
    links = [{"url": f"https://example.com/{number}"} for number in range(50)]
    added = await site.ask("POST", f"/jobs/{job_id}/attachmentslinked", json={"attachments": links})
    assert len(added.body["attachments"]) == 50
    before = await site.everything()
    reply = await site.attach(job_id)
    assert (reply.status, reply.error["type"]) == (400, "JobRefused")
    assert await site.everything() == before


async def test_a_link_is_never_followed_nor_is_anybody_sent_there(site: Site) -> None:
    """Clients follow a redirect with the header that has their token."""
    job_id = await site.job()
    links = [{"url": "https://example.com/nda?x=1"}]
    added = await site.ask("POST", f"/jobs/{job_id}/attachmentslinked", json={"attachments": links})
    reply = await site.ask("GET", f"/jobs/{job_id}/attachments/{added.body['attachments'][0]['attachmentId']}")
    assert (reply.status, reply.error["type"]) == (400, "JobRefused")
    assert "Location" not in reply.headers


async def test_a_url_opens_one_attachment_and_nothing_else(site: Site) -> None:
    job_id = await site.job()
    path, other = await kept(site, job_id), await kept(site, job_id)
    token = urlsplit(await url_of(site, path)).query
    assert (await site.ask("GET", f"{path}?{token}", token=None)).content == b"%PDF"
    for method, elsewhere in (
        ("GET", other),
        ("GET", f"/jobs/{job_id}/attachments"),
        ("GET", f"/jobs/{job_id}"),
        ("DELETE", path),
        ("POST", path),
        ("GET", f"/workflow/1001{path}"),
    ):
        assert (await site.ask(method, f"{elsewhere}?{token}", token=None)).status == 401


async def test_a_url_is_good_for_five_minutes(site: Site) -> None:
    path = await kept(site, await site.job())
    links = site.store.links
    assert links is not None
    then = replace(links, clock=lambda: time.time() - LIFE)
    _, _, job_id, _, attachment_id = path.split("/")
    token = then.token("default", job_id, attachment_id)
    assert (await site.ask("GET", f"{path}?token={token}", token=None)).status == 401


@pytest.fixture
async def acme(site: Site) -> AsyncIterator[Site]:
    """The same API at another place."""
    settings = Settings.from_env(ENVIRONMENT | {"WORKFLOW_ORG": "acme", "PUBLIC_URL": "https://doors.example.com"})
    store = make_store(site.engine, settings)
    async with serving(site.engine, store, settings) as url:
        yield replace(site, url=url, store=store)


async def test_urls_are_where_the_settings_say(acme: Site) -> None:
    whole = {"Authorization": f"Bearer {acme.token()}"}
    async with acme.http.post(f"{acme.url}/acme/default/jobTemplates/visit/job", json={}, headers=whole) as made:
        job_id = (await made.json())["jobIds"][0]
    address = f"{acme.url}/acme/default/jobs/{job_id}/attachments"
    async with acme.http.post(address, data=form(b"x", "a"), headers=FORM | whole) as added:
        url = (await added.json())["url"]
    assert url.startswith(f"https://doors.example.com/acme/default/jobs/{job_id}/attachments/")
    signed = await acme.plugin.get_attachment_url(job_id, url.rsplit("/", 1)[-1])
    async with acme.http.get(signed.replace("https://doors.example.com", acme.url)) as body:
        assert await body.read() == b"x"
