"""The shared cases of the location-privacy operators. No adapter looks at a case's id."""

import re
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from accio.domain.quantities import parse_duration
from accio_locapriv.errors import DataError
from accio_locapriv.geometry import meters_of, unit_vectors
from accio_locapriv.pois import read_pois
from accio_locapriv.protection import planar_laplace_radius
from accio_locapriv.traces import read_traces, write_traces
from tests.cases.loader import Case, cases, checks, mentions, only
from tests.locapriv.calling import Desk, calls, events_of, generated, geolife
from tests.locapriv.haversine import haversine

RAW_SOURCES = {"EventSource"}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(folder=tmp_path)


def _raw(desk: Desk, given: Mapping[str, Any]) -> Path:
    """The folder of files that a case gives."""
    if "files" in given:
        folder = desk.new_folder()
        for name, text in given["files"].items():
            (folder / name).write_text(text, encoding="utf-8")
        return folder
    assert given["dataset"] == "data/geolife"
    return geolife()


def _data(desk: Desk, given: Mapping[str, Any]) -> Path:
    """The dataset that a case gives for one input."""
    if "traces" in given:
        return desk.traces(given["traces"])
    if "pois" in given:
        return desk.pois(given["pois"])
    if "generate" in given:
        made = {}
        for trace, how in given["generate"].items():
            only(how, "events", "every", "step_east_m")
            made[trace] = generated(how["events"], parse_duration(how["every"]).ms, how["step_east_m"])
        return desk.traces(made)
    read = desk.chain("EventSource", geolife())[-1]
    if given["dataset"] == "data/geolife":
        return read
    assert given["dataset"] == "data/geolife with every event moved 1 degree north"
    traces, folder = read_traces(read), desk.new_folder()
    write_traces(traces.moved_to(traces.lat + 1.0, traces.lng), folder)
    return folder


def _inputs(desk: Desk, given: Mapping[str, Any]) -> dict[str, Path]:
    """The datasets of an operator's inputs, by port."""
    if given["operator"] in RAW_SOURCES:
        return {"url": _raw(desk, given)}
    if "after" in given:
        return {"data": desk.chain(given["after"], _raw(desk, given))[-1]}
    return {port: _data(desk, given[port]) for port in ("data", "train", "test") if port in given}


def _metres(found: tuple[float, float], wanted: tuple[float, float]) -> float:
    return float(haversine(*(np.asarray(value) for value in (*found, *wanted))))


def _assert_places(found: list[Any], wanted: list[Any], within_m: float) -> None:
    assert len(found) == len(wanted)
    for event, expected in zip(found, wanted, strict=True):
        assert _metres(event[:2], expected[:2]) <= within_m
        assert event[2] == expected[2]


# --------------------------------------------------------------------------------------------------------------- data


@pytest.mark.parametrize("case", cases("geo-data"))
def test_data(desk: Desk, case: Case) -> None:
    """Files become traces as the data model says."""
    given, expect = case["given"], dict(case["expect"])
    only(given, "operator", "inputs", "files", "dataset", "after")
    result = desk.call(given["operator"], given["inputs"], _inputs(desk, given))
    rel_tol = expect.pop("rel_tol", 0.0)
    for key in [name for name in ("size", "length", "duration") if name in expect]:
        assert getattr(result, key) == pytest.approx(expect.pop(key), rel=rel_tol or 1e-12)
    if not expect:
        return
    traces, events = read_traces(result.data), events_of(result.data.path)
    found: dict[str, Any] = {
        "traces": list(traces.ids),
        "users": list(traces.users),
        "dataset_holds": sorted(path.name for path in result.data.path.iterdir()),
        "events": [[trace.user, *event] for trace in traces for event in events[trace.id]],
    }
    for key, wanted in expect.items():
        of_trace = re.fullmatch(r"events_of_(\w+?)(_in_order)?", key)
        outcome = [list(event) for event in events[of_trace[1]]] if of_trace else found[key]
        assert outcome == wanted


# --------------------------------------------------------------------------------------------------------- mechanisms


