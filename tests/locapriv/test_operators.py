"""The operators as Accio sees them, and as anybody calls them."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

import accio_locapriv.operators
from accio import Dataset, OperatorContext
from accio.domain.operators import OperatorSpec
from accio.sdk.describe import describe
from accio_locapriv.operators import EventSource, GeoIndistinguishability, SpatialDistortion
from accio_locapriv.synthetic import write_synthetic
from accio_locapriv.traces import read_traces
from tests.locapriv.calling import Desk, generated

# Name → inputs and outputs; a question mark for an optional input, an equals sign for one with a default.
PORTS = {
    "EventSource": "url:dataset kind:string= users:list(string)= skip_malformed:boolean= → data:dataset",
    "GeoIndistinguishability": "data:dataset epsilon:double= → data:dataset",
    "Promesse": "data:dataset epsilon:distance → data:dataset",
    "DurationSplitting": "data:dataset duration:duration → data:dataset",
    "SizeSplitting": "data:dataset size:integer → data:dataset",
    "TemporalGapSplitting": "data:dataset duration:duration → data:dataset",
    "SpatialGapSplitting": "data:dataset distance:distance → data:dataset",
    "TemporalSampling": "data:dataset duration:duration → data:dataset",
    "SpatialSampling": "data:dataset distance:distance → data:dataset",
    "UniformSampling": "data:dataset probability:double → data:dataset",
    "ModuloSampling": "data:dataset n:integer → data:dataset",
    "EnforceSize": "data:dataset minSize:integer? maxSize:integer? → data:dataset",
    "EnforceDuration": "data:dataset minDuration:duration? maxDuration:duration? → data:dataset",
    "SequentialSplitting": "data:dataset percentBegin:double percentEnd:double complement:boolean= → data:dataset",
    "CollapseTemporalGaps": "data:dataset startAt:timestamp → data:dataset",
    "GaussianKernelSmoothing": "data:dataset omega:duration → data:dataset",
    "PoisExtraction": "data:dataset diameter:distance duration:duration minPoints:integer= → data:dataset",
    "PoisRetrieval": "train:dataset test:dataset threshold:distance overlap:duration? → precision:M recall:M fscore:M",
    "AreaCoverage": "train:dataset test:dataset level:integer width:duration? → precision:M recall:M fscore:M",
    "SpatialDistortion": "train:dataset test:dataset interpolate:boolean= → min:M max:M stddev:M avg:M median:M",
    "SpatioTemporalDistortion": "train:dataset test:dataset → min:M max:M stddev:M avg:M median:M",
    "DataCompleteness": "train:dataset test:dataset → value:M",
    "TransmissionDelay": "train:dataset test:dataset → value:M",
    "BasicAnalyzer": "data:dataset → size:M length:M duration:M",
    "PoisReident": "train:dataset test:dataset → matches:map(string,string) rate:double",
    "HeatMapDistortion": (
        "train:dataset test:dataset cellSize:distance distanceType:string= → distortions:M avgDist:double"
    ),
    "CountQueriesDistortion": (
        "train:dataset test:dataset n:integer minSize:distance maxSize:distance minDuration:duration "
        "maxDuration:duration → value:list(double)"
    ),
}
UNSTABLE = {"GeoIndistinguishability", "UniformSampling", "CountQueriesDistortion"}


@pytest.fixture(scope="module")
def specs() -> Mapping[str, OperatorSpec]:
    """All operators, described like any others."""
    described = describe("accio", ["accio_locapriv.operators"])
    return {spec.name: spec for spec in described.specs}


def shown(spec: OperatorSpec) -> str:
    inputs = [f"{p.name}:{p.type}{'?' if p.optional else '' if p.default is None else '='}" for p in spec.inputs]
    outputs = [f"{port.name}:{port.type}".replace("map(string,double)", "M") for port in spec.outputs]
    return f"{' '.join(inputs)} → {' '.join(outputs)}"


def test_all_operators_are_there(specs: Mapping[str, OperatorSpec]) -> None:
    """Each operator of docs/location-privacy.md is declared with these ports."""
    assert {name: shown(spec) for name, spec in specs.items()} == PORTS
    assert sorted(accio_locapriv.operators.__all__) == sorted(PORTS)


def test_only_random_operators_are_unstable(specs: Mapping[str, OperatorSpec]) -> None:
    """Those that draw random numbers get a seed, all others none."""
    assert {name for name, spec in specs.items() if spec.unstable} == UNSTABLE


def test_every_operator_can_be_cached(specs: Mapping[str, OperatorSpec]) -> None:
    """The digest of each is known: nothing in the package hides what an operator's code is."""
    assert {name: spec.uncacheable for name, spec in specs.items() if spec.digest is None} == {}


