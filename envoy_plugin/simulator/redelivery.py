"""Envoy's retries: the same bytes again, and nothing that marks them as a retry.

Source: developers.envoy.com, "Webhooks": "retried 5 times over the span of 10 minutes" if no 2xx comes back. That page
is about another kind of webhook, and 400 and 412 mean something for a plugin; so by default only what isn't an answer
of the plugin is sent again: nothing at all, and 5xx. `every_non_2xx` is the documented wording.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeAlias

from envoy_plugin.simulator.payloads import Webhook
from envoy_plugin.simulator.sender import Delivery, Sender

WAITS: Final = tuple(timedelta(seconds=seconds) for seconds in (10, 30, 90, 180, 290))
SUCCESS: Final = range(200, 300)
FIRST_SERVER_ERROR: Final = 500

Wait: TypeAlias = Callable[[timedelta], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """When a delivery is sent again; as often as there are `waits`."""

    waits: Sequence[timedelta] = WAITS
    every_non_2xx: bool = False

    def wants_another(self, delivery: Delivery) -> bool:
        """Whether what came back isn't good enough."""
        if delivery.answer is None:
            return True
        status = delivery.answer.status
        return status not in SUCCESS if self.every_non_2xx else status >= FIRST_SERVER_ERROR

    def faster(self, factor: float) -> "RetryPolicy":
        """The same with waits that are so many times shorter."""
        return RetryPolicy(waits=tuple(wait / factor for wait in self.waits), every_non_2xx=self.every_non_2xx)


ONCE: Final = RetryPolicy(waits=())


async def _pass(duration: timedelta) -> None:
    await asyncio.sleep(duration.total_seconds())


async def deliver_until_answered(
    sender: Sender, webhook: Webhook, policy: RetryPolicy, *, wait: Wait = _pass
) -> tuple[Delivery, ...]:
    """Deliver, and again after each wait as long as the policy wants it; every delivery, the last one last.

    `wait` lets the time pass; tests give one that doesn't.

    Raises:
        SimulatedEnvoyLost: before anything was sent, or before another delivery.
    """
    deliveries = [await sender.deliver(webhook)]
    for duration in policy.waits:
        if not policy.wants_another(deliveries[-1]):
            break
        await wait(duration)
        deliveries.append(await sender.deliver(webhook))
    return tuple(deliveries)
