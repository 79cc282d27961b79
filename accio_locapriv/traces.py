"""Datasets of traces: in memory as columns, on disk as a folder of two Parquet files.

Rules that everything here keeps: traces are sorted by id and have distinct ids; the events of a trace are sorted by
time, stably, so that events of one instant keep their order; a trace may be empty. The user of a trace is stored beside
its id and never guessed from it. Equal traces give byte-equal files.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from os import PathLike
from pathlib import Path

import numpy as np

from accio_locapriv import parquet
from accio_locapriv.arrays import Bools, Floats, Ints, offsets_of, ranges
from accio_locapriv.arrow import array_of, floats_in, ints_in, repeated, texts_of
from accio_locapriv.errors import DataError
from accio_locapriv.geometry import unit_vectors

EVENTS = "events.parquet"
TRACES = "traces.parquet"

# What must be there to be read; the user of each event is written too, for other readers.
EVENT_COLUMNS = {
    "trace": "string",
    "lat": "double",
    "lng": "double",
    "time": "int64",
}
TRACE_COLUMNS = {"trace": "string", "user": "string"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """One trace: a view of its events."""

    id: str
    user: str
    lat: Floats
    lng: Floats
    time: Ints

    def __len__(self) -> int:
        return len(self.time)

    def vectors(self) -> Floats:
        """Return the events as unit vectors."""
        return unit_vectors(self.lat, self.lng)


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """All traces of a dataset; those of trace i are the events from offsets[i] to offsets[i + 1]."""

    ids: tuple[str, ...]
    users: tuple[str, ...]
    offsets: Ints
    lat: Floats
    lng: Floats
    time: Ints

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[Trace]:
        return (self.at(index) for index in range(len(self)))

    @property
    def counts(self) -> Ints:
        """The number of events of each trace."""
        return np.diff(self.offsets)

    @property
    def owners(self) -> Ints:
        """The index of the trace of each event."""
        return np.repeat(np.arange(len(self), dtype=np.int64), self.counts)

    def at(self, index: int) -> Trace:
        """Return the trace of this index."""
        begin, end = int(self.offsets[index]), int(self.offsets[index + 1])
        return Trace(
            id=self.ids[index],
            user=self.users[index],
            lat=self.lat[begin:end],
            lng=self.lng[begin:end],
            time=self.time[begin:end],
        )

    def spans(self) -> Iterator[tuple[int, int]]:
        """Return the first and the last-plus-one event of each trace."""
        return pairwise(self.offsets.tolist())

    def vectors(self) -> Floats:
        """Return the events as unit vectors."""
        return unit_vectors(self.lat, self.lng)

    def firsts(self) -> Bools:
        """Return which events are the first of their trace."""
        mask = np.zeros(len(self.time), dtype=np.bool_)
        mask[self.offsets[:-1][self.counts > 0]] = True
        return mask

    def moved_to(self, lat: Floats, lng: Floats) -> "Traces":
        """Return the same events at other places."""
        return replace(self, lat=lat, lng=lng)

    def kept(self, mask: Bools) -> "Traces":
        """Return only the events of the mask; a trace that loses all of its events is empty then."""
        before = offsets_of(mask.astype(np.int64))
        return replace(self, offsets=before[self.offsets], lat=self.lat[mask], lng=self.lng[mask], time=self.time[mask])

    def chosen(self, indices: Sequence[int]) -> "Traces":
        """Return only these traces, in the order of their ids."""
        order = np.asarray(sorted(indices, key=lambda index: self.ids[index]), dtype=np.int64)
        rows = ranges(self.offsets[:-1][order], self.counts[order])
        return Traces(
            ids=tuple(self.ids[index] for index in order),
            users=tuple(self.users[index] for index in order),
            offsets=offsets_of(self.counts[order]),
            lat=self.lat[rows],
            lng=self.lng[rows],
            time=self.time[rows],
        )

    def cut(self, begins: Bools) -> "Traces":
        """Make a trace of its own, named `<id>-<k>`, from each marked event on; the first of each trace must be
        marked.
        """
        starts = np.flatnonzero(begins)
        parents = self.owners[starts]
        numbers = np.arange(len(starts), dtype=np.int64) - np.searchsorted(parents, parents)
        pieces = Traces(
            ids=tuple(f"{self.ids[parent]}-{number}" for parent, number in zip(parents, numbers, strict=True)),
            users=tuple(self.users[parent] for parent in parents),
            offsets=np.append(starts, len(self.time)).astype(np.int64),
            lat=self.lat,
            lng=self.lng,
            time=self.time,
        )
        return pieces.chosen(range(len(pieces)))


def assemble(ids: Sequence[str], users: Sequence[str], owners: Ints, lat: Floats, lng: Floats, time: Ints) -> Traces:
    """Make traces of events in any order; `owners` gives the index of each event's trace."""
    ranked = sorted(range(len(ids)), key=ids.__getitem__)
    rank = np.empty(len(ids), dtype=np.int64)
    rank[ranked] = np.arange(len(ids), dtype=np.int64)
    places = rank[owners]
    order = np.lexsort((time, places))
    return Traces(
        ids=tuple(ids[index] for index in ranked),
        users=tuple(users[index] for index in ranked),
        offsets=offsets_of(np.bincount(places, minlength=len(ids)).astype(np.int64)),
        lat=lat[order],
        lng=lng[order],
        time=time[order],
    )


