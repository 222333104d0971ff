"""The simulated Envoy's login."""

import base64
from contextlib import suppress
from datetime import timedelta

import pytest
from aiohttp import FormData
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from envoy_plugin.simulator import defaults, logins
from envoy_plugin.simulator.logins import Tokens
from envoy_plugin.simulator.platform import TOKENS, create_platform
from envoy_plugin.simulator.wire import FORM_TYPE, MULTIPART_TYPE, decode_fields
from tests.unit.simulator.conftest import CREDENTIALS, Envoy, MovableClock, ServeApplication

LOGIN = {"grant_type": "client_credentials", **CREDENTIALS}


MULTIPART_PIECES = (
    b"--b",
    b"--b--",
    b"\r\n",
    b'Content-Disposition: form-data; name="a"',
    b"Content-Type: x/\xff",
    b"1",
)


def basic(client_id: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()}


def multipart() -> FormData:
    form = FormData(LOGIN, default_to_multipart=True)
    form.add_field("scope", "plugin")
    return form


@pytest.mark.parametrize("path", ["/a/auth/v0/token", "/oauth2/token"])
@pytest.mark.parametrize("body", [{"json": LOGIN}, {"data": LOGIN}, {"data": multipart}])
async def test_a_client_logs_in_at_either_path_with_any_kind_of_body(
    envoy: Envoy, path: str, body: dict[str, object]
) -> None:
    sent = {kind: value() if callable(value) else value for kind, value in body.items()}
    answer = await envoy.client.post(path, **sent)  # type: ignore[arg-type]  # json or data, by the case
    grant = await answer.json()
    assert (answer.status, grant["token_type"], grant["expires_in"]) == (200, "Bearer", 43200)
    assert grant["refresh_token_expires_in"] == 259200
    assert envoy.app[TOKENS].is_valid(grant["access_token"])


@pytest.mark.parametrize("scope", ["plugin,token.refresh", "plugin token.refresh", ["plugin", "token.refresh"], None])
async def test_a_scope_is_a_string_or_an_array(envoy: Envoy, scope: object) -> None:
    assert (await envoy.token(**LOGIN, scope=scope)).status == 200


@pytest.mark.parametrize("scope", [7, [7], {"a": 1}])
async def test_another_kind_of_scope_is_refused(envoy: Envoy, scope: object) -> None:
    answer = await envoy.token(**LOGIN, scope=scope)
    assert (answer.status, (await answer.json())["error"]) == (400, "invalid_scope")


async def test_basic_credentials_alone_log_in(envoy: Envoy) -> None:
    answer = await envoy.client.post(
        "/a/auth/v0/token",
        json={"grant_type": "client_credentials"},
        headers=basic(defaults.CLIENT_ID, defaults.CLIENT_SECRET),
    )
    assert answer.status == 200


@pytest.mark.parametrize(
    ("form", "headers"),
    [
        ({}, {}),
        ({"client_id": defaults.CLIENT_ID, "client_secret": "wrong"}, {}),
        ({"client_id": "stranger", "client_secret": defaults.CLIENT_SECRET}, {}),
        ({"client_id": defaults.CLIENT_ID}, {}),
        ({"client_secret": "sécret"}, {}),
        ({}, basic(defaults.CLIENT_ID, "wrong")),
        (CREDENTIALS, basic(defaults.CLIENT_ID, "wrong")),
        ({}, {"Authorization": "Basic %%%"}),
        ({}, {"Authorization": "Basic é"}),
        ({}, {"Authorization": "Basic /w=="}),
        ({}, {"Authorization": "Bearer at-1"}),
    ],
)
async def test_wrong_or_missing_credentials_are_an_invalid_client(
    envoy: Envoy, form: dict[str, str], headers: dict[str, str]
) -> None:
    body = {"grant_type": "client_credentials", **form}
    answer = await envoy.client.post("/a/auth/v0/token", json=body, headers=headers)
    assert (answer.status, (await answer.json())["error"]) == (401, "invalid_client")


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "implicit"}, "unsupported_grant_type"),
        ({"grant_type": ["password"]}, "unsupported_grant_type"),
        ({"grant_type": "password"}, "invalid_grant"),
        ({"grant_type": "password", "username": "dev@example.com", "password": "wrong"}, "invalid_grant"),
        ({"grant_type": "password", "username": "nobody", "password": ""}, "invalid_grant"),
        ({"grant_type": "authorization_code", "code": "code-0"}, "invalid_grant"),
        ({"grant_type": "plugin_install"}, "invalid_grant"),
        ({"grant_type": "plugin_install", "install_id": "9"}, "invalid_grant"),
        ({}, "invalid_request"),
        ({"grant_type": "refresh_token"}, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": "rt-0"}, "invalid_grant"),
    ],
)
async def test_what_cannot_be_granted_is_named(envoy: Envoy, form: dict[str, str], error: str) -> None:
    answer = await envoy.token(**CREDENTIALS, **form)
    assert (answer.status, (await answer.json())["error"]) == (400, error)


