"""What an agent kills of what operators left behind, and what it lets go on."""

import subprocess
import sys

SCRIPT = """
import asyncio, os, subprocess, sys
from accio_agent import linux
from accio_agent.agent.workers.strays import Strays

async def main():
    strays = Strays(lambda: ())
    strays.adopt()
    told = asyncio.Event()
    helper = None

    def describe():
        nonlocal helper
        helper = subprocess.Popen([sys.executable, "-c", "print('there', flush=True); input()"],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        helper.stdout.readline()
        loop.call_soon_threadsafe(told.set)
        return helper.wait()

    loop = asyncio.get_running_loop()
    describing = asyncio.create_task(asyncio.to_thread(describe))
    await told.wait()
    shell = subprocess.run(["sh", "-c", "sleep 600 >&- 2>&- & echo $!"], capture_output=True, text=True, check=True)
    left = int(shell.stdout)
    while left not in linux.adopted(os.getpid()):
        await asyncio.sleep(0)
    strays.bury()
    while os.path.exists(f"/proc/{left}"):
        await asyncio.sleep(0.01)
    helper.stdin.write(b"on\\n")
    helper.stdin.flush()
    print("helper", await describing)
    strays.close()

asyncio.run(main())
"""


def test_what_the_agent_itself_has_started_goes_on() -> None:
    """Orphans are killed; what another thread waits for, such as an operator's description, isn't: the edit that it was
    to describe counted as one that can't be loaded.
    """
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=90)
    assert done.stdout == "helper 0\n"
