"""The provider of agents that are processes of this machine."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from accio.domain.pools import AllocationKey, PoolSpec
from accio.domain.resources import Resources
from accio_pool.config import PoolConfig
from accio_pool.providers.local import LocalProvider
from accio_pool.providers.ports import Found

POOL = PoolConfig(spec=PoolSpec(name="here", provider="local", host=Resources(), walltime=None, maximum=9))
KEY = AllocationKey(cluster="0123abcd", pool="here", number=7)
OTHER = AllocationKey(cluster="0123abcd", pool="here", number=8)


@contextmanager
def process(*arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a process that does nothing, with these arguments, until the end of the context."""
    command = [sys.executable, "-c", "import sys; sys.stdin.read()", *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as found:
        yield found


@pytest.mark.parametrize("arguments", [(), ("--allocation", str(OTHER))])
@pytest.mark.parametrize("gently", [True, False])
async def test_who_got_the_number_of_an_agent_is_left_alone(
    tmp_path: Path, arguments: tuple[str, ...], gently: bool
) -> None:
    """A process that isn't the agent of the allocation gets no signal, though it has the number that was noted."""
    with process(*arguments) as innocent:
        found = Found(key=KEY, job=str(innocent.pid), begun=True)
        await LocalProvider(POOL, tmp_path).cancel(found, gently=gently)
        innocent.communicate()
        assert innocent.returncode == 0


async def test_an_agent_gets_its_signal_and_a_dead_one_none(tmp_path: Path) -> None:
    """What has the allocation on its command line is ended; its number is nobody's then, which harms nothing."""
    provider = LocalProvider(POOL, tmp_path)
    with process("--allocation", str(KEY)) as agent:
        found = Found(key=KEY, job=str(agent.pid), begun=True)
        assert [each.job for each in (await provider.list(KEY.cluster)).found] == [found.job]
        await provider.cancel(found, gently=True)
        assert agent.wait() == -signal.SIGTERM
        await provider.cancel(found, gently=False)
