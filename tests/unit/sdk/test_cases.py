"""The shared cases about declaring and identifying operators."""

import py_compile
from pathlib import Path
from typing import Any

import pytest

from accio.errors import AccioError
from accio.sdk.catalogue import discover
from tests.cases.loader import Case, cases, only
from tests.unit.sdk.packages import described, write

HINTS = {"string": "str", "an iterator": "__import__('collections.abc').abc.Iterator[int]"}


@pytest.mark.parametrize("case", cases("operator-definition"))
def test_operator_definition(case: Case, tmp_path: Path) -> None:
    """A declaration is accepted, or refused with a message that names what it must."""
    given, expect = case["given"], case["expect"]
    only(given, "declared")
    only(expect, "refused", "accepted", "mentions")
    declared = given["declared"] if isinstance(given["declared"], list) else [given["declared"]]
    files = [declare(tmp_path, declaration) for declaration in declared]
    if expect.get("refused"):
        with pytest.raises(AccioError) as caught:
            discover(files, folder=tmp_path, cache=None, installed=False)
        assert [text for text in expect["mentions"] if text not in caught.value.message] == []
    else:
        assert expect["accepted"] is True
        catalogue = discover(files, folder=tmp_path, cache=None, installed=False)
        assert [offer.spec.name for offer in catalogue.offers] == [declaration["name"] for declaration in declared]


def declare(folder: Path, declaration: dict[str, Any]) -> str:
    """Write an operator to a file of its own, and give its name."""
    only(declaration, "name", "inputs", "outputs", "in")
    name = f"{declaration.get('in', 'only').replace(' ', '_')}.py"
    parameters = ", ".join(f"{port}: {HINTS[kind]}" for port, kind in declaration.get("inputs", []))
    outputs = "".join(f"    {port}: {HINTS[kind]}\n" for port, kind in declaration.get("outputs", []))
    code = (
        f"from typing import NamedTuple\nfrom accio import operator\nclass Out(NamedTuple):\n{outputs or '    pass'}\n"
        f"@operator\ndef {declaration['name']}({parameters}) -> Out:\n    return Out()\n"
    )
    write(folder, {name: code})
    return name


@pytest.mark.parametrize("case", cases("operator-digest"))
def test_operator_digest(case: Case, tmp_path: Path) -> None:
    """Equal inputs are answered from the cache exactly if the operator's digest is known and still the same."""
    given, expect = case["given"], case["expect"]
    only(given, "operator", "operator_before", "operator_after", "steps", "checks")
    only(expect, "second_run", "results", "why")
    checks, results = given.get("checks", [given]), expect.get("results", [expect])
    for at, (check, result) in enumerate(zip(checks, results, strict=True)):
        only(check, "operator", "operator_before", "operator_after", "steps")
        only(result, "second_run", "why")
        before = check.get("operator_before") or check["operator"]
        first = digest(tmp_path / f"{at}", before)
        second = digest(tmp_path / f"{at}", {**before, **check.get("operator_after", {})})
        cached = first[0] is not None and first[0] == second[0]
        assert result["second_run"] == ("cached" if cached else "executed")
        if "why" in result:
            only(result["why"], "says", "mentions")
            assert result["why"]["says"] == ("uncacheable" if second[0] is None else "executed")
            assert [text for text in result["why"]["mentions"] if text not in str(second[1])] == []


def digest(folder: Path, files: dict[str, str]) -> tuple[str | None, str | None]:
    """Install the package of a case, and give the digest of its operator or the reason why there is none."""
    native = "from ._native" in files["scale.py"]
    takes = "class Scale" in files["scale.py"]
    operators = f"from accio import operator\nfrom .scale import {'Scale' if takes else 'scale'} as implementation\n"
    if native:  # a compiled function has no hints: it is wrapped, as the message about it says
        operators += "@operator(name='Scale')\ndef scale(x: int) -> int:\n    return implementation(x)\n"
        write(folder, {"scales/_native.txt": "def scale(x):\n    return x\n"})
        source = folder / "scales" / "_native.txt"
        py_compile.compile(str(source), cfile=str(source.with_suffix(".pyc")), doraise=True)
    else:
        operators += "Scale = operator(name='Scale')(implementation)\n"
    write(folder, {"scales/__init__.py": "", "scales/operators.py": operators})
    write(folder, {f"scales/{name}": text for name, text in files.items()})
    spec = described(folder, "scales.operators")["Scale"]
    return spec.digest, spec.uncacheable