@pytest.mark.parametrize("case", cases("geo-protection"))
def test_protection(desk: Desk, case: Case) -> None:
    """Mechanisms move and replace events as defined."""
    given, expect = case["given"], dict(case["expect"])
    if "function" in given:
        only(given, "function", "epsilon", "z")
        only(expect, "radius_m", "rel_tol", "abs_tol")
        assert given["function"] == "radius of the planar Laplace noise"
        wanted = pytest.approx(expect["radius_m"], rel=expect["rel_tol"], abs=expect["abs_tol"])
        assert float(planar_laplace_radius(given["epsilon"], np.asarray(given["z"]))) == wanted
        return
    only(given, "operator", "inputs", "data", "dataset", "after", "look_at")
    if "error" in expect:
        only(expect, "error")
        with pytest.raises(DataError) as caught:
            desk.call(given["operator"], given["inputs"], _inputs(desk, given))
        assert mentions(str(caught.value), expect["error"])
        return
    result = desk.call(given["operator"], given["inputs"], _inputs(desk, given))
    events = events_of(result.data.path)
    if "traces" in expect:
        only(expect, "traces", "within_m")
        assert events.keys() == expect["traces"].keys()
        for trace, wanted in expect["traces"].items():
            _assert_places(events[trace], wanted, expect.get("within_m", 0.0))
        return
    only(expect, "events", "consecutive_distances_m", "consecutive_times_ms", "first_time", "last_time")
    look = re.fullmatch(r"trace (\S+)", given["look_at"])
    assert look is not None
    trace = events[look[1]]
    pairs = list(pairwise(trace))
    assert len(trace) == expect["events"]
    low, high = expect["consecutive_distances_m"]
    assert all(low <= _metres(a[:2], b[:2]) <= high for a, b in pairs)
    low, high = expect["consecutive_times_ms"]
    assert all(low <= b[2] - a[2] <= high for a, b in pairs)
    assert (trace[0][2], trace[-1][2]) == (expect["first_time"], expect["last_time"])


# ---------------------------------------------------------------------------------------------------- transformations


def _assert_pois(folder: Path, wanted: Any, within_m: float) -> None:
    pois = read_pois(folder)
    if isinstance(wanted, int):
        assert len(pois.lat) == wanted
        return
    assert len(pois.lat) == len(wanted)
    for row, poi in enumerate(wanted):
        only(poi, "events", "first", "last", "centroid", "diameter_m")
        assert (pois.events[row], pois.first[row], pois.last[row]) == (poi["events"], poi["first"], poi["last"])
        assert _metres((pois.lat[row], pois.lng[row]), poi["centroid"]) <= within_m
        assert abs(pois.diameter[row] - poi["diameter_m"]) <= within_m


def _assert_stays(folder: Path, data: Path, inputs: Mapping[str, Any]) -> None:
    """Each POI lasts long enough, and no two of the events in its time are too far apart."""
    pois, events = read_pois(folder), events_of(data)
    longest, diameter = parse_duration(inputs["duration"]).ms, float(inputs["diameter"].removesuffix(".meters"))
    for index, trace in enumerate(pois.ids):
        for row in range(*pois.rows(index).indices(len(pois.lat))):
            stay = [event for event in events[trace] if pois.first[row] <= event[2] <= pois.last[row]]
            assert pois.last[row] - pois.first[row] >= longest
            assert len(stay) == pois.events[row]
            places = np.asarray([event[:2] for event in stay])
            widest = pdist(unit_vectors(places[:, 0], places[:, 1])).max()
            assert float(meters_of(widest)) <= diameter + 0.001


