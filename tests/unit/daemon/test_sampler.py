"""The process of samplers: an answer depends on its question alone, and what goes wrong is told."""

import importlib.util
import os
import subprocess
from typing import Any

import pytest

from accio.interpreter import python
from accio_daemon.sampler import choose

pytest.importorskip("optuna", reason="the samplers under test are an extra")
pytest.importorskip("cmaes", reason="the samplers under test are an extra")
SAMPLERS = ["tpe", "cmaes", "nsga2"]

AXES = [[1_000_000_001, True], [7, True], [3, False]]


def loss(row: list[int]) -> float:
    """Return how far a row is from the best one."""
    return (row[0] / 1e9 - 0.3) ** 2 + (row[1] - 2) ** 2 / 10 + (row[2] != 1)


def question(trials: int, **more: Any) -> dict[str, Any]:
    """Return a question that knows so many trials, all of which have ended."""
    rows = [[at * 87_654_321 % AXES[0][0], at * 3 % 7, at % 3] for at in range(trials)]
    return {
        "sampler": "tpe",
        "seed": 1,
        "trial": trials,
        "trials": 60,
        "at_once": 2,
        "directions": ["minimize"],
        "axes": AXES,
        "rows": rows,
        "told": [[at, [loss(row)]] for at, row in enumerate(rows)],
    } | more


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_same_question_has_the_same_answer(sampler: str) -> None:
    """Whatever was asked in between; another seed has another one."""
    first = choose(question(30, sampler=sampler))
    choose(question(31, sampler=sampler))
    assert choose(question(30, sampler=sampler)) == first
    assert len({tuple(choose(question(30, sampler=sampler, seed=seed))) for seed in range(5)}) > 1


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_answers_are_places_on_the_axes(sampler: str) -> None:
    """Also while trials run, and where some gave no value."""
    asked = question(30, sampler=sampler)
    asked["told"] = [[at, None if at % 5 == 0 else values] for at, values in asked["told"][:25]]
    row = choose(asked)
    assert all(0 <= place < size for place, (size, _) in zip(row, AXES, strict=True))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_it_learns(sampler: str) -> None:
    """After some trials it chooses better ones than chance would."""
    asked = question(15, sampler=sampler)
    for trial in range(15, 90 if sampler == "nsga2" else 60):
        row = choose(asked)
        asked["rows"].append(row)
        asked["told"].append([trial, [loss(row)]])
        asked["trial"] = trial + 1
    losses = [values[0] for _, values in asked["told"]]
    assert sorted(losses[-15:])[7] < sorted(losses[:15])[7]


def test_several_objectives_are_weighed() -> None:
    """Each trial has a value of each."""
    asked = question(20, directions=["minimize", "maximize"])
    asked["told"] = [[at, [values[0], float(at)]] for at, values in asked["told"]]
    assert len(choose(asked)) == 3


def test_cma_es_looks_for_the_largest_value_too() -> None:
    """What it is told is turned round."""
    asked = question(60, sampler="cmaes", directions=["maximize"])
    turned = [[trial, [-values[0]]] for trial, values in asked["told"]]
    assert choose(asked | {"told": turned}) == choose(question(60, sampler="cmaes"))
    assert choose(asked) != choose(question(60, sampler="cmaes"))


@pytest.mark.parametrize("sampler", ["tpe", "nsga2"])
def test_several_objectives(sampler: str) -> None:
    """The trials that are told have a value for each."""
    asked = question(40, sampler=sampler, directions=["minimize", "maximize"])
    asked["told"] = [[trial, [values[0], float(trial)]] for trial, values in asked["told"]]
    row = choose(asked)
    assert all(0 <= place < size for place, (size, _) in zip(row, AXES, strict=True))


def test_what_a_sampler_needs_and_has_not_is_told() -> None:
    """Gaussian processes need more than is installed here, or answer."""
    if importlib.util.find_spec("torch") is None:
        with pytest.raises(ImportError, match="torch"):
            choose(question(20, sampler="gp"))
    else:
        assert len(choose(question(20, sampler="gp"))) == len(AXES)


def test_nobody_hears_the_answer() -> None:
    """A daemon that was killed while it waited for an answer has no traceback in its log."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as nobody:
        done = subprocess.run(
            python("accio_daemon.sampler"),
            input=b"{}\n",
            stdout=nobody,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, b"")
