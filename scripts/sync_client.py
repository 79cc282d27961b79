"""Writes accio_client/sync.py, the blocking client with its handles, from the asynchronous one.

With --check it writes nothing, and its exit code is 1 if the file isn't what it would write.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = Path("accio_client/sync.py")
HANDLES = Path("accio_client/handles.py")
SUBJECTS = ("workflows", "handles", "runs", "results", "analysis", "cluster", "pools", "access")
"""The modules of accio_client/calls whose public methods the blocking client has, in this order."""

HEAD = '''"""The blocking client: the methods of `AsyncClient`, for scripts, notebooks and the command line.

    with Client() as client:
        run = client.submit("geoind", epsilon=logspace(1e-5, 1), repeat=3)
        print(run.wait().state)

Nothing is decided here. This file is written by scripts/sync_client.py: change accio_client/calls or handles.py, and
run that.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, Unpack

from accio.domain.states import RUN_TERMINAL, RunState
from accio.errors import FailedPrecondition
from accio_client import views
from accio_client.blocking import BlockingCaller
from accio_client.calls.runs import WATCH_PATIENCE_S
from accio_client.handles import KINDS_TOLD, PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping, MutableMapping, Sequence
    from pathlib import Path

    from accio.domain.access import TokenKind
    from accio.v1 import accio_pb2
    from accio_client.analysis.fingerprints import Group
    from accio_client.calls.results import Exported
    from accio_client.collected import Collected, Head, Reading
    from accio_client.definition_text import Definition
    from accio_client.export import exporting
    from accio_client.export.frames import Table
    from accio_client.handles import Submission
    from accio_client.selected import Selected
'''

CLIENT = '''class Client(BlockingCaller):
    """A connection to a daemon, without an event loop of the caller's."""
'''


BLOCKING = {
    "AsyncRun": "Run",
    "AsyncGenerator": "Generator",
    "aclosing": "closing",
    "async def": "def",
    "async with": "with",
    "async for": "for",
    "await ": "",
    "AnalysisCalls": "Client",
}
"""What stands in a blocking handle for the words of an asynchronous one."""


def generated(root: Path) -> str:
    """Return the text of the blocking client, formatted."""
    client = CLIENT + "".join(f"\n{_method(found)}\n" for found in _asynchronous(root))
    return _formatted(f"{HEAD}\n\n{_handle(root)}\n\n\n{client}")


def _handle(root: Path) -> str:
    """Return the class of the blocking handle: the asynchronous one's text in other words."""
    text = (root / HANDLES).read_text(encoding="utf-8")
    (found,) = (node for node in ast.parse(text).body if isinstance(node, ast.ClassDef) and node.name == "AsyncRun")
    segment = ast.get_source_segment(text, found)
    assert segment is not None
    for asynchronous, blocking in BLOCKING.items():
        segment = segment.replace(asynchronous, blocking)
    return segment


def _asynchronous(root: Path) -> Iterator[ast.AsyncFunctionDef]:
    """Yield the public coroutines and asynchronous generators of the calls."""
    for subject in SUBJECTS:
        tree = ast.parse((root / "accio_client" / "calls" / f"{subject}.py").read_text(encoding="utf-8"))
        (calls,) = (node for node in tree.body if isinstance(node, ast.ClassDef))
        for node in calls.body:
            if isinstance(node, ast.AsyncFunctionDef) and not node.name.startswith("_"):
                yield node


def _method(found: ast.AsyncFunctionDef) -> str:
    """Return the method that waits for *found*: the same signature and docstring, and one call."""
    assert found.returns is not None
    returns = ast.unparse(found.returns)
    way = "_iterate" if returns.startswith("AsyncGenerator[") else "_run"
    positional = [each.arg for each in found.args.args[1:]]
    keywords = [f"{each.arg}={each.arg}" for each in found.args.kwonlyargs]
    keywords += [f"**{found.args.kwarg.arg}"] if found.args.kwarg is not None else []
    documentation = ast.get_docstring(found, clean=False)
    call = f"self.{way}(self._client.{found.name}({', '.join([*positional, *keywords])}))"
    if returns == "AsyncRun":
        returns, call = "Run", f"Run(self, {call})"
    lines = [
        f"    def {found.name}({ast.unparse(found.args)}) -> {returns.replace('AsyncGenerator[', 'Generator[')}:",
        f'        """{documentation}"""' if documentation else "",
        f"        return {call}",
    ]
    return "\n".join(line for line in lines if line)


def _formatted(text: str) -> str:
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(TARGET), "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True, cwd=ROOT).stdout


def main(arguments: list[str]) -> int:
    text = generated(ROOT)
    fresh = (ROOT / TARGET).is_file() and (ROOT / TARGET).read_text(encoding="utf-8") == text
    if arguments == ["--check"]:
        if not fresh:
            print(f"{TARGET} isn't what the asynchronous client makes it: run scripts/sync_client.py")
        return 0 if fresh else 1
    if not fresh:
        (ROOT / TARGET).write_text(text, encoding="utf-8")
        print(f"wrote {TARGET}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
