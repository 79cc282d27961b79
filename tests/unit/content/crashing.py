"""Programs that the crash tests run as processes of their own: `python -m tests.unit.content.crashing PROGRAM FOLDER`.

`each-step`: plays a scenario in forked children, the n-th of which kills itself at its n-th system call, and looks
after each death whether the store kept its promises. `write` and `collect`: store datasets, or free them, endlessly.
"""

# ruff: noqa: T201 - what these programs have to say they say on stdout

import fcntl
import itertools
import os
import random
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from accio.content.datasets import contents, missing_blobs, put_tree
from accio.content.digest import digest_bytes, parse_digest
from accio.content.errors import BlobMissing, StagingError
from accio.content.gc import collect, plan
from accio.content.manifest import MAGIC
from accio.content.store import FolderStore
from tests.unit.content.trees import NOW_NS, make_tree

STEPS = ("open", "close", "write", "rename", "unlink", "utime", "fsync", "fchmod", "mkdir", "link", "stat", "listdir")
SMALL, BIG = b"small", b"big" * 400_000
SPARED_NS = 1_000_000_000
DATASETS = 300


def scenario(folder: Path, tell: Callable[[str], object]) -> None:
    """Put by each way, put again, put what was damaged, delete; each step is told when it has returned."""
    with FolderStore(folder / "store", sync=True) as store:
        tell(f"has {store.put(SMALL).digest}")
        tell(f"has {store.put(SMALL).digest}")
        with (folder / "big").open("rb") as file:
            tell(f"has {store.put_file(file.fileno(), size=len(BIG)).digest}")
        with store.writer() as writer:
            writer.write(b"in ")
            writer.write(b"pieces")
            tell(f"has {writer.commit().digest}")
        tell(f"has {put_tree(store, folder / 'tree', now_ns=NOW_NS).digest}")
        damaged = store.put(b"damaged").digest
        place = folder / "store" / "blobs" / damaged[7:9] / damaged[7:]
        place.chmod(0o644)
        place.write_bytes(b"DAMAGED")
        try:
            store.read(damaged)
        except BlobMissing:
            tell(f"has {store.put(b'damaged').digest}")
        for blob in store.list():
            if blob.digest == digest_bytes(SMALL):
                tell(f"lost {blob.digest}")  # said before: a kill during the deletion may come before or after it
                store.delete(blob)


def play_until_step(step: int, folder: Path, told: int) -> None:
    """Play the scenario, and die at the given step."""
    steps = itertools.count(1)

    def deadly(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            if next(steps) == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*args, **options)

        return call

    say = os.write
    for name in (*STEPS, "copy_file_range"):
        setattr(os, name, deadly(getattr(os, name)))
    fcntl.flock = deadly(fcntl.flock)
    scenario(folder, lambda line: say(told, f"{line}\n".encode()))


def check(folder: Path, told: list[str]) -> None:
    """Raise unless the store has all that it told to have, whole, and nothing that is half."""
    has = {parse_digest(line.split()[1]) for line in told if line.startswith("has ")}
    lost = {parse_digest(line.split()[1]) for line in told if line.startswith("lost ")}
    with FolderStore(folder / "store") as store:
        left = list((folder / "store" / "incoming").iterdir())
        assert left == [], f"left behind: {left}"
        missing = has - lost - set(store.has(has))
        assert not missing, f"told but missing: {missing}"
        for blob in store.list():
            if blob.digest != digest_bytes(b"damaged"):  # damaged by the scenario itself
                store.verify(blob.digest)
                if store.read(blob.digest).startswith(MAGIC):
                    assert missing_blobs(store, blob.digest) == ()


def each_step(folder: Path) -> None:
    """Kill a child at its first, second, … step, until one gets through; print how many died."""
    (folder / "big").write_bytes(BIG)
    make_tree(folder / "tree", {"a": b"a", "b/c": b"c", "e": None})
    for step in itertools.count(1):
        os.system(f"rm -rf '{folder}/store'")  # noqa: S605 - our own folder
        reader, writer = os.pipe()
        if (child := os.fork()) == 0:
            os.close(reader)
            play_until_step(step, folder, writer)
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as lines:
            told = lines.read().splitlines()
        _, status = os.waitpid(child, 0)
        assert os.WIFEXITED(status) or os.WTERMSIG(status) == signal.SIGKILL
        in_a_child(partial(check, folder, told))
        in_a_child(lambda: scenario(folder, lambda _: None))  # the store isn't stuck: all can be played again
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0
            print(step - 1)
            return


def in_a_child(act: Callable[[], object]) -> None:
    """Act in a forked child: hashing starts threads, and children of a process with threads would wait for them."""
    if (child := os.fork()) == 0:
        act()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


def write(folder: Path) -> None:
    """Store datasets that share files, a few at a time; say each digest once nothing of it is missing."""
    choose = random.Random()  # noqa: S311 - chance is what the test needs
    while True:
        few = choose.sample(range(DATASETS), 5)
        with FolderStore(folder / "store") as store:
            for _ in range(20):
                stored = put_tree(store, folder / "in" / str(choose.choice(few)), now_ns=NOW_NS)
                if missing := missing_blobs(store, stored.digest):
                    print(f"{stored.digest} lacks {missing}", file=sys.stderr, flush=True)
                    sys.exit(1)
                print(stored.digest, flush=True)


def collect_all(folder: Path) -> None:
    """Free all that nobody used within the last second, again and again."""
    clock = folder / f"clock-{os.getpid()}"
    with FolderStore(folder / "store") as store:
        while True:
            clock.touch()
            blobs = list(store.list())
            decided = plan(
                blobs,
                roots=set(),
                datasets=contents(store, [blob.digest for blob in blobs]),
                since_ns=clock.stat().st_mtime_ns - SPARED_NS,
            )
            print(sum(1 for _ in collect(store, decided)), flush=True)


PROGRAMS = {"each-step": each_step, "write": write, "collect": collect_all}

if __name__ == "__main__":
    try:
        PROGRAMS[sys.argv[1]](Path(sys.argv[2]))
    except StagingError as error:
        sys.exit(error.message)