@pytest.mark.parametrize("case", cases("geo-transformations"))
def test_transformations(desk: Desk, case: Case) -> None:
    """Traces are cut, thinned out, smoothed and summed up as defined."""
    given, expect = case["given"], dict(case["expect"])
    only(given, "operator", "inputs", "data", "dataset", "after")
    datasets = _inputs(desk, given)
    if "error" in expect:
        only(expect, "error")
        with pytest.raises(DataError) as caught:
            desk.call(given["operator"], given["inputs"], datasets)
        assert mentions(str(caught.value), expect["error"])
        return
    result = desk.call(given["operator"], given["inputs"], datasets).data.path
    within_m = expect.pop("within_m", 0.0)
    if "pois" in expect:
        only(expect, "pois", "each", "twice")
        _assert_pois(result, expect["pois"], within_m)
        if "each" in expect:
            assert expect["each"] == (
                "last - first is at least 15 minutes; every two of its events are at most 200 m apart"
            )
            _assert_stays(result, datasets["data"], given["inputs"])
        if "twice" in expect:
            assert expect["twice"] == "the same result"
            again = desk.call(given["operator"], given["inputs"], datasets).data.path
            assert [path.read_bytes() for path in sorted(again.iterdir())] == [
                path.read_bytes() for path in sorted(result.iterdir())
            ]
        return
    before, after = events_of(datasets["data"]), events_of(result)
    for key, wanted in expect.items():
        _assert_transformed(key, wanted, before, after, within_m)


def _assert_transformed(key: str, wanted: Any, before: Any, after: Any, within_m: float) -> None:
    everything = [event for events in after.values() for event in events]
    match key:
        case "pieces":
            assert {trace: len(events) for trace, events in after.items()} == wanted
        case "events":
            assert len(everything) == wanted
        case "events_between":
            assert wanted[0] <= len(everything) <= wanted[1]
        case "indices":
            (source,) = before.values()
            assert everything == source[wanted[0] : wanted[1] + 1]
        case "times":
            assert [event[2] for event in everything] == wanted
        case "times_s":
            assert [event[2] / 1000 for event in everything] == wanted
        case "places":
            assert wanted == "unchanged"
            assert [e[:2] for e in everything] == [e[:2] for events in before.values() for e in events]
        case "traces" if isinstance(wanted, list):
            assert list(after) == wanted
        case "traces":
            assert after.keys() == wanted.keys()
            for trace in wanted:
                _assert_places(after[trace], wanted[trace], within_m)
        case _:
            pytest.fail(f"the adapter doesn't know {key!r}")


# ------------------------------------------------------------------------------------------------------------ metrics


def _assert_figure(found: Any, wanted: Any, tolerance: Mapping[str, float]) -> None:
    """A number, a text, or those per trace; of traces only those that are expected."""
    if isinstance(wanted, dict):
        for trace, value in wanted.items():
            _assert_figure(found[trace], value, tolerance)
    elif isinstance(wanted, str):
        assert found == wanted
    else:
        assert found == pytest.approx(wanted, rel=tolerance.get("rel"), abs=tolerance.get("abs"))


def _assert_counts(lists: list[list[float]], expect: dict[str, Any]) -> None:
    """What is expected of lists of numbers, one per seed."""
    only(expect, "length", "all", "at_least_one_above", "identical")
    assert all(len(one) == expect["length"] for one in lists)
    if "all" in expect:
        assert all(value == expect["all"] for one in lists for value in one)
    if "at_least_one_above" in expect:
        assert all(max(one) > expect["at_least_one_above"] for one in lists)
    if "identical" in expect:
        first, *others = (lists[place - 1] for place in expect["identical"])
        assert all(other == first for other in others)


@pytest.mark.parametrize("case", cases("geo-metrics"))
def test_metrics(desk: Desk, case: Case) -> None:
    """Metrics give the figures that their definitions give."""
    for given, wanted in checks(case):
        only(given, "operator", "inputs", "train", "test", "seeds")
        datasets, expect = _inputs(desk, given), dict(wanted)
        results = [
            desk.call(given["operator"], given["inputs"], datasets, seed=seed) for seed in given.get("seeds", [1])
        ]
        if isinstance(results[0], list):
            _assert_counts(results, expect)
            continue
        tolerance = {key: expect.pop(f"{key}_tol") for key in ("abs", "rel") if f"{key}_tol" in expect}
        result = results[0]
        found = {"value": result} if isinstance(result, dict) else result._asdict()
        for trace in expect.pop("absent_keys", []):
            assert all(trace not in figures for figures in found.values())
        for name, value in expect.pop("metric", {}).items():
            assert desk.metrics[name] == value
        for name, value in expect.items():
            _assert_figure(found[name], value, tolerance)


# ------------------------------------------------------------------------------------------------------------ geolife


