"""Studies: how a definition says what it looks for, which points that makes, and which trials are best."""

from typing import Any

import pytest

from accio.domain.runs import RunDefinition, with_overrides
from accio.domain.studies import Direction, Objective, Sampler, Study, TrialValues, best_trials
from accio.domain.sweeps import Sweep
from accio.domain.validation import check_run, check_workflow
from accio.domain.workflows import Workflow
from tests.unit.domain.test_precision import DEFINITION, OPERATORS, Library

RANGE = {"rate": {"from": 0, "to": 1}}
SCORE = {"objective": "Train/score", "trials": 20}


def checked(optimize: Any, **rest: Any) -> Any:
    """Check a run with this `optimize`, over a range unless *rest* says otherwise."""
    document = {"workflow": "w", "optimize": optimize, "params": RANGE, **rest}
    return check_run(document, workflows=Library(), operators=OPERATORS)


class Sized(Library):
    """The workflow with a second parameter."""

    def get(self, workflow_id: str, version: str | None) -> Workflow | None:
        """Find it."""
        more = {"params": [*DEFINITION["params"], {"name": "size", "kind": "integer", "default_value": 1}]}
        return check_workflow({**DEFINITION, **more}, operators=OPERATORS).value


def sized(optimize: Any, **rest: Any) -> Any:
    """Check a run of that workflow, or without `optimize` its sweep."""
    study = {} if optimize is None else {"optimize": optimize}
    return check_run({"workflow": "w", **study, **rest}, workflows=Sized(), operators=OPERATORS)


def sweep(optimize: Any, **rest: Any) -> Sweep:
    """Return the sweep of a study that is right."""
    found = checked(optimize, **rest)
    assert found.value is not None, found.errors
    result: Sweep = found.value.sweep
    return result


def test_a_definition_says_what_is_best() -> None:
    """One objective, or several with a direction for each or for all."""
    several = {**SCORE, "objective": ["Train/score", "Train/took"]}
    one, all_alike = sweep(SCORE).study, sweep({**several, "direction": "maximize"}).study
    each = sweep({**several, "direction": ["maximize", "minimize"], "seed": 3, "sampler": "sobol"}).study
    assert one is not None
    assert all_alike is not None
    assert each is not None
    assert one.objectives == (Objective("Train", "score", Direction.MINIMIZE),)
    assert [objective.direction for objective in all_alike.objectives] == ["maximize", "maximize"]
    assert [(objective.output, objective.direction.value) for objective in each.objectives] == [
        ("Train/score", "maximize"),
        ("Train/took", "minimize"),
    ]
    assert (each.seed, each.sampler) == (3, Sampler.SOBOL)


@pytest.mark.parametrize(
    ("more", "count"),
    [
        ({"zip": [["rate", "size"]]}, 3),
        ({"where": "rate > 0.1"}, 6),
        ({"params": {}, "points": [{"rate": 0.5, "size": 1}, {"rate": 0.1, "size": 7}]}, 2),
        (
            {"params": {}, "union": [{"params": {"rate": {"values": [0.1, 0.2]}}}, {"params": {"size": {"value": 9}}}]},
            3,
        ),
    ],
)
def test_a_grid_tries_the_points_of_a_definition(more: Any, count: int) -> None:
    """However it says which ones; each has the number and the seed that it has in a sweep."""
    values = {"rate": {"values": [0.1, 0.2, 0.3]}, "size": {"values": [1, 2, 3]}}
    document = {"params": values, **more}
    grid = sized({"objective": "Train/score", "sampler": "grid"}, **document).value.sweep
    plain = sized(None, **document).value.sweep
    assert grid.points == count
    assert [grid.child(number) for number in range(count)] == [plain.child(number) for number in range(count)]
    assert grid.study is not None
    assert grid.study.trials == count


def test_cma_es_needs_ranges_and_one_objective() -> None:
    """What it can't do is told with a sampler that can."""
    (one,) = checked({**SCORE, "sampler": "cmaes"}).errors
    assert (one.path, "take 'tpe' for fewer" in one.message) == ("/optimize/sampler", True)
    two = {"rate": {"from": 0, "to": 1}, "size": {"from": 1, "to": 9}}
    assert sized({**SCORE, "sampler": "cmaes"}, params=two).value.sweep.budget == 20
    (several,) = sized({**SCORE, "objective": ["Train/score", "Train/took"], "sampler": "cmaes"}, params=two).errors
    assert "looks for the best value of one objective, found 2: take tpe, gp, nsga2" in several.message


