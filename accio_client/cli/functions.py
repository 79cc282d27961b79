"""Functions and programs named on the command line by their files, `model.py:simulate` or `count.json`: which operators
they are, and whether they are offered.
"""

import ast
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from accio.domain.documents import parse_document
from accio.errors import BadRequest, InvalidDefinition, NotFound
from accio_client.cli.session import Session
from accio_client.settings import LARGEST_DEFINITION

if TYPE_CHECKING:
    from accio.domain.operators import OperatorSpec
    from accio_client.sync import Client

_FUNCTION = re.compile(r"(?P<file>.+\.py)(?::(?P<function>\w*))?", re.DOTALL)


def names_operator(argument: str) -> bool:
    """Return whether *argument* is a Python file, or one and a function in it, or a file that declares a program."""
    return _FUNCTION.fullmatch(argument) is not None or _declares_program(Path(argument))


def _declares_program(path: Path) -> bool:
    try:
        if path.suffix.lower() != ".json" or not path.is_file() or path.stat().st_size > LARGEST_DEFINITION:
            return False
        document = parse_document(path.read_bytes())
    except (OSError, InvalidDefinition):
        return False  # whoever reads it as a definition tells why
    return "command" in document and not {"workflow", "graph"} & document.keys()


def reference(argument: str) -> str:
    """Return FILE.py:FUNCTION, also where the function isn't named since the file has only one, or a program's file.

    NotFound if there is no file, BadRequest if it doesn't tell which function is meant.
    """
    match = _FUNCTION.fullmatch(argument)
    if match is None:
        return argument
    path = Path(match["file"])
    if not path.is_file():
        raise NotFound(f"{path}: no such file")
    if match["function"]:
        return argument
    functions = _functions(path)
    if len(functions) == 1:
        return f"{path}:{functions[0]}"
    has = f"has {', '.join(functions)}" if functions else "defines none"
    raise BadRequest(f"expected FILE.py:FUNCTION, found {argument}, which {has}")


def _functions(path: Path) -> list[str]:
    """Return the public functions of a file, which is not imported; none of one that can't be read."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return []
    return [node.name for node in tree.body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")]


def described(function: str) -> "OperatorSpec":
    """Return the operator that FILE.py:FUNCTION or a program's file is, as an agent of this folder would offer it.

    InvalidDefinition says why it can be none: of a function in its own terms, as its author knows it.
    """
    from accio.sdk.descriptions import describe_source
    from accio.sdk.sources import named_source

    try:
        (spec,) = describe_source(named_source(function, Path.cwd()), None).specs
    except InvalidDefinition as error:
        if _FUNCTION.fullmatch(function) is None:
            raise
        named = f"operator {function.rpartition(':')[2]}: "
        issues = (replace(issue, path="", message=issue.message.removeprefix(named)) for issue in error.issues)
        raise InvalidDefinition(replace(issue, message=f"{function}: {issue.message}") for issue in issues) from None
    return spec


def announced(session: Session, client: "Client", function: str, spec: "OperatorSpec") -> str:
    """Store the workflow of a function or program that an agent offers; return its id. NotFound if none ever did."""
    try:
        known = client.get_operator(spec.name)
    except NotFound:
        raise NotFound(
            f"no agent offers {spec.name} of {function}: start one with `accio agent -operators={function}` "
            f"(or `accio up` with that option), or let `accio run {function}` start what is needed"
        ) from None
    if known.digest != spec.digest:
        session.say(
            f"warning: {spec.name} isn't announced as it is in {function} now, and runs as it was announced: "
            "start its agent again to run this code"
        )
    return client.push_operator(spec.name).workflow.id
