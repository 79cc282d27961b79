"""The context of an execution: randomness, folder, and what an operator says."""

from pathlib import Path

import numpy as np
import pytest

from accio import NotUnstableError, OperatorContext


class Heard:
    """Sinks that record."""

    def __init__(self) -> None:
        self.said: list[object] = []

    def log(self, text: str) -> None:
        self.said.append(text)

    def progress(self, fraction: float) -> None:
        self.said.append(fraction)


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
    assert heard.said == ["{'a': 1}", 0.5, 1.0]
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
