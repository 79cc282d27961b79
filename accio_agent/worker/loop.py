"""A worker process: takes attempts from its socket, executes them one after the other, writes results back.

It reads only when it has nothing to do, so a batch of short attempts costs one system call. Results go into the shared
page's ring; the agent is woken when there is nothing else to do, and at the latest a few milliseconds after the first
of them. This module imports neither asyncio nor grpc.
"""

import os
import socket
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import orjson
from blake3 import blake3

from accio_agent import clock
from accio_agent.protocol import frames
from accio_agent.protocol.doubts import stale, write_doubts
from accio_agent.protocol.frames import Flag, Kind
from accio_agent.protocol.page import WorkerPage
from accio_agent.protocol.reports import Task, read_tasks, result_report
from accio_agent.worker.job import Done, Job
from accio_agent.worker.restoring import process_state
from accio_agent.worker.restoring.generators import Generators
from accio_agent.worker.restoring.leftovers import Leftovers
from accio_agent.worker.surroundings import Streams, Surroundings

FLUSH_NS = 8_000_000
READ = 1 << 18
PEAKS = 64
"""Short computations in a row that may share a measured peak of memory, if none of them moves it."""
LIFETIME = 20_000
"""After how many attempts a worker is replaced, so that what leaks within it doesn't grow for ever."""


PLAIN_CHARACTERS = 4_096
"""Longer outputs travel in a Report."""

_SHORT_US = 500
_PRINTED = Flag.PRINTED.value

Devices = tuple[dict[str, str], list[int]]
"""What an attempt may use: GPUs, by the variables that name them, and processors by number, all for an empty list."""


class Runner(Protocol):
    """Executes operators."""

    def prepare(self, store: str) -> bool:
        """Open the store at this folder, unless it is open; whether files of this process were opened for that."""
        ...

    def code_of(self, operator: str) -> Callable[..., Any] | None:
        """Return the function, or class, of an operator in Python that is given nothing but plain values; else None."""
        ...

    def execute(self, job: Job, page: WorkerPage) -> Done:
        """Execute one attempt. No exception of an operator leaves this."""
        ...


