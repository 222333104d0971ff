"""Every method of `JobsManager` × everything that can be in its way: the tables say what each answers, and leaves.

The name of an exception: it is raised. That of a status: it is answered. `ok`: it is done, or there is nothing to do.
Whatever isn't `ok` has changed nothing. `-`: the column says nothing of this method.
"""

from dataclasses import replace

import pytest

from envoy_plugin.engine.engine import Engine
from envoy_plugin.workflows.definitions.diagrams import Step
from envoy_plugin.workflows.definitions.store import Store
from envoy_plugin.workflows.links import Links
from tests.workflows.cases import CALLS, FIT, RIVALS, STATES, content, make, word_of
from tests.workflows.office import Office
from tests.workflows.stage import Stage
from tests.workflows.test_privileges import METHODS

JOBS = """
method                    unknown      of-another-item  of-a-step    deleted      a-number     half-a-letter
create_jobs               NoTemplate   NoTemplate       NoTemplate   NoTemplate   BadProperty  BadProperty
get_job                   JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
query_jobs                ok           ok               ok           ok           BadProperty  BadProperty
calculate_job_statistics  ok           ok               ok           ok           BadProperty  BadProperty
update_job                JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
close_jobs                JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
reopen_jobs               JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
delete_jobs               JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
upgrade_jobs              JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
start_steps               JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
stop_steps                JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
finish_steps              JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
refresh_steps             JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
set_current_step          JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
assign_step               JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
assign_current_step       JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
add_holds                 JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
release_holds             JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
add_dependency            JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
release_dependency        JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
get_job_comments          JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
add_job_comment           JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
get_job_history           JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
get_job_diagram           JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
get_job_location          JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
set_job_location          JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
get_attachments           JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
add_attachment            JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
add_attachment_linked     JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
update_attachment         JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
delete_attachment         JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
get_attachment_body       JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
get_attachment_url        JobNotFound  JobNotFound      JobNotFound  JobNotFound  BadProperty  BadProperty
"""
"""Which job: its own id, or its template's, is none, or is no text."""
STANDING = """
method                    closed      running           all-done        held        waiting     done
create_jobs               ok          ok                ok              ok          ok          ok
get_job                   ok          ok                ok              ok          ok          ok
query_jobs                ok          ok                ok              ok          ok          ok
calculate_job_statistics  ok          ok                ok              ok          ok          ok
update_job                JobRefused  JobRefused        ok              ok          ok          ok
close_jobs                JobRefused  JobRefused        ok              ok          ok          ok
reopen_jobs               ok          JobRefused        JobRefused      JobRefused  JobRefused  JobRefused
delete_jobs               ok          JobRefused        ok              ok          ok          ok
upgrade_jobs              JobRefused  JobRefused        ok              ok          ok          ok
start_steps               JobClosed   AlreadyExecuting  NoActiveStep    Held        Held        ok
stop_steps                JobClosed   ok                NoActiveStep    NotRunning  NotRunning  NotRunning
finish_steps              JobClosed   ok                NoActiveStep    Held        Held        ok
refresh_steps             JobClosed   ok                NoActiveStep    NotRunning  NotRunning  NotRunning
set_current_step          JobClosed   AlreadyExecuting  ok              ok          ok          ok
assign_step               JobRefused  JobRefused        JobRefused      ok          ok          JobRefused
assign_current_step       JobRefused  JobRefused        JobRefused      ok          ok          JobRefused
add_holds                 JobClosed   AlreadyExecuting  StepNotCurrent  Held        ok          AlreadyExecuting
release_holds             JobClosed   NotHeld           NotHeld         ok          NotHeld     NotHeld
add_dependency            JobClosed   AlreadyExecuting  StepNotCurrent  ok          Held        AlreadyExecuting
release_dependency        JobClosed   NotHeld           NotHeld         NotHeld     ok          NotHeld
get_job_comments          ok          ok                ok              ok          ok          ok
add_job_comment           ok          ok                ok              ok          ok          ok
get_job_history           ok          ok                ok              ok          ok          ok
get_job_diagram           ok          ok                ok              ok          ok          ok
get_job_location          ok          ok                ok              ok          ok          ok
set_job_location          JobRefused  ok                ok              ok          ok          ok
get_attachments           ok          ok                ok              ok          ok          ok
add_attachment            JobRefused  ok                ok              ok          ok          ok
add_attachment_linked     JobRefused  ok                ok              ok          ok          ok
update_attachment         JobRefused  ok                ok              ok          ok          ok
delete_attachment         JobRefused  ok                ok              ok          ok          ok
get_attachment_body       ok          ok                ok              ok          ok          ok
get_attachment_url        ok          ok                ok              ok          ok          ok
"""
"""How it stands, for the plugin itself."""
CALLERS = """
method                    nobody                   chief                    assignee
create_jobs               NotAllowed               ok                       NotAllowed
get_job                   ok                       ok                       ok
query_jobs                ok                       ok                       ok
calculate_job_statistics  ok                       ok                       ok
update_job                NotAllowed               NotAllowed               NotAllowed
close_jobs                NotAllowed               ok                       NotAllowed
reopen_jobs               NotAllowed               JobRefused               NotAllowed
delete_jobs               NotAllowed               ok                       NotAllowed
upgrade_jobs              NotAllowed               ok                       NotAllowed
start_steps               AssignedToDifferentUser  AssignedToDifferentUser  ok
stop_steps                AssignedToDifferentUser  NotRunning               NotRunning
finish_steps              AssignedToDifferentUser  AssignedToDifferentUser  NoStartedStep
refresh_steps             AssignedToDifferentUser  AssignedToDifferentUser  NotRunning
set_current_step          NotAllowed               ok                       NotAllowed
assign_step               NotAllowed               ok                       NotAllowed
assign_current_step       NotAllowed               ok                       NotAllowed
add_holds                 NotAllowed               ok                       NotAllowed
release_holds             NotAllowed               NotHeld                  NotAllowed
add_dependency            NotAllowed               ok                       NotAllowed
release_dependency        NotAllowed               NotHeld                  NotAllowed
get_job_comments          ok                       ok                       ok
add_job_comment           ok                       ok                       ok
get_job_history           ok                       ok                       ok
get_job_diagram           ok                       ok                       ok
get_job_location          ok                       ok                       ok
set_job_location          NotAllowed               ok                       NotAllowed
get_attachments           ok                       ok                       ok
add_attachment            NotAllowed               ok                       NotAllowed
add_attachment_linked     NotAllowed               ok                       NotAllowed
update_attachment         NotAllowed               ok                       NotAllowed
delete_attachment         NotAllowed               ok                       NotAllowed
get_attachment_body       ok                       ok                       ok
get_attachment_url        ok                       ok                       ok
"""
"""Who calls: one without privileges; one with all, who has nothing to do with the job; bob, who has its step."""
STEPS = """
method                    not-there         not-reached
start_steps               StepNotInDiagram  StepNotCurrent
stop_steps                StepNotInDiagram  StepNotCurrent
finish_steps              StepNotInDiagram  StepNotCurrent
refresh_steps             StepNotInDiagram  StepNotCurrent
set_current_step          StepNotInDiagram  ok
assign_step               JobRefused        JobRefused
add_holds                 StepNotInDiagram  ok
release_holds             StepNotInDiagram  NotHeld
add_dependency            StepNotInDiagram  ok
release_dependency        StepNotInDiagram  NotHeld
"""
"""Which step."""
SEVERAL = """
method                    with-unknown  with-running  closed-with-open  named-twice  too-many
create_jobs               ok            ok            ok                ok           TooLarge
close_jobs                JobNotFound   JobRefused    JobRefused        ok           TooLarge
reopen_jobs               JobNotFound   JobRefused    JobRefused        JobRefused   TooLarge
delete_jobs               JobNotFound   JobRefused    ok                ok           TooLarge
upgrade_jobs              JobNotFound   JobRefused    JobRefused        ok           TooLarge
"""
"""Several: all or none."""
MEANWHILE = """
method                    once  always       deletes-it
update_job                ok    CallRefused  JobNotFound
close_jobs                ok    CallRefused  JobNotFound
reopen_jobs               ok    CallRefused  JobNotFound
delete_jobs               ok    CallRefused  JobNotFound
start_steps               ok    CallRefused  JobNotFound
stop_steps                ok    CallRefused  -
finish_steps              ok    CallRefused  -
set_current_step          ok    CallRefused  JobNotFound
assign_step               ok    CallRefused  JobNotFound
assign_current_step       ok    CallRefused  JobNotFound
add_holds                 ok    CallRefused  JobNotFound
release_holds             ok    CallRefused  JobNotFound
add_dependency            ok    CallRefused  JobNotFound
release_dependency        ok    CallRefused  JobNotFound
add_job_comment           ok    CallRefused  JobNotFound
set_job_location          ok    CallRefused  JobNotFound
add_attachment            ok    CallRefused  JobNotFound
add_attachment_linked     ok    CallRefused  JobNotFound
update_attachment         ok    CallRefused  JobNotFound
delete_attachment         ok    CallRefused  JobNotFound
"""
"""Somebody else changes the job just before it is written to: once, or always; or has deleted it."""
ATTACHMENTS = """
method                    no-such       of-another    linked
update_attachment         NoAttachment  NoAttachment  ok
delete_attachment         NoAttachment  NoAttachment  ok
get_attachment_body       NoAttachment  NoAttachment  JobRefused
get_attachment_url        NoAttachment  NoAttachment  ok
"""
"""Which attachment."""

