"""URLs of attachments, with a token that opens that one for five minutes: a link can't carry a header.

The token is a JSON Web Token of HMAC with SHA-256 (RFC 7519), under keys that are for operators' tokens alone.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

import jwt

from envoy_plugin.errors import WorkflowError

LIFE: Final = 300
"""In seconds."""
AUDIENCE: Final = "attachment"
ISSUER: Final = "envoy-plugin"
NEEDED: Final = ["exp", "iat", "aud", "iss", "sub"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Makes and reads URLs of attachments. `keys` are 32 bytes each, the new one first; `base_url` has no slash at its
    end, and is empty for paths alone; `org` is the first word of the paths. `clock` is in seconds since 1970.
    """

    keys: Sequence[bytes]
    base_url: str = ""
    org: str = "workflow"
    clock: Callable[[], float] = time.time

    def __repr__(self) -> str:
        return f"Links({self.base_url!r})"

    def url(self, item: str, job_id: str, attachment_id: str) -> str:
        """Where an attachment is read. Source: Workflow Manager, GET /jobs/{jobId}/attachments/{attachmentId}."""
        parts = (quote(part, safe="") for part in (item, job_id, attachment_id))
        item, job_id, attachment_id = parts
        return f"{self.base_url}/{self.org}/{item}/jobs/{job_id}/attachments/{attachment_id}"

    def token(self, item: str, job_id: str, attachment_id: str) -> str:
        """A token that opens this attachment, and nothing else, for five minutes."""
        now = int(self.clock())
        subject = self.url(item, job_id, attachment_id).removeprefix(self.base_url)
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "iat": now, "exp": now + LIFE}
        return jwt.encode(claims, self.keys[0], algorithm="HS256")

    def opens(self, token: str, item: str, job_id: str, attachment_id: str) -> bool:
        """Whether a token is ours, hasn't ended, and is for this attachment."""
        subject = self.url(item, job_id, attachment_id).removeprefix(self.base_url)
        return any(self._reads(key, token) == subject for key in self.keys)

    def _reads(self, key: bytes, token: str) -> str | None:
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=["HS256"],
                audience=AUDIENCE,
                issuer=ISSUER,
                options={"require": NEEDED, "verify_exp": False, "verify_iat": False},
            )
        except (jwt.PyJWTError, UnicodeEncodeError):
            return None
        return str(claims["sub"]) if self.clock() < claims["exp"] else None


def needed(links: Links | None) -> Links:
    """The links of a store.

    Raises:
        WorkflowError: it has none, since it was made without keys.
    """
    if links is None:
        raise WorkflowError("URLs of attachments need keys, and this store was made without them.")
    return links