def test_everything_is_explained(specs: Mapping[str, OperatorSpec]) -> None:
    """Operators, inputs and outputs have a help text."""
    helps = {f"{name}/{port.name}": port.help for name, spec in specs.items() for port in spec.inputs}
    helps |= {f"{name}/{port.name}": port.help for name, spec in specs.items() for port in spec.outputs}
    bare = [port for port, text in helps.items() if not text and not port.endswith("/value")]
    assert bare == []
    assert all(spec.help and spec.category for spec in specs.values())


def test_operators_are_ordinary_functions(tmp_path: Path) -> None:
    """They are called with a context and values, without any other part of Accio."""
    write_synthetic(tmp_path / "raw", users=1, days=1, seed=1)
    ctx = OperatorContext.for_testing(folder=tmp_path / "work")
    data = EventSource(ctx, Dataset(tmp_path / "raw")).data
    noisy = GeoIndistinguishability(OperatorContext.for_testing(folder=tmp_path / "noise", seed=1), data, 0.01).data
    found = SpatialDistortion(ctx, data, noisy, interpolate=False)
    assert 100 < found.avg["user1"] < 200
    assert ctx.metrics == {"malformed_lines": 0, "undefined_traces": 0}


def test_equal_seeds_give_equal_files(tmp_path: Path) -> None:
    """An unstable operator's result is fixed by its seed, to the byte."""
    desk = Desk(folder=tmp_path)
    data = desk.traces({"a": generated(20, 1000, 30.0), "b": []})
    files = [
        (desk.call("GeoIndistinguishability", {}, {"data": data}, seed=seed).data / "events.parquet").read_bytes()
        for seed in (5, 5, 6)
    ]
    assert files[0] == files[1] != files[2]


@pytest.mark.parametrize(
    ("operator", "inputs"),
    [
        ("Promesse", {"epsilon": "50.meters"}),
        ("SizeSplitting", {"size": 4}),
        ("TemporalGapSplitting", {"duration": "10.minutes"}),
        ("SpatialGapSplitting", {"distance": "25.meters"}),
        ("TemporalSampling", {"duration": "10.minutes"}),
        ("UniformSampling", {"probability": 0.5}),
        ("ModuloSampling", {"n": 3}),
        ("GaussianKernelSmoothing", {"omega": "10.minutes"}),
        ("CollapseTemporalGaps", {"startAt": "2020-01-01T00:00:00Z"}),
        ("EnforceDuration", {"minDuration": "0.minutes"}),
    ],
)
def test_empty_datasets_stay_empty(tmp_path: Path, operator: str, inputs: dict[str, object]) -> None:
    """No operator stumbles over a dataset without traces, or over traces without events."""
    desk = Desk(folder=tmp_path)
    nothing = desk.call(operator, inputs, {"data": desk.traces({})}).data
    assert len(read_traces(nothing)) == 0
    empty = desk.call(operator, inputs, {"data": desk.traces({"t": []})}).data
    assert len(read_traces(empty).time) == 0


def test_inputs_are_left_alone(tmp_path: Path) -> None:
    """Operators write into new folders only: what they are given stays as it is."""
    desk = Desk(folder=tmp_path)
    data = desk.traces({"t": generated(40, 60_000, 10.0)})
    before = {path.name: path.read_bytes() for path in data.iterdir()}
    desk.call("PoisExtraction", {"diameter": "100.meters", "duration": "5.minutes", "minPoints": 1}, {"data": data})
    desk.call("Promesse", {"epsilon": "20.meters"}, {"data": data})
    desk.call("SpatialDistortion", {}, {"train": data, "test": data})
    assert {path.name: path.read_bytes() for path in data.iterdir()} == before


def test_pandas_is_not_imported(tmp_path: Path) -> None:
    """A new process reads, transforms and writes without pandas, whose import would take longer than all that."""
    write_synthetic(tmp_path / "raw", users=1, days=1, seed=1)
    program = (
        "import sys; from pathlib import Path; from accio import *; from accio_locapriv.operators import *\n"
        "raw, work = map(Path, sys.argv[1:]); ctx = OperatorContext.for_testing(folder=work)\n"
        "data = EventSource(ctx, Dataset(raw)).data; Promesse(ctx, data, Distance(100.0))\n"
        "pois = PoisExtraction(ctx, data, Distance(200.0), Duration(900000)).data\n"
        "PoisRetrieval(pois, pois, Distance(1.0)); SpatialDistortion(ctx, data, data)\n"
        "sys.exit('pandas' in sys.modules)"
    )
    folders = [str(tmp_path / "raw"), str(tmp_path / "work")]
    assert subprocess.run([sys.executable, "-c", program, *folders], check=False).returncode == 0
