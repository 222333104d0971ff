"""Who may in: a signature first, over the raw request, before anything of it is read; then what its key reaches."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from envoy_plugin.apis.iot_jobs.access_keys import AccessKey, AccessKeys, is_key_id
from envoy_plugin.apis.iot_jobs.refusals import Refusal
from envoy_plugin.apis.iot_jobs.registry import Clock
from envoy_plugin.apis.iot_jobs.signing import (
    Authorization,
    Fault,
    SignatureFault,
    SignedRequest,
    is_signed_with,
)
from envoy_plugin.errors import ThingRefused
from envoy_plugin.logs import bind_more

DATA: Final = "iot-jobs-data"
CONTROL: Final = "iot"
SERVICES: Final = frozenset({DATA, CONTROL})
_DECOY: Final = secrets.token_hex(20)
"""Stands in for the secret of a key that isn't there, so that it takes as long to refuse it."""

_REFUSALS: Final[Mapping[Fault, Refusal]] = MappingProxyType(
    {
        Fault.UNSIGNED: Refusal.UNSIGNED,
        Fault.PRESIGNED: Refusal.UNSIGNED,
        Fault.OTHER_REGION: Refusal.SIGNATURE,
        Fault.OTHER_SERVICE: Refusal.SIGNATURE,
        Fault.OTHER_DATE: Refusal.SIGNATURE,
        Fault.OTHER_BODY: Refusal.SIGNATURE,
        Fault.EXPIRED: Refusal.EXPIRED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Who signed a request, and for which service."""

    key: AccessKey
    service: str


class Access:
    """Lets requests in that one of our keys has signed, for this region, within five minutes."""

    def __init__(self, keys: AccessKeys, *, region: str, clock: Clock) -> None:
        self._keys = keys
        self._region = region
        self._clock = clock

    async def verify(self, request: SignedRequest) -> Signer:
        """Who signed this request.

        Raises:
            ThingRefused: it isn't signed as it must be, or with a key that isn't good (any more).
        """
        try:
            claimed = Authorization.of(request)
            claimed.check(region=self._region, services=SERVICES, now=datetime.fromtimestamp(self._clock(), UTC))
        except SignatureFault as error:
            bind_more(fault=error.fault.name)
            raise ThingRefused(_REFUSALS.get(error.fault, Refusal.INCOMPLETE), str(error)) from None
        if is_key_id(claimed.key_id):  # else it may be a secret in the wrong place, which no log must show
            bind_more(access=claimed.key_id)
        key = await self._keys.find(claimed.key_id)
        is_right = is_signed_with(_DECOY if key is None else key.secret, request, claimed)
        if key is None:
            raise ThingRefused(Refusal.UNKNOWN_KEY, "The access key is not known, was revoked, or has ended.")
        if not is_right:
            raise ThingRefused(Refusal.SIGNATURE, "The signature is not the one of this request by this key.")
        return Signer(key=key, service=claimed.service)