HISTORY = {
    "update_job": "Updated",
    "close_jobs": "Closed",
    "reopen_jobs": "Reopened",
    "start_steps": "Started:first",
    "stop_steps": "Paused:first",
    "finish_steps": "Finished:first Activated:later",
    "set_current_step": "Deactivated:first Activated:later",
    "assign_step": "Reassigned:first",
    "assign_current_step": "Reassigned:first",
    "add_holds": "Held:first",
    "release_holds": "HoldReleased:first Reactivated",
    "add_dependency": "DependencyAdded:first",
    "release_dependency": "HoldReleased:first Reactivated",
    "set_job_location": "Updated",
    "add_attachment": "Added",
    "add_attachment_linked": "Added",
    "update_attachment": "Updated",
    "delete_attachment": "Deleted",
}
"""What a method leaves in the history of a job; the others leave nothing. Who upgrades: see the tests of jobs."""
TEXTS = (JOBS, STANDING, CALLERS, STEPS, SEVERAL, MEANWHILE, ATTACHMENTS)
TABLES = [[line.split() for line in text.strip().splitlines()] for text in TEXTS]
CELLS: dict[str, dict[str, str]] = {
    column: {method: words[at] for method, *words in rows if words[at] != "-"}
    for (_, *columns), *rows in TABLES
    for at, column in enumerate(columns)
}
"""By column, what each method is answered."""


