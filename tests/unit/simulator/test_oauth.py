"""The simulated Envoy's login."""

import base64
from contextlib import suppress

import pytest
from aiohttp import FormData
from hypothesis import given
from hypothesis import strategies as st

from envoy_plugin.simulator import defaults, oauth
from envoy_plugin.simulator.oauth import Tokens
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
        ({"grant_type": "password"}, "unsupported_grant_type"),
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
    monkeypatch.setattr(oauth, "MAX_TOKENS", 2)
    tokens = Tokens({}, lifetime=oauth.ACCESS_LIFETIME, clock=clock)
    first, second, third = tokens.issue(), tokens.issue(), tokens.issue()
    assert [tokens.is_valid(grant.access_token) for grant in (first, second, third)] == [False, True, True]