def write_traces(traces: Traces, folder: str | PathLike[str]) -> None:
    """Write the two files into an existing folder."""
    owners = traces.owners
    parquet.write(
        Path(folder, EVENTS),
        {
            "trace": repeated(traces.ids, owners),
            "user": repeated(traces.users, owners),
            "lat": array_of(traces.lat),
            "lng": array_of(traces.lng),
            "time": array_of(traces.time),
        },
    )
    write_index(traces.ids, traces.users, folder)


def write_index(ids: Sequence[str], users: Sequence[str], folder: str | PathLike[str]) -> None:
    """Write the list of traces, which keeps the empty ones."""
    parquet.write(Path(folder, TRACES), {"trace": texts_of(ids), "user": texts_of(users)})


def read_index(folder: str | PathLike[str]) -> tuple[list[str], list[str]]:
    """Read the list of traces: ids, sorted and distinct, and their users."""
    path = Path(folder, TRACES)
    table = parquet.read(path, TRACE_COLUMNS)
    pairs = sorted(zip(table["trace"].to_pylist(), table["user"].to_pylist(), strict=True))
    ids = [trace for trace, _ in pairs]
    if len(set(ids)) != len(ids):
        twice = next(a for a, b in pairwise(ids) if a == b)
        raise DataError(f"{path}: expected distinct traces, found {twice!r} twice")
    return ids, [user for _, user in pairs]


def read_traces(folder: str | PathLike[str]) -> Traces:
    """Read a dataset of traces. Raises DataError if the folder isn't one, or breaks the rules that can be checked."""
    ids, users = read_index(folder)
    path = Path(folder, EVENTS)
    table = parquet.read(path, EVENT_COLUMNS)
    owners = parquet.positions(table["trace"], ids, path)
    lat, lng, time = floats_in(table["lat"]), floats_in(table["lng"]), ints_in(table["time"])
    if not np.all(np.isfinite(lat) & np.isfinite(lng)):
        raise DataError(f"{path}: expected finite coordinates, found NaN or infinity")
    same = owners[1:] == owners[:-1]
    if np.all((owners[1:] > owners[:-1]) | (same & (time[1:] >= time[:-1]))):
        counts = np.bincount(owners, minlength=len(ids)).astype(np.int64)
        return Traces(ids=tuple(ids), users=tuple(users), offsets=offsets_of(counts), lat=lat, lng=lng, time=time)
    return assemble(ids, users, owners, lat, lng, time)
