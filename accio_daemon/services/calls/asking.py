"""Asks samplers which point a study tries next.

The first trials of a study are drawn; what comes after them, a sampler chooses in a process of its own, as a look at
hundreds of trials takes longer than the event loop may. It keeps nothing: each question holds all that is known, so the
answer is the same whichever process is asked, and when.
"""

import asyncio
import contextlib
import os
from typing import Any

import orjson
import structlog

from accio.domain.sampling import Method, Row, Sampled
from accio.domain.studies import STARTUP
from accio.domain.study_check import drawn_trial
from accio.domain.sweeps import Sweep
from accio.errors import NotFound
from accio.interpreter import python, without_working_folder
from accio_daemon.core.commands import TrialAsked
from accio_daemon.core.effects import AskRequest
from accio_daemon.engine.ports import EnginePort
from accio_daemon.services.calls.studying import measures_of
from accio_daemon.storage.jobs import Snapshot
from accio_daemon.storage.reading.readers import Readers
from accio_daemon.storage.rows.studies import read_trials
from accio_daemon.storage.runs.plans import Plans
from accio_daemon.storage.runs.runs_query import RunRow, get_run

log = structlog.get_logger(__name__)

_PAUSE_S = 30.0  # before a sampler that failed is asked again
_LONGEST_ANSWER = 1 << 20


class SamplerFailed(Exception):  # no error of a user's: it is tried again
    """The sampler gave no answer."""


class Sampler:
    """The process that holds samplers: started when it is needed, and again when it has ended."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._process: asyncio.subprocess.Process | None = None

    async def ask(self, question: Any) -> Row:
        """Return the places that a sampler chooses; SamplerFailed if there is no answer."""
        try:
            answer = await self._asked(question)
        except SamplerFailed:  # it had ended, perhaps between two questions: another one may answer
            answer = await self._asked(question)
        if "error" in answer:
            raise SamplerFailed(answer["error"])
        return tuple(answer["row"])

    async def _asked(self, question: Any) -> dict[str, Any]:
        try:
            process = await self._started()
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(orjson.dumps(question) + b"\n")
            await process.stdin.drain()
            line = await process.stdout.readline()
            if line:
                answer: dict[str, Any] = orjson.loads(line)
                return answer
        except (OSError, ValueError, RuntimeError) as error:  # the last by uvloop, of a pipe that has been closed
            await self.stop()
            raise SamplerFailed(f"the process of samplers can't be asked: {error}") from error
        await self.stop()
        raise SamplerFailed("the process of samplers ended without an answer")

    async def _started(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                *python("accio_daemon.sampler"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env=without_working_folder(os.environ),
                limit=_LONGEST_ANSWER,
            )
        return self._process

    async def stop(self) -> None:
        """End the process, if it runs."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.communicate()


class Asker:
    """Receives requests of the engine, and carries them out one after the other."""

    def __init__(self, readers: Readers, plans: Plans, *, sampler: Sampler | None = None, pause_s: float = _PAUSE_S):
        """Read what trials gave with *readers*; ask again after *pause_s* where the sampler fails."""
        self._readers = readers
        self._plans = plans
        self._sampler = sampler or Sampler()
        self._pause_s = pause_s
        self._requests: asyncio.Queue[AskRequest] = asyncio.Queue()

    def ask(self, request: AskRequest) -> None:
        """Note a request; its answer is posted to the engine."""
        self._requests.put_nowait(request)

    async def run(self, engine: EnginePort) -> None:
        """Carry requests out until cancelled."""
        try:
            while True:
                request = await self._requests.get()
                try:
                    row = await self._answer(request)
                except NotFound:
                    continue  # deleted meanwhile
                except SamplerFailed as error:
                    log.warning("a study waits for its sampler", run=request.run, trial=request.trial, error=str(error))
                    asyncio.get_running_loop().call_later(self._pause_s, self.ask, request)
                    continue
                engine.post(TrialAsked(run=request.run, trial=request.trial, row=row))
        finally:
            await self._sampler.stop()

    async def _answer(self, request: AskRequest) -> Row:
        if request.trial < STARTUP:
            return await self._readers.read(lambda snapshot: _drawn(_found(snapshot, request), request.trial))
        question = await self._readers.read_long(lambda snapshot: question_of(snapshot, request, self._plans))
        return await self._sampler.ask(question)


def _found(snapshot: Snapshot, request: AskRequest) -> RunRow:
    run = get_run(snapshot, request.run)
    if run is None:
        raise NotFound("the study was deleted")
    return run


def _drawn(run: RunRow, trial: int) -> Row:
    """Return a trial that needs no results."""
    sweep = run.sweep
    assert sweep.study is not None
    places = _places(sweep)
    names = tuple(sweep.axes[place].name for place in places)
    sizes = tuple(sweep.axes[place].size for place in places)
    return drawn_trial(Sampled(method=Method.RANDOM, size=1, seed=sweep.study.seed, names=names, sizes=sizes), trial)


def _places(sweep: Sweep) -> tuple[int, ...]:
    """Return the places of the axes on which trials differ."""
    return sweep.blocks[0].digits[-1].axes


def question_of(snapshot: Snapshot, request: AskRequest, plans: Plans) -> dict[str, Any]:
    """Return all that a sampler needs to know to choose a trial."""
    run = _found(snapshot, request)
    sweep, study = run.sweep, run.sweep.study
    assert study is not None
    trials = read_trials(snapshot, run.no, sweep.repeat, measures_of(snapshot, run, plans))
    values = {each.trial: each.values for each in trials.complete}
    return {
        "sampler": study.sampler.value,
        "seed": study.seed,
        "trial": request.trial,
        "trials": study.trials,
        "at_once": study.at_once,
        "directions": [each.direction.value for each in study.objectives],
        "axes": [[sweep.axes[place].size, sweep.axes[place].is_formula] for place in _places(sweep)],
        "rows": list(zip(*sweep.blocks[0].digits[-1].rows.columns(), strict=True))[: request.trial],
        "told": [[trial, values.get(trial)] for trial in request.told],
    }
