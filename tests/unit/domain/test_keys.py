"""Memo keys: the published vectors, and that different inputs can't share one."""

import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from accio.domain.datatypes import DATASET, DOUBLE, INTEGER, parse_type
from accio.domain.keys import (
    FRAGMENT_LIMIT,
    KeyTemplate,
    datasets_of,
    fragment,
    fragment_with_datasets,
)
from accio.domain.operators import InputPort, OperatorSpec
from tests.unit.domain.vectors import published

DIGEST = "blake3:" + "0" * 64


def test_published_keys_hold() -> None:
    """The keys of docs/keys.md are those that the program computes, from the documented document."""
    keys, _ = published("keys.md")
    assert len(keys) >= 5
    for vector in keys:
        template = KeyTemplate(vector["operator"], vector["digest"], vector["inputs"])
        fragments = [vector["inputs"][port] for port in template.ports]
        seed = None if vector["seed"] is None else int(vector["seed"])
        assert template.key(fragments, seed).hex() == vector["key"], vector
        assert blake3(template.document(fragments, seed).encode()).hexdigest() == vector["key"]


def test_published_fragments_hold() -> None:
    """The fragments of docs/keys.md are those that the program computes."""
    _, fragments = published("keys.md")
    assert len(fragments) >= 8
    for vector in fragments:
        datatype = parse_type(vector["type"])
        found = (
            fragment_with_datasets(datatype, vector["text"], vector["datasets"])
            if datatype.contains(DATASET.kind)
            else fragment(vector["text"])
        )
        assert found == vector["fragment"], vector


def test_long_values_enter_by_their_hash() -> None:
    """A text beyond the limit in bytes, not in characters, becomes its hash; one at the limit stays."""
    kept = '"' + "x" * (FRAGMENT_LIMIT - 2) + '"'
    assert fragment(kept) == kept
    for long in (kept[:-1] + 'x"', '"' + "é" * (FRAGMENT_LIMIT // 2) + '"'):
        assert fragment(long) == f'{{"blake3":"{blake3(long.encode()).hexdigest()}"}}'


def test_no_map_is_taken_for_a_long_value() -> None:
    """A map that looks like the replacement of a long value has another fragment than that value."""
    long = '{"k":"' + "x" * FRAGMENT_LIMIT + '"}'
    forged = fragment(long)
    assert fragment(forged) != forged


def test_a_template_needs_a_digest() -> None:
    """An operator whose digest isn't known has no keys."""
    assert KeyTemplate.of(OperatorSpec(name="A", uncacheable="it reads a file")) is None
    spec = OperatorSpec(name="A", digest=DIGEST, inputs=(InputPort(name="b", type=INTEGER),))
    template = KeyTemplate.of(spec)
    assert template is not None
    assert template.ports == ("b",)


def test_every_fragment_must_be_there() -> None:
    """A forgotten port is an error, not another key."""
    with pytest.raises(ValueError, match="shorter"):
        KeyTemplate("A", DIGEST, ["a", "b"]).key(["1"])


def test_datasets_are_found_at_any_depth() -> None:
    """The datasets of a value are named once each, keys of maps included."""
    datatype = parse_type("map(dataset,list(dataset))")
    assert datasets_of(datatype, '{"/a":["/b","/c"],"/b":[]}') == ("/a", "/b", "/c")
    assert datasets_of(DOUBLE, "1.0") == ()


def test_a_missing_digest_is_named() -> None:
    """A dataset without a digest is an error that names it."""
    with pytest.raises(KeyError, match="/a"):
        fragment_with_datasets(DATASET, '"/a"', {})


texts = st.one_of(st.none(), st.integers().map(str), st.floats(allow_nan=False, allow_infinity=False).map(repr))


@given(one=st.tuples(texts, texts), other=st.tuples(texts, texts), seed=st.none() | st.integers())
def test_keys_are_equal_exactly_if_inputs_are(
    one: tuple[str | None, str | None], other: tuple[str | None, str | None], seed: int | None
) -> None:
    """Keys tell apart every difference of the inputs, absence included, and of the seed."""
    template = KeyTemplate("A", DIGEST, ["a", "b"])
    assert (template.key(one, seed) == template.key(other, seed)) == (one == other)
    assert template.key(one, seed) != template.key(one, 0 if seed is None else seed + 1)
