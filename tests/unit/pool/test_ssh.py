"""The provider `ssh`: agents on machines whose users have any shell."""

import os
import shlex
import shutil
from pathlib import Path

import pytest

from accio.domain.pools import AllocationKey, PoolSpec
from accio.domain.resources import Resources
from accio_pool.config import PoolConfig
from accio_pool.providers.ports import Order, Refused, Unsure
from accio_pool.providers.ssh import SshProvider

CLUSTER = "0123abcd"
ORDER = Order(key=AllocationKey(CLUSTER, "lab", 7), lasting=False, token="accio_t_of_the_allocation")
SHELLS = [name for name in ("sh", "bash", "zsh", "tcsh", "fish") if shutil.which(name)]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a home folder, an agent that stays, and an `ssh` that has the words of a command carried out here."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SHELL", "/bin/sh")
    monkeypatch.chdir(tmp_path)
    program(tmp_path, "ssh", 'for last; do :; done\necho "$last" >> said\nexec "$SHELL" -c "$last"')
    waits = f"env > environment\nread -r line < {tmp_path}/until"
    program(tmp_path, "accio", f'test "$*" = "agent -h" || {{ {waits}\n}}')
    os.mkfifo(tmp_path / "until")
    return tmp_path


def program(folder: Path, name: str, words: str) -> None:
    """Put a program where it is found first."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{words}\n")
    path.chmod(0o755)


def provider(machine: Path, *before: str, hosts: tuple[str, ...] = ("lab1",)) -> SshProvider:
    """Reach the machine."""
    spec = PoolSpec(name="lab", provider="ssh", host=Resources(), walltime=None, maximum=2)
    return SshProvider(PoolConfig(spec=spec, hosts=hosts, before=before, command=f"{machine}/accio agent"), machine)


@pytest.mark.parametrize("shell", SHELLS)
async def test_any_login_shell_will_do(machine: Path, monkeypatch: pytest.MonkeyPatch, shell: str) -> None:
    """Where it isn't one that reads what we write, another one does; tokens are on no command line."""
    monkeypatch.setenv("SHELL", shutil.which(shell) or "")
    there = provider(machine, "WORDS='it is, \"so\"'", "export WORDS")
    assert await there.dry_run(ORDER)
    assert not (await there.list(CLUSTER)).found
    host, pid = (await there.submit(ORDER)).split(":")
    while not (found := (await there.list(CLUSTER)).found):
        pass
    assert [(each.host, each.job, each.key) for each in found] == [(host, f"{host}:{pid}", ORDER.key)]
    (machine / "until").write_text("now\n")
    environment = (machine / "environment").read_text().splitlines()
    assert {f"ACCIO_ALLOCATION_TOKEN={ORDER.token}", 'WORDS=it is, "so"'} <= set(environment)
    assert ORDER.token not in (machine / "said").read_text()


async def test_an_agent_that_ends_at_once_is_over(machine: Path) -> None:
    """Its process is gone when its machine is looked at next; its last words are there."""
    program(machine, "accio", "echo 'there is no join file'")
    there = provider(machine)
    await there.list(CLUSTER)
    await there.submit(ORDER)
    while not (listing := await there.list(CLUSTER)).over:
        assert not listing.found
    assert set(listing.over) == {ORDER.key.number}
    assert await there.last_words(ORDER.key) == "there is no join file"


async def test_which_machine_is_silent_is_told_with_its_words(machine: Path) -> None:
    """As long as another one answers the list is complete; if none does, it says why."""
    program(
        machine,
        "ssh",
        'case "$*" in *lab1*) echo "Permission denied." >&2; exit 255;; esac\nfor last; do :; done\nsh -c "$last"',
    )
    listing = await provider(machine, hosts=("lab1", "lab2")).list(CLUSTER)
    assert (listing.complete, listing.silent) == (True, "lab1 doesn't answer (Permission denied.)")
    there = provider(machine)
    listing = await there.list(CLUSTER)
    assert (listing.complete, listing.problem) == (False, "lab1 doesn't answer (Permission denied.)")
    with pytest.raises(Unsure, match=r"no machine is free: lab1 doesn't answer \(Permission denied\.\)"):
        await there.submit(ORDER)


async def test_of_many_words_the_last_ones_are_told(machine: Path) -> None:
    """Of ssh's warning about a changed key those that say what it is; of a traceback its error."""
    warning = [
        "@@@@@@",
        "IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!",
        "Host key for lab1 has changed.",
        "No.",
    ]
    program(machine, "ssh", f"printf '%s\\n' {shlex.join(warning)} >&2; exit 255")
    listing = await provider(machine).list(CLUSTER)
    assert listing.problem == "lab1 doesn't answer (Host key for lab1 has changed.; No.)"


async def test_what_an_agent_lacks_there_is_found(machine: Path) -> None:
    """Before any is started: a program that doesn't start, a join file that isn't there."""
    there = provider(machine)
    program(machine, "accio", "exec /nowhere/python")
    with pytest.raises(Refused, match=r"lab1: .*/accio agent doesn't start there"):
        await there.dry_run(ORDER)
    program(machine, "accio", "exit 0")
    assert await there.dry_run(ORDER) == "all of lab1 answer, and have what an agent needs there"
    spec = PoolSpec(name="lab", provider="ssh", host=Resources(), walltime=None, maximum=2)
    joining = SshProvider(
        PoolConfig(spec=spec, hosts=("lab1",), command=f"{machine}/accio agent", join="~/my accio.join"), machine
    )
    with pytest.raises(Refused, match=r"the join file ~/my accio.join can't be read there"):
        await joining.dry_run(ORDER)
    (machine / "my accio.join").touch()
    assert await joining.dry_run(ORDER)
