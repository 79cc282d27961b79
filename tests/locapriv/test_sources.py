"""Reading recorded traces."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accio_locapriv.errors import DataError
from accio_locapriv.layouts import Layout, MalformedLine, read_rows
from accio_locapriv.sources import load


def write(folder: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


@pytest.mark.parametrize(
    "text",
    [
        "1,2,3000\n4,5,6000\n",
        "1,2,3000\r\n4,5,6000",
        "\n1,2,3000\n\n4,5,6000\n\n",
        "lat,lng,time\n1,2,3000\n4,5,6000\n",
        "time,Lat,LNG,altitude\n3000,1,2,x\n6000,4,5,\n",
        "\ufefflat,lng,time,id\n1,2,3000,u\n4,5,6000,u\n",
        "u,1,2,3000\nu,4,5,6000\n",
        '"u",1,2,3000\n"u",4,5,6000\n',
    ],
)
def test_layouts_of_csv(tmp_path: Path, text: str) -> None:
    """With or without a header, in any order of columns, with or without the user."""
    loaded = load(write(tmp_path, {"u.csv": text}), "csv")
    assert loaded.traces.ids == ("u",)
    assert [loaded.traces.lat.tolist(), loaded.traces.lng.tolist(), loaded.traces.time.tolist()] == [
        [1, 4],
        [2, 5],
        [3000, 6000],
    ]


def test_a_file_may_hold_several_users(tmp_path: Path) -> None:
    """Lines that name users overrule the name of the file, and the chosen users are looked for in them."""
    files: dict[str, str | bytes] = {"x.csv": "me,1,2,3\nyou,1,2,3\n", "y.csv": "me,1,2,1\n"}
    traces = load(write(tmp_path, files), "csv").traces
    assert (traces.ids, traces.counts.tolist()) == (("me", "you"), [2, 1])
    assert load(tmp_path, "csv", ["you"]).traces.ids == ("you",)


def test_gzip_is_allowed(tmp_path: Path) -> None:
    """A compressed file is read like a plain one."""
    traces = load(write(tmp_path, {"u.csv.gz": gzip.compress(b"1,2,3\n")}), "csv").traces
    assert (traces.ids, traces.time.tolist()) == (("u",), [3])


def test_damaged_gzip_is_named(tmp_path: Path) -> None:
    """The message names the file."""
    write(tmp_path, {"u.csv.gz": gzip.compress(b"1,2,3\n")[:-9]})
    with pytest.raises(DataError, match=r"u\.csv\.gz: expected gzip data"):
        load(tmp_path, "csv")


def test_cabspotting(tmp_path: Path) -> None:
    """Latitude, longitude, occupancy and epoch seconds, in any order of time; other files are no traces."""
    files: dict[str, str | bytes] = {
        "new_abboip.txt": "37.75134 -122.39488 0 1213084687\n37.75136 -122.39527 1 1213084659\n",
        "_cabs.txt": '<cab id="abboip"/>',
    }
    traces = load(write(tmp_path, files), "cabspotting").traces
    assert traces.ids == ("abboip",)
    assert traces.time.tolist() == [1213084659000, 1213084687000]


def test_geolife_trajectories(tmp_path: Path) -> None:
    """The .plt files of a user make one trace; their times are UTC."""
    header = "Geolife trajectory\nWGS 84\nAltitude is in Feet\nReserved 3\n0,2,255,My Track,0,0,2,8421376\n0\n"
    line = "39.984702,116.318417,0,492,39744.1201851852,2008-10-23,02:53:04\n"
    later = "39.984683,116.31845,0,492,39744.1202546296,2008-10-23,02:53:10\n"
    files: dict[str, str | bytes] = {
        "000/Trajectory/2.plt": header + line,
        "000/Trajectory/1.plt": header + later,
        "001/Trajectory/1.plt": header,
    }
    traces = load(write(tmp_path, files), "geolife").traces
    assert (traces.ids, traces.counts.tolist()) == (("000", "001"), [2, 0])
    assert traces.time.tolist() == [1224730384000, 1224730390000]


@pytest.mark.parametrize(
    ("kind", "file", "text", "message"),
    [
        ("csv", "a.csv", "1,2,3\n1,2\n", r"a\.csv, line 2: expected 3 fields \(lat,lng,time\), found 2"),
        ("csv", "a.csv", "1,2,3\n\n1,2,x\n", r"a\.csv, line 3: expected a whole number of milliseconds .* found 'x'"),
        ("csv", "a.csv", "1,2,3.5\n", r"line 1: expected a whole number of milliseconds"),
        ("csv", "a.csv", "1,2,3\n91,2,3\n", r"line 2: expected a latitude from -90 to 90 degrees, found '91'"),
        ("csv", "a.csv", "1,nan,3\n", r"line 1: expected a longitude from -180 to 180 degrees, found 'nan'"),
        ("csv", "a.csv", "lat,lng,time,id\n1,2,3,\n", "line 2: expected the user's name"),
        ("csv", "a.csv", b"caf\xe9,1,2,3\n", r"line 1: expected the user's name in UTF-8, found 'caf.'"),
        ("csv", "a.csv", "1,2,1400000000000000\n", "line 1: expected a time in milliseconds between the years 1 and"),
        ("csv", "a.csv", "1,2,9000000000000000000\n", "line 1: expected a whole number of milliseconds"),
        ("cabspotting", "new_a.txt", "1 2 0 1213084687000\n", "line 1: expected a time in seconds between the years"),
        ("csv", "a.csv", "1,2\n", "line 1: expected lat,lng,ms or user,lat,lng,ms or a header"),
        ("csv", "a.csv", "lat,lng,when\n", "line 1: expected a header with lat, lng, time"),
        ("cabspotting", "new_a.txt", "1 2 0 9\n1 2 0 x\n", r"line 2: expected a whole number of seconds"),
        ("geolife", "a/Trajectory/a.plt", "\n" * 6 + "1,2,0,0,0,2008-10-23,25:00:00\n", "line 7: expected a date and"),
    ],
)
def test_bad_lines_are_named(tmp_path: Path, kind: str, file: str, text: str | bytes, message: str) -> None:
    """The message names file and line, what was expected there and what was found."""
    write(tmp_path, {file: text})
    with pytest.raises(DataError, match=message):
        load(tmp_path, kind)


def test_bad_lines_can_be_skipped(tmp_path: Path) -> None:
    """Skipped lines are counted, wherever they stand; all others are kept."""
    loaded = load(write(tmp_path, {"a.csv": "??\n1,2,3\n4,5\n6,7,8\n"}), "csv", skip_malformed=True)
    assert loaded.traces.time.tolist() == [3, 8]
    assert loaded.malformed == 2


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("csv", r"expected files named <user>\.csv"),
        ("cabspotting", r"expected files named new_<user>\.txt"),
        ("geolife", "expected folders named <user>"),
        ("gpx", "kind: expected one of csv, cabspotting, geolife, found 'gpx'"),
    ],
)
def test_what_isnt_there_is_named(tmp_path: Path, kind: str, message: str) -> None:
    """An empty folder, or an unknown kind, is an error that says what was expected."""
    with pytest.raises(DataError, match=message):
        load(tmp_path, kind)


def test_a_folder_that_isnt_there(tmp_path: Path) -> None:
    """The message names it."""
    with pytest.raises(DataError, match="nowhere: expected a folder"):
        load(tmp_path / "nowhere", "csv")


def test_two_files_of_one_user_are_refused(tmp_path: Path) -> None:
    """A file and its compressed copy would count every event twice."""
    for kind, name in [("csv", "a.csv"), ("cabspotting", "new_a.txt"), ("geolife", "a/Trajectory/1.plt")]:
        folder = write(tmp_path / kind, {name: "1,2,3\n", f"{name}.gz": gzip.compress(b"1,2,3\n")})
        with pytest.raises(DataError, match="expected one file per user"):
            load(folder, kind)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    """A link to nowhere is an error, and so is a name that no text can hold."""
    (tmp_path / "a.csv").symlink_to("nowhere")
    with pytest.raises(DataError, match=r"a\.csv: expected a file that can be read"):
        load(tmp_path, "csv")
    folder = write(tmp_path / "bytes", {"caf\udce9.csv": "1,2,3\n"})
    with pytest.raises(DataError, match=r"caf\\udce9\.csv': expected a name in UTF-8"):
        load(folder, "csv")


def test_blanks_around_names_do_not_count(tmp_path: Path) -> None:
    """A user's name is the same with blanks around it, whether or not other lines are malformed."""
    text = "me,1,2,3\n me ,1,2,4\n"
    assert load(write(tmp_path / "a", {"x.csv": text}), "csv").traces.ids == ("me",)
    assert load(write(tmp_path / "b", {"x.csv": text + "?"}), "csv", skip_malformed=True).traces.ids == ("me",)


numbers = st.one_of(
    st.floats(-200, 200).map(repr), st.integers(-200, 200).map(str), st.sampled_from(["", "x", "nan", "1e400", " 3 "])
)
lines = st.lists(
    st.tuples(numbers, numbers, st.one_of(st.integers(-(2**62), 2**62).map(str), numbers)).map(",".join), max_size=6
)


@given(lines=lines)
def test_both_ways_of_reading_agree(lines: list[str]) -> None:
    """Reading at once gives what reading line by line gives, which a bad last line forces."""
    layout = Layout(columns=("lat", "lng", "time"))
    at_once = read_rows("\n".join(lines).encode(), layout, skip_malformed=True)
    by_line = read_rows("\n".join([*lines, "bad"]).encode(), layout, skip_malformed=True)
    assert by_line.malformed == at_once.malformed + 1
    for name in ("lat", "lng", "time"):
        assert np.array_equal(getattr(at_once, name), getattr(by_line, name))
    if at_once.malformed:
        with pytest.raises(MalformedLine):
            read_rows("\n".join(lines).encode(), layout, skip_malformed=False)
