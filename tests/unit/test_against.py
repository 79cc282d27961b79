"""Benchmarks of two commits by turns: what `scripts/bench --against` compares."""

import ast
import json
import subprocess
from pathlib import Path

import pytest

from tests.benchmarks.against import Compared, Tree, compare, heading, lay_out

MEASURE = """
import json, os, sys
from pathlib import Path
row, file = sys.argv[sys.argv.index("--only") + 1], sys.argv[sys.argv.index("--json") + 1]
with Path(os.environ["TURNS"]).open("a") as turns:
    print("{name}", row, *sys.argv[7:], file=turns)
if row in {rows}:
    Path(file).write_text(json.dumps({{"rows": [{{"measured": {value}}}]}}))
sys.exit(1)  # not enough was reached, which is no matter here
"""


def _commit(repository: Path, name: str, value: float, rows: tuple[str, ...]) -> None:
    (repository / "tests/benchmarks").mkdir(parents=True, exist_ok=True)
    (repository / "tests/benchmarks/__init__.py").touch()
    (repository / "scripts").mkdir(exist_ok=True)
    program = MEASURE.format(name=name, value=value, rows=rows)
    announced = f'[project]\nname = "{name}"\n[project.entry-points."accio.operators"]\nfirst = "operators_of_{name}"\n'
    (repository / "pyproject.toml").write_text(announced, "utf-8")
    (repository / "tests/benchmarks/__main__.py").write_text(program, "utf-8")
    (repository / "scripts/protos.py").write_text("open('generated', 'w').close()", "utf-8")
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    for command in (("add", "."), (*identity, "commit", "-q", "-m", name), ("tag", name)):
        subprocess.run(["git", *command], cwd=repository, check=True)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a repository of two commits whose rows give 30 and 20; only the later one has the row `new`."""
    made = tmp_path / "repository"
    made.mkdir()
    subprocess.run(["git", "init", "-q"], cwd=made, check=True)
    _commit(made, "old", 30, ("fan",))
    _commit(made, "now", 20, ("fan", "new"))
    monkeypatch.setenv("TURNS", str(tmp_path / "turns"))
    return made


def test_commits_take_turns(repository: Path, tmp_path: Path) -> None:
    """Each commit is measured by its own benchmarks, the contract generated before; who is first changes."""
    old = lay_out("old", tmp_path / "there", repository)
    assert (old.root / "generated").exists()
    here = Tree(name="here", root=repository, cache=tmp_path / "here.cache")
    file = tmp_path / "measured.json"
    rows = [("fan", "nodes/s"), ("new", "ms")]
    fan, new = compare(here, old, rows, turns=3, options=["--quick"], file=file)
    assert (fan.here, fan.there) == ([20.0] * 3, [30.0] * 3)
    assert fan.ratios == pytest.approx([2 / 3] * 3)
    assert (new.here, new.ratios) == ([], []), "only one of them has it"
    measured = (tmp_path / "turns").read_text("utf-8").splitlines()
    assert [line.split()[0] for line in measured] == ["now", "old", "old", "now", "now", "old", "now", "old"]
    assert all(line.endswith("--quick") for line in measured)


def test_a_commit_announces_its_own_operators(repository: Path, tmp_path: Path) -> None:
    """It does so in the place of the commit that is installed, by its name; with a cache that no other commit has."""
    tree = lay_out("old", tmp_path / "there", repository)
    tree.run(
        "-c",
        "import importlib.metadata as m, os, pathlib\n"
        "points = [(each.value, each.dist.name) for each in m.entry_points(group='accio.operators')]\n"
        "pathlib.Path('announced').write_text(repr((points, os.environ['XDG_CACHE_HOME'])))",
    )
    points, cache = ast.literal_eval((tree.root / "announced").read_text("utf-8"))
    assert ("operators_of_old", "now") in points, "the name is that of the commit that compares"
    assert cache == str(tree.cache)
    assert tree.cache != tree.root


def test_the_table_tells_ratio_and_spread() -> None:
    """A line has the medians, the median of the ratios, and how far these lie apart; lines fit on a terminal."""
    line = Compared(row="fan10k", unit="nodes/s", here=[12000, 9000, 11000], there=[6000, 9000, 5000]).told()
    assert line.split() == ["fan10k", "11,000", "6,000", "2.00", "(1.00", "to", "2.20)", "nodes/s"]
    tree = Tree(name="2ab4a36", root=Path(), cache=Path("cache"))
    assert max(len(line), len(heading(tree, tree))) <= 80
    alone = Compared(row="p50", unit="ms")
    assert "only one of the commits" in alone.told()
    assert json.loads(json.dumps(alone.to_json()))["ratios"] == []


def test_an_unknown_commit_is_refused(repository: Path, tmp_path: Path) -> None:
    """A commit that isn't there leaves no folder behind."""
    with pytest.raises(subprocess.CalledProcessError):
        lay_out("nowhere", tmp_path / "there", repository)
    assert not (tmp_path / "there").exists()
