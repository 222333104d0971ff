"""Sealing: what Redis holds of tokens, config, payloads and answers is unreadable without the root secret.

AES-256-GCM; a sealed value is one version byte, four bytes that name the key, twelve of nonce, then the ciphertext with
its tag. The first secret seals, all of them open, so a secret is rotated by putting the new one in front.
"""

import hashlib
import hmac
import secrets as random
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from envoy_plugin.errors import SealError

VERSION: Final = b"\x01"
KEY_ID_BYTES: Final = 4
NONCE_BYTES: Final = 12
HEAD_BYTES: Final = len(VERSION) + KEY_ID_BYTES


def derive_key(secret: str, use: str) -> bytes:
    """The 32-byte key of one use (`seal/v1`, `index/v1`, …), by HKDF-SHA256 from a root secret."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=use.encode()).derive(secret.encode())


class Sealer:
    """Seals and opens bytes, and makes the keyed digests that stand for text which must stay comparable."""

    def __init__(self, secrets: Sequence[str]) -> None:
        """Take the root secrets, newest first; at least one."""
        keys = [derive_key(secret, "seal/v1") for secret in secrets]
        self._ciphers = {VERSION + hashlib.sha256(key).digest()[:KEY_ID_BYTES]: AESGCM(key) for key in keys}
        self._head, self._cipher = next(iter(self._ciphers.items()))
        self._index_keys = tuple(derive_key(secret, "index/v1") for secret in secrets)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self._ciphers)} keys)"

    @property
    def generations(self) -> int:
        """How many root secrets there are, and digests of a text."""
        return len(self._index_keys)

    def seal(self, plain: bytes) -> bytes:
        """Seal `plain`; the same bytes look different each time."""
        nonce = random.token_bytes(NONCE_BYTES)
        return self._head + nonce + self._cipher.encrypt(nonce, plain, self._head)

    def seal_all(self, plain: Sequence[bytes]) -> list[bytes]:
        """The same for each; for many it is cheaper, since their nonces are drawn at once."""
        drawn = random.token_bytes(NONCE_BYTES * len(plain))
        nonces = [drawn[at : at + NONCE_BYTES] for at in range(0, len(drawn), NONCE_BYTES)]
        head, encrypt = self._head, self._cipher.encrypt
        return [head + nonce + encrypt(nonce, one, head) for nonce, one in zip(nonces, plain, strict=True)]

    def open(self, sealed: bytes) -> bytes:
        """The bytes that were sealed.

        Raises:
            SealError: no key of ours opens them, or they were changed.
        """
        head, nonce = sealed[:HEAD_BYTES], sealed[HEAD_BYTES : HEAD_BYTES + NONCE_BYTES]
        cipher = self._ciphers.get(head)
        if cipher is None:
            raise SealError("A sealed value names a key that is not among SECRET_KEY's.")
        try:
            return cipher.decrypt(nonce, sealed[HEAD_BYTES + NONCE_BYTES :], head)
        except (InvalidTag, ValueError) as error:
            raise SealError("A sealed value was changed or cut off.") from error

    def digest(self, text: str) -> str:
        """A keyed SHA-256 of `text` in hex: equal for equal text, telling nothing else."""
        return hmac.digest(self._index_keys[0], text.encode(), "sha256").hex()

    def digests(self, text: str) -> tuple[str, ...]:
        """`digest` under every root secret, the new one first: what an old one has made is found, too."""
        plain = text.encode()
        return tuple(hmac.digest(key, plain, "sha256").hex() for key in self._index_keys)