def _by_user(data: Path) -> dict[str, list[int]]:
    traces = read_traces(data)
    found = dict[str, list[int]]()
    for trace in sorted(traces, key=lambda trace: [int(part) for part in trace.id.split("-")]):
        found.setdefault(trace.user, []).append(len(trace))
    return found


def _metrics_of(desk: Desk, workflow: str, seed: int) -> tuple[dict[str, Any], Path, int]:
    """Run a workflow as the cases describe it; give each metric's result, the protected data and its POIs."""
    chain, train_is, extraction, *metrics = (part.strip() for part in workflow.split(";"))
    assert train_is == "train = the split data"
    match = re.fullmatch(r"(PoisExtraction\(.*\)) on both", extraction)
    assert match is not None
    *_, train, test = desk.chain(chain, geolife(), seed=seed)
    pois = {side: desk.chain(match[1], data)[-1] for side, data in (("train", train), ("test", test))}
    found = dict[str, Any]()
    for metric in metrics:
        ((operator, inputs),) = calls(metric)
        sides = pois if operator.startswith("Pois") else {"train": train, "test": test}
        found[operator] = desk.call(operator, inputs, sides)
        found[f"undefined_traces_of_{operator}"] = desk.metrics.get("undefined_traces")
    return found, test, len(read_pois(pois["test"]).lat)


def _assert_means(found: Mapping[str, Any], wanted: Mapping[str, Any], rel_tol: float) -> None:
    for name, value in wanted.items():
        operator, port = name.split(".")
        figures = getattr(found[operator], port)
        mean = sum(figures.values()) / len(figures)
        if isinstance(value, list):
            assert value[0] <= mean <= value[1], name
        else:
            assert mean == pytest.approx(value, rel=rel_tol), name


@pytest.mark.parametrize("case", cases("geolife"))
def test_geolife(desk: Desk, case: Case) -> None:
    """The four Geolife users give the reference figures."""
    given, expect = case["given"], dict(case["expect"])
    only(given, "dataset", "after", "workflow", "summary", "seed")
    if "workflow" in given:
        _check_workflow(desk, given, expect)
        return
    data = desk.chain(given["after"], geolife())[-1]
    if "pois" in expect:
        only(expect, "pois", "abs_tol_each")
        pois = read_pois(data)
        counts = dict(zip(pois.users, np.diff(pois.offsets).tolist(), strict=True))
        assert counts == pytest.approx(expect["pois"], abs=expect["abs_tol_each"])
        return
    only(expect, "events", "total", "traces", "total_traces", "total_events", "first_sizes")
    sizes = _by_user(data)
    total = sum(map(sum, sizes.values()))
    found = {
        "events": {user: sum(own) for user, own in sizes.items()},
        "total": total,
        "traces": {user: len(own) for user, own in sizes.items()},
        "total_traces": sum(map(len, sizes.values())),
        "total_events": total,
    }
    for user, wanted in expect.pop("first_sizes", {}).items():
        assert sizes[user][: len(wanted)] == wanted
    assert {key: found[key] for key in expect} == expect


def _check_workflow(desk: Desk, given: Mapping[str, Any], expect: dict[str, Any]) -> None:
    assert given["summary"].startswith("plain mean over the traces that have a value")
    assert given.get("seed", "any") == "any"
    found, test, pois = _metrics_of(desk, given["workflow"], seed=20)
    counts = read_traces(test).counts
    _assert_means(found, expect.pop("mean"), expect.pop("rel_tol", 0.0))
    assert int(counts.sum()) == pytest.approx(expect.pop("events"), rel=expect.pop("rel_tol_events", 0.0))
    slack, slack_pois = expect.pop("abs_tol_empty", 0), expect.pop("abs_tol_pois", 0)
    if "empty_traces" in expect:
        assert int((counts == 0).sum()) == pytest.approx(expect.pop("empty_traces"), abs=slack)
    for key in [key for key in expect if key.startswith("undefined_traces_of_")]:
        assert found[key] == pytest.approx(expect.pop(key), abs=slack)
    wanted = expect.pop("test_pois")
    low, high = wanted if isinstance(wanted, list) else (wanted - slack_pois, wanted + slack_pois)
    assert low <= pois <= high
    assert not expect, f"the adapter doesn't know {sorted(expect)}"
