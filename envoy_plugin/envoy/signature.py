"""The signature on every webhook: base64 of HMAC-SHA256 over the raw body, keyed with the plugin's client secret.

There is no time and no nonce in it. It covers bytes, not JSON: a body that was parsed and written again has another
one.

Source: developers.envoy.com, "Webhooks"; Node SDK 2.5.2, src/util/EnvoySignatureVerifier.ts.
"""

import hmac
from base64 import b64encode
from collections.abc import Sequence
from typing import Final

from envoy_plugin.errors import BadSignature

HEADER: Final = "X-Envoy-Signature"


def sign(body: bytes, secret: str) -> str:
    """The value of `X-Envoy-Signature` for `body`: 44 characters of padded base64."""
    return _signature(body, secret).decode("ascii")


def verify(body: bytes, signature: str | bytes | None, secrets: Sequence[str]) -> None:
    """Make sure that `body` was signed with one of `secrets` (two while a secret is being rotated).

    Raises:
        BadSignature: no signature, or none that any of the secrets makes.
    """
    if not signature:
        raise BadSignature("The request carries no signature.")
    given = signature if isinstance(signature, bytes) else signature.encode("utf-8", "surrogateescape")
    for secret in secrets:
        if hmac.compare_digest(_signature(body, secret), given):
            return
    raise BadSignature("The signature does not belong to this body and client secret.")


def _signature(body: bytes, secret: str) -> bytes:
    return b64encode(hmac.digest(secret.encode(), body, "sha256"))
