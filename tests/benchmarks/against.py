"""Another commit beside this one: the rows of both by turns (A B A B), and the ratio of each turn.

What a shared machine does meanwhile changes absolute figures, and a ratio of neighbours little. The other commit is
laid out in a folder of its own, with the contract that its protos say, and announces the operators that it announces
where it is installed. Each commit is measured by its own benchmarks, in processes of its own, with the interpreter and
the packages of this one.
"""

import json
import os
import statistics
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A commit that is laid out in a folder."""

    name: str
    root: Path

    cache: Path
    """What its agents keep for all of a user's agents: two commits of one interpreter would take it from each other."""

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables by which its modules are found, and nothing that another commit has left."""
        return {**os.environ, "PYTHONPATH": str(self.root), "XDG_CACHE_HOME": str(self.cache)}

    def run(self, *command: str) -> None:
        """Run Python in it; CalledProcessError if that fails."""
        subprocess.run([sys.executable, *command], cwd=self.root, env=self.environment, check=True, stdout=sys.stderr)

    def measure(self, row: str, options: Sequence[str], file: Path) -> float | None:
        """Measure a row once; None if this commit has none of that name, or can't measure it."""
        command = [sys.executable, "-m", "tests.benchmarks", "--only", row, "--repeat", "1", "--json", str(file)]
        file.unlink(missing_ok=True)
        # Its exit code says whether enough was reached, which isn't asked here.
        subprocess.run(
            [*command, *options], cwd=self.root, env=self.environment, check=False, stdout=subprocess.DEVNULL
        )
        found = json.loads(file.read_text("utf-8"))["rows"] if file.exists() else []
        value = float(found[0]["measured"]) if found else float("nan")
        return None if value != value else value


@dataclass(slots=True, kw_only=True)
class Compared:
    """A row of both commits, turn by turn; a turn counts if both could measure it."""

    row: str
    unit: str
    here: list[float] = field(default_factory=list)
    there: list[float] = field(default_factory=list)

    @property
    def ratios(self) -> list[float]:
        """This commit's value over the other's, of each turn."""
        return [here / there for here, there in zip(self.here, self.there, strict=True) if there]

    def to_json(self) -> dict[str, Any]:
        """Return everything that was measured."""
        return {"row": self.row, "unit": self.unit, "here": self.here, "there": self.there, "ratios": self.ratios}

    def told(self) -> str:
        """Return a line of the table."""
        ratios = self.ratios
        if not ratios:
            return f"{self.row:<14}{'only one of the commits measures it':>40}"
        here, there = statistics.median(self.here), statistics.median(self.there)
        spread = f"({min(ratios):.2f} to {max(ratios):.2f})"
        return f"{self.row:<14}{here:>14,.6g}{there:>14,.6g}{statistics.median(ratios):>8.2f} {spread:<18}{self.unit}"


def lay_out(commit: str, folder: Path, repository: Path = HERE) -> Tree:
    """Lay a commit out in a new folder; CalledProcessError, after git has said why, if there is no such commit."""
    named = ["git", "rev-parse", "--short", "--verify", f"{commit}^{{commit}}"]
    name = subprocess.run(named, cwd=repository, capture_output=False, stdout=subprocess.PIPE, text=True, check=True)
    folder.mkdir(parents=True)
    archive = subprocess.run(["git", "archive", commit], cwd=repository, stdout=subprocess.PIPE, check=True)
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)
    tree = Tree(name=name.stdout.strip(), root=folder, cache=folder.with_name(f"{folder.name}.cache"))
    tree.run("scripts/protos.py")
    _announce(folder, repository)
    return tree


def _announce(folder: Path, repository: Path) -> None:
    """Lay the metadata of a distribution beside a commit: those of this environment announce what this commit has.

    It has the name by which this environment knows Accio, whatever the commit's own: so it is found in its place.
    """
    name = _project(repository)["name"]
    made = folder / f"{name.replace('-', '_')}-0.dist-info"
    made.mkdir()
    (made / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0\n", "utf-8")
    lines = []
    for group, points in _project(folder).get("entry-points", {}).items():
        lines += [f"[{group}]", *(f"{point} = {value}" for point, value in points.items())]
    (made / "entry_points.txt").write_text("\n".join(lines) + "\n", "utf-8")


def _project(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    return found


def compare(
    here: Tree, there: Tree, rows: Iterable[tuple[str, str]], *, turns: int, options: Sequence[str], file: Path
) -> Iterator[Compared]:
    """Measure rows (name and unit) of both commits by turns; who is first changes from turn to turn."""
    for row, unit in rows:
        compared = Compared(row=row, unit=unit)
        for turn in range(turns):
            order = (here, there) if turn % 2 == 0 else (there, here)
            found = {tree.root: tree.measure(row, options, file) for tree in order}
            one, other = found[here.root], found[there.root]
            if one is None or other is None:
                break
            compared.here.append(one)
            compared.there.append(other)
        yield compared


def heading(here: Tree, there: Tree) -> str:
    """Return what stands above the table."""
    return f"{'row':<14}{here.name:>14}{there.name:>14}{'ratio':>8} {'of the turns':<18}unit"
