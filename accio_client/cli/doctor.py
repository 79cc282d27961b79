"""`accio doctor`: what may be wrong, each with what mends it; the verdict stands last."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import click

from accio.errors import AccioError
from accio.exits import NOT_SUCCESS, SUCCESS
from accio_client.cli.output import out
from accio_client.cli.session import Session, accio_command
from accio_client.cli.text import printable
from accio_client.clock import now
from accio_client.doctor import (
    LOOK_FOR_S,
    PATIENT_S,
    Finding,
    Health,
    look_at_daemon,
    look_at_operators,
    look_here,
    verdict,
)
from accio_client.documents import document

_MARKS = {Health.GOOD: "✓", Health.DOUBTFUL: "!", Health.BAD: "✗", Health.UNKNOWN: "?"}


@accio_command
@click.option("--operators", multiple=True, metavar="MODULE|FILE", help="Try to load these operators, too.")
@click.option("--wait/--no-wait", default=False, help="Wait for what takes more than 3 seconds to find out.")
def look(session: Session, *, operators: tuple[str, ...], wait: bool) -> int:
    """Check the installation, the data folder, the daemon, its agents, clocks and operators.

    Each ✗ comes with what mends it, and the verdict stands last, within 3 seconds; exit 3 if something must be mended.
    A ? is what couldn't be found out in that time. Changes nothing.
    """
    with ThreadPoolExecutor(max_workers=1) as beside:
        asked = beside.submit(_ask_daemon, session, PATIENT_S if wait else LOOK_FOR_S)
        findings = [*look_here(), *look_at_operators(operators, None if wait else LOOK_FOR_S), *asked.result()]
    last = verdict(findings)
    checks = [
        {"subject": each.subject, "health": each.health.value, "found": each.found, "remedy": each.remedy or None}
        for each in findings
    ]
    bad = [each.subject for each in findings if each.health is Health.BAD]
    session.answer(document({"checks": checks, "verdict": last}), bad, lambda: _show(findings, last))
    return NOT_SUCCESS if bad else SUCCESS


def _ask_daemon(session: Session, within_s: float) -> list[Finding]:
    try:
        with session.client(within_s) as client:
            return list(look_at_daemon(client, now()))
    except AccioError as error:  # the address, the token or the certificate can't be read
        return [Finding(subject="daemon", health=Health.BAD, found=error.message)]


def _show(findings: Sequence[Finding], last: str) -> None:
    for each in findings:
        out(printable(f"{_MARKS[each.health]} {each.subject}: {each.found}"))
        if each.remedy:
            out(printable(f"    → {each.remedy}"))
    out(last)
