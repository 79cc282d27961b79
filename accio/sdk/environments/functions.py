"""Environments of functions: the file that declares an operator is imported in the one that it names.

    @operator(python="envs/fit")                                  # a Python environment that is there
    @operator(python={"requirements": "requirements.txt"})        # one that is made of locked requirements
    @operator(image="docker.io/library/python:3.11")              # a container image

What a file imports may be installed in its environment only. So what it names is read from its source, before anything
imports it, and all operators of the file share it. Among the references of a source (`accio.sdk.loading`) it stands
first, as `python:FOLDER`, `requirements:FILE` or `image:NAME`.
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
from accio.sdk.environments import contained
from accio.sdk.environments.contained import ImageNeed
from accio.sdk.environments.python import PythonNeed, problem_of
from accio.version import DISTRIBUTION

_LENT = str(Path(__file__).with_name("lent.py"))  # a program: it isn't imported
_FOLDER, _LOCK, _IMAGE = "python:", "requirements:", "image:"
_OPTIONS = ("python", "image")
Need = PythonNeed | ImageNeed
IMAGES = 'the name of an image, such as "docker.io/library/python:3.11"'
FORMS = 'the path of an environment, or {"requirements": "FILE"}'


def split(references: Sequence[str]) -> tuple[Need | None, tuple[str, ...]]:
    """Return the environment in which references are loaded, None for the agent's own, and the others."""
    first = references[0] if references else ""
    if first.startswith(_FOLDER):
        return PythonNeed(folder=Path(first.removeprefix(_FOLDER))), tuple(references[1:])
    if first.startswith(_IMAGE):
        return ImageNeed(image=first.removeprefix(_IMAGE)), tuple(references[1:])
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
    for name, key, option in _options(tree):
        found.setdefault(_reference(name, key, option, path.parent), name)
    if len(found) > 1:
        shown = ", ".join(f"{name} names {reference.partition(':')[2]}" for reference, name in found.items())
        message = f"the operators of {path} name different environments ({shown}): a file is imported in one of them"
        raise InvalidDefinition([Issue(pointer(_OPTIONS[0]), f"{message}; write a file for each environment")])
    return tuple(found)


def _options(tree: ast.Module) -> list[tuple[str, str, ast.expr]]:
    """Return each `python=` and `image=` of an `@operator`, behind the name of what it decorates, and its own."""
    return [
        (node.name, keyword.arg, keyword.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func).rpartition(".")[2] == "operator"
        for keyword in decorator.keywords
        if keyword.arg in _OPTIONS and not (isinstance(keyword.value, ast.Constant) and keyword.value.value is None)
    ]


def _reference(name: str, key: str, option: ast.expr, folder: Path) -> str:
    try:
        value = ast.literal_eval(option)
    except ValueError:
        forms = FORMS if key == "python" else IMAGES
        message = f"operator {name}: {key}={ast.unparse(option)} is read before its file is imported; write it out: "
        raise InvalidDefinition([Issue(pointer(key), message + forms)]) from None
    if problem := why_no_environment(value) if key == "python" else why_no_image(value):
        raise InvalidDefinition([Issue(pointer(key), f"operator {name}: {problem}")])
    if key == "image":
        return f"{_IMAGE}{os.path.normpath(folder / value) if value.endswith('.sif') else value}"
    if isinstance(value, str):
        return f"{_FOLDER}{os.path.normpath(folder / Path(value).expanduser())}"
    lock = Path(os.path.normpath(folder / value["requirements"]))
    if problem := problem_of(lock):
        raise InvalidDefinition([Issue(pointer(key, "requirements"), f"operator {name}: {problem}")])
    return f"{_LOCK}{lock}"


def why_no_environment(value: object) -> str:
    """Return why a value of `python=` names no environment, or nothing."""
    if isinstance(value, str) and value:
        return ""
    if isinstance(value, Mapping) and value.keys() == {"requirements"} and isinstance(value["requirements"], str):
        return ""
    return f"python: expected {FORMS}, found {quote(value)}"


def why_no_image(value: object) -> str:
    """Return why a value of `image=` names no image, or nothing."""
    if isinstance(value, str) and value and not value.startswith("-") and not any(map(str.isspace, value)):
        return ""
    return f"image: expected {IMAGES}, found {quote(value)}"


def command(need: PythonNeed | None, module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module of Accio in an environment: the agent's own without one."""
    if need is None:
        return interpreter.python(module, *arguments)
    program = need.place() / "bin" / "python"
    return [str(program), "-P", _LENT, interpreter.search_path(sys.path), module, *arguments]


def variables(need: PythonNeed | None, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables of such a command; *environment* has those of the agent's own."""
    return dict(environment) if need is None else need.variables(environment)


def make_ready(need: Need) -> None:
    """Make an environment, or fetch an image, unless it is there; FailedPrecondition says why it can't be had, or
    can't run Accio.
    """
    if isinstance(need, ImageNeed):
        contained.make_ready(need)
        return
    place = need.ensure()
    ours = f"{sys.version_info.major}.{sys.version_info.minor}"
    found = need.version()
    if found != ours and not need.has("blake3", "orjson", "protobuf", "platformdirs"):
        raise FailedPrecondition(
            f"the environment {place} has Python {found or 'of an unknown version'}, its agent {ours}: make it with "
            f"Python {ours}, or install {DISTRIBUTION} into it"
        )