@pytest.mark.parametrize(
    ("kind", "body"), [("text/plain", b"{}"), ("application/json", b"{"), ("application/json", b"[]")]
)
async def test_a_body_that_is_no_form_is_an_invalid_request(envoy: Envoy, kind: str, body: bytes) -> None:
    answer = await envoy.client.post("/oauth2/token", data=body, headers={"Content-Type": kind})
    assert (answer.status, (await answer.json())["error"]) == (400, "invalid_request")


@given(
    kind=st.sampled_from(["application/json", FORM_TYPE, MULTIPART_TYPE, f"{MULTIPART_TYPE}; boundary=b", ""]),
    body=st.binary() | st.lists(st.sampled_from(MULTIPART_PIECES)).map(b"".join),
)
def test_any_bytes_are_fields_or_refused(kind: str, body: bytes) -> None:
    with suppress(ValueError):
        decode_fields(kind, body)


async def test_a_refresh_token_gives_a_new_pair_once(envoy: Envoy) -> None:
    grant = envoy.app[TOKENS].issue()
    form = {**CREDENTIALS, "grant_type": "refresh_token", "refresh_token": grant.refresh_token}
    first, second = await envoy.token(**form), await envoy.token(**form)
    assert (first.status, second.status) == (200, 400)
    assert (await first.json())["refresh_token"] != grant.refresh_token


async def test_a_refresh_token_expires(envoy: Envoy) -> None:
    grant = envoy.app[TOKENS].issue()
    envoy.clock.move(days=3)
    assert envoy.app[TOKENS].refresh(grant.refresh_token) is None


async def test_a_refresh_token_may_be_kept(clock: MovableClock) -> None:
    tokens = Tokens({}, clock=clock, keep_refresh_tokens=True)
    grant = tokens.issue()
    assert tokens.refresh(grant.refresh_token) is not None
    assert tokens.refresh(grant.refresh_token) is not None


async def test_a_user_logs_in_by_password(envoy: Envoy) -> None:
    user = {"username": "dev@example.com", "password": "dev-password"}
    answer = await envoy.token(grant_type="password", scope=["locations.read", "token.refresh"], **user, **CREDENTIALS)
    grant = await answer.json()
    assert (answer.status, grant["expires_in"], grant["refresh_token_expires_in"]) == (200, 86400, 2592000)


@pytest.mark.parametrize("install_id", ["1001", 1001])
async def test_an_installer_logs_in_with_a_day_and_the_company(envoy: Envoy, install_id: object) -> None:
    grant = await (await envoy.token(grant_type="plugin_install", install_id=install_id, **CREDENTIALS)).json()
    assert (grant["expires_in"], grant["refresh_token_expires_in"]) == (86400, 2592000)
    assert (grant["state"], grant["company_id"]) == (None, "12")
    again = await envoy.token(grant_type="refresh_token", refresh_token=grant["refresh_token"], **CREDENTIALS)
    assert (await again.json())["company_id"] == "12"


AUTHORIZE = {"response_type": "code", "client_id": defaults.CLIENT_ID, "redirect_uri": "http://127.0.0.1:8000/cb?x=1"}


async def code_of(envoy: Envoy, **query: str) -> URL:
    answer = await envoy.client.get("/a/auth/v0/authorize", params=AUTHORIZE | query, allow_redirects=False)
    assert answer.status == 302
    return URL(answer.headers["Location"])


async def test_the_authorize_page_leads_back_with_a_code_that_is_good_once(envoy: Envoy) -> None:
    back = await code_of(envoy, scope="locations.read token.refresh", state="st&1")
    assert (back.path, back.query["x"], back.query["state"]) == ("/cb", "1", "st&1")
    form = {**CREDENTIALS, "grant_type": "authorization_code", "code": back.query["code"]}
    first, second = await envoy.token(**form), await envoy.token(**form)
    assert (first.status, second.status) == (200, 400)


