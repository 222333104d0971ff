"""Signatures of webhooks; vectors as computed with Python's hmac and with Node."""

import hmac
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envoy_plugin.envoy.signature import sign, verify
from envoy_plugin.errors import BadSignature

SECRET = "plugin-client-secret"
BODY = b'{"meta":{"event":"entry_sign_in"},"payload":{}}'
VECTORS = [
    (SECRET, BODY, "ZAls6E3dClCoJaT9IpDTCO4MFSlsJMBl9OI5BaRs3Ho="),
    (SECRET, b"", "2u2PbeD2IF15qP9wZ/Smej0nLQV1x8GQT2tp+s8M+C8="),
    ("sécret", '{"n":"Ünï ☃"}'.encode(), "/M91TMW9o6u8jyy/9rNB+ikEVOgVbfvL2NoOGug2cOs="),
]


@pytest.mark.parametrize(("secret", "body", "signature"), VECTORS)
def test_signing_gives_what_envoy_sends(secret: str, body: bytes, signature: str) -> None:
    assert sign(body, secret) == signature


@given(st.text(max_size=150), st.binary(max_size=200))
def test_a_signature_is_what_pythons_own_hmac_makes(secret: str, body: bytes) -> None:
    assert sign(body, secret) == b64encode(hmac.digest(secret.encode(), body, "sha256")).decode()


@pytest.mark.parametrize(("secret", "body", "signature"), VECTORS)
def test_a_right_signature_is_accepted_as_text_and_as_bytes(secret: str, body: bytes, signature: str) -> None:
    verify(body, signature, [secret])
    verify(body, signature.encode(), [secret])


def test_either_of_two_secrets_is_accepted() -> None:
    for secret in ("new-secret", "old-secret"):
        verify(BODY, sign(BODY, secret), ["new-secret", "old-secret"])


@pytest.mark.parametrize(
    "signature",
    [None, "", b"", "x", "ä" * 44, "\udcff", "ZAls6E3dClCoJaT9IpDTCO4MFSlsJMBl9OI5BaRs3Ho", sign(BODY, SECRET).lower()],
)
def test_a_wrong_signature_is_refused(signature: str | bytes | None) -> None:
    with pytest.raises(BadSignature):
        verify(BODY, signature, [SECRET])


@given(st.binary(max_size=100), st.text(max_size=60) | st.binary(max_size=60))
def test_a_forged_signature_is_refused_whatever_it_holds(body: bytes, signature: str | bytes) -> None:
    with pytest.raises(BadSignature):
        verify(body, signature, [SECRET])


def test_a_changed_body_is_refused() -> None:
    with pytest.raises(BadSignature) as caught:
        verify(BODY + b" ", sign(BODY, SECRET), [SECRET])
    assert SECRET not in str(caught.value)
