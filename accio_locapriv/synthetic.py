"""Makes synthetic traces of people who live, work and go out in a city, to try things without recorded data.

    python -m accio_locapriv.synthetic FOLDER [--users 4] [--days 5] [--seed 1]

writes a CSV file per user (lat,lng,time). Each user has a home, a place of work and a few places to go to; stays are
recorded every minute with the jitter of a GPS receiver, ways every ten seconds at the speed of a bicycle. Equal
arguments give equal files.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from accio_locapriv.arrays import Floats, Ints
from accio_locapriv.geometry import Plane, degrees_of
from accio_locapriv.randomness import generators

_CITY = (48.8566, 2.3522)
_FIRST_DAY_S = 1_400_457_600  # Monday, 2014-05-19
_DAY_S = 86_400
_STAY_EVERY_S = 60
_MOVE_EVERY_S = 10
_JITTER_M = 4.0
_WORKING_DAYS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where somebody goes, in metres east and north of the middle of the city."""

    home: Floats
    work: Floats
    leisure: Floats


def synthetic_trace(user: str, seed: int, days: int) -> tuple[Floats, Floats, Ints]:
    """Make latitudes, longitudes and times (epoch ms) of one user."""
    rng = generators(seed)(user)
    places = Places(
        home=rng.normal(0.0, 4000.0, 2), work=rng.normal(0.0, 2000.0, 2), leisure=rng.normal(0.0, 3000.0, (3, 2))
    )
    times, positions = [np.zeros(0, dtype=np.int64)], [np.zeros((0, 2))]
    now = float(_FIRST_DAY_S)
    here = places.home
    for day in range(days):
        for leaving, there in _day(rng, places, day):
            stay = np.arange(now, max(now, leaving), _STAY_EVERY_S)
            times.append(stay.astype(np.int64))
            positions.append(here + np.zeros((len(stay), 2)))
            begin = max(now, leaving)
            way = max(1.0, float(np.hypot(*(there - here))) / rng.uniform(4.0, 6.0))
            move = np.arange(0.0, way, _MOVE_EVERY_S)
            times.append((begin + move).astype(np.int64))
            positions.append(here + (there - here) * (move / way)[:, None])
            now, here = begin + way, there
    meters = np.concatenate(positions)
    meters = meters + rng.normal(0.0, _JITTER_M, meters.shape)
    lat, lng = degrees_of(Plane.at(*np.asarray(_CITY)).unproject(meters))
    return lat, lng, np.concatenate(times) * 1000


def _day(rng: np.random.Generator, places: Places, day: int) -> Iterator[tuple[float, Floats]]:
    """Yield when one leaves for where; the last way of a day leads home."""
    midnight = float(_FIRST_DAY_S + day * _DAY_S)
    if day % 7 < _WORKING_DAYS:
        yield midnight + rng.normal(8.5, 0.4) * 3600, places.work
        leaving = midnight + rng.normal(17.5, 0.5) * 3600
    else:
        leaving = midnight + rng.normal(14.0, 1.0) * 3600
    if rng.random() < 0.5:
        yield leaving, places.leisure[rng.integers(len(places.leisure))]
        leaving += rng.uniform(1.5, 3.0) * 3600
    yield leaving, places.home


def write_synthetic(folder: Path, users: int, days: int, seed: int) -> int:
    """Write the files of all users into a folder, which is made if need be; give the number of events."""
    folder.mkdir(parents=True, exist_ok=True)
    events = 0
    for number in range(1, users + 1):
        user = f"user{number:0{len(str(users))}d}"
        lat, lng, time = synthetic_trace(user, seed, days)
        columns = zip(lat.tolist(), lng.tolist(), time.tolist(), strict=True)
        lines = [f"{a:.6f},{b:.6f},{c}\n" for a, b, c in columns]
        (folder / f"{user}.csv").write_text("".join(["lat,lng,time\n", *lines]), encoding="utf-8")
        events += len(lines)
    return events


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; give its exit status."""
    parser = argparse.ArgumentParser(prog="python -m accio_locapriv.synthetic", description="Make synthetic traces.")
    parser.add_argument("folder", type=Path, help="where the CSV files go")
    parser.add_argument("--users", type=int, default=4, help="number of users, a file each (default: 4)")
    parser.add_argument("--days", type=int, default=5, help="number of days (default: 5)")
    parser.add_argument("--seed", type=int, default=1, help="equal seeds give equal files (default: 1)")
    options = parser.parse_args(arguments)
    if options.users < 1 or options.days < 1:
        parser.error("expected at least one user and one day")
    try:
        events = write_synthetic(options.folder, options.users, options.days, options.seed)
    except OSError as error:
        parser.error(f"expected a folder that can be written, found {options.folder} ({error.strerror})")
    sys.stderr.write(f"{options.folder}: {options.users} users, {events} events\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
