"""Writes the blocking client from the asynchronous one.

accio_client/sync_calls.py has its calls, sync_handles.py the handle of a run over these, sync.py the client that
returns handles. With --check it writes nothing, and its exit code is 1 if a file isn't what it would write.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CALLS = Path("accio_client/sync_calls.py")
HANDLE = Path("accio_client/sync_handles.py")
CLIENT = Path("accio_client/sync.py")
ASYNCHRONOUS_HANDLE = Path("accio_client/handles.py")
SUBJECTS = (
    "workflows",
    "runs",
    "results",
    "measurements",
    "analysis",
    "versions",
    "timelines",
    "cluster",
    "owners",
    "windows",
    "pools",
    "access",
)
"""The modules of accio_client/calls whose public methods the blocking calls are, in this order."""
RETURNING_HANDLES = ("handles",)
"""Those whose methods return handles."""

CALLS_HEAD = '''"""The calls of the blocking client: those of `AsyncClient`, each waited for.

Nothing is decided here. This file is written by scripts/sync_client.py: change accio_client/calls, and run that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from accio_client import views
from accio_client.blocking import BlockingCaller
from accio_client.calls.runs import WATCH_PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Iterable, Mapping, MutableMapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from accio.domain.access import TokenKind
    from accio.v1 import accio_pb2
    from accio_client.analysis.fingerprints import Group
    from accio_client.analysis.pictures import Lines, Timeline
    from accio_client.asked_pictures import Asked
    from accio_client.collected import Collected, Head, Ranges, Reading
    from accio_client.definition_text import Definition
    from accio_client.export import exporting
    from accio_client.export.files import Exported
    from accio_client.export.frames import Table
    from accio_client.selected import Selected
    from accio_client.version_differences import VersionDifferences


class BlockingCalls(BlockingCaller):
    """What can be asked of a daemon, without an event loop of the caller's."""
'''

CLIENT_HEAD = '''"""The blocking client: the methods of `AsyncClient`, for scripts, notebooks and the command line.

    with Client() as client:
        run = client.submit("geoind", epsilon=logspace(1e-5, 1), repeat=3)
        print(run.wait().state)

Nothing is decided here. This file is written by scripts/sync_client.py: change accio_client/calls, and run that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accio_client import views
from accio_client.sync_calls import BlockingCalls
from accio_client.sync_handles import Run

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from accio_client.definition_text import Definition


class Client(BlockingCalls):
    """A connection to a daemon, without an event loop of the caller's."""
'''

HANDLE_HEAD = '''"""What `Client.submit` returns: a run or a sweep that can be asked about itself.

Nothing is decided here. This file is written by scripts/sync_client.py: change accio_client/handles.py, and run that.
"""
'''

BLOCKING = {
    "AsyncRun": "Run",
    "AsyncGenerator": "Generator",
    "aclosing": "closing",
    "async def": "def",
    "async with": "with",
    "async for": "for",
    "await ": "",
    "accio_client.calls.analysis": "accio_client.sync_calls",
    "AnalysisCalls": "BlockingCalls",
}
"""What stands in the blocking handle for the words of the asynchronous one."""


def generated(root: Path) -> dict[Path, str]:
    """Return the files of the blocking client and their texts, formatted."""
    texts = {
        CALLS: CALLS_HEAD + _methods(root, SUBJECTS),
        HANDLE: _handle(root),
        CLIENT: CLIENT_HEAD + _methods(root, RETURNING_HANDLES),
    }
    return {path: _formatted(text, path) for path, text in texts.items()}


def _methods(root: Path, subjects: Sequence[str]) -> str:
    return "".join(f"\n{_method(found)}\n" for found in _asynchronous(root, subjects))


def _handle(root: Path) -> str:
    """Return the module of the blocking handle: the asynchronous one in other words, without what both can share."""
    text = (root / ASYNCHRONOUS_HANDLE).read_text(encoding="utf-8")
    body = ast.parse(text).body
    (handle,) = (node for node in body if isinstance(node, ast.ClassDef) and node.name == "AsyncRun")
    future, *imports = [node for node in body if isinstance(node, ast.ImportFrom | ast.If)]
    constants = [
        node.targets[0].id for node in body if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    ]
    protocols = [node.name for node in body if isinstance(node, ast.ClassDef) and node is not handle]
    parts = [
        ast.get_source_segment(text, future) or "",
        *(f"from accio_client.handles import {name}" for name in constants),
        *(ast.get_source_segment(text, node) or "" for node in imports),
        *(f"    from accio_client.handles import {name}" for name in protocols),
        ast.get_source_segment(text, handle) or "",
    ]
    written = "\n".join(parts)
    for asynchronous, blocking in BLOCKING.items():
        written = written.replace(asynchronous, blocking)
    return HANDLE_HEAD + written


def _asynchronous(root: Path, subjects: Sequence[str]) -> Iterator[ast.AsyncFunctionDef]:
    """Yield the public coroutines and asynchronous generators of the calls."""
    for subject in subjects:
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


def _formatted(text: str, path: Path) -> str:
    """Return the text of a module without the imports that it doesn't need, in order and formatted."""
    for command in (("check", "--fix-only", "--quiet", "--select", "F401,I001"), ("format",)):
        whole = [sys.executable, "-m", "ruff", *command, "--stdin-filename", str(path), "-"]
        text = subprocess.run(whole, input=text, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    return text


def main(arguments: list[str]) -> int:
    stale = {
        path: text
        for path, text in generated(ROOT).items()
        if not (ROOT / path).is_file() or (ROOT / path).read_text(encoding="utf-8") != text
    }
    for path, text in stale.items():
        if arguments == ["--check"]:
            print(f"{path} isn't what the asynchronous client makes it: run scripts/sync_client.py")
        else:
            (ROOT / path).write_text(text, encoding="utf-8")
            print(f"wrote {path}")
    return 1 if stale and arguments == ["--check"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
