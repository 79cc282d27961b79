"""Datasets of points of interest: in memory as columns, on disk as a folder of two Parquet files.

The list of traces is that of the dataset the POIs come from, so that a trace without POIs survives. The POIs of a trace
are sorted by their first time.
"""

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np

from accio_locapriv import parquet
from accio_locapriv.arrays import Floats, Ints, offsets_of
from accio_locapriv.arrow import array_of, floats_in, ints_in, repeated
from accio_locapriv.geometry import unit_vectors
from accio_locapriv.traces import read_index, write_index

POIS = "pois.parquet"

POI_COLUMNS = {
    "trace": "string", "lat": "double", "lng": "double", "events": "int64", "first": "int64",
    "last": "int64", "diameter": "double",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Pois:
    """The POIs of all traces; those of trace i are rows offsets[i] to offsets[i + 1].

    `lat` and `lng` are centroids, `events` numbers of events, `first` and `last` times, `diameter` metres.
    """

    ids: tuple[str, ...]
    users: tuple[str, ...]
    offsets: Ints
    lat: Floats
    lng: Floats
    events: Ints
    first: Ints
    last: Ints
    diameter: Floats

    def rows(self, index: int) -> slice:
        """Return the rows of the trace of this index."""
        return slice(int(self.offsets[index]), int(self.offsets[index + 1]))

    def vectors(self) -> Floats:
        """Return the centroids as unit vectors."""
        return unit_vectors(self.lat, self.lng)


def write_pois(pois: Pois, folder: str | PathLike[str]) -> None:
    """Write the two files into an existing folder."""
    owners = np.repeat(np.arange(len(pois.ids), dtype=np.int64), np.diff(pois.offsets))
    parquet.write(
        Path(folder, POIS),
        {
            "trace": repeated(pois.ids, owners),
            "user": repeated(pois.users, owners),
            "lat": array_of(pois.lat),
            "lng": array_of(pois.lng),
            "events": array_of(pois.events),
            "first": array_of(pois.first),
            "last": array_of(pois.last),
            "diameter": array_of(pois.diameter),
        },
    )
    write_index(pois.ids, pois.users, folder)


def read_pois(folder: str | PathLike[str]) -> Pois:
    """Read a dataset of POIs. Raises DataError if the folder isn't one."""
    ids, users = read_index(folder)
    path = Path(folder, POIS)
    table = parquet.read(path, POI_COLUMNS)
    owners = parquet.positions(table["trace"], ids, path)
    first, last = ints_in(table["first"]), ints_in(table["last"])
    order = np.lexsort((last, first, owners))
    return Pois(
        ids=tuple(ids),
        users=tuple(users),
        offsets=offsets_of(np.bincount(owners, minlength=len(ids)).astype(np.int64)),
        lat=floats_in(table["lat"])[order],
        lng=floats_in(table["lng"])[order],
        events=ints_in(table["events"])[order],
        first=first[order],
        last=last[order],
        diameter=floats_in(table["diameter"])[order],
    )
