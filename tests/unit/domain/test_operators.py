"""Operators: their JSON form, and what a declaration may not be."""

from typing import Any

import pytest

from accio.domain.datatypes import DOUBLE, INTEGER, parse_type
from accio.domain.operators import InputPort, OperatorSpec, OutputPort
from accio.domain.problems import ValueProblem
from accio.domain.resources import Resources

DIGEST = "blake3:" + "0" * 64
FULL = OperatorSpec(
    name="Geo-I",
    digest=DIGEST,
    category="lppm",
    help="Planar Laplace noise.",
    unstable=True,
    deprecated="use another",
    inputs=(
        InputPort(name="data", type=parse_type("dataset"), help="traces"),
        InputPort(name="epsilon", type=DOUBLE, default="0.001"),
        InputPort(name="n", type=INTEGER, optional=True, choices=("1", "2")),
    ),
    outputs=(OutputPort(name="value", type=parse_type("map(string,double)"), help="h"),),
    resources=Resources(milli_cpus=1500, memory=7, custom=(("lic", 1),)),
    timeout_ms=1000,
    retries=2,
    retry_backoff_ms=5,
    retry_memory=1.5,
    memory_limit=100,
    isolated=True,
    components=(("function _noise", "ab"), ("package numpy", "2.0")),
    distribution="locapriv",
    draws=("uuid.uuid4 in function f",),
)


def test_an_operator_reads_back() -> None:
    """The JSON form keeps everything."""
    assert OperatorSpec.from_json(FULL.to_json()) == FULL
    plain = OperatorSpec(name="A", uncacheable="why")
    assert OperatorSpec.from_json(plain.to_json()) == plain


def test_keys_of_later_versions_are_ignored() -> None:
    """An agent that is newer than the daemon may say more."""
    assert OperatorSpec.from_json(FULL.to_json() | {"new": 1}) == FULL


@pytest.mark.parametrize(
    "change", [{"inputs": [{"name": "x"}]}, {"inputs": [{"name": "x", "type": "duble"}]}, {"resources": {"cpu": 1}}]
)
def test_what_is_no_operator(change: dict[str, Any]) -> None:
    """A document of another shape is refused by a message, not by a traceback."""
    with pytest.raises(ValueProblem, match="operator"):
        OperatorSpec.from_json(FULL.to_json() | change)
    with pytest.raises(ValueProblem, match="operator"):
        OperatorSpec.from_json([1])


def test_a_good_declaration_has_no_problems() -> None:
    """Neither a full declaration nor one without ports is refused."""
    assert FULL.problems() == ()
    assert OperatorSpec(name="Source", digest=DIGEST).problems() == ()


def test_every_problem_is_named() -> None:
    """Illegal names, doubles, defaults of another type, and a missing digest are found in one pass."""
    bad = OperatorSpec(
        name="has space",
        inputs=(
            InputPort(name="x-y", type=INTEGER),
            InputPort(name="a", type=INTEGER, default='"text"'),
            InputPort(name="a", type=INTEGER),
            InputPort(name="b", type=INTEGER, choices=("1", '"x"'), default="2"),
            InputPort(name="c", type=parse_type("double"), choices=("1.0", "2")),
        ),
        outputs=(OutputPort(name="", type=INTEGER),),
        timeout_ms=0,
        retries=-1,
        retry_backoff_ms=-1,
        retry_memory=0.5,
        memory_limit=0,
    )
    problems = bad.problems()
    assert {issue.path for issue in problems} == {
        "/name",
        "/inputs/0/name",
        "/inputs/2/name",
        "/outputs/0/name",
        "/inputs/1/default",
        "/inputs/3/choices/1",
        "/inputs/4/choices/1",
        "/inputs/3/default",
        "/digest",
        "/timeout_ms",
        "/retries",
        "/retry_backoff_ms",
        "/retry_memory",
        "/memory_limit",
    }
    assert all("has space" in issue.message for issue in problems)


def test_ports_are_found_by_name() -> None:
    """A port knows whether it needs a value."""
    data, epsilon, optional = FULL.inputs
    assert FULL.input("epsilon") is epsilon
    assert FULL.input("value") is None
    assert FULL.output("value") is FULL.outputs[0]
    assert FULL.output("data") is None
    assert (data.required, epsilon.required, optional.required) == (True, False, False)


def test_a_demand_of_no_processor_is_none() -> None:
    """Resources that would be others once they were stored, or couldn't be read at all, are refused."""
    spec = OperatorSpec(name="Op", digest="d", resources=Resources(milli_cpus=0))
    assert [issue.path for issue in spec.problems()] == ["/resources/cpus"]
    for wanted in (Resources(custom=(("a b", 1),)), Resources(milli_cpus=2**53 + 1)):
        assert OperatorSpec(name="Op", digest="d", resources=wanted).problems()
