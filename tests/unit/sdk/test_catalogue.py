"""Finding, describing and remembering operators."""

import os
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from accio.domain.operators import OperatorSpec
from accio.errors import BadRequest, InvalidDefinition
from accio.sdk.catalogue import Catalogue, discover
from accio.sdk.sources import installed_sources, named_source
from tests.unit.sdk.packages import described, write

LEDGER = "open(__import__('os').environ['LEDGER'], 'a').write('imported\\n')\n"
OPERATOR = "from accio import operator\n@operator(version='1')\ndef {name}(x: int) -> int:\n    return x\n"


@pytest.fixture(autouse=True)
def importable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a test writes below `site` can be imported, and a ledger counts imports."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)
    monkeypatch.setenv("LEDGER", str(tmp_path / "ledger"))
    return site


def announce(site: Path, distribution: str, version: str = "1.0", *values: str, top: str = "") -> None:
    """Install a distribution that announces operators; `top` is the package that it provides."""
    points = "".join(f"point{at} = {value}\n" for at, value in enumerate(values))
    info = f"{distribution}-{version}.dist-info"
    for old in site.glob(f"{distribution}-*.dist-info"):
        old.rename(site / info)
    metadata = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
    write(site, {f"{info}/METADATA": metadata, f"{info}/entry_points.txt": f"[accio.operators]\n{points}"})
    write(site, {f"{info}/top_level.txt": f"{top}\n", f"{info}/RECORD": ""})


def find(tmp_path: Path, *named: str, installed: bool = False) -> Catalogue:
    """Discover operators with a cache below the test's folder."""
    return discover(named, folder=tmp_path, cache=tmp_path / "cache", installed=installed)


def names(catalogue: Catalogue) -> dict[str, str]:
    """The distribution of each operator."""
    return {offer.spec.name: offer.source.distribution for offer in catalogue.offers}


def imports(tmp_path: Path) -> int:
    """How often a module with LEDGER was imported so far."""
    ledger = tmp_path / "ledger"
    return len(ledger.read_text().splitlines()) if ledger.exists() else 0


def spec(catalogue: Catalogue) -> OperatorSpec:
    """The only operator of a catalogue."""
    (offer,) = catalogue.offers
    return offer.spec


def test_modules_files_and_programs_by_name(tmp_path: Path, importable: Path) -> None:
    """--operators takes a module, a file and the declaration of a program; nothing is imported here."""
    write(importable, {"ops_module.py": OPERATOR.format(name="A")})
    write(tmp_path, {"ops_file.py": OPERATOR.format(name="B"), "tool.json": '{"name": "C", "command": ["true"]}'})
    catalogue = find(tmp_path, "ops_module", "ops_file.py", "tool.json")
    assert names(catalogue) == {
        "A": "ops_module",
        "B": str(tmp_path / "ops_file.py"),
        "C": str(tmp_path / "tool.json"),
    }
    assert catalogue.warnings == ()
    assert {"ops_module", "ops_file"}.isdisjoint(sys.modules)


def test_a_module_of_the_current_folder(tmp_path: Path) -> None:
    """A module that is nowhere else is taken from the folder where the command was given, packages too."""
    write(
        tmp_path,
        {"here.py": OPERATOR.format(name="A"), "there/__init__.py": "", "there/deep.py": OPERATOR.format(name="B")},
    )
    catalogue = find(tmp_path, "here", "there.deep")
    assert names(catalogue) == {"A": str(tmp_path / "here.py"), "B": str(tmp_path / "there" / "deep.py")}


def test_an_operator_of_a_module_of_the_current_folder(tmp_path: Path) -> None:
    """One operator of such a module can be named, too."""
    write(tmp_path, {"here_two.py": OPERATOR.format(name="A") + OPERATOR.format(name="B").partition("\n")[2]})
    assert set(names(find(tmp_path, "here_two:B"))) == {"B"}


