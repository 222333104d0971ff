"""Gates: who is blocked and why, timers, edges both ways, lanes, and nobody waits for himself."""

from collections.abc import Iterator
from typing import Final

from envoy_plugin.engine.states import WAITING, State
from envoy_plugin.engine.verbs import Policy
from tests.engine.invariants.view import View
from tests.engine.seen import Seen


def gates(view: View) -> Iterator[str]:
    """One number says how many gates are shut, and blocked is who waits at one."""
    for job_id, job in view.jobs.items():
        number = int(view.facts[job_id].get("gates", 0))
        if number != len(job.gates):
            yield f"{job_id}: {number} gates, but {sorted(job.gates)}"
        if job.state in WAITING and (job.state == State.BLOCKED) != bool(job.gates):
            yield f"{job_id}: {job.state} with the gates {sorted(job.gates)}"
        if job.gates and not view.has(job_id, "g"):
            yield f"{job_id}: nobody looks at its gates"


def timers(view: View) -> Iterator[str]:
    """There is a timer for each hold with a time, and for nothing else."""
    named = {
        f"{job_id} hold:{name}": float(till)
        for job_id, job in view.jobs.items()
        for name, till in job.waits("hold").items()
        if till != "0"
    }
    if named != view.scores("timers"):
        yield f"the timers are {view.scores('timers')}, the holds say {named}"


def edges(view: View) -> Iterator[str]:
    """Who waits is known to whom he waits for, with the same policy, and the other way round."""
    waits = {(up, job_id, policy) for job_id, job in view.jobs.items() for up, policy in job.waits("wait").items()}
    known = {(up, job_id, policy) for up, job in view.jobs.items() for job_id, policy in job.dependents.items()}
    if waits != known:
        yield f"edges that one side alone knows: {sorted(waits ^ known)}"
    for up, job in view.jobs.items():
        if job.dependents and not view.has(up, "d"):
            yield f"{up}: nobody looks at its dependents"


def upstreams(view: View) -> Iterator[str]:
    """Nobody waits for an ended job, but where a policy says so, or while a sweep has to go on with it."""
    unsettled = view.members("unsettled")
    for job_id, job in view.jobs.items():
        for name, policy in job.waits("wait").items():
            upstream = view.jobs.get(name)
            if upstream and upstream.ended and name not in unsettled and not stays(job, upstream, policy):
                yield f"{job_id} ({job.state}) waits for {name} ({upstream.state}) with {policy}"


def stays(job: Seen, upstream: Seen, policy: str) -> bool:
    """Whether a gate stays shut after the upstream's end."""
    if upstream.state == State.SUCCEEDED or policy == Policy.RUN:
        return False
    return policy == Policy.HOLD or job.ended


def lanes(view: View) -> Iterator[str]:
    """A lane is one chain of all its jobs that aren't over; its owner is the last."""
    members: dict[str, set[str]] = {}
    for job_id, job in view.jobs.items():
        if job.lane and not job.ended:
            members.setdefault(job.lane, set()).add(job_id)
        elif job.waits("lane") or job.next:
            yield f"{job_id} is in no lane, and still linked"
    owners = {lane: view.text(f"lane:{lane}") for lane in view.names("lane")}
    if owners.keys() != members.keys():
        yield f"lanes are {sorted(owners)}, jobs are in {sorted(members)}"
    for lane, those in members.items():
        chain = chain_to(view, owners.get(lane, ""))
        if set(chain) != those or len(chain) != len(those):
            yield f"lane {lane} has {sorted(those)}, and its chain is {chain}"


def chain_to(view: View, last: str) -> list[str]:
    """The jobs of a lane, from its last to its first, as far as both sides say the same."""
    chain = list[str]()
    while last in view.jobs and last not in chain and view.jobs[last].next == (chain[-1] if chain else None):
        chain.append(last)
        last = next(iter(view.jobs[last].waits("lane")), "")
    return chain


def cycles(view: View) -> Iterator[str]:
    """Nobody waits for himself, by upstreams, lanes, and envelopes that wait for their children."""
    ahead = {job_id: ahead_of(view, job) for job_id, job in view.jobs.items() if not job.ended}
    while free := [job_id for job_id, others in ahead.items() if not others & ahead.keys()]:
        for job_id in free:
            del ahead[job_id]
    if ahead:
        yield f"these wait for each other: {sorted(ahead)}"


def ahead_of(view: View, job: Seen) -> set[str]:
    """Whom a job waits for."""
    return {*job.waits("wait"), *job.waits("lane"), *job.children}


ALL: Final = (gates, timers, edges, upstreams, lanes, cycles)
