"""Checking `optimize` of a run definition, and making the sweep of a study's trials."""

from collections.abc import Mapping
from dataclasses import replace
from math import prod
from typing import Any

from accio.domain.findings import Findings
from accio.domain.halving import FACTOR, FIRST, Halving
from accio.domain.issues import Issue, pointer
from accio.domain.layouts import Block, Digit, Layout, Listed
from accio.domain.linking import Operators
from accio.domain.measured_outputs import find_measured
from accio.domain.names import suggest
from accio.domain.numbers import seed_number
from accio.domain.precision import Until
from accio.domain.problems import ValueProblem, quote
from accio.domain.sampling import Row, Sampled
from accio.domain.series import LARGEST_STEP
from accio.domain.studies import AT_ONCE, MOST_ASKED, MOST_TRIALS, Direction, Objective, Sampler, Study
from accio.domain.sweep_check import SweepCheck
from accio.domain.sweeps import Sweep
from accio.domain.workflows import Workflow

_PATH = "/optimize"
_KEYS = ("objective", "direction", "trials", "sampler", "seed", "at_once", "prune")
_LEAST_RANGES = 2  # what CMA-ES adapts is how parameters go together
_ELSEWHERE = {
    "zip": "to try values that go together, take the sampler 'grid', or one parameter that stands for both",
    "points": "to try these points, take the sampler 'grid'",
    "sample": "name its method as the sampler, and its n as 'trials'",
    "where": (
        "to leave points out, take the sampler 'grid', or have the operator refuse them (BadInputError): such trials "
        "have no value"
    ),
    "union": "to try several sweeps, take the sampler 'grid', or submit a study for each",
}
"""What a definition may say of its points, and what to do where a sampler says which ones there are."""
_NOT_OF_GRIDS = ("sample",)


