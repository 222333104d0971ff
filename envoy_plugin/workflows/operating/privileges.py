"""Who calls, and what they may do. The plugin itself, which is no user, may do everything.

Source of the names: ArcGIS Workflow Manager, WorkflowPrivilegeType; those that it doesn't document are in `guesses`.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from envoy_plugin.errors import BadProperty, NotAllowed
from envoy_plugin.workflows.definitions.diagrams import UNASSIGNED
from envoy_plugin.workflows.responses import Actor


class Privilege(StrEnum):
    """What a user can be allowed to do with jobs, and with what they are made of."""

    ASSIGN_ANY = "jobAssignAny"
    ASSIGN_GROUP = "jobAssignGroup"
    ASSIGN_INDIVIDUAL = "jobAssignIndividual"
    CLOSE = "jobClose"
    CREATE = "jobCreate"
    DELETE = "jobDelete"
    FORCE_STOP = "jobForceStop"
    REOPEN = "jobReopenClosed"
    UPGRADE = "jobUpgrade"
    SET_CURRENT = "workflowSetStepCurrent"
    ATTACHMENTS = "jobUpdateAttachments"
    DATES = "jobUpdateDate"
    DESCRIPTION = "jobUpdateDescription"
    NAME = "jobUpdateName"
    EXTENDED = "jobUpdateExtendedProperties"
    HOLDS = "jobUpdateHolds"
    LOCATION = "jobUpdateLocation"
    NOTES = "jobUpdateNotes"
    OWNER = "jobUpdateOwner"
    PARENT = "jobUpdateParent"
    PRIORITY = "jobUpdatePriority"
    RELATED = "jobUpdateRelatedProperties"
    STATUS = "jobUpdateStatus"
    ADMIN_ADVANCED = "adminAdvanced"
    ADMIN_BASIC = "adminBasic"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls; `user` None: the plugin itself."""

    user: str | None = None
    groups: Collection[str] = ()
    privileges: Collection[str] = ()

    @classmethod
    def of(cls, user: str | None, groups: Collection[str], privileges: Collection[str] = ()) -> Self:
        """Who calls, from what a program says.

        Raises:
            BadProperty: a user without a name, who would be nobody and everybody; one text in place of several.
        """
        if user is not None and not user.strip():
            raise BadProperty("user", "a user has a name; None is the plugin itself")
        for name, words in (("groups", groups), ("privileges", privileges)):
            if isinstance(words, str):
                raise BadProperty(name, "it is a list, not one text")
        return cls(user=user, groups=frozenset(groups), privileges=frozenset(privileges))

    @property
    def name(self) -> str:
        """As the history has it."""
        return self.user or ""

    @property
    def is_plugin(self) -> bool:
        """Whether it is the plugin itself."""
        return self.user is None

    def may(self, privilege: Privilege) -> bool:
        """Whether they have a privilege."""
        return self.is_plugin or privilege in self.privileges

    def demand(self, *privileges: Privilege) -> None:
        """Refuse unless they have all of these.

        Raises:
            NotAllowed: names the first that is missing.
        """
        for privilege in privileges:
            if not self.may(privilege):
                raise NotAllowed(privilege)

    def demand_to_assign(self, assignee: str) -> None:
        """Refuse unless they may make a step this one's.

        `jobAssignAny`: anybody's; `jobAssignGroup`: their groups', their own or nobody's; `jobAssignIndividual`: their
        own.

        Raises:
            NotAllowed: names the least privilege that would do.
        """
        own, theirs = f"user:{self.user}", {UNASSIGNED, *(f"group:{group}" for group in self.groups)}
        if self.may(Privilege.ASSIGN_ANY):
            return
        if assignee == own and (self.may(Privilege.ASSIGN_INDIVIDUAL) or self.may(Privilege.ASSIGN_GROUP)):
            return
        if assignee in theirs and self.may(Privilege.ASSIGN_GROUP):
            return
        least = {own: Privilege.ASSIGN_INDIVIDUAL} | dict.fromkeys(theirs, Privilege.ASSIGN_GROUP)
        raise NotAllowed(least.get(assignee, Privilege.ASSIGN_ANY))

    def actor(self, *, overrides: bool = False) -> Actor:
        """Who acts on steps; `overrides`: on those of others, too."""
        return Actor(user=self.name, groups=self.groups, overrides=self.is_plugin or overrides)