@pytest.mark.parametrize("sampler", ["random", "lhs", "sobol"])
def test_trials_are_a_sample_of_the_ranges(sampler: str) -> None:
    """The points are those of a `sample`, so that numbers, labels and seeds are by the same rules."""
    study = sweep({**SCORE, "sampler": sampler, "seed": 5}, repeat=3)
    sample = {"workflow": "w", "params": RANGE, "repeat": 3, "sample": {"method": sampler, "n": 20, "seed": 5}}
    drawn = check_run(sample, workflows=Library(), operators=OPERATORS).value
    assert drawn is not None
    assert [study.child(number) for number in range(60)] == [drawn.sweep.child(number) for number in range(60)]
    assert study.size == study.budget == 60


def test_a_grid_tries_all_points() -> None:
    """A grid needs no number of trials, and refuses one that it can't keep."""
    values = {"rate": {"values": [1, 2, 3]}}
    grid = sweep({"objective": "Train/score", "sampler": "grid"}, params=values)
    assert grid.study is not None
    assert (grid.study.trials, grid.size) == (3, 3)
    (issue,) = checked({"objective": "Train/score", "sampler": "grid", "trials": 2}, params=values).errors
    assert (issue.path, issue.message) == (
        "/optimize/trials",
        "the grid has 3 points: expected at least as many trials, found 2",
    )


def test_an_objective_may_be_a_member_of_a_map() -> None:
    """It is named as its column is, and is stored with the run; of the map itself no value is best."""
    found = sweep({**SCORE, "objective": ["Train/errors.top.5", "Train/score"]}).study
    assert found is not None
    assert found.objectives[0] == Objective("Train", "errors", member="top.5")
    assert Study.from_json(found.to_json()) == found
    (issue,) = checked({**SCORE, "objective": "Train/errors"}).errors
    assert "name one of its members, Train/errors.KEY" in issue.message
    (issue,) = checked({**SCORE, "objective": "Train/nothing"}).errors
    assert "Train/took, Train/errors.KEY)" in issue.message


def test_studies_are_stored_exactly() -> None:
    """A definition is read back as it was, and says of the points what a definition may say again."""
    definition = checked({**SCORE, "direction": "maximize"}).value
    again = RunDefinition.from_text(definition.to_text())
    assert again.sweep == definition.sweep
    assert again.sweep.study == definition.sweep.study
    assert sweep(again.sweep.origin["optimize"]) == definition.sweep
    assert definition.sweep != sweep({**SCORE, "direction": "minimize"})


@pytest.mark.parametrize(
    ("optimize", "path", "said"),
    [
        (5, "/optimize", "expected 'objective' and 'trials' of a study (an object), found 5"),
        ({"trials": 3}, "/optimize", "expected 'objective', an output Node/port (or a list of them), found none"),
        ({"objective": "Train/score"}, "/optimize/trials", "expected a whole number, 2 to 10000, found none"),
        ({**SCORE, "trials": 1}, "/optimize/trials", "expected a whole number, 2 to 10000, found 1"),
        ({**SCORE, "trials": True}, "/optimize/trials", "expected a whole number, 2 to 10000, found true"),
        ({**SCORE, "objective": "Train/model"}, "/optimize/objective", "of type dataset"),
        ({**SCORE, "objective": ["Train/score", "Train/x"]}, "/optimize/objective/1", 'found "Train/x"'),
        ({**SCORE, "objective": ["Train/score"] * 2}, "/optimize/objective", "expected each output once"),
        ({**SCORE, "objective": []}, "/optimize/objective", "expected an output Node/port, or a list of them"),
        ({**SCORE, "direction": "up"}, "/optimize/direction", "expected one of minimize, maximize"),
        ({**SCORE, "direction": ["minimize"] * 2}, "/optimize/direction", "for each of 1 objectives"),
        ({**SCORE, "direction": [3]}, "/optimize/direction", "expected minimize or maximize for each objective"),
        ({**SCORE, "sampler": "bayes"}, "/optimize/sampler", "expected one of random"),
        ({**SCORE, "seed": "x"}, "/optimize/seed", "expected a seed"),
        ({**SCORE, "at_once": 0}, "/optimize/at_once", "expected a whole number, 1 to 10000, found 0"),
        ({**SCORE, "budget": 3}, "/optimize/budget", "'budget' is no key of 'optimize'"),
    ],
)
def test_mistakes_are_told(optimize: Any, path: str, said: str) -> None:
    """Each says where it is, what was expected and what was found."""
    found = checked(optimize)
    assert found.value is None
    assert [issue.path for issue in found.errors] == [path]
    assert said in found.errors[0].message


