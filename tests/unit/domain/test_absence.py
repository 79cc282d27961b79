"""No value in a sweep: `null` where an input is optional, as a value among others."""

import json
from typing import Any

import pytest

from accio.domain.absence import NO_VALUE
from accio.domain.axes import Axis
from accio.domain.datatypes import DISTANCE, DOUBLE, LONG, STRING, DataType, parse_type
from accio.domain.filters import read_query, select, sweep_context
from accio.domain.inline_sweeps import inline_form
from accio.domain.issues import Checked
from accio.domain.operators import InputPort, OperatorSpec
from accio.domain.ranges import WholePoints
from accio.domain.runs import RunDefinition, with_overrides
from accio.domain.seeds import child_seed
from accio.domain.sweeps import Sweep
from accio.domain.validation import check_run, check_workflow
from tests.cases.language import check_a_run, library

NOW = 1_769_860_800_000


class One:
    """Where the only workflow is found."""

    def __init__(self, workflow: Any) -> None:
        self._workflow = workflow

    def get(self, workflow_id: str, version: str | None) -> Any:
        return self._workflow

    def ids(self) -> list[str]:
        return ["w"]

    def versions(self, workflow_id: str) -> list[str]:
        return []


def checked(kind: str, *, default: Any = None, **keys: Any) -> Checked[RunDefinition]:
    """Check a run of a workflow whose parameters `p` and `q` feed optional inputs of *kind*."""
    datatype = parse_type(kind)
    ports = tuple(InputPort(name=name, type=datatype, optional=True) for name in "pq")
    operators = {"Take": OperatorSpec(name="Take", digest="d", inputs=ports)}
    param = {"name": "p", "kind": kind} | ({} if default is None else {"default_value": default})
    inputs = {"p": {"param": "p"}, "q": {"param": "q"}}
    document = {"id": "w", "params": [param, {"name": "q", "kind": kind}], "graph": [{"op": "Take", "inputs": inputs}]}
    workflow = check_workflow(document, operators).value
    assert workflow is not None
    return check_run({"workflow": "w", **keys}, workflows=One(workflow), operators=operators, base_path="/base")


def sweep_of(kind: str, **keys: Any) -> Sweep:
    found = checked(kind, **keys)
    assert found.value is not None, found.errors
    return found.value.sweep


def values_of(kind: str, **keys: Any) -> list[str]:
    axis = sweep_of(kind, **keys).axis("p")
    assert axis is not None
    return list(axis.values())


@pytest.mark.parametrize(
    ("kind", "form", "texts"),
    [
        ("double", {"values": [None, 0.1, 1]}, ["null", "0.1", "1.0"]),
        ("double", {"values": ["1", "null", None, "None"]}, ["1.0", "null"]),
        ("double", None, ["null"]),
        ("double", {"value": None}, ["null"]),
        ("boolean", {"values": [True, None]}, ["true", "null"]),
        ("string", {"values": ["null", None, ""]}, ['"null"', "null", '""']),
        ("dataset", {"values": ["none", None]}, ['"/base/none"', "null"]),
        ("list(long)", {"values": [[1], None]}, ["[1]", "null"]),
    ],
)
def test_null_is_a_value_of_an_optional_input(kind: str, form: Any, texts: list[str]) -> None:
    """Also the word, but where it is a text; equal ones collapse, and order stays."""
    assert values_of(kind, params={"p": form}) == texts


def test_null_wins_over_the_default_of_the_workflow() -> None:
    """A run that says that there is no value has none."""
    assert values_of("double", default=0.5, params={"p": None}) == ["null"]
    assert values_of("double", default=0.5) == ["0.5"]


@pytest.mark.parametrize(
    "keys",
    [
        {"points": [{"p": 1, "q": None}, {"p": None, "q": 2}]},
        {"points": {"p": ["1", ""], "q": ["", "2"]}},
        {"zip": ["p", "q"], "params": {"p": {"values": [1, None]}, "q": {"values": [None, 2]}}},
        {"union": [{"params": {"p": 1, "q": None}}, {"params": {"p": None, "q": 2}}]},
        {"params": {"p": {"values": [1, None]}, "q": {"values": [None, 2]}}, "where": "p=1 q=null or p=null q!=null"},
    ],
)
def test_points_may_lack_values(keys: dict[str, Any]) -> None:
    """In rows (an empty cell), zipped, in unions and in conditions: the same two points."""
    sweep = sweep_of("long", **keys)
    assert [sweep.child(at) for at in range(sweep.size)] == [{"p": "1", "q": "null"}, {"p": "null", "q": "2"}]