class StudyCheck:
    """Reads `optimize`; reports what is wrong."""

    def __init__(self, findings: Findings, operators: Operators) -> None:
        """Find the types of outputs in *operators*."""
        self._findings = findings
        self._operators = operators

    def read(self, document: Mapping[str, Any], workflow: Workflow | None, until: Until | None) -> Study | None:
        """Return what the definition *document* looks for; None if it looks for nothing, or that can't be read."""
        if "optimize" not in document:
            return None
        is_grid = isinstance(document["optimize"], dict) and document["optimize"].get("sampler") == Sampler.GRID
        for key in _NOT_OF_GRIDS if is_grid else _ELSEWHERE:
            if key in document:
                message = f"'{key}' can't stand beside 'optimize', whose sampler says which points there are"
                self._findings.error(pointer(key), f"{message}: {_ELSEWHERE[key]}")
        if until is not None:
            message = "'until' can't stand beside 'optimize': give a number of repetitions, which are averaged"
            self._findings.error("/repeat/until", message)
        given = self._findings.object(document["optimize"], _PATH, "'objective' and 'trials' of a study")
        if given is None:
            return None
        self._findings.known_keys(given, _KEYS, _PATH, "'optimize'")
        before = len(self._findings.errors)
        sampler = self._word(given, "sampler", Sampler, Sampler.RANDOM)
        objectives = self._objectives(given, workflow)
        most = MOST_ASKED if sampler.is_asked else MOST_TRIALS
        if "trials" not in given and sampler is not Sampler.GRID:
            self._findings.error(f"{_PATH}/trials", f"expected a whole number, 2 to {most}, found none")
        trials = self._findings.whole_number(given, "trials", _PATH, least=2, most=most, otherwise=most)
        at_once = self._findings.whole_number(given, "at_once", _PATH, least=1, most=MOST_TRIALS, otherwise=AT_ONCE)
        seed = self._seed(given)
        prune = self._prune(given, workflow, len(objectives)) if "prune" in given else None
        if len(objectives) > 1 and not sampler.is_for_several:
            others = ", ".join(each for each in Sampler if each.is_asked and each.is_for_several)
            message = f"'{sampler}' looks for the best value of one objective, found {len(objectives)}: take {others}"
            self._findings.error(f"{_PATH}/sampler", message)
        if len(self._findings.errors) > before or not objectives:
            return None
        return Study(
            objectives=objectives, trials=trials, sampler=sampler, seed=seed, at_once=min(at_once, trials), prune=prune
        )

    def _objectives(self, given: Mapping[str, Any], workflow: Workflow | None) -> tuple[Objective, ...]:
        """Read one objective with its direction, or lists of them."""
        path = f"{_PATH}/objective"
        if "objective" not in given:
            self._findings.error(_PATH, "expected 'objective', an output Node/port (or a list of them), found none")
            return ()
        named = given["objective"] if isinstance(given["objective"], list) else [given["objective"]]
        if not named or not all(isinstance(each, str) for each in named):
            self._findings.error(path, f"expected an output Node/port, or a list of them, found {quote(named)}")
            return ()
        if len(set(named)) < len(named):
            self._findings.error(path, f"expected each output once, found {quote(named)}")
            return ()
        directions = self._directions(given, len(named))
        several = isinstance(given["objective"], list)
        found = []
        for at, (reference, direction) in enumerate(zip(named, directions, strict=False)):
            where = path + pointer(at) if several else path
            if workflow is not None and find_measured(
                reference, where, workflow=workflow, operators=self._operators, findings=self._findings
            ):
                found.append(Objective.named(reference, direction))
        return tuple(found) if len(found) == len(named) else ()

    def _directions(self, given: Mapping[str, Any], count: int) -> list[Direction]:
        """Read the direction of all objectives, or one for each of them."""
        value = given.get("direction", Direction.MINIMIZE.value)
        if not isinstance(value, list):
            return [self._word(given, "direction", Direction, Direction.MINIMIZE)] * count
        if len(value) != count:
            message = f"expected a direction for each of {count} objectives, or one for all, found {quote(value)}"
            self._findings.error(f"{_PATH}/direction", message)
        known = [each for each in value if each in Direction.__members__.values()]
        if len(known) < len(value):
            message = f"expected {' or '.join(Direction)} for each objective, found {quote(value)}"
            self._findings.error(f"{_PATH}/direction", message)
        return [Direction(each) for each in known]

    def _prune(self, given: Mapping[str, Any], workflow: Workflow | None, objectives: int) -> Halving | None:
        """Read by which measurements trials are ended early."""
        path = f"{_PATH}/prune"
        prune = self._findings.object(given["prune"], path, "'metric' of a study's trials, Node/name")
        if prune is None:
            return None
        self._findings.known_keys(prune, ("metric", "factor", "first"), path, "'prune'")
        factor = self._findings.whole_number(prune, "factor", path, least=2, most=100, otherwise=FACTOR)
        first = self._findings.whole_number(prune, "first", path, least=1, most=LARGEST_STEP, otherwise=FIRST)
        if objectives > 1:
            self._findings.error(path, "trials of several objectives can't be ended early: give one objective")
        metric = prune.get("metric")
        node, _, name = metric.partition("/") if isinstance(metric, str) else ("", "", "")
        nodes = [] if workflow is None else [each.name for each in workflow.graph[: workflow.per_child]]
        if workflow is not None and (node not in nodes or not name):
            there = ", ".join(nodes)
            message = f"expected Node/name, what a node of the children measures ({there}), found {quote(metric)}"
            self._findings.error(f"{path}/metric", message, suggest(node, nodes) if node else None)
        return Halving(node=node, name=name, factor=factor, first=first)

    def _word(self, given: Mapping[str, Any], key: str, words: Any, otherwise: Any) -> Any:
        found = given.get(key, otherwise.value)
        if isinstance(found, str) and found in words.__members__.values():
            return words(found)
        meant = suggest(found, words) if isinstance(found, str) else None
        message = f"expected one of {', '.join(words)}, found {quote(found)}"
        self._findings.error(f"{_PATH}/{key}", message, meant)
        return otherwise

    def _seed(self, given: Mapping[str, Any]) -> int:
        try:
            return seed_number(given.get("seed", 0))
        except ValueProblem as problem:
            self._findings.problem(f"{_PATH}/seed", problem)
            return 0

    def sweep(self, check: SweepCheck, document: Mapping[str, Any], repeat: int, study: Study) -> Sweep | None:
        """Make the sweep of a study's trials, as far as they are known before anything ran."""
        before = len(self._findings.errors)
        refused = _NOT_OF_GRIDS if study.sampler is Sampler.GRID else _ELSEWHERE
        document = {key: value for key, value in document.items() if key not in refused}  # that was told already
        if study.sampler is Sampler.GRID:
            sweep = check.sweep(document, repeat)
            if sweep is not None and sweep.points > study.trials:
                message = f"the grid has {sweep.points} points: expected at least as many trials, found {study.trials}"
                self._findings.error(f"{_PATH}/trials", message)
                return None
            return sweep and self._varying(sweep) and sweep.studied(replace(study, trials=sweep.points))
        count = 2 if study.sampler.is_asked else study.trials
        method = Sampler.RANDOM if study.sampler.is_asked else study.sampler
        drawn = {"sample": {"method": method.value, "n": count, "seed": study.seed}}
        sweep = check.sweep({**document, **drawn}, repeat)
        self._findings.errors[before:] = [_moved(issue) for issue in self._findings.errors[before:]]
        if sweep is None or not self._varying(sweep):
            return None
        if study.sampler is Sampler.CMAES and sum(axis.is_formula for axis in sweep.axes) < _LEAST_RANGES:
            message = f"'{study.sampler}' needs {_LEAST_RANGES} ranges of 'params' or more: take 'tpe' for fewer"
            self._findings.error(f"{_PATH}/sampler", message)
            return None
        return (begun(sweep, study) if study.sampler.is_asked else sweep).studied(study)

    def _varying(self, sweep: Sweep) -> Sweep | None:
        if sweep.varying:
            return sweep
        message = "expected a parameter with several values, or a range, to look for the best ones, found none"
        self._findings.error("/params", message)
        return None


def _moved(issue: Issue) -> Issue:
    """Return what is wrong with the sample that a study makes as what is wrong with the study."""
    return replace(issue, path=f"{_PATH}/trials") if issue.path.startswith("/sample") else issue


def begun(sweep: Sweep, study: Study) -> Sweep:
    """Return the sweep of a study that asks for its trials, with those that are drawn before anything is known.

    *sweep* has a sample of the same axes.
    """
    digits = [digit for digit in sweep.blocks[0].digits if not isinstance(digit.rows, Sampled)]
    ((axes, sampled),) = sampled_axes(sweep)
    drawn = [drawn_trial(sampled, trial) for trial in range(study.at_once)]
    digits.append(Digit(axes, Listed(tuple(zip(*drawn, strict=True)))))
    return Sweep(sweep.axes, sweep.repeat, Layout([Block(digits)]))


def sampled_axes(sweep: Sweep) -> list[tuple[tuple[int, ...], Sampled]]:
    """Return what is drawn in a sweep, with the places of the axes."""
    digits = [digit for block in sweep.blocks for digit in block.digits]
    return [(digit.axes, digit.rows) for digit in digits if isinstance(digit.rows, Sampled)]


def drawn_trial(sampled: Sampled, trial: int) -> Row:
    """Return the point of a trial that no results are needed for; a small space begins anew once all was drawn."""
    combinations = prod(sampled.sizes)
    return replace(sampled, size=combinations).at(trial % combinations)