@pytest.mark.parametrize(
    ("rest", "path", "said"),
    [
        ({"params": {}}, "/params", "expected a parameter with several values, or a range"),
        ({"params": {"rate": {"values": [1, 2]}}}, "/optimize/trials", "there are 2 points only"),
        ({"where": "rate < 1"}, "/where", "take the sampler 'grid', or have the operator refuse them (BadInputError)"),
        ({"points": [{"rate": 1}]}, "/points", "to try these points, take the sampler 'grid'"),
        (
            {"repeat": {"until": {"output": "Train/score", "ci95": 1}, "max": 5}},
            "/repeat/until",
            "can't stand beside 'optimize'",
        ),
    ],
)
def test_what_does_not_go_with_a_study_is_told(rest: dict[str, Any], path: str, said: str) -> None:
    """A sampler alone says which points there are, and repetitions are averaged."""
    found = checked(SCORE, **rest)
    assert found.value is None
    assert [(issue.path, said in issue.message) for issue in found.errors] == [(path, True)]


def test_the_command_line_gives_ranges_to_samplers_whole() -> None:
    """A range without a step is continuous where points are drawn; a grid needs steps."""
    types = {"rate": OPERATORS["Train"].inputs[0].type}
    changed = with_overrides({"workflow": "w"}, params=[("rate", "0..1")], types=types, sweep={"optimize": SCORE})
    assert changed["params"] == {"rate": {"from": "0", "to": "1"}}
    assert check_run(changed, workflows=Library(), operators=OPERATORS).errors == ()


def test_the_best_trial_is_the_earliest_of_equal_ones() -> None:
    """The smallest value wins, or the largest, as the direction says."""
    trials = [TrialValues(0, (2.0,)), TrialValues(1, (1.0,)), TrialValues(2, (1.0,)), TrialValues(3, (2.0,))]
    assert best_trials([Objective("A", "x")], trials) == [trials[1]]
    assert best_trials([Objective("A", "x", Direction.MAXIMIZE)], trials) == [trials[0]]
    assert best_trials([Objective("A", "x")], []) == []


def test_of_several_objectives_those_are_best_that_no_other_beats() -> None:
    """The front holds for every trial: each one is on it, or is covered by one that is."""
    objectives = [Objective("A", "x"), Objective("A", "y", Direction.MAXIMIZE)]
    trials = [TrialValues(at, (float(at * 7 % 10), float(at * 3 % 7))) for at in range(40)]
    front = best_trials(objectives, trials)
    losses = {each.trial: (each.values[0], -each.values[1]) for each in trials}
    for each in trials:
        beaten = [
            other
            for other in trials
            if losses[other.trial] != losses[each.trial]
            and all(ours <= theirs for ours, theirs in zip(losses[other.trial], losses[each.trial], strict=True))
        ]
        is_copy = any(losses[other.trial] == losses[each.trial] and other.trial < each.trial for other in trials)
        assert (each in front) is (not beaten and not is_copy)
    assert [each.values[0] for each in front] == sorted(each.values[0] for each in front)


def test_a_study_says_itself_exactly() -> None:
    """What `to_json` says is read back as the same."""
    study = Study(
        objectives=(Objective("A", "x", Direction.MAXIMIZE),), trials=7, sampler=Sampler.LHS, seed=-3, at_once=2
    )
    assert Study.from_json(study.to_json()) == study
