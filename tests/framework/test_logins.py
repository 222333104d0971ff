"""Logging in by every grant, and where a user is sent to agree, over real HTTP."""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import aiohttp
import pytest

from envoy_plugin.envoy.oauth import OAuthClient, Token
from envoy_plugin.errors import AuthFailed
from tests.framework.scripted import Answers, scripted, status

CREDENTIALS = {"client_id": "cid", "client_secret": "canary-secret"}
ANSWER = {
    "token_type": "Bearer",
    "access_token": "at-6f0c",
    "expires_in": 86400,
    "refresh_token": "rt-91aa",
    "refresh_token_expires_in": 2592000,
    "state": None,
    "company_id": "10000",
}
Login = Callable[[OAuthClient], Awaitable[Token]]
LOGINS: list[tuple[Login, dict[str, Any]]] = [
    (lambda oauth: oauth.login(), {"grant_type": "client_credentials", "scope": "plugin,token.refresh"}),
    (lambda oauth: oauth.refresh("rt"), {"grant_type": "refresh_token", "refresh_token": "rt"}),
    (lambda oauth: oauth.login_as_installer("1001"), {"grant_type": "plugin_install", "install_id": "1001"}),
    (
        lambda oauth: oauth.login_with_password("u", "canary", scopes=["locations.read", "token.refresh"]),
        {
            "grant_type": "password",
            "scope": ["locations.read", "token.refresh"],
            "username": "u",
            "password": "canary",
        },
    ),
    (
        lambda oauth: oauth.login_with_code("abc", redirect_uri="https://p.example/cb?x=1", scopes="a.read,b.read"),
        {
            "grant_type": "authorization_code",
            "scope": ["a.read", "b.read"],
            "code": "abc",
            "redirect_uri": "https://p.example/cb?x=1",
        },
    ),
]


async def logged_in(login: Login, *answers: Answers) -> tuple[Token, tuple[str, str, Any], str]:
    """The token, what was sent, and the Authorization header with it."""
    async with scripted(*answers) as envoy:
        oauth = OAuthClient(
            envoy.session, base_url=envoy.url, client_id="cid", client_secret="canary-secret", clock=lambda: 1000.0
        )
        token = await login(oauth)
        return token, envoy.sent(), envoy.asked[0].headers["Authorization"]


@pytest.mark.parametrize(("login", "form"), LOGINS)
async def test_each_grant_is_asked_for_with_the_plugins_credentials(login: Login, form: dict[str, Any]) -> None:
    token, sent, basic = await logged_in(login, status(200, ANSWER))
    assert sent == ("POST", "/a/auth/v0/token", {**form, **CREDENTIALS})
    assert basic == "Basic Y2lkOmNhbmFyeS1zZWNyZXQ="
    assert (token.access_token, token.expires_at, token.refresh_token) == ("at-6f0c", 87400.0, "rt-91aa")


@pytest.mark.parametrize(("login", "_"), LOGINS)
async def test_a_login_that_is_refused_says_nothing_of_what_was_sent(login: Login, _: object) -> None:
    with pytest.raises(AuthFailed) as caught:
        await logged_in(login, status(400, {"error": "invalid_grant", "error_description": "canary"}))
    assert (caught.value.status, "canary" in str(caught.value)) == (400, False)


@pytest.fixture
async def oauth() -> Any:
    async with aiohttp.ClientSession() as session:
        yield OAuthClient(session, base_url="https://app.envoy.com/", client_id="cid", client_secret="s")


async def test_the_address_to_agree_at_keeps_the_redirect_uri_and_carries_a_state(oauth: OAuthClient) -> None:
    url = urlsplit(oauth.authorize_url("https://p.example/cb?x=1&y=ü", ["locations.read", "a&b"], state="s+1/="))
    assert (url.scheme, url.netloc, url.path) == ("https", "app.envoy.com", "/a/auth/v0/authorize")
    assert parse_qsl(url.query) == [
        ("response_type", "code"),
        ("client_id", "cid"),
        ("redirect_uri", "https://p.example/cb?x=1&y=ü"),
        ("scope", "locations.read a&b"),
        ("state", "s+1/="),
    ]


async def test_scopes_are_joined_as_by_envoys_own_sdk(oauth: OAuthClient) -> None:
    for scopes in (["locations.read", "token.refresh"], "locations.read token.refresh", "locations.read,token.refresh"):
        url = oauth.authorize_url("https://p.example/cb?x=1", scopes, state="s")
        assert "&scope=locations.read+token.refresh&" in url
        assert "redirect_uri=https%3A%2F%2Fp.example%2Fcb%3Fx%3D1&" in url
        assert parse_qs(urlsplit(url).query)["state"] == ["s"]


async def test_an_address_to_agree_at_without_state_is_refused(oauth: OAuthClient) -> None:
    with pytest.raises(ValueError, match="state must be"):
        oauth.authorize_url("https://p.example/cb", [], state="")
