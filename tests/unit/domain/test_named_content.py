"""Texts of datasets that are named by their content, with the name of a file or without."""

import pytest

from accio.domain.axes import Axis
from accio.domain.datatypes import DATASET, DataType, Kind
from accio.domain.keys import datasets_of
from accio.domain.named_content import content_of, name_in, named
from accio.domain.problems import ValueProblem
from accio.domain.sweeps import Sweep
from accio.domain.values import parse_to_canonical
from accio_daemon.core.inputs import Binding, received
from accio_daemon.core.terms import Pin

DIGEST = "blake3:" + "0123456789abcdef" * 4
OTHER = "blake3:" + "fedcba9876543210" * 4


@pytest.mark.parametrize("name", ["table.csv.gz", "a b", "é", "line\nbreak", "x" * 255, "..."])
def test_a_name_comes_out_as_it_went_in(name: str) -> None:
    """Content under a name is one text, from which both can be read again, and a value of type dataset."""
    text = named(DIGEST, name)
    assert (content_of(text), name_in(text)) == (DIGEST, name)
    parse_to_canonical(DATASET, text, base_path="/data")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/etc", "a\0b", "x" * 256, "\udc80"])
def test_what_no_file_can_be_called_is_no_name(name: str) -> None:
    """Nothing that leads out of a folder, or can't be a name on every file system, is taken for a name."""
    assert named(DIGEST, name) == DIGEST
    assert name == "" or content_of(f"{DIGEST}/{name}") is None


@pytest.mark.parametrize("text", ["/data", "blake3:0123", DIGEST + "/", DIGEST + "0", "accio:r/n/p", ""])
def test_other_texts_name_no_content(text: str) -> None:
    """A path, an artifact and a broken digest don't name content; the last is refused as a value."""
    assert content_of(text) is None
    if text.startswith("blake3:"):
        with pytest.raises(ValueProblem, match="64 hexadecimal digits"):
            parse_to_canonical(DATASET, text)


def test_names_do_not_enter_keys() -> None:
    """A node's key is the same whatever the files are called that it receives, also inside collections."""
    files = DataType(Kind.MAP, (DataType(Kind.STRING), DATASET))

    def key_inputs(texts: dict[str, str]) -> str:
        text = parse_to_canonical(files, texts)
        bindings = [Binding(port="x", label='"x":', target=files, source=files, has_dataset=True, text=text)]
        inputs = received(bindings, Sweep((Axis("n", DATASET, ("0",)),)), (0,), lambda _: None, {})
        assert inputs is not None
        assert sorted(datasets_of(files, inputs.wire[len('{"x":') : -1])) == sorted(texts.values())
        return inputs.key_inputs

    plain = key_inputs({"a": DIGEST, "b": OTHER})
    assert key_inputs({"a": named(DIGEST, "a.csv"), "b": named(OTHER, "b.csv")}) == plain
    assert ".csv" not in plain


def test_pins_carry_names_beside_the_content() -> None:
    """What an artifact's text stands for enters the key by content, and goes to the agent with the file's name."""
    text = "accio:run/Write/value"
    bindings = [Binding(port="x", label='"x":', target=DATASET, source=DATASET, has_dataset=True, text=f'"{text}"')]
    pins = {text: Pin(digest=DIGEST, size=3, name="table.csv.gz")}
    inputs = received(bindings, Sweep((Axis("n", DATASET, ("0",)),)), (0,), lambda _: None, pins)
    assert inputs is not None
    assert inputs.key_inputs == f'{{"x":{{"dataset":"{DIGEST}"}}}}'
    assert inputs.contents[text].name == "table.csv.gz"
