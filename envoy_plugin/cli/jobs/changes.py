"""`envoy-plugin jobs retry|cancel|hold|unhold`: changing jobs by id, or all that fit a filter."""

from datetime import datetime, timedelta
from typing import Annotated, Final, TypeAlias

import typer

from envoy_plugin.cli.jobs.bulk import Deed
from envoy_plugin.cli.jobs.filters import filter_of
from envoy_plugin.cli.jobs.orders import Order, change, order_of
from envoy_plugin.cli.moments import span_or_time
from envoy_plugin.cli.taking import taking
from envoy_plugin.engine.listings import Filter
from envoy_plugin.engine.states import RESERVED_HOLDS, UNENDED, Reason, State
from envoy_plugin.engine.verbs import Cancel, Hold, Retry, Unhold

MOST_NAME: Final = 28
"""In bytes: a longer one makes a job's hash several times as large."""
USUAL_HOLD: Final = "operator"

app = typer.Typer(add_completion=False, rich_markup_mode=None)


def hold_name(text: str) -> str:
    """The name of a hold.

    Raises:
        typer.BadParameter: it is one of a workflow's, or can't be one.
    """
    if text in RESERVED_HOLDS:
        raise typer.BadParameter(f"{text!r} has a meaning of its own, in workflows and device jobs.")
    if not text.strip() or not text.isprintable() or len(text.encode()) > MOST_NAME:
        raise typer.BadParameter(f"A hold's name is 1 to {MOST_NAME} printable bytes.")
    return text


NameOption: TypeAlias = Annotated[
    str, typer.Option("--name", parser=hold_name, metavar="NAME", help="Which hold: a job can have several.")
]
OpensOption: TypeAlias = Annotated[
    timedelta | None,
    typer.Option(parser=span_or_time, metavar="SPAN|TIME", help="When it opens by itself, as 2h. [default: never]"),
]


@app.command()
@taking(wanted=filter_of, order=order_of)
def retry(
    *,
    order: Order,
    wanted: Filter,
    retries: Annotated[
        int | None, typer.Option(min=0, help="How many retries it has. [default: as many as left]")
    ] = None,
) -> None:
    """Give ended jobs a new attempt, at once. A filter without --state means failed jobs.

    Example: envoy-plugin jobs retry --kind entry_sign_in --since 2h --dry-run
    """
    deed = Deed(
        verb="retry",
        past="Retried",
        make=lambda job_id, _: Retry(id=job_id, retries=retries),
        states=frozenset({State.FAILED}),
        idle=frozenset(UNENDED),
    )
    change(deed, order, wanted)


@app.command()
@taking(wanted=filter_of, order=order_of)
def cancel(*, order: Order, wanted: Filter) -> None:
    """End jobs that aren't over, with reason `operator`; whoever runs one loses it. Envoy is told.

    Example: envoy-plugin jobs cancel a2rwiehoecn464zn
    """
    deed = Deed(
        verb="cancel",
        past="Cancelled",
        make=lambda job_id, _: Cancel(id=job_id, reason=Reason.OPERATOR),
        states=UNENDED,
        idle=frozenset({State.CANCELLED}),
    )
    change(deed, order, wanted)


@app.command()
@taking(wanted=filter_of, order=order_of)
def hold(*, order: Order, wanted: Filter, name: NameOption = USUAL_HOLD, opens: OpensOption = None) -> None:
    """Let jobs wait until `unhold`, or until a time. One that runs goes on: it would wait before it runs again.

    Example: envoy-plugin jobs hold --install 1001 --name audit --yes
    """

    def make(job_id: str, now: datetime) -> Hold:
        return Hold(id=job_id, hold=name, until=now + opens if isinstance(opens, timedelta) else opens)

    change(Deed(verb="hold", past="Held", make=make, states=UNENDED, idle=frozenset({"held"})), order, wanted)


@app.command()
@taking(wanted=filter_of, order=order_of)
def unhold(*, order: Order, wanted: Filter, name: NameOption = USUAL_HOLD) -> None:
    """Open a hold. A job that waits for nothing else can run then.

    Example: envoy-plugin jobs unhold --install 1001 --name audit --yes
    """

    def make(job_id: str, _: datetime) -> Unhold:
        return Unhold(id=job_id, hold=name)

    change(Deed(verb="unhold", past="Opened", make=make, states=UNENDED, idle=frozenset({"not_held"})), order, wanted)
