"""What an end owes, who has the debt now, and whose bytes are kept for how long."""

from collections.abc import Iterator

from envoy_plugin.engine.clock import milliseconds
from envoy_plugin.engine.engine import KEEP_BYTES
from envoy_plugin.engine.retries import FollowUp
from envoy_plugin.engine.states import State
from tests.engine.life import Life
from tests.engine.model.gates import Gates
from tests.engine.model.world import Blob


class Debts(Gates):
    """What one call knows of debts and bytes."""

    def debtor_of(self, life: Life) -> Life | None:
        """The job whose end a report tells."""
        whose = FollowUp.parse(life.id) if life.is_report else None
        return self.jobs.get(whose.job_id) if whose else None

    def is_report_of(self, life: Life, debtor: Life) -> bool:
        """Whether a report tells the latest end of this debtor."""
        return debtor.owing and debtor.ended and life.id == f"{debtor.id}.{debtor.attempt}"

    def report_of(self, life: Life) -> Life | None:
        """The report of a job's latest end."""
        return self.jobs.get(f"{life.id}.{life.attempt}") if life.owing else None

    def is_owed(self, life: Life) -> bool:
        """Whether Envoy isn't told yet what became of a job: by its report, or by the last heir's."""
        report, heir = self.report_of(life), self.jobs.get(life.heir or "")
        return bool((report and not report.ended) or (heir and (not (heir.ended or heir.heir) or self.is_owed(heir))))

    def root_of(self, life: Life) -> Life | None:
        """The job that passed its debt on to this one."""
        return self.jobs.get(life.root or "")

    def line_of(self, debtor: Life) -> Iterator[Life]:
        """The debtor, and all who passed the debt on to him."""
        link = self.root_of(debtor)
        while link and link is not debtor:
            yield link
            link = self.jobs.get(link.heir or "")
        yield debtor

    def expire_bytes(self, life: Life) -> None:
        """Keep the bytes of an ended job for a day more; of a failed one, and in an open envelope, for longer."""
        parent = self.jobs.get(life.parent)
        if life.ended and life.state is not State.FAILED and not (parent and not parent.ended):
            life.bytes_until = self.now + milliseconds(KEEP_BYTES)

    def keep_all_bytes(self, life: Life) -> None:
        """Keep what a new attempt needs."""
        debtor = self.debtor_of(life)
        for other in [life, *self.line_of(debtor or life), *(self.jobs[child] for child in life.children)]:
            other.bytes_until = None

    def keep(self, life: Life, name: str, content: bytes) -> None:
        """Keep bytes with a job, where there are any."""
        if content:
            life.blobs[name] = content

    def keep_ref(self, life: Life, name: str, ref: str) -> None:
        """Keep a stored blob with a job, in place of what was there."""
        if ref:
            if life.refs.get(name) not in {None, ref}:
                self.drop_ref(life, name)
            life.refs[name] = ref
            self.world.stored[ref] = Blob(self.world.stored[ref].content, None)

    def drop_ref(self, life: Life, name: str) -> None:
        """Let a kept blob go."""
        if name in life.refs:
            self.world.stored.pop(life.refs.pop(name), None)
