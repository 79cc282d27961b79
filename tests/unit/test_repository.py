"""Facts about the repository itself: what it holds, what it must not hold, and that its parts agree."""

import ast
import importlib.util
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts import bytecode, protos, sync_client

pytestmark = pytest.mark.timeout(600)  # some read the whole tree, on machines that others use

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = bytecode.PACKAGES
PUBLIC_MODULES = ("accio", "accio.sdk", "accio_client")

# Calls that run what they read, or race; file → the calls it may make, and why.
FORBIDDEN_CALLS = {
    "eval", "exec", "compile", "os.system", "os.popen", "tempfile.mktemp", "yaml.load", "marshal.load", "marshal.loads",
    "pickle.load", "pickle.loads", "pickle.Unpickler", "shelve.open", "os.fork",
}  # fmt: skip
ALLOWED_CALLS: dict[str, set[str]] = {
    # A template process, which has never used grpc or threads, forks its workers: that is what it is for.
    "accio_agent/worker/forking.py": {"os.fork"},
    "accio_agent/worker/template.py": {"os.fork"},
    # The process that reads for the daemon takes jobs from it alone; what it answers is no pickle.
    "accio_daemon/storage/reading/apart_process.py": {"pickle.loads"},
}


LONGEST_FUNCTION, LONGEST_FILE = 50, 400
# What is longer → why there is no second idea in it. What `sync_client` writes is as long as its source makes it.
LONGER = {
    "accio_daemon/core/records.py:__init__": "the fields of an execution, one a line: they have one life",
}


def tracked() -> list[Path]:
    """Every file that is in the repository, or would be after `git add`; none where there is no git."""
    command = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard"]
    try:
        listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return [ROOT / line for line in listing.splitlines() if (ROOT / line).is_file()]


def sources(*folders: str) -> Iterator[tuple[str, ast.Module]]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "v1" not in path.relative_to(ROOT).parts:
                yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def name_of(node: ast.expr) -> str:
    """`a.b.c` for the expression a.b.c; the empty text for anything that isn't a dotted name."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=attribute) if prefix := name_of(value):
            return f"{prefix}.{attribute}"
        case _:
            return ""


def calls(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield name_of(node.func), node


def configuration() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_stubs_are_fresh() -> None:
    """The generated contract was made from the protos that are there."""
    assert not protos.is_stale(ROOT), "run scripts/gen-protos"


def test_the_blocking_client_is_fresh() -> None:
    """The blocking client is what the asynchronous one makes it."""
    for path, text in sync_client.generated(ROOT).items():
        assert (ROOT / path).read_text(encoding="utf-8") == text, "run scripts/sync_client.py"


def test_bytecode_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """scripts/setup leaves bytecode of every module of Accio, also where Python itself is told to leave none."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert bytecode.main([]) == 0
    modules = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    assert [path for path in modules if not Path(importlib.util.cache_from_source(str(path))).is_file()] == []


def test_generated_code_is_not_tracked() -> None:
    """The build makes the stubs; a committed copy could go stale."""
    assert [path for path in tracked() if "_pb2" in path.name] == []


def test_generators_are_the_same_for_builds_and_checkouts() -> None:
    """The build and the dev extra pin equal generators, so that both write equal stubs."""
    document = configuration()
    pinned = {line for line in document["build-system"]["requires"] if "==" in line}
    assert pinned <= set(document["project"]["optional-dependencies"]["dev"])


def test_grpc_is_at_least_the_generators_version() -> None:
    """Generated services refuse an older grpcio than their generator, so the dependency's bound is not lower."""
    document = configuration()
    (generator,) = (line for line in document["build-system"]["requires"] if line.startswith("grpcio-tools=="))
    assert f"grpcio>={generator.removeprefix('grpcio-tools==')}" in document["project"]["dependencies"]


def test_forbidden_calls() -> None:
    """No code runs what it reads, starts a shell or takes a temporary name that somebody else could take too."""
    found = []
    for file, tree in sources(*PACKAGES, "scripts", "examples"):
        for name, call in calls(tree):
            shell = any(keyword.arg == "shell" for keyword in call.keywords)
            if shell or (name in FORBIDDEN_CALLS and name not in ALLOWED_CALLS.get(file, set())):
                found.append(f"{file}:{call.lineno}: {name}")
    assert found == []


