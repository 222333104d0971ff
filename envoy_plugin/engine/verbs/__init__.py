"""The verbs: what can be asked of the engine, one value each. A call is a list of them (see `Engine.call`).

`attempt`, `claim` and `version` left out are not checked. Every check of a call comes before its first change.
"""

from envoy_plugin.engine.verbs.base import NO_INSTALL, Argument, Verb
from envoy_plugin.engine.verbs.claiming import MOST_WHO, NO_LEASE, Claim, ClaimJob, Release, Resume, Touch
from envoy_plugin.engine.verbs.ending import Cancel, Delete, Fail, Retry, Succeed
from envoy_plugin.engine.verbs.facts import Assign, Describe, Expect, Note, PassDebt, Pause, Reschedule, Unpause
from envoy_plugin.engine.verbs.gates import Depend, Hold, Undepend, Unhold
from envoy_plugin.engine.verbs.making import KEPT, MOST_PAYLOAD, Enqueue, Listing, Policy, Unique
from envoy_plugin.engine.verbs.upkeep import Expire, Promote, Retire

__all__ = [
    "KEPT",
    "MOST_PAYLOAD",
    "MOST_WHO",
    "NO_INSTALL",
    "NO_LEASE",
    "Argument",
    "Assign",
    "Cancel",
    "Claim",
    "ClaimJob",
    "Delete",
    "Depend",
    "Describe",
    "Enqueue",
    "Expect",
    "Expire",
    "Fail",
    "Hold",
    "Listing",
    "Note",
    "PassDebt",
    "Pause",
    "Policy",
    "Promote",
    "Release",
    "Reschedule",
    "Resume",
    "Retire",
    "Retry",
    "Succeed",
    "Touch",
    "Undepend",
    "Unhold",
    "Unique",
    "Unpause",
    "Verb",
]
