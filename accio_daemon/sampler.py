"""`python -m accio_daemon.sampler`: a process that answers which point a study tries next.

Samplers are Optuna's, and CMA-ES. It reads questions, a line of JSON each, and prints an answer for each. A question
holds all that is known of the study: nothing is kept between two of them, so an answer depends on its question alone.
Parameters are told by their places on their axes; an axis is ordered (a range) or a choice (listed values). The process
ends with its input.
"""

import json
import math
import os
import random
import signal
import sys
import warnings
from hashlib import blake2b
from importlib import import_module
from typing import Any

_CONTINUOUS = 10_000
"""Places of a range from which on it counts as continuous."""


_SIGMA = 1 / 6
"""How wide CMA-ES begins, as a share of each range."""

_LEAST_POPULATION, _POPULATION = 8, 50
"""Trials of a generation: a fifth of the study's, within these."""


def choose(question: dict[str, Any]) -> list[int]:
    """Return the places of the trial that is asked for; ImportError where what the sampler needs isn't installed."""
    if question["sampler"] == "cmaes":
        return _by_cmaes(question)
    optuna = import_module("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(directions=question["directions"], sampler=_sampler(optuna, question))
    space = {f"p{at}": _distribution(optuna, *axis) for at, axis in enumerate(question["axes"])}
    told = dict(question["told"])
    generations = _generations(question)
    for trial, row in enumerate(question["rows"]):
        ended = (trial in told, told.get(trial))
        study.add_trial(_trial(optuna, space, question["axes"], row, ended, generations.get(trial, {})))
    asked = study.ask(space)
    return [_place(size, is_range, asked.params[f"p{at}"]) for at, (size, is_range) in enumerate(question["axes"])]


def _seed(question: dict[str, Any]) -> int:
    """Return the seed of one trial, whose randomness is its own."""
    told = f"{question['sampler']}:{question['seed']}:{question['trial']}".encode()
    return int.from_bytes(blake2b(told, digest_size=4).digest(), "big")


def _sampler(optuna: Any, question: dict[str, Any]) -> Any:
    """Make the sampler of one trial."""
    samplers, seed = optuna.samplers, _seed(question)
    match question["sampler"]:
        case "gp":
            return samplers.GPSampler(seed=seed, n_startup_trials=0)
        case "nsga2":
            return samplers.NSGAIISampler(seed=seed, population_size=_population(question))
        case _:
            return samplers.TPESampler(seed=seed, n_startup_trials=0, constant_liar=question["at_once"] > 1)


def _population(question: dict[str, Any]) -> int:
    return max(_LEAST_POPULATION, min(_POPULATION, int(question["trials"]) // 5))


def _generations(question: dict[str, Any]) -> dict[int, dict[str, int]]:
    """Return what a genetic sampler notes of each trial that gave values: its generation, by the order of their ends.

    So it follows from what is known of the study, as everything else does.
    """
    if question["sampler"] != "nsga2":
        return {}
    population = _population(question)
    complete = [trial for trial, values in question["told"] if values]
    return {trial: {"NSGAIISampler:generation": at // population} for at, trial in enumerate(complete)}


def _by_cmaes(question: dict[str, Any]) -> list[int]:
    """Choose by the covariance matrix adaptation evolution strategy, on the ranges; choices are drawn.

    Its distribution follows from what trials gave, a generation after the other in the order of their ends; what it
    draws alone is random.
    """
    cmaes, numpy = import_module("cmaes"), import_module("numpy")
    axes, seed = question["axes"], _seed(question)
    ranges = [at for at, (_, is_range) in enumerate(axes) if is_range]
    sign = -1.0 if question["directions"][0] == "maximize" else 1.0

    def begun() -> Any:
        bounds = numpy.array([[0.0, 1.0]] * len(ranges))
        return cmaes.CMA(mean=numpy.full(len(ranges), 0.5), sigma=_SIGMA, bounds=bounds, seed=seed)

    strategy = begun()
    rows = question["rows"]
    known = [
        (numpy.array([(rows[trial][at] + 0.5) / axes[at][0] for at in ranges]), sign * values[0])
        for trial, values in question["told"]
        if values and math.isfinite(values[0])
    ]
    for at in range(0, len(known) - strategy.population_size + 1, strategy.population_size):
        strategy.tell(known[at : at + strategy.population_size])
        if strategy.should_stop():  # it has narrowed to a point: what is left of the trials looks elsewhere
            strategy = begun()
    drawn = random.Random(seed)  # noqa: S311 - an experiment's points are no secret
    row = [drawn.randrange(size) for size, _ in axes]
    for at, share in zip(ranges, strategy.ask(), strict=True):
        row[at] = min(int(float(share) * axes[at][0]), axes[at][0] - 1)
    return row


def _distribution(optuna: Any, size: int, is_range: bool) -> Any:
    if not is_range:
        return optuna.distributions.CategoricalDistribution(list(range(size)))
    if size > _CONTINUOUS:
        return optuna.distributions.FloatDistribution(0.0, 1.0)
    return optuna.distributions.IntDistribution(0, size - 1)


def _place(size: int, is_range: bool, value: Any) -> int:
    return min(int(value * size), size - 1) if is_range and size > _CONTINUOUS else int(value)


def _trial(
    optuna: Any, space: dict[str, Any], axes: list[Any], row: list[int], ended: tuple[bool, Any], noted: dict[str, int]
) -> Any:
    """Return a trial as Optuna keeps it: running, complete with its values, or failed if it has none."""
    over, values = ended
    state = optuna.trial.TrialState.COMPLETE if values else optuna.trial.TrialState.FAIL
    params = {
        f"p{at}": (place + 0.5) / size if is_range and size > _CONTINUOUS else place
        for at, ((size, is_range), place) in enumerate(zip(axes, row, strict=True))
    }
    return optuna.trial.create_trial(
        state=state if over else optuna.trial.TrialState.RUNNING,
        params=params,
        distributions=space,
        values=values,
        system_attrs=noted,
    )


def main() -> None:
    """Answer until the input ends; Ctrl-C in a terminal is the daemon's business, whose end is the input's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.simplefilter("ignore")  # that a sampler is experimental is nothing to tell of each trial
    for line in sys.stdin:
        try:
            answer: dict[str, Any] = {"row": choose(json.loads(line))}
        except ImportError as error:
            answer = {"error": f"what the sampler needs can't be loaded beside the daemon: {error}"}
        except Exception as error:  # noqa: BLE001 - whatever a sampler does, the daemon is told
            answer = {"error": f"{type(error).__name__}: {error}"}
        try:
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()
        except BrokenPipeError:  # the daemon was killed: the next one asks again
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else the interpreter's end complains
            return


if __name__ == "__main__":
    main()
