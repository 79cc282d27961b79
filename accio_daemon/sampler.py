"""`python -m accio_daemon.sampler`: a process that answers which point a study tries next, by Optuna's samplers.

It reads questions, a line of JSON each, and prints an answer for each. A question holds all that is known of the study:
nothing is kept between two of them, so an answer depends on its question alone. Parameters are told by their places on
their axes; an axis is ordered (a range) or a choice (listed values). The process ends with its input.
"""

import json
import signal
import sys
import warnings
from hashlib import blake2b
from importlib import import_module
from typing import Any

_CONTINUOUS = 10_000
"""Places of a range from which on it counts as continuous."""


def choose(question: dict[str, Any]) -> list[int]:
    """Return the places of the trial that is asked for; ImportError where Optuna isn't installed."""
    optuna = import_module("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(directions=question["directions"], sampler=_sampler(optuna, question))
    space = {f"p{at}": _distribution(optuna, *axis) for at, axis in enumerate(question["axes"])}
    told = dict(question["told"])
    for trial, row in enumerate(question["rows"]):
        study.add_trial(_trial(optuna, space, question["axes"], row, (trial in told, told.get(trial))))
    asked = study.ask(space)
    return [_place(size, is_range, asked.params[f"p{at}"]) for at, (size, is_range) in enumerate(question["axes"])]


def _sampler(optuna: Any, question: dict[str, Any]) -> Any:
    """Make the sampler of one trial, whose randomness is the trial's own."""
    told = f"{question['sampler']}:{question['seed']}:{question['trial']}".encode()
    seed = int.from_bytes(blake2b(told, digest_size=4).digest(), "big")
    return optuna.samplers.TPESampler(seed=seed, n_startup_trials=0, constant_liar=question["at_once"] > 1)


def _distribution(optuna: Any, size: int, is_range: bool) -> Any:
    if not is_range:
        return optuna.distributions.CategoricalDistribution(list(range(size)))
    if size > _CONTINUOUS:
        return optuna.distributions.FloatDistribution(0.0, 1.0)
    return optuna.distributions.IntDistribution(0, size - 1)


def _place(size: int, is_range: bool, value: Any) -> int:
    return min(int(value * size), size - 1) if is_range and size > _CONTINUOUS else int(value)


def _trial(optuna: Any, space: dict[str, Any], axes: list[Any], row: list[int], ended: tuple[bool, Any]) -> Any:
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
    )


def main() -> None:
    """Answer until the input ends; Ctrl-C in a terminal is the daemon's business, whose end is the input's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.simplefilter("ignore")  # that a sampler is experimental is nothing to tell of each trial
    for line in sys.stdin:
        try:
            answer: dict[str, Any] = {"row": choose(json.loads(line))}
        except ImportError as error:
            answer = {"error": f"Optuna can't be loaded beside the daemon: {error}"}
        except Exception as error:  # noqa: BLE001 - whatever a sampler does, the daemon is told
            answer = {"error": f"{type(error).__name__}: {error}"}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