def test_nothing_is_raised_out_of_a_handler_of_groups() -> None:
    """Whatever is raised within `except*` comes out in a group before Python 3.11.4 (accio/one_error.py)."""
    found = [
        f"{file}:{each.lineno}"
        for file, tree in sources(*PACKAGES)
        for node in ast.walk(tree)
        if isinstance(node, ast.TryStar)
        for handler in node.handlers
        for each in ast.walk(handler)
        if isinstance(each, ast.Raise)
    ]
    assert found == []


def test_files_and_functions_have_one_idea() -> None:
    """No file is longer than 400 lines and no function than 50, but for what says why; and those are still longer."""
    generated = {Path(path).as_posix() for path in sync_client.generated(ROOT)}
    longer: set[str] = set()
    for file, tree in sources(*PACKAGES, "scripts", "examples"):
        if file in generated:
            continue
        if len((ROOT / file).read_text(encoding="utf-8").splitlines()) > LONGEST_FILE:
            longer.add(file)
        longer |= {
            f"{file}:{each.name}"
            for each in ast.walk(tree)
            if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
            and each.end_lineno is not None
            and each.end_lineno - each.lineno >= LONGEST_FUNCTION
        }
    assert longer == set(LONGER)


def targets_of(node: ast.AST) -> list[ast.expr]:
    """What a statement assigns or deletes, and what a call of a list's method changes."""
    match node:
        case ast.Assign(targets=found) | ast.Delete(targets=found):
            return found
        case ast.AugAssign(target=one) | ast.AnnAssign(target=one) | ast.For(target=one):
            return [one]
        case ast.Call(func=ast.Attribute(value=one, attr="append" | "extend" | "insert" | "pop" | "clear")):
            return [one]
        case _:
            return []


def bases_of(target: ast.expr) -> Iterator[ast.expr]:
    """`a.b` for the target a.b[c], and each part of a tuple."""
    match target:
        case ast.Tuple(elts=several) | ast.List(elts=several):
            for each in several:
                yield from bases_of(each)
        case ast.Subscript(value=value) | ast.Starred(value=value):
            yield from bases_of(value)
        case _:
            yield target


def changed_attributes(node: ast.AST, function: str = "") -> Iterator[tuple[ast.expr, str, str]]:
    """Every attribute that is assigned, deleted or changed in place: where, its name, and the function around it."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        function = node.name
    for base in (base for target in targets_of(node) for base in bases_of(target)):
        if isinstance(base, ast.Attribute):
            yield base, base.attr, function
    if isinstance(node, ast.Call) and name_of(node.func) in {"setattr", "object.__setattr__"}:
        yield node, ast.unparse(node.args[1]), function
    for child in ast.iter_child_nodes(node):
        yield from changed_attributes(child, function)


def test_only_moves_writes_states() -> None:
    """No module of the daemon but core/moves.py assigns a state of a node, a child, a run or an execution.

    Constructors set the first one.
    """
    found = []
    for file, tree in sources("accio_daemon/core", "accio_daemon/engine", "accio_daemon/storage"):
        if file == "accio_daemon/core/moves.py":
            continue
        for target, attribute, function in changed_attributes(tree):
            first = function == "__init__" and name_of(target) == f"self.{attribute}"
            if attribute.strip("'") in {"state", "states", "phase"} and not first:
                found.append(f"{file}:{target.lineno}: {ast.unparse(target)}")
    assert found == []


def test_deciding_takes_a_turn() -> None:
    """No function of the daemon's core takes Effects by itself, or the World or an instant beside a Turn.

    Who only looks takes the World, and the instant if time matters.
    """
    found = []
    for file, tree in sources("accio_daemon/core"):
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                types = {ast.unparse(each.annotation) for each in arguments if each.annotation is not None}
                if "Effects" in types or ("Turn" in types and types & {"World", "Instant"}):
                    found.append(f"{file}:{node.lineno}: {node.name}")
    assert found == []


SQL = re.compile(
    r"\s*(?:(?:SELECT|INSERT|UPDATE|DELETE|REPLACE|WITH|CREATE|ALTER|DROP|VALUES|WHERE|FROM|JOIN) "
    r"|ORDER BY |GROUP BY |ON CONFLICT )"
)


def test_sql_lives_in_files() -> None:
    """The daemon's statements are in storage/queries; nobody but its storage executes any."""
    found = []
    for file, tree in sources("accio_daemon"):
        found += [
            f"{file}:{node.lineno}: {node.value[:40]!r}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.match(node.value)
        ]
        found += [
            f"{file}:{call.lineno}: {name}"
            for name, call in calls(tree)
            if name.rpartition(".")[2] in {"execute", "executemany", "executescript"}
            and not file.startswith("accio_daemon/storage/")
        ]
    assert found == []


