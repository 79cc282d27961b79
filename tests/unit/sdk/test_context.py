"""The context of an execution: randomness, folder, and what an operator says."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from accio import NotUnstableError, OperatorContext
from accio.domain.series import MOST_SERIES, Series


class Heard:
    """Sinks that record."""

    def __init__(self) -> None:
        self.said: list[object] = []

    def log(self, text: str) -> None:
        self.said.append(text)

    def progress(self, fraction: float) -> None:
        self.said.append(fraction)

    def measured(self, name: str, series: Mapping[str, Series]) -> None:
        self.said.append((name, series[name].points()[-1].value))


@pytest.mark.parametrize("asked", ["seed", "random", "rng"])
def test_stable_operators_get_no_randomness(tmp_path: Path, asked: str) -> None:
    """An operator not declared unstable that asks for its seed fails with a message that says how to declare it."""
    with pytest.raises(NotUnstableError, match="unstable=True"):
        getattr(OperatorContext.for_testing(folder=tmp_path), asked)


def test_generators_follow_the_seed(tmp_path: Path) -> None:
    """The same seed draws the same numbers, each generator goes on where it was, and the sign of a seed counts."""
    one, two, minus = (OperatorContext.for_testing(seed=seed, folder=tmp_path) for seed in (5, 5, -5))
    assert one.random is one.random
    assert one.rng is one.rng
    draws = [(ctx.random.random(), ctx.rng.random()) for ctx in (one, two, minus)]
    assert draws[0] == draws[1]
    assert draws[0][0] != draws[2][0]
    assert draws[0][1] != draws[2][1]


def test_published_draws(tmp_path: Path) -> None:
    """What seed 42 draws is fixed: cached results rest on it."""
    ctx = OperatorContext.for_testing(seed=42, folder=tmp_path)
    assert ctx.random.random() == 0.6394267984578837
    assert ctx.rng.random() == np.random.Generator(np.random.PCG64(42)).random() == 0.7739560485559633


def test_datasets_are_new_empty_folders(tmp_path: Path) -> None:
    """Each call gives another folder, even for the same name; a name is no path."""
    ctx = OperatorContext.for_testing(folder=tmp_path)
    first, second = ctx.dataset("data"), ctx.dataset("data")
    assert first.path != second.path
    assert [list(data.path.iterdir()) for data in (first, second)] == [[], []]
    for name in ("", "..", "a/b"):
        with pytest.raises(ValueError, match="name"):
            ctx.dataset(name)


def test_messages_progress_and_metrics(tmp_path: Path) -> None:
    """Messages become text, progress is clipped to 0 to 1, the last value of a metric counts."""
    heard = Heard()
    ctx = OperatorContext.for_testing(folder=tmp_path, sinks=heard)
    ctx.log({"a": 1})
    ctx.progress(0.5)
    ctx.progress(7)
    ctx.metric("loss", 2)
    ctx.metric("loss", 1)
    assert heard.said == ["{'a': 1}", ("progress", 0.5), 0.5, ("progress", 1.0), 1.0]
    assert dict(ctx.metrics) == {"loss": 1.0}
    with pytest.raises(ValueError, match="metric"):
        ctx.metric("a b", 1)
    with pytest.raises(ValueError, match="another name"):
        ctx.metric("peak_memory", 1)


def test_a_context_for_tests_goes_on_from_a_checkpoint(tmp_path: Path) -> None:
    """What is saved in one context is in the folder of the next one; what isn't, is not."""
    saved = tmp_path / "saved"
    first = OperatorContext.for_testing(checkpoint=saved)
    assert first.checkpoint is first.checkpoint
    assert first.checkpoint.attempt == 0
    (first.checkpoint / "step").write_text("1", encoding="utf-8")
    first.checkpoint.save()
    (first.checkpoint / "step").write_text("2", encoding="utf-8")
    first.checkpoint.save()
    (first.checkpoint / "step").write_text("3", encoding="utf-8")
    second = OperatorContext.for_testing(checkpoint=saved)
    assert Path(second.checkpoint) == second.checkpoint.folder
    assert second.checkpoint.attempt == 1
    assert (second.checkpoint / "step").read_text(encoding="utf-8") == "2"


def test_metrics_with_steps_are_series(tmp_path: Path) -> None:
    """All values of a name are kept with their steps, the last one is the metric; progress is a series of its own."""
    heard = Heard()
    ctx = OperatorContext.for_testing(folder=tmp_path, sinks=heard)
    for step in range(3):
        ctx.metric("loss", 1 / (step + 1), step=step)
    ctx.metric("plain", 4)
    ctx.progress(0.25)
    assert dict(ctx.metrics) == {"loss": 1 / 3, "plain": 4.0}
    assert {name: [(p.step, p.value) for p in series.points()] for name, series in ctx.series.items()} == {
        "loss": [(0, 1.0), (1, 0.5), (2, 1 / 3)],
        "progress": [(0, 0.25)],
    }
    assert ("loss", 0.5) in heard.said
    with pytest.raises(ValueError, match="whole number"):
        ctx.metric("loss", 1, step=0.5)  # type: ignore[arg-type]  # as users may
    with pytest.raises(ValueError, match=r"ctx\.progress"):
        ctx.metric("progress", 1, step=1)


def test_no_more_than_so_many_series_are_kept(tmp_path: Path) -> None:
    """Series beyond the limit are left out, which is said once; their last values are metrics all the same."""
    heard = Heard()
    ctx = OperatorContext.for_testing(folder=tmp_path, sinks=heard)
    for number in range(MOST_SERIES + 2):
        ctx.metric(f"m{number}", number, step=0)
    assert len(ctx.series) == MOST_SERIES
    assert len(ctx.metrics) == MOST_SERIES + 2
    assert [said for said in heard.said if isinstance(said, str)] == [
        f"accio: series beyond the first {MOST_SERIES} are not kept: m{MOST_SERIES}"
    ]
