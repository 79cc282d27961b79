"""The systems that cases run on: one for all of them, and fresh ones for cases that set the daemon up themselves."""

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.cases.daemon import system as systems
from tests.cases.daemon.system import System

Fresh = Callable[[Mapping[str, Any]], System]


@pytest.fixture(scope="session")
def _shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    made = systems.start(tmp_path_factory.mktemp("system"))
    yield made
    systems.stop(made)


@pytest.fixture
def system(_shared: System) -> System:
    """The shared system, as the fixtures of the cases describe it."""
    _shared.begin_case()
    return _shared


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Fresh]:
    """Starts systems of their own, with settings."""
    made: list[System] = []

    def begin(settings: Mapping[str, Any]) -> System:
        made.append(systems.start(tmp_path / f"system-{len(made)}", settings))
        return made[-1]

    yield begin
    for one in made:
        for process in one.cluster.processes:
            sys.stderr.write(f"--- {process.name} ---\n{process.output()[-3000:]}\n")
        systems.stop(one)
