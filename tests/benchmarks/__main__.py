"""Measures the rows that are asked for, prints a table, writes JSON."""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

from tests.benchmarks import (
    against,
    columns,
    fairness,
    growth,
    latency,
    memo_index,
    peers,
    reading,
    scale,
    slopes,
    swarm,
    throughput,
    web,
)
from tests.benchmarks.rows import Context, Measured, Row

ROWS: tuple[Row, ...] = (
    *throughput.ROWS,
    *latency.ROWS,
    *scale.ROWS,
    *growth.ROWS,
    *memo_index.ROWS,
    *reading.ROWS,
    *columns.ROWS,
    *swarm.ROWS,
    *slopes.ROWS,
    *fairness.ROWS,
    *web.ROWS,
)

INTERPRETER = Path(__file__).parents[2] / "scripts" / "interpreter.py"


def main() -> int:
    """Measure."""
    options = _options()
    wanted = options.only.split(",") if options.only else []
    chosen = [row for row in ROWS if not wanted or {row.name, row.name.partition("-")[0]} & {*wanted}]
    build, optimised = _build()
    folder = Path(tempfile.mkdtemp(prefix="accio-bench-", dir=options.work))
    if options.against:
        try:
            return _compare(options, chosen, folder, build)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    results: list[dict[str, Any]] = []
    try:
        for row in chosen:
            context = Context(root=folder / row.name, quick=options.quick, repetitions=options.repeat)
            load = os.getloadavg()[0]
            print(f"{row.title} …", file=sys.stderr, flush=True)
            try:
                measured = row.measure(context)
            except Exception:  # noqa: BLE001  # the other rows are wanted all the same
                traceback.print_exc()
                measured = Measured(value=float("nan"))
            finally:
                shutil.rmtree(context.root, ignore_errors=True)
            print(f"    {measured.value:,} {row.unit}  {json.dumps(measured.details)}", file=sys.stderr, flush=True)
            results.append(_result(row, measured, load))
        found = peers.run(Path(options.peers), options.peers_python) if options.peers else []
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{build}{'' if optimised else ': NOT A REPORT, as an optimised interpreter is up to a third faster'}")
    _print(results, found)
    if options.json:
        content = {
            "machine": _machine(build),
            "quick": options.quick,
            "report": optimised and not options.quick,
            "rows": results,
            "peers": found,
        }
        Path(options.json).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return 0 if all(result["reached"] for result in results) else 1


def _compare(options: argparse.Namespace, chosen: list[Row], folder: Path, build: str) -> int:
    """Measure this commit and another one by turns; the code tells whether there is a ratio of every row."""
    try:
        there = against.lay_out(options.against, folder / "there")
    except subprocess.CalledProcessError as error:
        print(f"can't lay out the commit {options.against}: {error}", file=sys.stderr)
        return 2
    here = against.Tree(name="here", root=against.HERE, cache=folder / "here.cache")
    further = [*(["--quick"] if options.quick else []), *(["--work", options.work] if options.work else [])]
    print(build)
    print(against.heading(here, there))
    found = []
    for each in against.compare(
        here,
        there,
        [(row.name, row.unit) for row in chosen],
        turns=options.repeat,
        options=further,
        file=folder / "measured.json",
    ):
        print(each.told(), flush=True)
        found.append(each)
    if options.json:
        content = {
            "machine": _machine(build),
            "quick": options.quick,
            "against": there.name,
            "rows": [each.to_json() for each in found],
        }
        Path(options.json).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return 0 if all(each.ratios for each in found) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--only", metavar="ROWS", help=f"of {','.join(row.name for row in ROWS)}")
    parser.add_argument("--quick", action="store_true", help="a tenth of the work: to try it, not to report")
    parser.add_argument("--repeat", type=int, default=3, help="repetitions of a row; the median counts")
    parser.add_argument(
        "--against", metavar="COMMIT", help="measure another commit, too, by turns, and tell the ratios"
    )
    parser.add_argument("--json", metavar="FILE", help="write everything that was measured")
    parser.add_argument("--work", metavar="FOLDER", help="where the databases are kept meanwhile")
    parser.add_argument("--peers", metavar="FOLDER", help="run the peers' scripts that are in this folder, too")
    parser.add_argument(
        "--peers-python", metavar="PATTERN", default="{}", help="a peer's interpreter, such as /venvs/{}/bin/python"
    )
    return parser.parse_args()


def _result(row: Row, measured: Measured, load: float) -> dict[str, Any]:
    return {
        "row": row.name,
        "title": row.title,
        "unit": row.unit,
        "measured": measured.value,
        "must": row.must,
        "wish": row.wish,
        "reached": row.reached(measured.value),
        "load_before": round(load, 2),
        **measured.details,
    }


def _build() -> tuple[str, bool]:
    """Return how the interpreter that is measured was built, and whether it is worth reporting."""
    found = subprocess.run([sys.executable, INTERPRETER], capture_output=True, text=True, check=False)
    return found.stdout.strip(), found.returncode == 0


def _machine(build: str) -> dict[str, Any]:
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    return {
        "cpus": os.cpu_count(),
        "python": build,
        "system": platform.platform(),
        "commit": commit,
    }


def _print(results: list[dict[str, Any]], found: list[dict[str, Any]]) -> None:
    print(f"{'row':<56}{'measured':>12}{'must reach':>12}{'reach for':>12}  unit")
    for result in results:
        mark = "" if result["reached"] else "  ✗"
        print(
            f"{result['title']:<56}{result['measured']:>12,}{result['must']:>12,}{result['wish']:>12,}"
            f"  {result['unit']}{mark}"
        )
    for each in found:
        print(f"{each['peer']} {each['work']}: {json.dumps(each['result'])}")


if __name__ == "__main__":
    sys.exit(main())