def test_column_lists_are_written_once() -> None:
    """No two statements list the same four columns or more, in the same order: they share a part."""
    listed = re.compile(r"(?:[\w.]+(?: AS \w+)?, ){3,}[\w.]+")
    seen: dict[str, str] = {}
    found = []
    for path in sorted((ROOT / "accio_daemon/storage/queries").glob("*.sql")):
        for statement in path.read_text(encoding="utf-8").split("-- name: ")[1:]:
            name = f"{path.name}: {statement.partition(chr(10))[0]}"
            found += [
                f"{first}, {name}: {columns}"
                for columns in listed.findall(" ".join(statement.split()))
                if (first := seen.setdefault(columns, name)) != name
            ]
    assert found == []


def imports() -> dict[str, set[str]]:
    """Which of our modules each module imports: at its head, within functions, and for types only."""
    trees: dict[str, ast.Module] = {}
    for file, tree in sources(*PACKAGES):
        trees[file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")] = tree
    found: dict[str, set[str]] = {name: set() for name in trees}
    for name, tree in trees.items():
        for node in ast.walk(tree):
            named: list[str] = []
            if isinstance(node, ast.Import):
                named = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                members = [f"{node.module}.{alias.name}" for alias in node.names]
                named = [member if member in trees else node.module for member in members]
            found[name] |= {each for each in named if each in trees and each != name}
    return found


def test_no_module_imports_itself_in_a_circle() -> None:
    """Modules can be put in an order in which each imports only earlier ones, lazy and type-only imports included."""
    graph = imports()
    while leaves := [name for name, imported in graph.items() if not imported & graph.keys()]:
        for name in leaves:
            del graph[name]
    while unused := [name for name in graph if not any(name in imported for imported in graph.values())]:
        for name in unused:
            del graph[name]
    assert not graph, f"modules in or between circles: {sorted(graph)}"


# Packages whose docstrings are in the voice that CONTRIBUTING asks for.
PLAIN_PACKAGES = (*PACKAGES, "scripts")
WINDING = {"Give", "Gives", "Let", "Lets", "Take", "Takes", "Tell"}
NAMING = {
    "A", "After", "All", "An", "As", "At", "Bytes", "Each", "Every", "Everything", "First", "For", "From", "How", "Its",
    "Nobody", "Nothing", "One", "Only", "So", "Some", "The", "Those", "To", "What", "When", "Where", "Whether", "Which",
    "Who", "Why",
}  # fmt: skip


def test_docstrings_are_plain_imperatives() -> None:
    """A docstring says Return, Record, Requeue: what a function does, as everybody else in the field writes it.

    What a property or a class is may be named.
    """
    found = []
    for file, tree in sources(*PLAIN_PACKAGES):
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module):
                first = (ast.get_docstring(node) or "").partition(" ")[0].rstrip(",.:;")
                if first in WINDING or (first in NAMING and is_function(node)):
                    found.append(f"{file}: {getattr(node, 'name', '')}")
    assert found == []


def is_function(node: ast.AST) -> bool:
    """Return whether a definition is that of a function or a method, and not of a property."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    return not any("property" in name_of(each) for each in node.decorator_list)


def test_tests_do_not_wait_for_time_to_pass() -> None:
    """Tests wait for the thing itself; where time has to pass, because nothing may happen, a test's line says so."""
    found = []
    for file, tree in sources("tests"):
        if not Path(file).name.startswith("test_"):  # operators and programs that tests drive
            continue
        lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
        for name, call in calls(tree):
            yields = name == "asyncio.sleep" and isinstance(call.args[0], ast.Constant) and call.args[0].value == 0
            if (
                name in {"time.sleep", "asyncio.sleep"}
                and not yields
                and "# time passes: " not in lines[call.lineno - 1]
            ):
                found.append(f"{file}:{call.lineno}: {name}")
    assert found == []


def test_every_test_states_its_fact() -> None:
    """Each test function has a docstring that says which fact it proves."""
    found = [
        f"{file}:{node.lineno}: {node.name}"
        for file, tree in sources("tests")
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]
    assert found == []


