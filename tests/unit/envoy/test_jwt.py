"""Tokens of the plugin's own: they end, they can't be forged, and what is weak is refused."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from envoy_plugin.envoy.jwt import EnvoyJWT
from envoy_plugin.errors import JWTError, JWTExpired, JWTInvalid
from tests.envoy_server import Clock

SECRET = "canary-0123456789abcdef0123456789"
OTHER = "canary-other-0123456789abcdef0123456789"
HOUR = timedelta(hours=1)


def hand_made(claims: dict[str, Any], *, secret: str = SECRET, algorithm: str = "HS256", **header: Any) -> str:
    return jwt.encode(claims, secret, algorithm=algorithm, headers=header or None)


def test_a_token_says_what_it_was_made_of() -> None:
    clock = Clock()
    tokens = EnvoyJWT(SECRET, clock=clock)
    claims = tokens.decode(tokens.encode("install-1001", HOUR, {"step": 2, "names": ["ü"]}))
    assert (claims.subject, dict(claims.payload)) == ("install-1001", {"step": 2, "names": ["ü"]})
    assert claims.issued_at == datetime(2026, 11, 21, 9, tzinfo=UTC)
    assert claims.expires_at == datetime(2026, 11, 21, 10, tzinfo=UTC)
    assert "ü" not in repr(claims)


def test_a_token_ends_when_it_says() -> None:
    clock = Clock()
    tokens = EnvoyJWT(SECRET, clock=clock)
    token = tokens.encode("a", HOUR)
    clock.advance(minutes=59, seconds=59)
    assert tokens.decode(token).subject == "a"
    clock.advance(seconds=1)
    with pytest.raises(JWTExpired):
        tokens.decode(token)


@pytest.mark.parametrize("lifetime", [timedelta(), timedelta(seconds=-1), timedelta(milliseconds=999)])
def test_a_token_that_never_or_at_once_ends_is_not_made(lifetime: timedelta) -> None:
    with pytest.raises(JWTError, match="must end"):
        EnvoyJWT(SECRET).encode("a", lifetime)


@pytest.mark.parametrize("claims", [{}, {"sub": "a"}, {"exp": None}, {"exp": "9999999999"}, {"exp": True}])
def test_a_token_without_end_is_refused(claims: dict[str, Any]) -> None:
    with pytest.raises(JWTInvalid):
        EnvoyJWT(SECRET).decode(hand_made(claims))


@pytest.mark.parametrize(
    ("algorithm", "length", "fits"),
    [("HS256", 31, False), ("HS256", 32, True), ("HS384", 47, False), ("HS384", 48, True), ("HS512", 64, True)],
)
def test_a_short_secret_is_refused(algorithm: Any, length: int, fits: bool) -> None:  # noqa: FBT001 - a column of the table
    if fits:
        tokens = EnvoyJWT("s" * length, algorithm=algorithm)
        assert tokens.decode(tokens.encode("a", HOUR)).subject == "a"
        return
    with pytest.raises(JWTError, match=f"{algorithm} takes a secret of") as caught:
        EnvoyJWT("canary" * length, "s" * length, algorithm=algorithm)
    assert "canary" not in str(caught.value)


def test_no_secret_and_no_other_algorithm_are_taken() -> None:
    wrong: list[tuple[tuple[str, ...], Any]] = [((), "HS256"), (("",), "HS256"), ((SECRET,), "none")]
    for secrets, algorithm in wrong:
        with pytest.raises(JWTError):
            EnvoyJWT(*secrets, algorithm=algorithm)


def test_while_a_secret_is_replaced_both_are_read_and_the_first_signs() -> None:
    old, new, both = EnvoyJWT(OTHER), EnvoyJWT(SECRET), EnvoyJWT(SECRET, OTHER)
    assert both.decode(old.encode("a", HOUR)).subject == "a"
    assert new.decode(both.encode("b", HOUR)).subject == "b"
    with pytest.raises(JWTInvalid):
        old.decode(both.encode("b", HOUR))


def unsigned() -> str:
    parts = ({"alg": "none", "typ": "JWT"}, {"sub": "a", "exp": 9999999999})
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."


FORGED = {
    "unsigned": unsigned(),
    "another secret": hand_made({"sub": "a", "exp": 9999999999}, secret=OTHER),
    "another algorithm": hand_made({"sub": "a", "exp": 9999999999}, secret=SECRET * 2, algorithm="HS512"),
    "a number as subject": hand_made({"sub": 7, "exp": 9999999999}),
    "for others": hand_made({"sub": "a", "exp": 9999999999, "aud": "others"}),
    "not yet": hand_made({"sub": "a", "exp": 9999999999, "nbf": 9999999998}),
    "no time": hand_made({"sub": "a", "exp": 1e300}),
    "issued at no time": hand_made({"sub": "a", "exp": 9999999999, "iat": "canary"}),
    "cut off": hand_made({"sub": "a", "exp": 9999999999})[:-5],
    "empty": "",
    "text": "canary",
}


@pytest.mark.parametrize("token", FORGED.values(), ids=FORGED)
def test_a_token_that_is_none_of_ours_is_refused(token: str) -> None:
    with pytest.raises(JWTInvalid) as caught:
        EnvoyJWT(SECRET).decode(token)
    assert "canary" not in str(caught.value)


def test_a_token_of_envoys_own_sdk_is_read() -> None:
    claims = EnvoyJWT(SECRET).decode(hand_made({"step": 1, "iat": 1700000000, "exp": 9999999999, "nbf": 1700000000}))
    assert (claims.subject, dict(claims.payload)) == (None, {"step": 1})


def test_a_claim_that_is_made_here_cannot_be_given() -> None:
    with pytest.raises(JWTError, match="exp, sub"):
        EnvoyJWT(SECRET).encode("a", HOUR, {"exp": 9999999999, "sub": "canary"})


def test_a_payload_that_is_no_json_is_refused() -> None:
    with pytest.raises(JWTError, match="no JSON"):
        EnvoyJWT(SECRET).encode("a", HOUR, {"x": object()})


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: raw.decode("latin-1")))
def test_any_text_is_refused_and_nothing_else_happens(token: str) -> None:
    with pytest.raises(JWTInvalid):
        EnvoyJWT(SECRET).decode(token)