class Worker:
    """The loop of a worker process."""

    def __init__(
        self,
        connection: socket.socket,
        page: WorkerPage,
        runner: Runner,
        folder: Path,
        look_after: Callable[[Generators], Leftovers],
    ) -> None:
        self._connection = connection
        self._page = page
        self._runner = runner
        self._splitter = frames.Splitter()
        self._queue: deque[tuple[dict[str, Any], Devices, Task, Any]] = deque()
        self._classes: dict[int, dict[str, Any]] = {}
        self._entered: tuple[Any, Any] | None = None
        self._code: Callable[..., Any] | None = None  # of the class that was entered, if it is given plain values
        self._may_be_plain = False  # whether the agent reads PLAIN frames
        self._may_doubt = False  # whether it reads DOUBT frames
        self._holds = 0  # answered
        self._kept = False  # results are in the ring that the agent hasn't been told of
        self._kept_since = 0
        self._served = 0
        self._totals = (0, 0)
        self._streams = Streams((os.dup(0), os.dup(1), os.dup(2)), page)
        self._surroundings = Surroundings(folder)
        self._affinity = os.sched_getaffinity(0)
        self._clear_refs = _open_clear_refs()
        self._unmoved = 0  # attempts for which the peak needn't be reset, as it hasn't moved since it was
        self._generators = Generators()
        self._leftovers = look_after(self._generators)

    def run(self) -> None:
        """Work until the agent closes the connection or the worker is to be replaced."""
        while True:
            if not self._queue:
                self._flush()
                if not self._receive():
                    return
            elif self._page.holds != self._holds:
                if not self._receive():
                    return
            else:
                retire = self._execute(*self._queue.popleft())
                if retire:
                    self._flush()
                    self._connection.sendall(frames.frame(Kind.RETIRE, retire))
                    return

    def _receive(self) -> bool:
        """Wait for frames and take them; False at the end of the connection."""
        data = self._connection.recv(READ)
        if not data:
            return False
        for kind, body in self._splitter.feed(data):
            if kind == Kind.WORK:
                (number, work_class, devices, told), assignments = frames.read_work(body)
                if work_class is not None:
                    self._classes[number] = work_class
                known = self._classes[number]
                for assignment in read_tasks(assignments):
                    where = told.get(str(assignment.attempt)) if told else None
                    self._queue.append((known, devices, assignment, where))
            else:
                back = [assignment.attempt for _, _, assignment, _ in self._queue]
                self._queue.clear()
                self._holds += 1
                self._flush()
                self._connection.sendall(frames.frame(Kind.BACK, back))
        return True

    def _execute(self, work_class: dict[str, Any], devices: Devices, assignment: Task, where: Any) -> str:
        """Execute one attempt unless it is to be handed back; why the worker must end after it, or an empty text."""
        number, inputs_json, node = assignment.attempt, assignment.inputs_json, assignment.node
        seed = assignment.seed if assignment.HasField("seed") else None
        started_ms = clock.wall_ms()
        if self._entered is None or self._entered[0] is not work_class or self._entered[1] != devices:
            self._enter_class(work_class, devices)
        operator = work_class["operator"]
        pure = self._code is not None and self._leftovers.is_pure(operator, self._code)
        if not pure:  # else nothing can look at this
            self._surroundings.enter(_variables(number, node, assignment.number))
            self._generators.seed(seed if seed is not None else _seed_of(inputs_json))
        started = time.monotonic_ns()
        self._page.begin(number, started)
        self._forget_peak(pure=pure)
        before = process_state.usage()
        if self._page.holds != self._holds:
            self._page.end()
            self._queue.appendleft((work_class, devices, assignment, where))
            return ""
        job = Job(
            attempt=number,
            operator=operator,
            inputs_json=inputs_json,
            seed=seed,
            node=node,
            number=assignment.number,
            datasets=where["datasets"] if where else {},
            large=where["large"] if where else {},
            folder=self._surroundings.folder,
            store=work_class["store"],
            send=self._send,
            offer=self._page.keep,
            checkpoint=_checkpoint(assignment),
        )
        if pure:
            done = self._runner.execute(job, self._page)
        else:
            given: list[str | Path] = [self._surroundings.folder, *job.datasets.values()]
            done = self._leftovers.call(lambda: self._runner.execute(job, self._page), given)
        if done.doubts and not self._may_doubt:
            done = Done(failure=stale(operator, done.doubts[0].path), spent=done.spent)
        taken_ns = time.monotonic_ns() - started
        self._streams.flush(python_alone=pure)
        self._report(number, done, started_ms, started, before)
        self._page.end()
        if work_class["alone"]:
            return "one attempt for each process"
        return self._leave(done, taken_ns, pure=pure)

    def _forget_peak(self, *, pure: bool) -> None:
        """Reset the peak of the memory: after short computations that stayed below it only now and then."""
        if pure and self._unmoved > 0:
            self._unmoved -= 1
        elif self._clear_refs >= 0:
            os.pwrite(self._clear_refs, b"5", 0)
            self._unmoved = PEAKS

    def _leave(self, done: Done, taken_ns: int, *, pure: bool) -> str:
        """Make everything as it was for the next attempt; why the worker must end instead, or an empty text."""
        self._served += 1
        if pure:
            why = done.spent or self._leftovers.settle_pure()
        else:
            self._streams.restore()
            why = self._surroundings.leave() or done.spent or self._leftovers.settle(taken_ns)
        return why or ("it has worked long enough" if self._served >= LIFETIME else "")

    def _report(self, number: int, done: Done, started_ms: int, started: int, before: process_state.Usage) -> None:
        now = time.monotonic_ns()
        wall_us = (now - started) // 1000
        after = process_state.usage()
        if after.ru_maxrss != before.ru_maxrss or wall_us > _SHORT_US:
            self._unmoved = 0
        user_us = int((after.ru_utime - before.ru_utime) * 1e6)
        system_us = int((after.ru_stime - before.ru_stime) * 1e6)
        peak, read, written = after.ru_maxrss * 1024, done.bytes_in, done.bytes_out
        out, err = totals = self._streams.totals()
        flags = 0
        if totals != self._totals:
            self._totals = totals
            flags = _PRINTED
        if done.doubts:
            flags |= Flag.DOUBTED.value
            self._keep(frames.frame(Kind.DOUBT, [number, write_doubts(done.doubts)]), now)
        if self._may_be_plain and done.outputs is not None and done.is_plain and written <= PLAIN_CHARACTERS:
            outputs = orjson.dumps(done.outputs)
            plain = (number, wall_us, user_us, system_us, peak, read, written, started_ms, 0, outputs)
            self._keep(frames.plain(out, err, flags, plain), now)
        else:
            report = result_report(
                attempt=number,
                outputs=done.outputs,
                failure=done.failure,
                large=done.large,
                contents=done.contents,
                metrics=(wall_us, user_us, system_us, peak, read, written, done.metrics_json),
                started_ms=started_ms,
                disk_full=done.disk_full,
                series=done.series,
            )
            if done.failure is not None:
                flags |= Flag.FAILED.value
            if done.large or done.contents:
                flags |= Flag.STORED.value
            self._keep(frames.result((number, wall_us, out, err, flags, report)), now)
        if not self._queue or now - self._kept_since > FLUSH_NS:
            self._flush()

    def _keep(self, frame: bytes, now: int) -> None:
        """Put a frame into the ring, or write it at once if there is no room."""
        if not self._page.keep(frame):
            self._connection.sendall(frame)
        elif not self._kept:
            self._kept = True
            self._kept_since = now

    def _send(self, frame: bytes) -> None:
        """Write a frame, in its place among the results, and wake the agent."""
        self._keep(frame, time.monotonic_ns())
        self._flush()

    def _flush(self) -> None:
        """Wake the agent if there are results that it hasn't been told of."""
        if self._kept:
            self._kept = False
            self._connection.sendall(frames.empty(Kind.WAKE))

    def _enter_class(self, work_class: dict[str, Any], devices: Devices) -> None:
        """Set what holds for all attempts of a class on a lane: GPUs, processors, the memory limit, the store."""
        self._entered = (work_class, devices)
        self._may_be_plain = bool(work_class.get("plain"))  # the agent may be older, in an environment of its own
        self._may_doubt = bool(work_class.get("doubts"))
        self._code = self._runner.code_of(work_class["operator"])
        gpus, processors = devices  # variables and their values, numbers
        wanted = set(processors) or self._affinity
        if wanted != os.sched_getaffinity(0):
            os.sched_setaffinity(0, wanted)
            self._leftovers.expect(process_state.PROCESSORS)
        for name, visible in gpus.items():
            self._surroundings.set_variable(name.encode(), visible.encode())
        if self._runner.prepare(work_class["store"]):
            self._leftovers.expect_files()
        if work_class["cgroup"]:
            Path(work_class["cgroup"]).write_text("0")