def test_nothing_names_the_machine_it_was_written_on() -> None:
    """No tracked file holds an absolute path of somebody's machine, or a package index."""
    machine = re.compile(
        r"(?<![\w.$}])/(?:work|farm|root|home/\w+|opt/venv)/[\w.]|(?:extra-)?index-url[ =]\S", re.ASCII
    )
    found = []
    for path in tracked():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), start=1):
            if path != Path(__file__) and machine.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}")
    assert found == []


def test_ignores_carry_their_reason() -> None:
    """Each lint rule or type error that is ignored in a line of the product says why in the same line."""
    bare = re.compile(r"#\s*(?:noqa(?:: ?[A-Z0-9, ]+)?|type: ignore(?:\[[\w, -]+\])?)\s*(?:$|#\s*(?:noqa|type:)|$)")
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in tracked()
        if path.suffix == ".py" and path.relative_to(ROOT).parts[0] != "tests"
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if bare.search(line)
    ]
    assert found == []


def test_packages_are_typed() -> None:
    """Each package tells type checkers that its annotations may be used."""
    assert [name for name in PACKAGES if not (ROOT / name / "py.typed").is_file()] == []


@pytest.mark.parametrize("name", PUBLIC_MODULES)
def test_public_face_is_complete(name: str) -> None:
    """`__all__` names everything that a public module offers, once, in order, and nothing that isn't there."""
    module = importlib.import_module(name)
    offered = set(assigned_or_imported(Path(str(module.__file__))))
    assert sorted(module.__all__) == sorted(set(module.__all__))
    assert set(module.__all__) == offered
    assert all(hasattr(module, member) for member in module.__all__)


def assigned_or_imported(path: Path) -> Iterator[str]:
    """The public names that a module binds at its top level, foreign modules and future imports excepted."""
    statements = ast.parse(path.read_text(encoding="utf-8")).body
    for_types = [node for node in statements if isinstance(node, ast.If) and name_of(node.test) == "TYPE_CHECKING"]
    for node in [*statements, *(inner for outer in for_types for inner in outer.body)]:
        match node:
            case ast.ImportFrom(
                module="__future__" | "typing" | "collections.abc" | "importlib" | "importlib.metadata"
            ):
                continue
            case ast.ImportFrom(names=names):
                bound = [alias.asname or alias.name for alias in names]
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                bound = [name]
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                bound = [name]
            case _:
                continue
        yield from (name for name in bound if not name.startswith("_"))


def test_contract_is_commented() -> None:
    """Every service, rpc, message, enum, value and field of the protos has a comment above it."""
    named = r"(?:service|rpc|message|enum|oneof) \w+"
    field = r"(?:(?:repeated|optional) )?[\w.<>, ]+ \w+ = \d+"
    declaration = re.compile(rf"\s*(?:{named}|{field}|[A-Z_0-9]+ = \d+)")
    found = []
    for path in protos.sources(ROOT):
        before = ""
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if declaration.match(line) and not before.lstrip().startswith("//"):
                found.append(f"{path.name}:{number}: {line.strip()}")
            before = line
    assert found == []


def test_links_lead_somewhere() -> None:
    """Each relative link of the documentation names a file that is there."""
    link = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")
    found = [
        f"{path.relative_to(ROOT)}: {target}"
        for path in tracked()
        if path.suffix == ".md"
        for target in link.findall(path.read_text(encoding="utf-8"))
        if not (path.parent / target).exists()
    ]
    assert found == []


def rows_of(text: str) -> Iterator[tuple[int, str]]:
    """Yield the rows of a page's tables with the number of the table; code blocks have none."""
    table, fenced, within = 0, False, False
    for line in text.splitlines():
        fenced ^= line.lstrip().startswith("```")
        if not fenced and line.lstrip().startswith("|"):
            table += not within
            yield table, line.strip()
        within = not fenced and line.lstrip().startswith("|")


def test_tables_of_pages_are_whole() -> None:
    """Each row of a table has the cells of its head: a `|` in one is written with a backslash, code or not."""
    found = []
    for path in tracked():
        if path.suffix == ".md":
            heads: dict[int, int] = {}
            for table, row in rows_of(path.read_text(encoding="utf-8")):
                bars = len(re.findall(r"(?<!\\)\|", row))
                if heads.setdefault(table, bars) != bars:
                    found.append(f"{path.relative_to(ROOT)}: {row[:80]}")
    assert found == []
