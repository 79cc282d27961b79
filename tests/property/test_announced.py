"""What agents may announce: whatever is let in can be read again, as the daemon reads it at each of its starts."""

import orjson
from hypothesis import example, given
from hypothesis import strategies as st

from accio.domain.operators import OperatorSpec
from accio.errors import BadRequest
from accio.v1 import values_pb2
from accio.wire.operators import operator_of

NUMBERS = st.sampled_from((0, 1, 7, 1000, 2**31 - 1, 2**53 - 1, 2**53, 2**53 + 1, 2**56 - 1))
NAMES = st.sampled_from(("x", "y", "value", "cpus", "", "_x", "a b", "ä", "x\n", "\x00")) | st.text(max_size=4)
TEXTS = st.text(max_size=4)
TYPES = st.sampled_from(
    ("integer", "double", "string", "boolean", "dataset", "list(integer)", "map(string,double)", "", "no")
)
JSON = st.sampled_from(
    ("1", "1.0", '"a"', "true", "null", "[]", "[1]", "{}", "", "NaN", '"\\ud800"', "1e999", "[" * 300)
)

resources = st.builds(
    values_pb2.Resources,
    milli_cpus=NUMBERS,
    memory=NUMBERS,
    disk=NUMBERS,
    gpus=st.sampled_from((0, 1, 4096, 2**32 - 1)),
    custom=st.dictionaries(NAMES, NUMBERS, max_size=3),
)
inputs = st.builds(
    values_pb2.InputPort,
    name=NAMES,
    type=TYPES,
    default_json=st.none() | JSON,
    optional=st.booleans(),
    help=TEXTS,
    choices_json=st.lists(JSON, max_size=3),
)
outputs = st.builds(values_pb2.OutputPort, name=NAMES, type=TYPES, help=TEXTS)
operators = st.builds(
    values_pb2.Operator,
    name=st.just("Op") | NAMES,
    digest=st.sampled_from(("", "blake3:" + "a" * 64)) | TEXTS,
    uncacheable=TEXTS,
    category=TEXTS,
    help=TEXTS,
    unstable=st.booleans(),
    deprecated=TEXTS,
    inputs=st.lists(inputs, max_size=2),
    outputs=st.lists(outputs, max_size=2),
    resources=resources,
    timeout_ms=NUMBERS,
    retries=st.sampled_from((0, 1, 2**31 - 1)),
    retry_backoff_ms=NUMBERS,
    retry_memory=st.sampled_from((0.0, 1.0, 1.5, -1.0, 1024.0, 1e300)),
    memory_limit=NUMBERS,
    isolated=st.booleans(),
    components=st.dictionaries(TEXTS, TEXTS, max_size=2),
    distribution=TEXTS,
    draws=st.lists(TEXTS, max_size=2),
)


@given(operators)
@example(values_pb2.Operator(name="Op", resources=values_pb2.Resources()))
@example(values_pb2.Operator(name="Op", resources=values_pb2.Resources(milli_cpus=2**53 + 1)))
@example(values_pb2.Operator(name="Op", resources=values_pb2.Resources(milli_cpus=1, custom={"": 1})))
@example(values_pb2.Operator(name="Op", resources=values_pb2.Resources(milli_cpus=1, custom={"_x": 1})))
def test_an_operator_that_is_let_in_can_be_read_again(message: values_pb2.Operator) -> None:
    """Each is refused at the door, or is what it was once it has been stored: else no start could read the database."""
    try:
        spec = operator_of(message)
    except BadRequest:
        return
    assert OperatorSpec.from_json(orjson.loads(orjson.dumps(spec.to_json()))) == spec
