"""What doesn't look right about a pool is told, with what was expected, what was found, and what to do."""

from pathlib import Path
from typing import Any

import pytest

from accio_pool.checking import Finding, findings
from accio_pool.config import parse_pools

PROVIDERS = {
    "slurm": True,
    "sge": True,
    "pbs": True,
    "local": False,
    "ssh": False,
    "kubernetes": False,
    "theirs": False,
}
SUBMISSION = ("sbatch", "--parsable", "--time=60", "--comment=x")


def found(**document: Any) -> list[Finding]:
    """Return what is found about a pool of Slurm."""
    (pool,) = parse_pools(
        {"pools": [{"name": "cpu", "provider": "slurm", "walltime": "1h", "max": 1} | document]}, PROVIDERS
    )
    return findings(pool, SUBMISSION)


@pytest.mark.parametrize(
    ("document", "key", "words", "certain"),
    [
        ({"hosts": ["a"]}, "hosts", "doesn't look at it: it is for ssh", True),
        ({"pod": {"nodeName": "a"}}, "pod", "it is for kubernetes", True),
        ({"provider": "local", "options": {"q": "x"}}, "options", "it is for slurm, sge, pbs, kubernetes", True),
        ({"provider": "ssh", "hosts": ["a"], "leave_out": ["--mem"]}, "leave_out", "it is for slurm, sge, pbs", True),
        ({"leave_out": ["-comment"]}, "leave_out", "did you mean --comment?", True),
        ({"walltime": 3600}, "walltime", "found 3.6 s; numbers without a unit are milliseconds", True),
        ({"folder": "/tmp/jobs"}, "folder", "all hosts share, found /tmp/jobs", False),
        ({"folder": "/proc/self/status/jobs"}, "folder", "can't be; name another", True),
        ({"folder": "/no-such-file-system/jobs"}, "folder", "there is no no-such-file-system", False),
        ({"join": "/none/lab.join"}, "join", "`accio daemon join-file --no-token /none/lab.join` makes it", False),
        ({"command": "/none/bin/accio agent"}, "command", "found no /none/bin/accio on this machine", False),
        ({"command": "no-such-program-of-anybody"}, "command", "found no no-such-program-of-anybody", False),
        ({"agent": ["--operators", "/none/ops.py"]}, "agent", "found nothing at /none/ops.py", False),
        ({"agent": ["--operators=/none/ops.py"]}, "agent", "found nothing at /none/ops.py", False),
    ],
)
def test_what_does_not_look_right_is_told(document: dict[str, Any], key: str, words: str, certain: bool) -> None:
    """Once, by its key; what hosts may see otherwise isn't certain."""
    (finding,) = found(**document)
    assert (finding.key, finding.certain) == (key, certain)
    assert words in finding.message


def test_a_join_file_is_its_owners(tmp_path: Path) -> None:
    """One that others can read would be refused by agents."""
    file = tmp_path / "lab.join"
    file.touch(mode=0o600)
    assert found(join=str(file)) == []
    file.chmod(0o644)
    (finding,) = found(join=str(file))
    assert "which others can read: chmod 600 it" in finding.message


@pytest.mark.parametrize(
    "document",
    [
        {"leave_out": ["--mem", "--comment"], "directives": ["--x"], "before": ["module load a"]},
        {"command": "accio-of-a-module agent", "before": ["module load accio"]},
        {"agent": ["--operators", "my_package.operators"]},
        {"provider": "theirs", "hosts": ["a"], "pod": {"x": 1}, "leave_out": ["y"], "walltime": "1s"},
        {"provider": "kubernetes", "options": {"image": "i"}, "join": "/run/accio/join", "command": "/opt/accio agent"},
    ],
)
def test_what_may_be_right_is_left_alone(document: dict[str, Any]) -> None:
    """What modules bring, what containers have, and keys of providers that aren't ours."""
    assert found(**document) == []