def test_files_beside_operators_take_no_modules_place(importable: Path, tmp_path: Path) -> None:
    """Neither that of a module of the standard library, nor that of one that is installed; others are found."""
    write(importable, {"installed_tool.py": "N = 1\n"})
    beside = {"queue.py": "1 / 0\n", "installed_tool.py": "1 / 0\n", "own_tool.py": "M = 2\n"}
    code = "import queue, installed_tool, own_tool\nfrom accio import operator\n@operator\n"
    code += "def A() -> int:\n    return installed_tool.N + own_tool.M\nassert queue.Queue\n"
    write(tmp_path / "work", {"beside_many.py": code, **beside})
    assert set(names(find(tmp_path, "work/beside_many.py"))) == {"A"}


def test_a_named_file_of_an_installed_package(importable: Path, tmp_path: Path) -> None:
    """The file that was named is what is loaded, with its own package, though another copy of it is installed."""
    for folder, number in ((importable, 1), (tmp_path / "checkout", 2)):
        ops = f"from .part import N\nfrom accio import operator\n@operator\ndef A{number}() -> int:\n    return N\n"
        write(folder, {"twofold/__init__.py": "", "twofold/ops.py": ops, "twofold/part.py": f"N = {number}\n"})
    catalogue = find(tmp_path, "checkout/twofold/ops.py")
    assert set(names(catalogue)) == {"A2"}


def test_files_in_packages_and_beside_others(tmp_path: Path) -> None:
    """A file is imported by the name that it has in its package, so that relative imports and siblings work."""
    write(
        tmp_path,
        {
            "pack/__init__.py": "",
            "pack/helper.py": "def double(x):\n    return 2 * x\n",
            "pack/ops.py": "from .helper import double\nfrom accio import operator\n@operator\n"
            "def A(x: int) -> int:\n    return double(x)\n",
            "loose.py": "import beside\nfrom accio import operator\n@operator\ndef B() -> int:\n    return beside.N\n",
            "beside.py": "N = 1\n",
        },
    )
    catalogue = find(tmp_path, "pack/ops.py", "loose.py")
    components = {offer.spec.name: dict(offer.spec.components) for offer in catalogue.offers}
    assert "function pack.helper.double" in components["A"]
    assert "constant beside.N" in components["B"]


@pytest.mark.parametrize("value", ["pointed.ops", "pointed.ops:One", "pointed.ops:BOTH"])
def test_entry_points(importable: Path, tmp_path: Path, value: str) -> None:
    """A distribution announces a module, an operator, or a list of them."""
    ops = OPERATOR.format(name="One") + OPERATOR.format(name="Two") + "BOTH = [One, Two]\n"
    write(importable, {"pointed/__init__.py": "", "pointed/ops.py": ops})
    announce(importable, "pointing", "1.0", value)
    (source,) = [source for source in installed_sources() if source.distribution == "pointing"]
    assert source.references == (value,)
    assert set(names(find(tmp_path, value))) == ({"One"} if value.endswith(":One") else {"One", "Two"})


@pytest.mark.parametrize(("needed", "offered"), [("pytest", True), ("no-such-distribution", False)])
def test_operators_that_need_an_extra_are_silent_without_it(importable: Path, needed: str, offered: bool) -> None:
    """An entry point that names an extra counts where all that the extra asks for is installed."""
    announce(importable, "extended", "1.0", "extended.ops [more]")
    with (importable / "extended-1.0.dist-info" / "METADATA").open("a") as metadata:
        metadata.write(
            f"Requires-Dist: numpy\nRequires-Dist: {needed}>=1; extra == 'more'\nRequires-Dist: gone; extra == 'x'\n"
        )
    found = [source.references for source in installed_sources() if source.distribution == "extended"]
    assert found == ([("extended.ops",)] if offered else [])


