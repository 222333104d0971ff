"""Who may use the operator API, and what a token opens: of everything else it isn't even said that it is there."""

from datetime import UTC, datetime, timedelta

import jwt
import pytest

from envoy_plugin.apis.workflow_manager.tokens import MOST_LIFE, BadToken, OperatorTokens, Revocations
from envoy_plugin.sealing import derive_key
from tests.apis.workflow_manager.site import FORM, SETTINGS, Site, form

SECRET = SETTINGS.root_secrets[0]
NOW = datetime(2026, 5, 18, 12, tzinfo=UTC).timestamp()


def at(moment: float, *secrets: str) -> OperatorTokens:
    """What makes and reads tokens at this moment."""
    return OperatorTokens(secrets or [SECRET], clock=lambda: moment)


def claims(**changed: object) -> str:
    """A token with these claims, signed as ours are; None takes one away."""
    now = int(datetime.now(UTC).timestamp())
    told = {
        "iss": "envoy-plugin", "aud": "operator", "jti": "op-1", "iat": now, "exp": now + 60,
        "user": "ada", "items": ["default"], "groups": [], "privileges": [],
    } | changed  # fmt: skip
    told = {name: value for name, value in told.items() if value is not None}
    return jwt.encode(told, derive_key(SECRET, "operator/v1"), algorithm="HS256")


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer {}"},
        {"Authorization": "bearer  {}"},
        {"X-Esri-Authorization": "Bearer {}"},
        {"Authorization": "Basic YTpi", "X-Esri-Authorization": "Bearer {}"},
    ],
)
async def test_a_token_comes_in_either_header(site: Site, headers: dict[str, str]) -> None:
    sent = {name: text.format(site.token()) for name, text in headers.items()}
    assert (await site.ask("GET", "/jobTemplates", headers=sent, token=None)).status == 200


async def test_a_token_comes_in_the_query(site: Site) -> None:
    assert (await site.ask("GET", f"/jobTemplates?token={site.token()}", token=None)).status == 200


async def test_a_token_comes_in_the_form_of_an_attachment(site: Site) -> None:
    path = f"/jobs/{await site.job()}/attachments"
    reply = await site.ask("POST", path, data=form(b"x", "a.txt", token=site.token()), headers=FORM, token=None)
    assert reply.status == 200
    reply = await site.ask("POST", path, data=form(b"x", "a.txt"), headers=FORM, token=None)
    assert reply.status == 401


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "a.b.c",
        "é.é.é",
        "eyJhbGciOiJub25lIn0.e30.",
        "x" * 7000,
        OperatorTokens(["another secret of another plugin"]).mint("ada", items=["default"])[1],
        at(NOW - 12 * 3600).mint("ada", items=["default"])[1],
        jwt.encode({"sub": "ada"}, SECRET, algorithm="HS256"),
        claims(aud="attachment"),
        claims(iss="somebody"),
        claims(jti=None),
        claims(exp=None),
        claims(exp=4_000_000_000),
        claims(iat=3_999_999_000, exp=4_000_000_000),
    ],
)
async def test_what_is_no_good_token_is_refused_alike(site: Site, text: str) -> None:
    reply = await site.ask("GET", "/jobTemplates", headers={"Authorization": f"Bearer {text}"}, token=None)
    assert (reply.status, reply.headers["WWW-Authenticate"]) == (401, 'Bearer realm="workflow"')
    told = {"message": "The token is none of ours, has ended, or was revoked.", "type": "Unauthorized"}
    assert reply.body == {"error": {**told, "details": [], "code": 401}}


async def test_without_a_token_nothing_is_told(site: Site) -> None:
    reply = await site.ask("GET", "/jobs/anything", token=None)
    assert (reply.status, reply.error["message"]) == (401, "A token is needed: Authorization: Bearer.")


async def test_another_item_is_unknown_whether_it_has_jobs_or_not(site: Site) -> None:
    job_id = await site.job()
    token = site.token(items=["1001"])
    for path in (f"/jobs/{job_id}", "/jobTemplates", "/jobs/nothing"):
        reply = await site.ask("GET", path, token=token)
        assert (reply.status, reply.error["message"]) == (404, "There is nothing of this name here.")
    assert (await site.ask("GET", "/workflow/1001/jobTemplates", token=token)).status == 200


async def test_a_token_for_several_items_opens_each(site: Site) -> None:
    token = site.token(items=["1001", "lobby"])
    statuses = [(await site.ask("GET", f"/workflow/{item}/diagrams", token=token)).status for item in ("1001", "lobby")]
    assert statuses == [200, 200]


async def test_a_revoked_token_is_good_for_nothing(site: Site) -> None:
    operator, text = site.tokens.mint("ada", items=["default"])
    assert (await site.ask("GET", "/jobTemplates", token=text)).status == 200
    await site.revocations.revoke(operator.jti, operator.exp)
    assert (await site.ask("GET", "/jobTemplates", token=text)).status == 401
    assert (await site.ask("GET", "/jobTemplates")).status == 200


async def test_whoever_is_revoked_needs_a_new_token(site: Site) -> None:
    text = site.token(user="eve")
    await site.revocations.revoke_user("eve")
    assert (await site.ask("GET", "/jobTemplates", token=text)).status == 401
    assert (await site.ask("GET", "/jobTemplates", token=site.token(user="eve"))).status == 200


async def test_what_is_revoked_is_forgotten_once_the_tokens_have_ended(site: Site) -> None:
    moment = [NOW]
    revocations = Revocations(site.engine.redis, "revoked", clock=lambda: moment[0])
    await revocations.revoke("op-1", datetime.fromtimestamp(NOW + 10, UTC))
    await revocations.revoke("op-2")
    await revocations.revoke_user("eve")
    moment[0] += 11
    await revocations.revoke_user("ada")
    assert sorted(await site.engine.redis.zrange("revoked", 0, -1)) == [b"jti:op-2", b"user:ada", b"user:eve"]
    moment[0] += MOST_LIFE.total_seconds() + 1
    await revocations.revoke("op-3")
    assert await site.engine.redis.zrange("revoked", 0, -1) == [b"jti:op-3"]


def test_a_token_is_good_until_its_end_and_not_from_then_on() -> None:
    operator, text = at(NOW).mint("ada", items=["default"], life=timedelta(hours=1))
    assert at(NOW + 3599).read(text) == operator
    with pytest.raises(BadToken, match="has ended"):
        at(NOW + 3600).read(text)


def test_both_root_secrets_open_and_the_first_one_makes() -> None:
    _, text = at(NOW, SECRET).mint("ada", items=["default"])
    assert at(NOW, "a newer root secret", SECRET).read(text).name == "ada"
    _, fresh = at(NOW, "a newer root secret", SECRET).mint("ada", items=["default"])
    with pytest.raises(BadToken):
        at(NOW, SECRET).read(fresh)


def test_nothing_of_a_secret_shows() -> None:
    assert repr(at(NOW)) == "OperatorTokens(1 keys)"
