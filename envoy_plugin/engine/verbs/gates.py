"""Gates: what a job waits for beside its time and its turn. On a running job they are facts for its next wait."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from envoy_plugin.engine.clock import stamp_of
from envoy_plugin.engine.verbs.base import AnswersState, Argument, optional
from envoy_plugin.engine.verbs.making import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold(AnswersState):
    """Shuts a gate by hand; it opens by `Unhold`, or at the time `until`. Refused where it is shut already (`held`)."""

    name: ClassVar[str] = "hold"
    id: str
    version: int | None = None
    hold: str
    until: datetime | None = None

    def arguments(self) -> tuple[Argument, ...]:
        """See `Verb`."""
        return (self.id, optional(self.version), self.hold, stamp_of(self.until) if self.until else 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unhold(AnswersState):
    """Opens a hold. Refused where there is none of this name (`not_held`)."""

    name: ClassVar[str] = "unhold"
    id: str
    version: int | None = None
    hold: str

    def arguments(self) -> tuple[Argument, ...]:
        """See `Verb`."""
        return (self.id, optional(self.version), self.hold)


@dataclass(frozen=True, slots=True, kw_only=True)
class Depend(AnswersState):
    """Makes a job wait for the end of another, or of an envelope.

    An upstream that has ended counts as if it ended a moment later. Refused: an upstream that doesn't exist, one that
    is waited for already (`depends`), a cycle, which is named, and a search for one beyond 1,000 jobs (`too_many`).
    """

    name: ClassVar[str] = "depend"
    id: str
    version: int | None = None
    upstream: str
    policy: Policy = Policy.HOLD

    def arguments(self) -> tuple[Argument, ...]:
        """See `Verb`."""
        return (self.id, optional(self.version), self.upstream, self.policy)


@dataclass(frozen=True, slots=True, kw_only=True)
class Undepend(AnswersState):
    """Makes a job wait for another no more. Refused where it doesn't (`not_depending`)."""

    name: ClassVar[str] = "undepend"
    id: str
    version: int | None = None
    upstream: str

    def arguments(self) -> tuple[Argument, ...]:
        """See `Verb`."""
        return (self.id, optional(self.version), self.upstream)