def test_a_named_module_of_an_installed_distribution_is_offered_once(importable: Path, tmp_path: Path) -> None:
    """Naming what an entry point announces too gives each operator once, under its distribution."""
    write(importable, {"twice_pkg/__init__.py": "", "twice_pkg/ops.py": OPERATOR.format(name="TwiceFound")})
    announce(importable, "twice", "1.0", "twice_pkg.ops")
    catalogue = find(tmp_path, "twice_pkg.ops", installed=True)
    found = [offer for offer in catalogue.offers if offer.spec.name == "TwiceFound"]
    assert [offer.source.distribution for offer in found] == ["twice"]


def test_what_is_named_is_described_before_what_is_installed_is_compared(
    importable: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its process starts first, whatever the order in which all are offered: an agent waits for it as it starts."""
    write(importable, {"a_pkg/__init__.py": "", "a_pkg/ops.py": OPERATOR.format(name="OfPackage")})
    announce(importable, "a-pkg", "1.0", "a_pkg.ops")
    write(tmp_path, {"named_ops.py": OPERATOR.format(name="OfFile")})
    begun: list[str] = []

    class Pool(ThreadPoolExecutor):
        def submit(self, job: Any, /, *given: Any, **named: Any) -> Any:
            begun.append(given[0].distribution)
            return super().submit(job, *given, **named)

    monkeypatch.setattr("accio.sdk.catalogue.ThreadPoolExecutor", Pool)
    catalogue = find(tmp_path, "named_ops.py", installed=True)
    assert begun[0] == str(tmp_path / "named_ops.py")
    offered = list(dict.fromkeys(names(catalogue).values()))
    assert offered.index("a-pkg") < offered.index(begun[0])


def test_two_operators_of_one_name(importable: Path, tmp_path: Path) -> None:
    """Two distributions with an operator of the same name are refused, naming operator and distributions."""
    write(importable, {"first_ops.py": OPERATOR.format(name="Same"), "second_ops.py": OPERATOR.format(name="Same")})
    announce(importable, "one", "1.0", "first_ops")
    announce(importable, "two", "1.0", "second_ops")
    with pytest.raises(InvalidDefinition) as caught:
        find(tmp_path, "first_ops", "second_ops")
    assert [word for word in ("Same", "one", "two") if word not in caught.value.message] == []


def test_one_name_twice_in_a_distribution(tmp_path: Path) -> None:
    """One module that declares a name twice is refused as well."""
    code = OPERATOR.format(name="A") + "@operator(name='A')\ndef B() -> int:\n    return 1\n"
    write(tmp_path, {"twice_declared.py": code})
    with pytest.raises(InvalidDefinition, match="operator A is declared twice"):
        find(tmp_path, "twice_declared.py")


def test_operators_imported_from_elsewhere_stay_there(importable: Path, tmp_path: Path) -> None:
    """A module that imports another distribution's operator doesn't offer it."""
    write(importable, {"lender_ops.py": OPERATOR.format(name="Lent")})
    announce(importable, "lender", "1.0", "lender_ops")
    write(tmp_path, {"borrower.py": "from lender_ops import Lent\n" + OPERATOR.format(name="Own")})
    assert set(names(find(tmp_path, "borrower.py"))) == {"Own"}


BROKEN: Mapping[str, tuple[str, list[str]]] = {
    "raises": ("1\n1 / 0\n", ["ZeroDivisionError", "at line 2 of broken_raises.py"]),
    "syntax": ("def (\n", ["SyntaxError", "(broken_syntax.py, line 1)"]),
    "exits": ("import sys\nsys.exit(7)\n", ["SystemExit: 7, at line 2 of broken_exits.py", "__main__"]),
    "ends": ("import os\nos._exit(7)\n", ["exit code 7"]),
    "dies": ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n", ["SIGSEGV", 'broken_dies.py", line 2']),
    "is relative": ("from .other import x\n", ["relative import", "__init__.py"]),
    "empty": ("A = 1\n", ["no operators"]),
    "declares badly": (
        "from accio import operator\n@operator\ndef Bad(rows: object) -> None:\n    pass\n",
        ["Bad", "rows"],
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_operators_that_cannot_be_loaded(importable: Path, tmp_path: Path, what: str) -> None:
    """What can't be imported is an error when it was named, and left out when it is only installed, with the reason."""
    code, mentions = BROKEN[what]
    module = f"broken_{what.replace(' ', '_')}"
    write(importable, {f"{module}.py": code})
    with pytest.raises((BadRequest, InvalidDefinition)) as caught:
        find(tmp_path, module)
    announce(importable, "faulty", "1.0", module)
    (left_out,) = [text for text in find(tmp_path, installed=True).left_out if "faulty" in text]
    for message in (caught.value.message, left_out):
        assert [text for text in mentions if text not in message] == []
        assert "Traceback" not in message


@pytest.mark.parametrize("text", ["gone.py", "gone.json", "gone_module", "gone.module", "here_file:Op"])
def test_names_of_nothing(tmp_path: Path, text: str) -> None:
    """A name behind which there is nothing is refused with the forms that there are."""
    write(tmp_path, {"here_file.py": ""})
    with pytest.raises(BadRequest, match=r"--operators"):
        named_source(text, tmp_path)


@pytest.mark.parametrize("name", ["json.py", "my-ops.py"])
def test_files_that_cannot_be_modules(tmp_path: Path, name: str) -> None:
    """A file whose name belongs to another module, or to none, is refused; nothing is shadowed."""
    write(tmp_path, {name: OPERATOR.format(name="A")})
    with pytest.raises(BadRequest, match="rename the file"):
        find(tmp_path, name)


def test_uncacheable_operators_are_announced(tmp_path: Path) -> None:
    """An operator without digest is offered, with a warning that gives the reason."""
    write(
        tmp_path, {"dynamic.py": "from accio import operator\n@operator\ndef A(x: str) -> str:\n    return eval(x)\n"}
    )
    catalogue = find(tmp_path, "dynamic.py")
    assert spec(catalogue).digest is None
    (warning,) = catalogue.warnings
    assert "A" in warning
    assert "eval" in warning


def test_what_is_wrong_is_told_of_all_files_at_once(tmp_path: Path) -> None:
    """Mistakes of several declarations, and of Python beside them, come in one message."""
    port = '{"name": "o", "type": "double", "stdout": %s}'
    for name, stdout in (("A", "7"), ("B", "8"), ("C", "true")):
        document = f'{{"name": "{name}", "command": ["true"], "outputs": [{port % stdout}]}}'
        write(tmp_path, {f"{name}.json": document, "d.py": "import nothing_there\n"})
    with pytest.raises(InvalidDefinition) as refused:
        find(tmp_path, "A.json", "B.json", "C.json")
    assert [issue.message.partition(":")[0] for issue in refused.value.issues] == ["operator A", "operator B"]
    with pytest.raises(BadRequest) as both:
        find(tmp_path, "C.json", "B.json", "d.py")
    assert [word in both.value.message for word in ("operator B", "nothing_there")] == [True, True]


def test_an_unchanged_source_is_not_imported_again(tmp_path: Path) -> None:
    """A second start takes the description from the cache, and it is the same."""
    write(tmp_path, {"lazy_ops.py": LEDGER + OPERATOR.format(name="A")})
    first, second = (find(tmp_path, "lazy_ops.py") for _ in range(2))
    assert imports(tmp_path) == 1
    assert first == second


CHANGES = {
    "the file": {"ops/cached.py": LEDGER + "# changed\n" + OPERATOR.format(name="A")},
    "a helper": {"ops/helper.py": "N = 2\n"},
    "a data file": {"ops/table.txt": "2"},
    "a module that an import would find first": {"ops/helper/__init__.py": "N = 3\n"},
    "an optional module": {"site/optional_of_cached.py": ""},
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_changed_source_is_described_again(tmp_path: Path, what: str) -> None:
    """Whatever changes among the files that a description rests on, it is made anew; and only then."""
    code = (
        "import helper\ntry:\n    import optional_of_cached\nexcept ImportError:\n    pass\n"
        "from accio import operator\n@operator(files=['table.txt'])\ndef A() -> int:\n    return helper.N\n"
    )
    write(tmp_path, {"ops/cached.py": LEDGER + code, "ops/helper.py": "N = 1\n", "ops/table.txt": "1"})
    first = find(tmp_path, "ops/cached.py")
    source = first.offers[0].source
    assert first.is_current(source)
    write(tmp_path, {"unrelated.txt": "x", "site/unrelated.py": "x = 1"})
    find(tmp_path, "ops/cached.py")
    assert imports(tmp_path) == 1
    write(tmp_path, CHANGES[what])
    assert not first.is_current(source)
    second = find(tmp_path, "ops/cached.py")
    assert imports(tmp_path) == 2
    assert spec(second) != spec(first) or what == "the file"


def test_a_touched_file_is_not_described_again(tmp_path: Path) -> None:
    """Content counts, not times."""
    write(tmp_path, {"touched.py": LEDGER + OPERATOR.format(name="A")})
    find(tmp_path, "touched.py")
    os.utime(tmp_path / "touched.py", (1, 1))
    find(tmp_path, "touched.py")
    assert imports(tmp_path) == 1


def test_another_version_of_a_dependency(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dependency that is installed in another version makes another description and another digest."""
    installed = tmp_path / "site-packages"
    write(installed, {"dependency_of_ops.py": "N = 1\n"})
    announce(installed, "dependency", "1.0", top="dependency_of_ops")
    monkeypatch.syspath_prepend(installed)
    code = "import dependency_of_ops as d\nfrom accio import operator\n@operator\ndef A() -> int:\n    return d.N\n"
    write(tmp_path, {"dependent.py": LEDGER + code})
    first = spec(find(tmp_path, "dependent.py"))
    assert dict(first.components)["package dependency"] == "1.0"
    announce(installed, "dependency", "1.1", top="dependency_of_ops")
    second = spec(find(tmp_path, "dependent.py"))
    assert imports(tmp_path) == 2
    assert first.digest is None or first.digest != second.digest
    assert dict(second.components)["package dependency"] == "1.1"


def test_a_damaged_cache_is_made_anew(tmp_path: Path) -> None:
    """A cache entry that can't be read, or is of another kind, costs a description and no more."""
    write(tmp_path, {"cached_ops.py": LEDGER + OPERATOR.format(name="A")})
    first = find(tmp_path, "cached_ops.py")
    (entry,) = (tmp_path / "cache").iterdir()
    for damage in (b"", b"{}", b"[1]", b"\xff", entry.read_bytes()[:-10]):
        entry.write_bytes(damage)
        assert find(tmp_path, "cached_ops.py") == first
    assert imports(tmp_path) == 6


def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    """Without a folder for the cache everything works, only slower."""
    write(tmp_path, {"uncached.py": OPERATOR.format(name="A"), "cache": "a file"})
    assert set(names(find(tmp_path, "uncached.py"))) == {"A"}


ROOTS = {
    "made by a function": "def make(n):\n    def inner(x: int) -> int:\n        return x * n\n    return inner\n"
    "A = operator(name='A')(make(NUM))\n",
    "a partial": "import functools\ndef times(n: int, x: int) -> int:\n    return n * x\n"
    "A = operator(name='A')(functools.partial(times, NUM))\n",
    "a lambda's wrapper": "f = lambda x: x * NUM\n@operator(name='A')\ndef anything(x: int) -> int:\n    return f(x)\n",
    "imported": "from .impl import A\n",
    "under a computed name": "def g(x: int) -> int:\n    return x * NUM\nglobals()['A'] = operator(name='A')(g)\n",
    "a class": "@operator\nclass A:\n    def run(self, x: int) -> int:\n        return x * NUM\n",
    "a class with a base elsewhere": "from .impl import Base\n@operator\nclass A(Base):\n    pass\n",
    "wrapped": "import functools\ndef wrap(f):\n    @functools.wraps(f)\n    def inner(x):\n        return f(x) * NUM\n"
    "    return inner\n@operator\n@wrap\ndef A(x: int) -> int:\n    return x\n",
}
IMPL = (
    "from accio import operator\n@operator\ndef A(x: int) -> int:\n    return x * NUM\n"
    "class Base:\n    def run(self, x: int) -> int:\n        return x * NUM\n"
)


@pytest.mark.parametrize("what", ROOTS)
def test_however_an_operator_came_about_its_code_is_found(tmp_path: Path, what: str) -> None:
    """The analysis begins at the names under which a loaded operator is known, so that none of its code is missed."""
    digests = []
    for number in "23":
        ops = "from accio import operator\n" + ROOTS[what].replace("NUM", number)
        folder = tmp_path / number
        write(folder, {"made/__init__.py": "", "made/ops.py": ops, "made/impl.py": IMPL.replace("NUM", number)})
        found = described(folder, "made.ops")["A"]
        assert found.uncacheable is None
        digests.append(found.digest)
    assert digests[0] != digests[1]


def test_what_is_installed_is_described_once_for_all_agents_of_a_user(tmp_path: Path, importable: Path) -> None:
    """Agents with folders of their own share descriptions of installed packages; those of named files stay theirs."""
    write(importable, {"shared_ops.py": LEDGER + OPERATOR.format(name="SharedA")})
    announce(importable, "shared-dist", "1.0", "shared_ops:SharedA")
    write(tmp_path, {"own.py": OPERATOR.format(name="OwnB")})
    for number in range(3):
        catalogue = discover(["own.py"], folder=tmp_path, cache=tmp_path / f"agent{number}", shared=tmp_path / "shared")
        assert {"SharedA", "OwnB"} <= names(catalogue).keys()
        assert len([*(tmp_path / f"agent{number}").glob("*.json")]) == 1
    assert imports(tmp_path) == 1
    write(importable, {"shared_ops.py": LEDGER + OPERATOR.format(name="SharedA") + "# changed\n"})
    discover([], folder=tmp_path, cache=tmp_path / "agent3", shared=tmp_path / "shared")
    assert imports(tmp_path) == 2


def test_a_cache_of_descriptions_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The descriptions that were written last stay."""
    monkeypatch.setattr("accio.sdk.descriptions.MOST_DESCRIPTIONS", 2)
    for name in ("one", "two", "three"):
        write(tmp_path, {f"{name}/ops.py": LEDGER + OPERATOR.format(name="A")})
        find(tmp_path, f"{name}/ops.py")
    assert len([*(tmp_path / "cache").glob("*.json")]) == 2
    find(tmp_path, "two/ops.py")
    find(tmp_path, "three/ops.py")
    assert imports(tmp_path) == 3


def test_a_digest_is_the_same_everywhere(tmp_path: Path) -> None:
    """Equal packages at different places, in processes with other hash seeds, have equal digests."""
    ops = "".join(f"def f{i}(x):\n    from . import m{i}\n    return m{i}.N\n" for i in range(20))
    calls = " + ".join(f"f{i}(x)" for i in range(20))
    files = {f"same/m{i}.py": f"N = {i}\nprint(N) if N < 0 else None\n" for i in range(20)}
    files["same/ops.py"] = f"from accio import operator\n{ops}@operator\ndef A(x: int) -> int:\n    return {calls}\n"
    digests = set()
    for place in ("one", "two", "three"):
        write(tmp_path / place, {"same/__init__.py": "", **files})
        digests.add(described(tmp_path / place, "same.ops")["A"].digest)
    assert len(digests) == 1
    assert None not in digests


def test_ports_are_part_of_the_digest(tmp_path: Path) -> None:
    """With version=, another type of a port makes another digest all the same: stored results have the old one."""
    digests = []
    for hint in ("int", "float"):
        code = f"from accio import operator\n@operator(version='1')\ndef A(x: {hint}) -> {hint}:\n    return x\n"
        write(tmp_path / hint, {"ported.py": code})
        digests.append(described(tmp_path / hint, "ported")["A"].digest)
    assert len({*digests}) == 2
