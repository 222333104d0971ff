"""Who may use the inspector: somebody at this machine with the token, and no page of another site."""

import pytest

from tests.framework.inspector.inspected import TOKEN, Inspected

PAGES = (
    "/_envoy/",
    "/_envoy/dashboard",
    "/_envoy/deliveries/1",
    "/_envoy/deliveries/1/body.json",
    "/_envoy/live/dashboard",
)
FOREIGN = {
    "another host": {"Host": "rebound.example"},
    "forwarded": {"Forwarded": "for=192.0.2.1"},
    "through a tunnel": {"X-Forwarded-For": "192.0.2.1"},
    "another site's form": {"Origin": "http://evil.example"},
    "another site's link": {"Sec-Fetch-Site": "cross-site"},
    "another port's page": {"Sec-Fetch-Site": "same-site"},
}


async def test_the_printed_url_opens_the_pages_and_the_token_leaves_the_address(inspected: Inspected) -> None:
    inspected.browser.cookie_jar.clear()
    async with inspected.browser.get(f"{inspected.url}/_envoy/?token={TOKEN}", allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "/_envoy/")
        cookie = answer.headers["Set-Cookie"]
    assert all(word in cookie for word in ("HttpOnly", "SameSite=Strict", "Path=/_envoy"))
    assert (await inspected.get("/_envoy/")).status == 200


@pytest.mark.parametrize("path", PAGES)
async def test_without_the_token_a_page_says_where_it_is_and_nothing_else(inspected: Inspected, path: str) -> None:
    await inspected.deliver()
    inspected.browser.cookie_jar.clear()
    page = await inspected.get(path)
    assert page.status == 403
    assert page.text.startswith("Open the URL that `envoy-plugin dev` printed")


async def test_a_wrong_token_opens_nothing(inspected: Inspected) -> None:
    inspected.browser.cookie_jar.clear()
    assert [(await inspected.get(f"/_envoy/?token={token}")).status for token in ("", "another", "é")] == [403] * 3
    assert (await inspected.get("/_envoy/")).status == 403


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=list(FOREIGN))
async def test_with_the_token_a_foreign_request_gets_404(inspected: Inspected, headers: dict[str, str]) -> None:
    await inspected.deliver()
    assert (await inspected.get("/_envoy/", **headers)).status == 404
    assert (await inspected.get("/_envoy/api/deliveries", Authorization=f"Bearer {TOKEN}", **headers)).status == 404
    assert (await inspected.submit("/_envoy/deliveries/1/replay", {}, **headers)).status == 404
    assert inspected.newest.number == 1


@pytest.mark.parametrize("key", ["", "0" * 64, "é"])
async def test_a_form_that_isnt_ours_sends_nothing(inspected: Inspected, key: str) -> None:
    await inspected.deliver()
    page = await inspected.submit("/_envoy/deliveries/1/replay", {"form_key": key})
    assert (page.status, inspected.newest.number) == (403, 1)


async def test_a_browsers_cookie_doesnt_open_what_is_for_commands(inspected: Inspected) -> None:
    assert (await inspected.get("/_envoy/api/deliveries")).status == 401
    assert (await inspected.get("/_envoy/api/deliveries", Authorization="Bearer another")).status == 401


async def test_every_page_tells_a_browser_to_load_nothing_from_elsewhere(inspected: Inspected) -> None:
    for path in ("/_envoy/", "/_envoy/static/style.css", "/_envoy/none", "/_envoy/?token=wrong"):
        headers = (await inspected.get(path)).headers
        assert headers["Content-Security-Policy"].startswith("default-src 'self'; ")
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/_envoy", "/_envoy/nothing", "/%5Fenvoy/x"])
async def test_what_is_the_inspectors_never_reaches_the_plugin(inspected: Inspected, path: str) -> None:
    status, _ = await inspected.post(b"{}", path=path)
    assert status in {404, 405}
    assert inspected.recorder.newest() is None
