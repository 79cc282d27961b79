"""What the daemon is told of attempts: reports and withdrawals. Each report is written into the journal first.

While there is no session, reports are remembered by the journal, and withdrawals here.
"""

from collections.abc import Iterable

import structlog

from accio.v1 import agents_pb2, runs_pb2
from accio.wire.report_columns import Numbered
from accio.wire.reports import numbered, with_series
from accio_agent.agent.checkpoints import Checkpoints
from accio_agent.agent.core.work import Effects, Publication
from accio_agent.agent.disk.journal import Journal
from accio_agent.agent.errands import Errands
from accio_agent.agent.link import messages
from accio_agent.agent.link.outbound import Outbound
from accio_agent.agent.live_series import LiveSeries
from accio_agent.agent.staging.staging import Staging

log = structlog.get_logger("accio.agent")


class Reporting:
    """Writes the journal and tells the daemon; where an attempt ends, what was kept for it is forgotten."""

    def __init__(
        self,
        journal: Journal,
        outbound: Outbound,
        staging: Staging,
        errands: Errands,
        checkpoints: Checkpoints,
        series: LiveSeries,
    ) -> None:
        self._journal = journal
        self._outbound = outbound
        self._staging = staging
        self._errands = errands
        self._checkpoints = checkpoints
        self._series = series
        self._given_back: list[int] = []  # since the last hello, which told of them as held
        self._disk_refuses = False

    def greet(self) -> None:
        """Note that a hello is made of what is held now: what was given back before isn't in it."""
        self._given_back.clear()

    def session_opened(self) -> None:
        """Send what was given back since the hello."""
        if self._given_back:
            self._recalled(agents_pb2.RecallAnswer(withdrawn=self._given_back))

    def write(self, effects: Effects) -> list[bytes | Numbered]:
        """Write down what is about to happen; the new reports."""
        journal = self._journal
        journal.acknowledged(effects.acked)
        journal.forgotten(effects.forgotten)
        for no in effects.forgotten:
            self._checkpoints.forget(no)
            self._series.take(no)
        reports = self._keep(effects.published) if effects.published else []
        for begin in effects.begun:
            journal.begun([each.attempt for each in begin.attempts])
        try:
            journal.write()
        except OSError as error:  # it is kept in memory, and written once there is room
            if not self._disk_refuses:
                log.warning("the agent's folder can't be written to; reports wait in memory", reason=str(error))
            self._disk_refuses = True
        else:
            self._disk_refuses = False
        return reports

    def _keep(self, published: Iterable[Publication]) -> list[bytes | Numbered]:
        """Write reports down, and forget what was kept for their attempts: for most there is nothing."""
        journal, reports = self._journal, list[bytes | Numbered]()
        more = self._checkpoints.any_pending or self._staging.holds_any or self._series.any_kept
        for seq, attempt, ending in published:
            measured = self._forget(attempt) if more else ()
            if isinstance(ending, tuple):
                reports.append((seq, ending))
                continue
            report = ending if isinstance(ending, bytes) else with_series(messages.report(ending, attempt), measured)
            content = numbered(seq, report)
            journal.report(seq, attempt, content)
            reports.append(content)
        journal.plain([each for each in reports if isinstance(each, tuple)])
        return reports

    def _forget(self, attempt: int) -> Iterable[runs_pb2.Series]:
        """Forget what is kept for an attempt that has ended; return what it has measured."""
        self._checkpoints.forget(attempt)
        if self._staging.holds(attempt):
            self._errands.forget(attempt)
        return self._series.take(attempt)

    def tell(self, effects: Effects, reports: Iterable[bytes | Numbered]) -> None:
        """Send the new *reports*, those that are to be sent again, and which attempts were given back."""
        outbound = self._outbound
        if not outbound.is_open:
            self._given_back += effects.withdrawn
            return
        remembered = self._journal.remembered.reports
        if effects.resend:  # before those that are new, which may be among them
            again = set(effects.resend)
            outbound.put_reports(remembered[seq][1] for seq in effects.resend if seq in remembered)
            reports = [
                content
                for publication, content in zip(effects.published, reports, strict=True)
                if publication.seq not in again
            ]
        outbound.put_reports(reports)
        if effects.withdrawn or effects.started:
            self._recalled(agents_pb2.RecallAnswer(withdrawn=effects.withdrawn, started=effects.started))

    def _recalled(self, answer: agents_pb2.RecallAnswer) -> None:
        self._outbound.put(agents_pb2.AgentMessage(recalled=answer))