@pytest.mark.parametrize(("uri", "status"), [(AUTHORIZE["redirect_uri"], 200), ("http://127.0.0.1/other", 400)])
async def test_a_code_is_for_its_redirect_uri(envoy: Envoy, uri: str, status: int) -> None:
    code = (await code_of(envoy)).query["code"]
    form = {**CREDENTIALS, "grant_type": "authorization_code", "code": code}
    assert (await envoy.token(**form, redirect_uri=uri)).status == status


async def test_a_code_expires(envoy: Envoy) -> None:
    back = await code_of(envoy)
    envoy.clock.move(minutes=10)
    form = {**CREDENTIALS, "grant_type": "authorization_code", "code": back.query["code"]}
    assert ("state" in back.query, (await envoy.token(**form)).status) == (False, 400)


@pytest.mark.parametrize(
    "query",
    [
        {"response_type": "token"},
        {"client_id": "stranger"},
        {"redirect_uri": "javascript:alert(1)"},
        {"redirect_uri": "http://["},
        {"redirect_uri": "http://127.0.0.1/#x"},
    ],
)
async def test_the_authorize_page_refuses_what_it_cannot_lead_back_from(envoy: Envoy, query: dict[str, str]) -> None:
    answer = await envoy.client.get("/a/auth/v0/authorize", params=AUTHORIZE | query, allow_redirects=False)
    assert (answer.status, "Location" in answer.headers) == (400, False)


async def test_a_token_of_a_webhook_is_accepted_as_long_as_it_says(envoy: Envoy) -> None:
    assert (await envoy.client.put("/_sim/tokens/ut-1", json={"expires_in": 60})).status == 204
    envoy.bearer = {"Authorization": "Bearer ut-1"}
    before = (await envoy.client.get("/api/v2/users/me", headers=envoy.bearer)).status
    envoy.clock.move(seconds=60)
    assert (before, (await envoy.client.get("/api/v2/users/me", headers=envoy.bearer)).status) == (200, 401)


async def test_access_tokens_alone_may_be_ended(envoy: Envoy) -> None:
    grant = envoy.app[TOKENS].issue()
    assert (await envoy.client.post("/_sim/expire")).status == 204
    assert (await envoy.update("j1")).status == 401
    assert envoy.app[TOKENS].refresh(grant.refresh_token) is not None


def test_one_lifetime_may_hold_for_every_grant(clock: MovableClock) -> None:
    tokens = Tokens({}, clock=clock, lifetime=timedelta(seconds=7))
    assert tokens.issue(logins.INSTALLER).expires_in == 7


def test_no_token_shows_in_a_grant(clock: MovableClock) -> None:
    grant = Tokens({}, clock=clock).issue()
    assert grant.access_token not in repr(grant)
    assert grant.refresh_token not in repr(grant)


async def test_the_api_takes_a_token_until_it_expires(envoy: Envoy) -> None:
    before = await envoy.update("j1", status_message="Half way")
    envoy.clock.move(hours=12)
    after = await envoy.update("j1", status_message="All the way")
    assert (before.status, after.status) == (200, 401)
    assert (await envoy.shown("j1"))["status_message"] == "Half way"


async def test_revoking_ends_access_and_refresh_tokens(envoy: Envoy) -> None:
    grant = envoy.app[TOKENS].issue()
    assert (await envoy.client.post("/_sim/revoke")).status == 204
    assert (await envoy.update("j1")).status == 401
    assert envoy.app[TOKENS].refresh(grant.refresh_token) is None


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer at-unknown", "Basic YTpi"])
async def test_the_api_refuses_what_is_no_token(envoy: Envoy, authorization: str) -> None:
    envoy.bearer = {"Authorization": authorization}
    answer = await envoy.update("j1", status="done")
    assert (answer.status, "WWW-Authenticate" in answer.headers) == (401, True)


async def test_both_secrets_of_a_client_log_in(aiohttp_client: ServeApplication) -> None:
    client = await aiohttp_client(create_platform(client_id="c", client_secret="new-secret old-secret"))
    for secret in ("new-secret", "old-secret"):
        form = {"grant_type": "client_credentials", "client_id": "c", "client_secret": secret}
        assert (await client.post("/oauth2/token", json=form)).status == 200


def test_the_oldest_tokens_go_first(clock: MovableClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logins, "MAX_TOKENS", 2)
    tokens = Tokens({}, clock=clock)
    first, second, third = tokens.issue(), tokens.issue(), tokens.issue()
    assert [tokens.is_valid(grant.access_token) for grant in (first, second, third)] == [False, True, True]