@pytest.fixture
def office(engine: Engine, stage: Stage) -> Office:
    """Operators and jobs; the first step of a job is bob's, and so is the job."""
    stage.store = Store(engine, stage.store.digest, own=stage.templates, links=Links(keys=[b"k" * 32]))
    office = Office(stage)
    first = Step.manual("first", assigned="user:bob", proceeds=False, then="later")
    office.define("pair", first, Step.manual("later", proceeds=False), closes=False)
    return office


def test_the_tables_have_every_method() -> None:
    assert CALLS.keys() == METHODS
    assert [{method for method, *_ in rows} for _, *rows in TABLES[:3]] == [METHODS] * 3
    assert CELLS.keys() == STATES.keys()


@pytest.mark.parametrize("column", [column for column in CELLS if column not in RIVALS])
async def test_every_method_answers_as_the_table_says(office: Office, column: str) -> None:
    redis, wrong = office.stage.engine.redis, dict[str, tuple[str, str]]()
    case = await STATES[column](office)
    before = await content(redis)
    for method, wanted in CELLS[column].items():
        word = await word_of(CALLS[method](case.manager, case))
        after = await content(redis)
        if after != before:
            word += " and changes" * (word != "ok")
            case = await STATES[column](office)
            after = await content(redis)
        before = after
        if word != wanted:
            wrong[method] = (word, wanted)
    assert wrong == {}


@pytest.mark.parametrize("column", RIVALS)
async def test_whoever_comes_second_decides_again_as_the_table_says(
    office: Office, column: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = dict[str, tuple[str, str]]()
    for method, wanted in CELLS[column].items():
        case = await FIT.get(method, make)(office)
        with monkeypatch.context() as patched:
            RIVALS[column].comes_first(office, case, patched)
            word = await word_of(CALLS[method](case.manager, case))
        if word != wanted:
            wrong[method] = (word, wanted)
    assert wrong == {}


async def test_every_method_leaves_in_the_history_what_the_table_says_and_who_it_was(office: Office) -> None:
    wrong = dict[str, tuple[str, str]]()
    for method in METHODS - {"delete_jobs"}:
        case = await FIT.get(method, make)(office)
        case = replace(case, step_id="later") if method == "set_current_step" else case
        before = len(await office.plugin.get_job_history(case.job_id))
        assert await word_of(CALLS[method](office.chief("bob"), case)) in {"ok", "JobRefused", "NotRunning"}
        rows = (await office.plugin.get_job_history(case.job_id))[before:]
        left = " ".join(f"{row.action}:{row.step_id}" if row.step_id else row.action for row in rows)
        if left != HISTORY.get(method, "") or {row.username for row in rows} - {"bob"}:
            wrong[method] = (left, HISTORY.get(method, ""))
    assert wrong == {}
