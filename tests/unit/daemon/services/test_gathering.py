"""What nodes of a sweep itself are given: lists in canonical form, and folders with a table of what is in them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from accio.content.datasets import materialise, put_tree
from accio.content.digest import digest_bytes, parse_digest
from accio.content.errors import BlobMissing
from accio.content.store import FolderStore
from accio.domain.axes import Axis
from accio.domain.datatypes import parse_type
from accio.domain.jsontext import json_string
from accio.domain.named_content import content_of, named
from accio.domain.sweeps import Sweep
from accio_daemon.core.terms import Gather, Gathered
from accio_daemon.services.calls.gathering import GatheredFolder, GatheredList
from accio_daemon.storage.rows.gathered import Value
from tests import builders

DOUBLE = parse_type("double")
DOUBLES = Gather(0, "value", parse_type("list(double)"))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FolderStore]:
    """Open an empty store."""
    with FolderStore(tmp_path / "store") as store:
        yield store


def gathered(store: FolderStore, texts: list[str], source: str = "double") -> Gathered:
    """Gather a list of doubles, a few values at a time."""
    values = [Value(child, text, "") for child, text in enumerate(texts)]
    with GatheredList(store, parse_type(source), DOUBLES) as made:
        for at in range(0, len(values), 7):
            made.add(values[at : at + 7])
        return made.end()


def test_a_short_list_is_its_text(store: FolderStore) -> None:
    """Nothing is stored for it, and no value at all is a list, too."""
    assert gathered(store, ["1.5", "2.0"]) == Gathered(text="[1.5,2.0]", count=2)
    assert gathered(store, []) == Gathered(text="[]", count=0)
    assert list(store.list()) == []


def test_values_are_cast_to_what_the_port_takes(store: FolderStore) -> None:
    """Integers become doubles, so that the key is that of equal doubles."""
    assert gathered(store, ["1", "2"], source="integer").text == "[1.0,2.0]"


def test_a_long_list_is_a_blob_of_the_same_bytes(store: FolderStore) -> None:
    """Its digest is what a key makes of a long text, so that it doesn't matter who put it together."""
    texts = [f"{value}.5" for value in range(20_000)]
    found = gathered(store, texts)
    whole = ("[" + ",".join(texts) + "]").encode()
    assert found == Gathered(blob=(digest_bytes(whole), len(whole)), count=20_000)
    assert store.read(digest_bytes(whole)) == whole


def test_a_value_that_was_a_blob_is_put_in_whole(store: FolderStore) -> None:
    """Long values of children are read from the store; one that is gone is told."""
    gather = Gather(0, "value", parse_type("list(string)"))
    blob = store.put(json_string("long").encode()).digest
    with GatheredList(store, builders.STRING, gather) as made:
        made.add([Value(0, '"short"', ""), Value(1, "", blob)])
        assert made.end().text == '["short","long"]'
        with pytest.raises(BlobMissing):
            made.add([Value(2, "", digest_bytes(b"gone"))])


def test_datasets_become_a_folder(store: FolderStore, tmp_path: Path) -> None:
    """Each child has a folder of its own, files keep their names, and a table says what parameters they belong to."""
    file = tmp_path / "part.csv"
    file.write_text("a,b\n")
    folder = tmp_path / "several"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "x").write_text("x")
    empty = tmp_path / "empty"
    empty.mkdir()
    one, other, none = (put_tree(store, path, now_ns=0).digest for path in (file, folder, empty))
    sweep = Sweep((Axis("path", builders.STRING, ('"p, q"', '"r"')), Axis("x", builders.INTEGER, ("7",))), 6)
    with GatheredFolder(store, sweep) as made:
        made.add([Value(0, json_string(named(one, "part.csv")), ""), Value(1, json_string(other), "")])
        made.add([Value(10, json_string(none), ""), Value(11, json_string(one), "")])
        found = made.end()
    assert found.text is not None
    assert found.count == 4
    target = tmp_path / "out"
    materialise(store, parse_digest(content_of(found.text.strip('"')) or ""), target)
    there = sorted(str(path.relative_to(target)) for path in target.rglob("*"))
    assert there == ["00", "00/part.csv", "01", "01/inner", "01/inner/x", "10", "11", "11/data", "manifest.csv"]
    assert (target / "manifest.csv").read_bytes().decode().split("\r\n") == [
        "index,param.path,repeat,path",
        '0,"p, q",1,00/part.csv',
        '1,"p, q",2,01',
        "10,r,5,10",
        "11,r,6,11/data",
        "",
    ]
