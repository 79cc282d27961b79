"""Checking `repeat` of a run definition: a number of repetitions, or until when there are to be more of them."""

from collections.abc import Mapping
from typing import Any

from accio.domain.datatypes import DataType, Kind
from accio.domain.filters.literals import comparable_text
from accio.domain.findings import Findings
from accio.domain.linking import Operators
from accio.domain.measured_outputs import find_measured
from accio.domain.members import parts_of_output
from accio.domain.numbers import number_of_json
from accio.domain.precision import LEAST, Until
from accio.domain.problems import ValueProblem, quote
from accio.domain.sweeps import Sweep
from accio.domain.values import parse_to_canonical
from accio.domain.workflows import Workflow

MOST_POINTS = 10_000
"""Points of a sweep that is repeated until precise: what is known of each is kept in memory while the run goes on."""

_PATH = "/repeat"
_UNTIL = f"{_PATH}/until"
_OF = " of repetitions"


class RepeatCheck:
    """Reads `repeat`; reports what is wrong."""

    def __init__(self, findings: Findings, operators: Operators) -> None:
        """Find the types of outputs in *operators*."""
        self._findings = findings
        self._operators = operators

    def read(self, document: Mapping[str, Any], workflow: Workflow | None) -> tuple[int, Until | None]:
        """Return how many repetitions the definition *document* wants at most, and until when there are more.

        1 if that can't be read.
        """
        value = document.get("repeat")
        if not isinstance(value, Mapping):
            form = ' or {"until": …, "max": n}'
            return self._findings.whole_number(document, "repeat", "", least=1, otherwise=1, of=_OF, or_else=form), None
        self._findings.known_keys(value, ("until", "min", "max"), _PATH, "'repeat'")
        if "max" not in value:
            self._findings.error(_PATH, "expected 'max', the most repetitions that a point may get, found none")
        most = self._findings.whole_number(value, "max", _PATH, least=2, otherwise=LEAST, of=_OF)
        least = self._findings.whole_number(value, "min", _PATH, least=2, otherwise=min(LEAST, most), of=_OF)
        if least > most:
            self._findings.error(f"{_PATH}/min", f"expected at most 'max', which is {most}, found {least}")
        until = self._until(value.get("until"), workflow, least)
        return most, until

    def _until(self, value: Any, workflow: Workflow | None, least: int) -> Until | None:
        document = self._findings.object(value, _UNTIL, "'until', with 'output' and 'ci95'")
        if document is None:
            return None
        self._findings.known_keys(document, ("output", "ci95"), _UNTIL, "'until'")
        for key, what in (("output", "an output Node/port"), ("ci95", "half of the width of a 95 % interval")):
            if key not in document:
                self._findings.error(_UNTIL, f"expected '{key}', {what}, found none")
        reference = self._findings.text(document, "output", _UNTIL)
        if reference is None or workflow is None:
            return None
        datatype = find_measured(
            reference, f"{_UNTIL}/output", workflow=workflow, operators=self._operators, findings=self._findings
        )
        if datatype is None or "ci95" not in document:
            return None
        wanted = self._wanted(document["ci95"], datatype)
        if wanted is None:
            return None
        node, port, member = parts_of_output(reference)
        return Until(node=node, port=port, member=member, ci95=wanted[0], relative=wanted[1], least=least)

    def _wanted(self, value: Any, datatype: DataType) -> tuple[float, bool] | None:
        """Read half of the width that an interval may have: a number, one with a unit, or percents of the mean."""
        path = f"{_UNTIL}/ci95"
        unit = {Kind.DISTANCE: ' such as "5 m"', Kind.DURATION: ' such as "200 ms"'}.get(datatype.kind, "")
        percents = isinstance(value, str) and value.rstrip().endswith("%")
        number = number_of_json(value.rstrip()[:-1] if percents else value)
        found: float | None = None if number is None else float(number.exact)
        if found is None and not percents and unit:
            try:
                found = float(comparable_text(datatype, parse_to_canonical(datatype, value)))
            except ValueProblem:
                found = None
        if found is None or not 0 < found < float("inf"):
            message = f'expected a number above 0{unit} or "1%" of the mean, found {quote(value)}'
            self._findings.error(path, message)
            return None
        return (found / 100, True) if percents else (found, False)


def check_points(sweep: Sweep, findings: Findings) -> None:
    """Report a sweep that has too many points to look at each again and again."""
    if sweep.points > MOST_POINTS:
        message = f"expected at most {MOST_POINTS} points that are repeated until precise, found {sweep.points}"
        findings.error(_UNTIL, message)
