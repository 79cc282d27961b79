"""Which providers there are: those that come along, and those of other packages."""

from pathlib import Path

import pytest

from accio.domain.pools import PoolSpec
from accio.domain.resources import Resources
from accio.errors import FailedPrecondition
from accio_pool.config import PoolConfig
from accio_pool.providers import GROUP, kinds

POOL = PoolConfig(spec=PoolSpec(name="c", provider="cloud", host=Resources(), walltime=None, maximum=1))


def install(folder: Path, **points: str) -> None:
    """Put a distribution there that has these entry points, and a module `clouds`."""
    about = folder / "clouds-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: clouds\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        f"[{GROUP}]\n" + "".join(f"{name} = {value}\n" for name, value in points.items())
    )
    (folder / "clouds.py").write_text(
        "class Cloud:\n    def __init__(self, pool, folder):\n        self.name = pool.spec.name, folder\n"
    )


def test_another_package_brings_a_provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry point names what makes a provider of a pool and a folder; what comes along isn't replaced."""
    install(tmp_path, cloud="clouds:Cloud", slurm="clouds:Cloud")
    monkeypatch.syspath_prepend(str(tmp_path))
    found = kinds()
    assert set(found) == {"local", "slurm", "sge", "pbs", "ssh", "kubernetes", "cloud"}
    made = found["cloud"].make(POOL, tmp_path)
    assert vars(made)["name"] == ("c", tmp_path)
    assert found["slurm"].hosts_end


def test_a_provider_that_cannot_be_made_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another package raises becomes a sentence with its name."""
    install(tmp_path, cloud="clouds:Nothing")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(
        FailedPrecondition, match=r"the provider cloud \(clouds:Nothing\) can't be used: AttributeError"
    ):
        kinds()["cloud"].make(POOL, tmp_path)
