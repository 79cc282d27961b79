"""Python environments of functions: the file that declares an operator is imported in the environment that it names.

    @operator(python="envs/fit")                                  # an environment that is there
    @operator(python={"requirements": "requirements.txt"})        # one that is made of locked requirements

What a file imports may be installed in its environment only. So what it names is read from its source, before anything
imports it, and all operators of the file share it. Among the references of a source (`accio.sdk.loading`) it stands
first, as `python:FOLDER` or `requirements:FILE`.
"""

import ast
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from accio import interpreter
from accio.domain.issues import Issue, pointer
from accio.domain.problems import quote
from accio.errors import FailedPrecondition, InvalidDefinition
from accio.sdk.environments import lent
from accio.sdk.environments.python import PythonNeed, problem_of

_FOLDER, _LOCK = "python:", "requirements:"
_OPTION = "python"
FORMS = 'the path of an environment, or {"requirements": "FILE"}'


def split(references: Sequence[str]) -> tuple[PythonNeed | None, tuple[str, ...]]:
    """Return the environment in which references are loaded, None for the agent's own, and the others."""
    first = references[0] if references else ""
    if first.startswith(_FOLDER):
        return PythonNeed(folder=Path(first.removeprefix(_FOLDER))), tuple(references[1:])
    if first.startswith(_LOCK):
        return PythonNeed(lock=Path(first.removeprefix(_LOCK))), tuple(references[1:])
    return None, tuple(references)


def named_in(path: Path) -> tuple[str, ...]:
    """Return the reference to the environment that a file's operators name, if they do; no module is imported.

    Raises InvalidDefinition where they name several, or one in another way than written out. A file that can't be read
    or parsed names none: whoever imports it will say what is wrong.
    """
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return ()
    found: dict[str, str] = {}
    for name, option in _options(tree):
        found.setdefault(_reference(name, option, path.parent), name)
    if len(found) > 1:
        shown = ", ".join(f"{name} names {reference.partition(':')[2]}" for reference, name in found.items())
        message = f"the operators of {path} name different environments ({shown}): a file is imported in one of them"
        raise InvalidDefinition([Issue(pointer(_OPTION), f"{message}; write a file for each environment")])
    return tuple(found)


def _options(tree: ast.Module) -> list[tuple[str, ast.expr]]:
    """Return each `python=` of an `@operator`, with the name of what it decorates."""
    return [
        (node.name, keyword.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func).rpartition(".")[2] == "operator"
        for keyword in decorator.keywords
        if keyword.arg == _OPTION and not (isinstance(keyword.value, ast.Constant) and keyword.value.value is None)
    ]


def _reference(name: str, option: ast.expr, folder: Path) -> str:
    try:
        value = ast.literal_eval(option)
    except ValueError:
        message = f"operator {name}: python={ast.unparse(option)} is read before its file is imported; write it out: "
        raise InvalidDefinition([Issue(pointer(_OPTION), message + FORMS)]) from None
    if problem := why_no_environment(value):
        raise InvalidDefinition([Issue(pointer(_OPTION), f"operator {name}: {problem}")])
    if isinstance(value, str):
        return f"{_FOLDER}{os.path.normpath(folder / Path(value).expanduser())}"
    lock = Path(os.path.normpath(folder / value["requirements"]))
    if problem := problem_of(lock):
        raise InvalidDefinition([Issue(pointer(_OPTION, "requirements"), f"operator {name}: {problem}")])
    return f"{_LOCK}{lock}"


def why_no_environment(value: object) -> str:
    """Return why a value of `python=` names no environment, or nothing."""
    if isinstance(value, str) and value:
        return ""
    if isinstance(value, Mapping) and value.keys() == {"requirements"} and isinstance(value["requirements"], str):
        return ""
    return f"python: expected {FORMS}, found {quote(value)}"


def command(need: PythonNeed | None, module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module of Accio in an environment: the agent's own without one."""
    if need is None:
        return interpreter.python(module, *arguments)
    program = need.place() / "bin" / "python"
    return [str(program), "-P", lent.__file__, interpreter.search_path(sys.path), module, *arguments]


def variables(need: PythonNeed | None, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables of such a command; *environment* has those of the agent's own."""
    return dict(environment) if need is None else need.variables(environment)


def make_ready(need: PythonNeed) -> None:
    """Make an environment, unless it is there; FailedPrecondition says why it can't be, or can't run Accio."""
    place = need.ensure()
    ours = f"{sys.version_info.major}.{sys.version_info.minor}"
    found = need.version()
    if found != ours and not need.has("blake3", "orjson", "protobuf", "platformdirs"):
        raise FailedPrecondition(
            f"the environment {place} has Python {found or 'of an unknown version'}, its agent {ours}: make it with "
            f"Python {ours}, or install {lent.DISTRIBUTION} into it"
        )