def _variables(number: int, node: str, attempt_no: int) -> tuple[bytes, bytes, bytes, bytes, bytes]:
    """Return what operators and the programs that they start find in their environment, in the order of VARIABLES."""
    key = node.encode()
    run, _, name = key.rpartition(b"/")
    return run, name, b"%d" % number, b"%d" % attempt_no, key


def _checkpoint(assignment: Task) -> tuple[str, int] | None:
    """Return what an earlier attempt saved, if one did: its digest, and which attempt it was."""
    if not assignment.HasField("checkpoint"):
        return None
    return assignment.checkpoint.digest, assignment.checkpoint.attempt


def _seed_of(inputs_json: str) -> int:
    """Return a seed for the global generators where the node has none: equal inputs, equal numbers."""
    return int.from_bytes(blake3(inputs_json.encode()).digest(8), "big")


def _open_clear_refs() -> int:
    """Return the file through which the peak of the memory is reset; -1 where the kernel has none."""
    try:
        return os.open("/proc/self/clear_refs", os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        return -1


def serve(
    connection: socket.socket,
    page_fd: int,
    runner: Runner,
    folder: Path,
    look_after: Callable[[Generators], Leftovers],
) -> None:
    """Serve as a worker; return when the process should end."""
    page = WorkerPage(page_fd)
    os.close(page_fd)
    try:
        Worker(connection, page, runner, folder, look_after).run()
    except (BrokenPipeError, ConnectionResetError):
        return  # the agent is gone, and this process soon after it
    finally:
        sys.stdout.flush()
