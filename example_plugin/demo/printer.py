"""The badge printer of the demo: it takes its work over HTTP, signed with its key, as any AWS SDK does it."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import ClientSession
from yarl import URL

from envoy_plugin.apis.iot_jobs.signing import Authorization, SignedRequest, signature_of

REGION = "us-east-1"
SERVICE = "iot-jobs-data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Printer:
    """A device at the plugin's address, with a key of its own."""

    session: ClientSession
    plugin: URL
    name: str
    key_id: str
    secret: str = field(repr=False)

    async def print_next(self) -> str | None:
        """Print the next badge, and say so; answers its number, or None where there is none to print."""
        started = await self._send("PUT", f"/things/{self.name}/jobs/$next", {})
        if "execution" not in started:
            return None
        job_id, document = (started["execution"][name] for name in ("jobId", "jobDocument"))
        await self._send("POST", f"/things/{self.name}/jobs/{job_id}", {"status": "SUCCEEDED"})
        return str(json.loads(document)["print"])

    async def _send(self, method: str, path: str, said: dict[str, Any]) -> dict[str, Any]:
        request = self._signed(method, path, json.dumps(said).encode())
        url = URL(f"{self.plugin.origin()}{path}", encoded=True)
        async with self.session.request(method, url, data=request.body, headers=request.headers) as answer:
            answer.raise_for_status()
            told: dict[str, Any] = await answer.json()
            return told

    def _signed(self, method: str, path: str, body: bytes) -> SignedRequest:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        headers = [("Content-Type", "application/json"), ("Host", self.plugin.authority), ("X-Amz-Date", stamp)]
        names = tuple(name.lower() for name, _ in headers)
        claimed = Authorization(
            key_id=self.key_id, date=stamp[:8], region=REGION, service=SERVICE, signed=names, stamp=stamp, signature=""
        )
        bare = SignedRequest(method=method, target=path, headers=headers, body=body)
        signature = signature_of(self.secret, bare, claimed)
        said = (
            f"AWS4-HMAC-SHA256 Credential={self.key_id}/{claimed.scope}, SignedHeaders={';'.join(names)},"
            f" Signature={signature}"
        )
        return SignedRequest(method=method, target=path, headers=[*headers, ("Authorization", said)], body=body)
