"""Faults of one line in the scripts, each with the test that notices it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

from envoy_plugin.engine.states import State
from envoy_plugin.engine.verbs import Claim, Policy, Succeed
from tests.engine import test_blobs as blobs
from tests.engine import test_claims as claims
from tests.engine import test_debts as debts
from tests.engine import test_dependencies as dependencies
from tests.engine import test_envelopes as envelopes
from tests.engine import test_fairness as fairness
from tests.engine import test_follow_ups as follow_ups
from tests.engine import test_holds as holds
from tests.engine import test_lanes as lanes
from tests.engine import test_listings as listings
from tests.engine import test_owned_queues as owned_queues
from tests.engine import test_pauses as pauses
from tests.engine import test_unit_of_work as unit_of_work
from tests.engine import test_verbs_in_states as verbs_in_states
from tests.engine import test_walk_findings as walk_findings

Test = Callable[..., Awaitable[None]]
FENCED: Final = {"verb": "release", "state": State.RUNNING}
VERSIONED: Final = {"verb": "cancel", "state": State.AVAILABLE}
CLOSING: Final = {"last": Succeed(id="b"), "state": "succeeded"}
AFTER_FAILURE: Final = {"ends": State.FAILED, "policy": Policy.HOLD, "then": State.BLOCKED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """`new` in the place of `old` in a file, and the test that notices it, with what it is parametrized by.

    `is_remote`: it takes so many steps in one order that random walks seldom come to it.
    """

    what: str
    file: str
    old: str
    new: str = ""
    test: Test
    facts: dict[str, Any] = field(default_factory=dict)
    is_remote: bool = False


WAITING: Final = (
    Fault(
        what="dependents go straight to available",
        file="_gates",
        old="rare.changed(dependent, 'dependency_met', job.id)",
        new="move(dependent, 'available', 'dependency_met', job.id, dependent.rank)",
        test=dependencies.test_a_job_waits_for_each_of_its_upstreams,
    ),
    Fault(
        what="a failed upstream lets those run that should stay blocked",
        file="_gates",
        old="opens, ends = job.state == 'succeeded' or policy == 'run'",
        new="opens, ends = job.state == 'succeeded' or policy ~= 'cancel'",
        test=dependencies.test_the_end_of_an_upstream_means_what_the_policy_says,
        facts=AFTER_FAILURE,
    ),
    Fault(
        what="those that wait for one end are settled in any order",
        file="_gates",
        old="table.sort(ids)",
        test=walk_findings.test_those_that_wait_for_one_end_are_settled_in_the_order_in_which_they_were_made,
    ),
    Fault(
        what="who began to wait in this call isn't seen by its ends",
        file="_gates",
        old="rare.amend(upstream, 'down', job.id, policy)",
        test=dependencies.test_a_job_can_begin_to_wait_in_the_call_that_ends_its_upstream,
    ),
    Fault(
        what="cycles are let in",
        file="_gates",
        old="if not way then return end",
        new="do return end",
        test=dependencies.test_a_cycle_is_named_from_one_job_to_the_next,
    ),
    Fault(
        what="unhold opens a job with other gates",
        file="unhold",
        old="rare.changed(job, 'unheld', name)",
        new="move(job, 'available', 'unheld', name, job.rank)",
        test=holds.test_a_held_job_waits_until_every_hold_is_opened,
    ),
    Fault(
        what="the timer of a hold that is opened stays",
        file="_gates",
        old="if kind == 'hold:' and rare.doors(job)[gate] ~= '0' then",
        new="if false then",
        test=walk_findings.test_a_hold_that_is_opened_before_its_time_leaves_no_timer,
    ),
    Fault(
        what="a retry opens holds",
        file="retry",
        old="local upstream = gate:sub(1, 5) == 'wait:' and load(gate:sub(6))",
        new="local upstream = {state = 'failed'}",
        test=holds.test_a_retry_keeps_holds,
    ),
    Fault(
        what="the next of a lane isn't opened",
        file="_gates",
        old="rare.open(after, 'lane:' .. job.id)",
        test=lanes.test_each_job_of_a_lane_waits_for_the_one_before,
    ),
    Fault(
        what="one that ends while it waits takes its lane apart",
        is_remote=True,
        file="_gates",
        old="if before then link(before, after) end",
        test=lanes.test_the_neighbours_of_one_that_is_cancelled_while_it_waits_are_linked,
        facts={"gone": "b", "order": "acd"},
    ),
    Fault(
        what="a retry lets a job wait for itself",
        is_remote=True,
        file="retry",
        old="return would_wait_for_itself(job)",
        new="return nil",
        test=lanes.test_a_job_that_would_wait_behind_one_that_waits_for_it_is_not_tried_again,
    ),
)
ENDING: Final = (
    Fault(
        what="a cancel enqueues no report",
        file="_moves",
        old="if has(job, 'o') then debts.follow_up(job)",
        new="if has(job, 'o') and state ~= 'cancelled' then debts.follow_up(job)",
        test=follow_ups.test_the_end_of_a_job_that_owes_enqueues_its_report,
    ),
    Fault(
        what="a retry keeps the old report",
        file="retry",
        old="supersede(debts.debt_of(job))",
        test=follow_ups.test_a_retry_supersedes_the_report_that_is_not_over,
    ),
    Fault(
        what="who passes a debt on still owes",
        file="pass_debt",
        old="mark(job, 'h') rare.unmark(job, 'o')",
        new="mark(job, 'h')",
        test=debts.test_the_heir_reports_its_own_end_and_nobody_else_does,
    ),
    Fault(
        what="a payload goes before the report",
        file="_moves",
        old="if has(job, 'o') then debts.follow_up(job)",
        new="if has(job, 'o') then debts.follow_up(job) expire_bytes(job)",
        test=follow_ups.test_the_payload_goes_a_day_after_the_report_and_not_before,
    ),
    Fault(
        what="a job is forgotten before its report is over",
        file="_forget",
        old="if debts.is_owed(job) or",
        new="if",
        test=follow_ups.test_a_job_is_kept_while_its_report_is_not_over,
    ),
    Fault(
        what="the end of a child isn't counted",
        file="_families",
        old="if change ~= 0 then put(parent, 'alive'",
        new="if change > 0 then put(parent, 'alive'",
        test=envelopes.test_an_envelope_ends_only_when_no_child_is_left,
        facts={"verb": Succeed(id="e")},
    ),
    Fault(
        what="a crash of an earlier attempt counts",
        is_remote=True,
        file="_attempts",
        old="put(job, 'crashes', 0)",
        test=claims.test_a_new_attempt_begins_without_crashes,
    ),
    Fault(
        what="a retry takes the key from whoever holds it",
        file="retry",
        old="return 'key_taken'",
        new="return nil",
        test=follow_ups.test_a_retry_is_refused_while_another_job_holds_the_key,
    ),
    Fault(
        what="the blob that another takes the place of stays",
        file="_blobs",
        old="gone[#gone + 1] = P .. 'blob:' .. old",
        test=blobs.test_a_blob_takes_the_place_of_the_one_before,
    ),
)
KEEPING: Final = (
    Fault(
        what="a blob that is kept twice goes",
        file="_blobs",
        old="if not ref or ref == '' or rare.refs(job)[name] == ref then return end",
        new="if not ref or ref == '' then return end",
        test=blobs.test_a_blob_that_is_named_twice_stays,
    ),
    Fault(
        what="a child of this call isn't known to its envelope",
        file="_families",
        old="rare.amend(parent, 'kids', job.id, state)",
        test=envelopes.test_a_child_of_this_call_is_kept_no_longer_than_its_envelope,
    ),
    Fault(
        what="an envelope that closes doesn't",
        file="_families",
        old="emptied[#emptied + 1] = envelope",
        test=envelopes.test_an_envelope_that_closes_ends_with_its_last_child,
        facts=CLOSING,
    ),
    Fault(
        what="a report is tried again whose debt was taken back",
        is_remote=True,
        file="retry",
        old="ENDED[debtor.state] and has(debtor, 'o') and",
        new="ENDED[debtor.state] and",
        test=debts.test_the_report_of_a_debt_that_was_taken_back_is_not_tried_again,
    ),
    Fault(
        what="the bytes of one that still runs go with its heir's report",
        is_remote=True,
        file="_debts",
        old="if ENDED[passed.state] then expire_bytes(passed) end",
        new="expire_bytes(passed)",
        test=debts.test_the_bytes_of_one_that_still_runs_outlive_the_report_of_its_heir,
    ),
    Fault(
        what="the bytes of a report that is needed again go",
        is_remote=True,
        file="_debts",
        old="debts.keep_bytes(debt)",
        test=walk_findings.test_a_report_that_is_needed_again_keeps_what_it_has_noted,
    ),
    Fault(
        what="a tag of this call outlives its job",
        file="describe",
        old="job.tagged[words[i]] = true",
        test=walk_findings.test_a_tag_given_in_the_call_that_forgets_the_job_goes_with_it,
    ),
    Fault(
        what="revisions of another queue count",
        file="assign",
        old="if has(job, 'q') and not letters:find('q') then",
        new="if false then",
        test=walk_findings.test_an_attempt_that_comes_to_an_owned_queue_by_another_begins_at_its_first_revision,
    ),
)
CLAIMING: Final = (
    Fault(
        what="release ignores the fence",
        file="release",
        old="admit(FROM.release, id, attempt, claim, version)",
        new="admit(FROM.release, id, attempt, '', version)",
        test=verbs_in_states.test_another_claim_has_lost_the_lease,
        facts=FENCED,
    ),
    Fault(
        what="versions aren't compared",
        file="_moves",
        old="if version and version ~= '' and",
        new="if false and",
        test=verbs_in_states.test_another_version_is_refused,
        facts=VERSIONED,
    ),
    Fault(
        what="a touch goes past the limit",
        is_remote=True,
        file="_lease",
        old="if has(job, 't') and job.limit_at > 0 then",
        new="if false then",
        test=claims.test_a_past_limit_is_a_timeout_however_often_the_lease_is_touched,
    ),
    Fault(
        what="a paused queue is claimed from",
        file="_hand_out",
        old="return found, is_paused",
        new="return found, false",
        test=pauses.test_a_paused_queue_answers_no_claim_and_nothing_changes,
    ),
    Fault(
        what="a turn that is served isn't over",
        file="_hand_out",
        old="if has(job, 'f') then fair.set_turn",
        new="if false then fair.set_turn",
        test=fairness.test_who_comes_late_waits_for_no_turns_that_are_over,
    ),
    Fault(
        what="turns are dropped while somebody waits",
        file="claim",
        old="if in_turn == '1' and is_empty then",
        new="if in_turn == '1' then",
        test=fairness.test_turns_are_kept_while_anybody_waits,
        facts={"verbs": [Claim(queue="events", n=0, who="w", lease=None)]},
    ),
    Fault(
        what="what runs of an owned queue stays listed",
        file="_commit",
        old="leave(side, job.id)",
        new="local _ = side",
        test=owned_queues.test_what_runs_of_an_owned_queue_is_listed_until_it_no_longer_does,
    ),
    Fault(
        what="a claim is no revision",
        file="_attempts",
        old="if event == 'claimed' or",
        new="if",
        test=owned_queues.test_a_revision_counts_what_a_claimant_sees_of_an_attempt,
    ),
    Fault(
        what="a list of a fact keeps what has changed its state",
        file="_commit",
        old="leave(side, job.id)",
        new="local _ = side",
        test=listings.test_counts_follow_states_and_queues,
    ),
    Fault(
        what="a held key makes a second job",
        file="enqueue",
        old="local known = unique and owner('unique:' .. unique) or",
        new="local known =",
        test=follow_ups.test_a_held_key_answers_the_job_that_holds_it,
    ),
    Fault(
        what="a refused call writes",
        file="_commit",
        old="if refused and ARGV[2] == 'all' then return reply end",
        test=unit_of_work.test_one_refusal_undoes_a_call_for_all_and_every_refused_item_is_named,
    ),
)
FAULTS: Final = WAITING + ENDING + KEEPING + CLAIMING
