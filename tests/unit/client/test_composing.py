"""Workflows put together in Python: the JSON that a file would hold, and what a wrong line says."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest

from accio import operator
from accio.errors import InvalidDefinition
from accio_client import Workflow
from accio_client.definition_text import read
from accio_locapriv.operators import AreaCoverage, EventSource, GeoIndistinguishability, SpatialDistortion

GEOIND = Path(__file__).resolve().parents[3] / "examples" / "geoind_workflow.json"


class Halves(NamedTuple):
    low: float
    high: float


@operator(name="Halve")
def halve(x: float, at: int = 1) -> Halves:
    """Return both halves."""
    return Halves(x / 2, x / 2)


@operator(name="Add")
def plus(left: float, name: float) -> float:
    """Return the sum; one of its inputs is called like an option of `add`."""
    return left + name


def test_it_is_what_the_file_holds() -> None:
    """The example's file and the same lines in Python are equal: names, notes, kinds, defaults, order, all of it."""
    file = orjson.loads(GEOIND.read_bytes())
    workflow = Workflow("geoind_workflow", name=file["name"], notes=file["notes"], owner=file["owner"])
    uri = workflow.param("uri", help="Folder with a CSV file per user")
    epsilon = workflow.param("epsilon", help="Privacy level in 1/m; the smaller, the noisier")
    level = workflow.param("level", default=15, help="Level of the S2 cells")
    events = workflow.add(EventSource, url=uri)
    noisy = workflow.add(GeoIndistinguishability, name="Geo-I", data=events.data, epsilon=epsilon)
    workflow.add(AreaCoverage, train=events.data, test=noisy.data, level=level)
    workflow.add(SpatialDistortion, train=events, test=noisy["data"])
    assert workflow.definition() == {"id": "geoind_workflow", **file}
    text, _, _ = read(workflow, None)
    assert orjson.loads(text) == workflow.definition()


def test_whatever_a_file_can_say_can_be_said() -> None:
    """Constants, maps, outputs that are gathered, operators by name, limits, and inputs called like options."""
    workflow = Workflow("w")
    halves = workflow.add(halve, x=1.5)
    workflow.add(plus, name="Sum", left=halves.low, inputs={"name": halves.high}, timeout="5.minutes", retries=2)
    other = workflow.add("Elsewhere", weights={"a": 1.0}, numbers=[1, 2], resources={"cpus": 2})
    workflow.add("Mean", numbers=halves.low.gather(), all=other.anything.gather(partial=True))
    assert workflow.definition() == {
        "id": "w",
        "graph": [
            {"op": "Halve", "inputs": {"x": 1.5}},
            {
                "op": "Add",
                "name": "Sum",
                "inputs": {"name": {"reference": "Halve/high"}, "left": {"reference": "Halve/low"}},
                "timeout": "5.minutes",
                "retries": 2,
            },
            {
                "op": "Elsewhere",
                "inputs": {"weights": {"value": {"a": 1.0}}, "numbers": [1, 2]},
                "resources": {"cpus": 2},
            },
            {
                "op": "Mean",
                "inputs": {
                    "numbers": {"gather": "Halve/low"},
                    "all": {"gather": "Elsewhere/anything", "partial": True},
                },
            },
        ],
    }


def test_a_parameter_has_the_kind_of_the_inputs_that_take_it() -> None:
    """Unless a kind is given; where inputs differ, or none says which, it must be."""
    workflow = Workflow("w")
    both = workflow.param("both")
    workflow.add(halve, x=both, at=both)
    with pytest.raises(InvalidDefinition, match=r"kind of the parameter 'both'.*Halve/x takes double, Halve/at takes"):
        workflow.definition()
    workflow.param("both", "integer")
    assert workflow.definition()["params"] == [{"name": "both", "kind": "integer"}]
    workflow.param("unused")
    with pytest.raises(InvalidDefinition, match="no input says which"):
        workflow.definition()


WRONG: list[tuple[Callable[[Workflow, Any], Any], str]] = [
    (lambda w, halves: w.add(halve, name="H", y=1), "has no input 'y'"),
    (lambda w, halves: w.add(plus, name="Sum", lef=1), "did you mean left?"),
    (lambda w, halves: w.add(plus, name="Sum", left=1), "no value for name"),
    (lambda w, halves: w.add(halve, x=2), "there is a node 'Halve' already"),
    (lambda w, halves: w.add(print), "expected what @operator decorates, or an operator's name, found print"),
    (lambda w, halves: w.add(halve, name="H", x=halves), "expected an output of the node Halve.*it has low, high"),
    (lambda w, halves: w.add(halve, name="H", x=w.add("Elsewhere")), "its operator isn't known here"),
    (lambda w, halves: halves["lo"], "has no output 'lo'; did you mean low"),
    (lambda w, halves: Workflow("other").add(halve, x=halves.low), "is another workflow's"),
    (lambda w, halves: w.add(halve, name="H", x=Workflow("other").param("p")), "is another workflow's"),
]


@pytest.mark.parametrize(("line", "advice"), WRONG, ids=[advice for _, advice in WRONG])
def test_a_wrong_line_is_refused_where_it_stands(line: Callable[[Workflow, Any], Any], advice: str) -> None:
    """It says what there is, and the workflow is as it was."""
    workflow = Workflow("w")
    halves = workflow.add(halve, x=workflow.param("x"))
    with pytest.raises(InvalidDefinition, match=advice):
        line(workflow, halves)
    graph = [node for node in workflow.definition()["graph"] if node["op"] != "Elsewhere"]
    assert graph == [{"op": "Halve", "inputs": {"x": {"param": "x"}}}]


def test_outputs_are_attributes() -> None:
    """They are listed for completion; one that there isn't, and what notebooks look for, is an AttributeError."""
    halves = Workflow("w").add(halve, x=1)
    assert {"low", "high"} <= set(dir(halves))
    assert not hasattr(halves, "middle")
    assert not hasattr(halves, "_repr_html_")
    assert repr(halves) == "<node Halve: low, high>"
