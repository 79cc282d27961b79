"""How studies look on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accio_client.cli.text import printable, shown_value

if TYPE_CHECKING:
    from collections.abc import Callable

    from accio_client.cli.session import Session
    from accio_client.sync import Client
    from accio_client.views import ObjectiveView, RunView, StudyView, TrialView

    ReadStudy = Callable[[str], StudyView | None]

_SHOWN_BEST = 10
_SHOWN_SO_FAR = 3
_UNITS = {"distance": " m", "duration": " ms"}


def study_facts(run: RunView, study: StudyView) -> list[tuple[str, object]]:
    """Return what a study looks for, how far it is, and its best trials."""
    told = run.sweep.get("optimize", {})
    ended = study.complete + study.failed + study.pruned
    trials = f"{ended} of {study.trials} ended"
    trials += f", {study.pruned} of them early" if study.pruned else ""
    trials += f", {study.failed} without a value" if study.failed else ""
    facts: list[tuple[str, object]] = [
        ("optimize", ", ".join(f"{each.direction} {each.output}" for each in study.objectives)),
        ("sampler", f"{told.get('sampler', '')}, seed {told.get('seed', 0)}"),
        ("trials", trials),
    ]
    for at, trial in enumerate(study.best[:_SHOWN_BEST]):
        name = "best" if len(study.objectives) == 1 else f"best {at + 1}"
        facts.append((name, trial_line(run, study.objectives, trial)))
    if len(study.best) > _SHOWN_BEST:
        facts.append(("", f"and {len(study.best) - _SHOWN_BEST} more that no other trial beats; --json has all"))
    return facts


def best_lines(run: RunView, study: StudyView) -> list[str]:
    """Return a line for each of the best trials, as far as they are shown."""
    return [f"best: {trial_line(run, study.objectives, trial)}" for trial in study.best[:_SHOWN_BEST]]


def reading(client: Client) -> ReadStudy:
    """Return what reads how far a study is."""
    return lambda run: client.get_run(run, nodes=False).study


def tell_best(session: Session, client: Client, ended: RunView) -> None:
    """Say what was best of a study that has ended; nothing of another run."""
    if "optimize" in ended.sweep and (study := client.get_run(ended.id, nodes=False).study) is not None:
        for line in best_lines(ended, study) or no_value_lines(client, ended, study):
            session.say(line)


def no_value_lines(client: Client, run: RunView, study: StudyView) -> list[str]:
    """Return why no trial of a study that has ended has a value, where it tried any."""
    if not study.failed:
        return []
    from accio_client.selected import no_such_member  # it loads NumPy

    head = client.column_head(run.id)
    wrong = [found for each in study.objectives if (found := no_such_member(head, each.output)) is not None]
    return [f"no trial has a value: {why}" for why in wrong or [f"accio failures {run.id} tells what failed"]]


def so_far_lines(run: RunView, study: StudyView) -> list[str]:
    """Return the best trials so far, a line each, for those who follow a study; none before a trial has its value."""
    lines = [
        printable(f"best so far: {trial_line(run, study.objectives, trial)}") for trial in study.best[:_SHOWN_SO_FAR]
    ]
    more = len(study.best) - len(lines)
    return [*lines, *([f"… and {more} more that no other trial beats"] if more else [])]


def trial_line(run: RunView, objectives: tuple[ObjectiveView, ...], trial: TrialView) -> str:
    """Return a trial on one line: what it gave, its parameters, and where it stands."""
    gave = ", ".join(
        f"{each.output} = {value:.6g}{_UNITS.get(each.type, '')}"
        for each, value in zip(objectives, trial.values, strict=True)
    )
    params = " ".join(f"{name}={shown_value(param.value)}" for name, param in trial.params.items())
    first, last = trial.children[0], trial.children[-1]
    where = f"{run.id}.{first}" if first == last else f"mean of {run.id}.{first} to .{last}"
    return f"{gave} with {params} ({where})"
