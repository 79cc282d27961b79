"""What README and docs tell readers to type, typed: every block of commands and of Python, against a daemon of its own.

A block of ```console or ```sh holds a command per line. `accio up` in it starts one, unless one runs; ID stands for the
newest run; after `# prints: ` stands what the command prints. A block of ```python is executed; one that begins with a
comment `# NAME.py` is that file, too. `<!-- file: NAME -->` above any block writes it to a file. A block that can't be
run has `<!-- not run: REASON -->` above it.
"""

import asyncio
import inspect
import os
import re
import shutil
import signal
import subprocess
from ast import PyCF_ALLOW_TOP_LEVEL_AWAIT
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from accio.interpreter import python
from accio_client import Client
from tests.acceptance.processes import Cluster

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
SHOWN = {"", "ebnf", "json", "jsonl", "mermaid", "nginx", "text"}
"""Languages of blocks that are only looked at; one without a language may hold no command."""
RUN = {"console", "sh", "python"}
SMALL = "--users 1 --days 1"
"""How much of synthetic traces is made here, whatever the page says: pages show data that is worth looking at."""

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_ABOVE = re.compile(r"<!-- (not run|file): ([^>]+) -->\s*\Z")
_COMMAND = re.compile(r"^(?:[A-Z_]+=\S* )*(?:accio|python|cd|pip|scripts/\w+)\b", re.MULTILINE)

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(900)]


@dataclass(frozen=True, kw_only=True)
class Block:
    """A fenced block of a page, and what the comment above it says."""

    place: str
    language: str
    text: str
    file: str | None
    not_run: str | None


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        above = _ABOVE.search(text, 0, found.start())
        said = {above[1]: above[2]} if above else {}
        yield Block(
            place=f"{page.name}:{text.count(chr(10), 0, found.start()) + 1}",
            language=found[1],
            text=found[2],
            file=said.get("file"),
            not_run=said.get("not run"),
        )


@dataclass
class Reader:
    """Somebody who types what a page says: a folder with the examples and some traces, and perhaps an `accio up`."""

    cluster: Cluster
    folder: Path
    names: dict[str, Any] = field(default_factory=dict)
    up: "subprocess.Popen[bytes] | None" = None
    options: tuple[str, ...] = ()

    def follow(self, block: Block) -> None:
        """Do what a block says."""
        name = block.file or (found[1] if (found := re.match(r"# (\w+\.py)\n", block.text)) else None)
        if name:
            (self.folder / name).write_text(block.text, encoding="utf-8")
        if block.not_run:
            return
        if block.language == "python":
            self._execute(block)
        elif block.language in RUN:
            for line in block.text.splitlines():
                self._type(block.place, line)

    def _execute(self, block: Block) -> None:
        code = compile(block.text, block.place, "exec", flags=PyCF_ALLOW_TOP_LEVEL_AWAIT)
        if code.co_flags & inspect.CO_COROUTINE:
            asyncio.run(eval(code, self.names))  # noqa: S307 - our own pages
        else:
            exec(code, self.names)  # noqa: S102 - our own pages

    def _type(self, place: str, line: str) -> None:
        command, _, comment = line.partition("  #")
        if not command.strip():
            return
        if command.startswith("cd "):
            self.folder = (self.folder / command.split()[1]).resolve()
            os.chdir(self.folder)
        elif re.match(r"accio up\b", command):
            self._start(command)
        else:
            command = re.sub(r"(accio_locapriv\.synthetic \S+).*", rf"\1 {SMALL}", command)
            printed = self._output(place, re.sub(r"\bID\b", self._newest, command))
            _, promises, promise = comment.partition("prints: ")
            assert not promises or promise.strip() in printed, f"{place}: {command}\n{printed}"

    def _output(self, place: str, command: str) -> str:
        environment = self.cluster.environment()
        if self.up is None and command.startswith("accio run "):
            del environment["ACCIO_ADDR"]  # no daemon is named: it starts one
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{place}: {command}\n{done.stdout}"
        return done.stdout

    def _newest(self, _: object) -> str:
        with Client() as client:
            return client.list_runs(limit=1).runs[0].id

    def _start(self, command: str) -> None:
        """Start `accio up` with what the page says, anew if it says more; it is ready when it has said so."""
        options = command.removesuffix("&").split()[2:]
        if self.up is not None:
            if set(self.options).issuperset(options):
                return
            self.leave()
        self.options = tuple(options)
        self.up = subprocess.Popen(
            [*python("accio_client.cli.main", "up"), *options],
            cwd=self.folder,
            env=self.cluster.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        assert self.up.stdout is not None
        assert self.up.stdout.readline().startswith(b"accio is up at ")

    def leave(self) -> None:
        if self.up is not None:
            self.up.send_signal(signal.SIGTERM)
            self.up.communicate(timeout=300)


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    """A reader in a folder that looks like the repository, whose Python finds the same daemon."""
    folder = tmp_path / "checkout"
    shutil.copytree(ROOT / "examples", folder / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "words.txt").write_text("one\ntwo\n")
    cluster = Cluster(tmp_path / "cluster")
    cluster.root.mkdir()
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, words in (("accio", python("accio_client.cli.main")), ("python", [python("x")[0]])):
        (programs / name).write_text(f'#!/bin/sh\nexec {" ".join(words)} "$@"\n')
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    for name, value in cluster.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))  # as of a script in it
    someone = Reader(cluster, folder, names={"tmp_path": tmp_path})
    yield someone
    someone.leave()


@pytest.mark.parametrize("page", [page.name for page in PAGES if any(block.language in RUN for block in blocks(page))])
def test_pages_do_what_they_say(reader: Reader, page: str) -> None:
    """Each block of commands or Python of a page runs, in the page's order, and prints what the page promises."""
    for block in blocks(next(path for path in PAGES if path.name == page)):
        reader.follow(block)


def test_no_command_hides_from_the_test() -> None:
    """Every block's language is known, and a block that isn't typed holds no command, or says why."""
    found = [
        block.place
        for page in PAGES
        for block in blocks(page)
        if block.language not in SHOWN | RUN
        or (block.language in SHOWN and _COMMAND.search(block.text) and not block.not_run)
    ]
    assert found == []
