"""Commands of engines, run with a time-out: they hang when the engine does, and then nothing is known."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress

from accio.late import dataclass

TIME_OUT_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What a command that has ended left."""

    code: int
    out: str
    err: str

    @property
    def words(self) -> str:
        """What it said of itself, in one line."""
        said = " ".join((self.err.strip() or self.out.strip()).split())
        return said or f"exit code {self.code}, without a word"


class NoAnswer(Exception):
    """A command that couldn't be started, or didn't end in time."""


async def run(
    command: Sequence[str],
    *,
    given: str = "",
    time_out: float = TIME_OUT_S,
    environment: Mapping[str, str] = os.environ,
) -> Output:
    """Run a command with a text on its standard input; raises NoAnswer if it doesn't end."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=_plain(environment),
            start_new_session=True,  # Ctrl-C is for this process, which ends in order
        )
    except OSError as error:
        raise NoAnswer(f"{command[0]} can't be started: {error.strerror}") from None
    try:
        async with asyncio.timeout(time_out):
            out, err = await process.communicate(given.encode())
    except TimeoutError:
        raise NoAnswer(f"{command[0]} hasn't ended within {time_out:g} s") from None
    finally:
        with suppress(ProcessLookupError):
            if process.returncode is None:
                process.kill()
                await process.wait()
    assert process.returncode is not None, "it has ended"
    return Output(code=process.returncode, out=out.decode(errors="replace"), err=err.decode(errors="replace"))


def _plain(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which commands speak the language that is read here."""
    return {**environment, "LC_ALL": "C"}