def test_a_cell_of_a_text_is_empty() -> None:
    """An empty cell of a text is the empty text."""
    assert values_of("string", points={"p": ["a", ""]}) == ['"a"', '""']


def test_an_empty_cell_of_a_needed_input_is_told() -> None:
    """What stands there is named, not what it means."""
    document = {"workflow": "needy", "points": {"epsilon": ["1", ""], "url": ["/x", "/y"]}}
    issue = check_a_run(document, library()).errors[0]
    assert issue.path == "/points/epsilon/1"
    assert 'found "": ' in issue.message
    assert "can't do without a value" in issue.message


def of_doubles(*texts: str) -> Sweep:
    return Sweep((Axis("limit", DOUBLE, texts), Axis("n", LONG, ("1", "2"))), repeat=2)


def test_seeds_leave_no_value_out() -> None:
    """The child has the seed of one that doesn't mention the parameter; the others have those that they had."""
    with_none, without = of_doubles("1.0", NO_VALUE, "2.0"), of_doubles("1.0", "2.0")
    seeds = [with_none.child_seed(number, 7) for number in range(12)]
    assert seeds[4:8] == [child_seed(7, {"n": (LONG, n)}, k) for n in "12" for k in (1, 2)]
    assert [*seeds[:4], *seeds[8:]] == [without.child_seed(number, 7) for number in range(8)]
    assert with_none.child_seeds(range(12), 7) == seeds
    assert Sweep((Axis("limit", DOUBLE, (NO_VALUE,)), with_none.axes[1]), 2).child_seeds(range(4), 7) == seeds[4:8]


@pytest.mark.parametrize(
    ("datatype", "texts", "labels"),
    [
        (DOUBLE, ("1.0", "null"), ["p=1.0", "p=null"]),
        (STRING, ('"null"', "null"), ['p="null"', "p=null"]),
        (DISTANCE, ("1.0", "null"), ["p=1.meters", "p=null"]),
    ],
)
def test_labels_tell_no_value_from_the_word(datatype: DataType, texts: tuple[str, ...], labels: list[str]) -> None:
    """It is `null`, and the text is put in quotation marks."""
    sweep = Sweep((Axis("p", datatype, texts),))
    assert [sweep.label(number) for number in range(2)] == labels


@pytest.mark.parametrize(
    ("query", "children"),
    [
        ("limit=null", [1]),
        ("limit!=null", [0, 2]),
        ("limit in null, 2", [1, 2]),
        ("limit<5", [0, 2]),
        ("limit!=1", [2]),
        ("not limit=1", [1, 2]),
    ],
)
def test_queries_find_what_has_no_value(query: str, children: list[int]) -> None:
    """`=null` does, and nothing else: neither an order nor another `!=`. Over all runs, too."""
    sweep = Sweep((Axis("limit", DOUBLE, ("1.0", NO_VALUE, "2.0")),))
    context = sweep_context(sweep, now_ms=NOW)
    assert list(select(read_query(query, context), sweep).children) == children


def test_a_range_has_no_child_without_a_value() -> None:
    """Of an axis that is a formula, `=null` finds nothing and `!=null` everything."""
    sweep = Sweep((Axis("n", LONG, WholePoints(start=0, step=1, size=1000)),))
    context = sweep_context(sweep, now_ms=NOW)
    sizes = [select(read_query(query, context), sweep).children.size for query in ("n=null", "n!=null", "n in null, 3")]
    assert sizes == [0, 1000, 1]


def test_no_value_has_no_order() -> None:
    """A comparison that can't hold is refused."""
    context = sweep_context(of_doubles("1.0", NO_VALUE), now_ms=NOW)
    with pytest.raises(ValueError, match="neither less nor more"):
        read_query("limit<null", context)


def test_the_command_line_spells_it() -> None:
    """`x=1,2,null` where commas separate values; None (`x:=null`) for any type."""
    assert inline_form(DOUBLE, ["1,2,null"]) == {"values": ["1", "2", "null"]}
    assert values_of("double", params={"p": inline_form(DOUBLE, ["1,2,null"])}) == ["1.0", "2.0", "null"]
    assert inline_form(STRING, ["a,b", None]) == {"values": ["a,b", None]}
    changed = with_overrides({"workflow": "w"}, params=[("s", "a"), ("s", None), ("t", None)])
    assert changed["params"] == {"s": {"values": ["a", None]}, "t": {"value": None}}


def test_it_is_stored_exactly() -> None:
    """What was stored is the same sweep."""
    sweep = of_doubles("1.0", NO_VALUE)
    assert Sweep.from_text(sweep.to_text()) == sweep
    assert json.loads(sweep.to_text())["axes"][0]["values"] == ["1.0", "null"]
