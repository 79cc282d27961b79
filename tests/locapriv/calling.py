"""Calls the operators by name, without Accio: inputs as in a definition, datasets as folders."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import accio_locapriv.operators
from accio import Dataset, OperatorContext
from accio.domain.datatypes import Kind
from accio.domain.values import parse
from accio.sdk.copies import Copies
from accio.sdk.declare import Declaration, declaration_of
from accio.sdk.encoding import load
from accio_locapriv.arrays import offsets_of
from accio_locapriv.pois import Pois, write_pois
from accio_locapriv.traces import Traces, assemble, read_traces, write_traces

Event = Sequence[float]

_CALL = re.compile(r"(\w+)(?:\(([^()]*)\))?\s*(?:,\s*|$)")
_GENERATED_FROM_MS = 1_400_000_000_000
_METERS_PER_DEGREE = 2 * np.pi * 6_371_008.8 / 360


def geolife() -> Path:
    """The folder of the Geolife users; skips the test where it is missing."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "data" / "geolife"
    folder = Path(os.environ.get("ACCIO_GEOLIFE", beside))
    if not folder.is_dir():
        pytest.skip("needs the Geolife data: set ACCIO_GEOLIFE to the folder that holds 064.csv and the others")
    return folder


def declaration(name: str) -> Declaration:
    """The declaration of the operator of this name."""
    found = declaration_of(getattr(accio_locapriv.operators, name))
    assert found is not None
    return found


@dataclass(kw_only=True)
class Desk:
    """Calls operators in one folder and keeps the metrics of the last call."""

    folder: Path
    metrics: dict[str, float] = field(default_factory=dict)
    _calls: int = 0

    def new_folder(self) -> Path:
        """An empty folder."""
        self._calls += 1
        path = self.folder / str(self._calls)
        path.mkdir(parents=True)
        return path

    def call(self, operator: str, inputs: Mapping[str, Any], datasets: Mapping[str, Path], *, seed: int = 1) -> Any:
        """Call an operator; `inputs` in the form of a workflow definition, datasets by their paths."""
        declared = declaration(operator)
        hints = {port.name: port.hint for port in declared.inputs}
        copies = Copies(self.folder)
        arguments = {
            name: load(hints[name], parse(hints[name].type, value), {}, copies) for name, value in inputs.items()
        }
        arguments |= {name: Dataset(path) for name, path in datasets.items()}
        if not declared.takes_context:
            self.metrics = {}
            return declared.target(**arguments)
        ctx = OperatorContext.for_testing(folder=self.new_folder(), seed=seed if declared.unstable else None)
        result = declared.target(ctx, **arguments)
        self.metrics = dict(ctx.metrics)
        return result

    def chain(self, text: str, data: Path, *, seed: int = 1) -> list[Path]:
        """Apply operators one after the other, as in `EventSource(users=["064"]), DurationSplitting(4.hours)`.

        Gives the data before them and after each.
        """
        results = [data]
        for operator, inputs in calls(text):
            port = "url" if operator == "EventSource" else "data"
            results.append(self.call(operator, inputs, {port: results[-1]}, seed=seed).data.path)
        return results

    def traces(self, given: Mapping[str, Sequence[Event]]) -> Path:
        """A dataset of these traces: latitude, longitude, epoch ms."""
        folder = self.new_folder()
        write_traces(make_traces(given), folder)
        return folder

    def pois(self, given: Mapping[str, Sequence[Event]]) -> Path:
        """A dataset of these POIs: latitude, longitude and perhaps first and last epoch ms."""
        folder = self.new_folder()
        write_pois(make_pois(given), folder)
        return folder


def calls(text: str) -> list[tuple[str, dict[str, Any]]]:
    """Read calls separated by commas; an argument is `value`, `name = value` or `name value`."""
    found, position = [], 0
    while position < len(text):
        match = _CALL.match(text, position)
        assert match is not None, text[position:]
        found.append((match[1], _arguments(match[1], match[2] or "")))
        position = match.end()
    return found


def _arguments(operator: str, text: str) -> dict[str, Any]:
    names = [port.name for port in declaration(operator).inputs if port.hint.type.kind is not Kind.DATASET]
    arguments = dict[str, Any]()
    for place, argument in enumerate(part.strip() for part in text.split(",") if part.strip()):
        named = re.fullmatch(r"([a-zA-Z]\w*)(?:\s*=\s*|\s+)(\S.*)", argument)
        name, value = (named[1], named[2]) if named else (names[place], argument)
        try:
            arguments[name] = json.loads(value)
        except json.JSONDecodeError:
            arguments[name] = value
    return arguments


def make_traces(given: Mapping[str, Sequence[Event]]) -> Traces:
    """Traces of these events; the user of each is named like the trace."""
    ids = list(given)
    rows = [(owner, *event) for owner, trace in enumerate(ids) for event in given[trace]]
    owners, lat, lng, time = (np.asarray([row[column] for row in rows]) for column in range(4)) if rows else [[]] * 4
    return of_events(ids, owners, lat, lng, time)


def of_events(ids: Sequence[str], owners: Any, lat: Any, lng: Any, time: Any) -> Traces:
    """Traces of users of the same names, from columns of events; *owners* are places among the ids."""
    return assemble(
        ids,
        ids,
        np.asarray(owners, dtype=np.int64),
        np.asarray(lat, dtype=np.float64),
        np.asarray(lng, dtype=np.float64),
        np.asarray(time, dtype=np.int64),
    )


def make_pois(given: Mapping[str, Sequence[Event]]) -> Pois:
    """POIs with these centroids and times, of two events each."""
    ids = sorted(given)
    rows = [(*event, 0, 0)[:4] for trace in ids for event in given[trace]]
    columns = np.asarray(rows, dtype=np.float64).reshape(-1, 4)
    return Pois(
        ids=tuple(ids),
        users=tuple(ids),
        offsets=offsets_of(np.asarray([len(given[trace]) for trace in ids], dtype=np.int64)),
        lat=columns[:, 0],
        lng=columns[:, 1],
        events=np.full(len(rows), 2, dtype=np.int64),
        first=columns[:, 2].astype(np.int64),
        last=columns[:, 3].astype(np.int64),
        diameter=np.zeros(len(rows)),
    )


def generated(events: int, every_ms: int, step_east_m: float) -> list[Event]:
    """Events one step after the other to the east of 48.85, 2.35."""
    # Along a great circle that leaves to the east, as the plane around the first event has it.
    degree = step_east_m / _METERS_PER_DEGREE
    angle = np.radians(np.arange(events) * degree)
    phi = np.radians(48.85)
    lat = np.degrees(np.arcsin(np.sin(phi) * np.cos(angle)))
    lng = 2.35 + np.degrees(np.arctan2(np.sin(angle), np.cos(angle) * np.cos(phi)))
    times = _GENERATED_FROM_MS + np.arange(events) * every_ms
    return list(zip(lat.tolist(), lng.tolist(), times.tolist(), strict=True))


def events_of(data: Path) -> dict[str, list[tuple[float, float, int]]]:
    """The events of each trace of a dataset."""
    return {
        trace.id: list(zip(trace.lat.tolist(), trace.lng.tolist(), trace.time.tolist(), strict=True))
        for trace in read_traces(data)
    }
