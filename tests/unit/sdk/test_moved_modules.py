"""What a name leads to now decides, not what it led to when operators were described."""

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from accio.domain.operators import OperatorSpec
from accio.sdk.catalogue import Catalogue, discover
from accio.sdk.modules import find_spec
from accio.sdk.resolution import Resolution
from tests.unit.sdk.packages import write

HEAD = "from accio import operator\n"
OPERATOR = "@operator\ndef Op(x: int) -> int:\n    return {0} * x\n"


def _find(tmp_path: Path, reference: str) -> Catalogue:
    return discover([reference], folder=tmp_path, cache=tmp_path / "cache", installed=False)


def _spec(catalogue: Catalogue) -> OperatorSpec:
    (offer,) = catalogue.offers
    return offer.spec


def _ops(number: int) -> str:
    return HEAD + OPERATOR.format(number)


def _using(text: str) -> str:
    return f"{HEAD}{text}\n{OPERATOR.format('N')}"


Move = Callable[[Path, pytest.MonkeyPatch, str], str]


def _another_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> str:
    for folder, number in (("one", 2), ("two", 3)):
        write(tmp_path / folder, {f"{name}.py": _ops(number)})
    monkeypatch.syspath_prepend(tmp_path / "one")
    return name


def _another_path_of_a_helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> str:
    for folder, number in (("one", 2), ("two", 3)):
        write(tmp_path / folder, {f"{name}_helper.py": f"N = {number}\n"})
    write(tmp_path, {f"{name}.py": _using(f"from {name}_helper import N")})
    monkeypatch.syspath_prepend(tmp_path / "one")
    return f"{name}.py"


def _with_a_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> str:
    for folder, number in (("one", "2"), ("two", "3")):
        code = OPERATOR.format(1).replace("@operator", f"@operator(version='{number}')")
        write(tmp_path / folder, {f"{name}.py": HEAD + code})
    monkeypatch.syspath_prepend(tmp_path / "one")
    return name


def _a_portion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> str:
    for folder, number in (("one", 2), ("two", 3)):
        write(tmp_path / folder, {f"{name}_space/part.py": f"N = {number}\n"})
    write(tmp_path, {f"{name}.py": _using(f"from {name}_space.part import N")})
    monkeypatch.syspath_prepend(tmp_path / "one")
    return f"{name}.py"


def _in_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> str:
    for folder, number in (("one", 2), ("two", 3)):
        part = f"N = {number}\n"
        write(tmp_path / folder, {f"{name}/__init__.py": "", f"{name}/ops.py": _using("from .part import N")})
        write(tmp_path / folder, {f"{name}/part.py": part})
    monkeypatch.syspath_prepend(tmp_path / "one")
    return f"{name}.ops"


@pytest.mark.parametrize("move", [_another_path, _another_path_of_a_helper, _with_a_version, _a_portion, _in_a_package])
def test_another_place_is_another_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, move: Move) -> None:
    """A folder that comes to stand before the one that was used: what lies there is described, both ways."""
    reference = move(tmp_path, monkeypatch, f"moved{move.__name__}")
    first = _find(tmp_path, reference)
    assert first.is_current(first.offers[0].source)
    monkeypatch.syspath_prepend(tmp_path / "two")
    assert not first.is_current(first.offers[0].source)
    second = _find(tmp_path, reference)
    monkeypatch.syspath_prepend(tmp_path / "one")
    third = _find(tmp_path, reference)
    digests = [_spec(each).digest for each in (first, second, third)]
    assert None not in digests
    assert digests[0] == digests[2] != digests[1]


def test_a_file_that_comes_to_be_found_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new file in a folder that was on the path all along, but had no such module, counts at once."""
    name = "shadowed_later"
    write(tmp_path, {f"back/{name}.py": "N = 2\n", "front/other.py": "", "first.py": _using(f"from {name} import N")})
    for folder in ("back", "front"):
        monkeypatch.syspath_prepend(tmp_path / folder)
    before = _find(tmp_path, "first.py")
    write(tmp_path, {f"front/{name}.py": "N = 3\n"})
    after = _find(tmp_path, "first.py")
    assert _spec(before).digest != _spec(after).digest


@pytest.mark.parametrize("how", ["insert(0, {!r})", "append({!r})"])
def test_a_module_may_change_the_search_path(tmp_path: Path, how: str) -> None:
    """What an operator's module finds in a folder that it puts on the path itself stays found, until it is edited."""
    name = f"on_a_path_of_ones_own_{how[:3]}"
    write(tmp_path, {f"library/{name}.py": "N = 2\n"})
    path = f"import sys\nsys.path.{how.format(str(tmp_path / 'library'))}\n"
    write(tmp_path, {"first.py": path + _using(f"from {name} import N")})
    found = _find(tmp_path, "first.py")
    assert found.is_current(found.offers[0].source)
    write(tmp_path, {f"library/{name}.py": "N = 3\n"})
    assert not found.is_current(found.offers[0].source)


def test_a_folder_twice_on_the_path_leads_nowhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PYTHONPATH may name the folder of an editable install: a package without __init__.py has no more portions so."""
    write(tmp_path / "one", {"twice_on_path/ops.py": _ops(2)})
    for _ in range(2):
        monkeypatch.syspath_prepend(tmp_path / "one")
    found = _find(tmp_path, "twice_on_path.ops")
    assert found.is_current(found.offers[0].source)


def test_an_equal_copy_elsewhere_has_the_same_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where code lies doesn't enter the digest: a second checkout of the same code has the same results."""
    for folder in ("one", "two"):
        write(tmp_path / folder, {"copied.py": _ops(2)})
    digests = []
    for folder in ("one", "two"):
        monkeypatch.syspath_prepend(tmp_path / folder)
        digests.append(_spec(_find(tmp_path, "copied")).digest)
    assert digests[0] == digests[1] is not None


def test_a_namespace_package_within_another_is_found(tmp_path: Path) -> None:
    """Its place is told though nobody has imported the package that it is in."""
    (tmp_path / "outer_space" / "inner").mkdir(parents=True)
    spec = find_spec("outer_space.inner", [str(tmp_path / "outer_space")])
    assert spec is not None
    assert list(spec.submodule_search_locations or ()) == [str(tmp_path / "outer_space" / "inner")]


def test_threads_may_look_at_once() -> None:
    """An agent looks at several sources at the same time, each in a thread."""
    nothing = Resolution(places={}, pins={})
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as threads:
            for _ in range(10):
                sys.path_importer_cache.update({f"/nowhere/{number}": None for number in range(5_000)})
                assert list(threads.map(lambda _: nothing.moved(), range(4))) == [""] * 4
    finally:
        sys.setswitchinterval(interval)
