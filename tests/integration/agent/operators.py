"""Operators that behave well and badly."""

# ruff: noqa: N802, S311, S606, T201, TID251, PTH208 - names of operators; and misbehaving is what they are for

import contextlib
import ctypes
import os
import random
import signal
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

from accio.sdk.context import OperatorContext
from accio.sdk.declare import operator
from accio.sdk.types import Dataset, Long


@operator(version="1")
def Add(x: int, y: int = 1) -> int:
    return x + y


@operator(version="1")
def Sleep(seconds: float) -> str:
    time.sleep(seconds)
    return "slept"


@operator(version="1")
def Variable(name: str) -> str:
    return os.environ.get(name, "")


@operator(version="1", unstable=True)
def Draw(ctx: OperatorContext) -> list[float]:
    ctx.log("drawing")
    ctx.progress(0.5)
    ctx.metric("drawn", 2)
    return [ctx.random.random(), random.random()]


@operator(version="1")
def Global(name: str) -> list[float]:
    del name
    return [random.random(), random.random()]


@operator(version="1")
def Print(out: str, err: str = "", times: int = 1) -> int:
    for _ in range(times):
        sys.stdout.write(out)
    sys.stderr.write(err)
    return times


@operator(version="1")
def FillDisk() -> None:
    with Path("/dev/full").open("w") as file:
        file.write("x")


@operator(version="1")
def PrintBytes(hexadecimal: str) -> int:
    return os.write(1, bytes.fromhex(hexadecimal))


@operator(version="1")
def PrintAndDie(text: str) -> int:
    sys.stdout.write(text)
    sys.stdout.flush()
    ctypes.string_at(0)
    return 0


@operator(version="1")
def Fail(message: str) -> int:
    sys.stderr.write("about to fail\n")
    raise ValueError(message)


@operator(version="1")
def Exit(code: int, hard: bool = False) -> int:
    if hard:
        os._exit(code)
    sys.exit(code)


@operator(version="1")
def KillSelf(number: int) -> int:
    os.kill(os.getpid(), number)
    return 0


@operator(version="1")
def Stubborn(seconds: float, marker: str = "") -> int:
    """Doesn't end at SIGTERM; makes a file once that holds."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if marker:
        Path(marker).touch()
    time.sleep(seconds)
    return 0


@operator(version="1")
def Spoil() -> str:
    """Changes everything around it."""
    os.chdir("/")
    os.environ["SPOILED"] = "yes"
    os.environ["ACCIO_RUN"] = "spoiled"
    os.umask(0o777)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.stdout.close()
    os.close(1)
    return "spoiled"


@operator(version="1")
def Surroundings(ctx: OperatorContext) -> dict[str, str]:
    """What an execution finds around it."""
    print("here")
    mask = os.umask(0)
    os.umask(mask)
    return {
        "cwd": str(Path.cwd() == ctx.folder),
        "entries": str(sorted(os.listdir("."))),
        "spoiled": os.environ.get("SPOILED", ""),
        "umask": oct(mask),
        "term": str(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL),
        "run": os.environ["ACCIO_RUN"],
        "node": os.environ["ACCIO_NODE"],
        "attempt": os.environ["ACCIO_ATTEMPT"],
        "attempt_no": os.environ["ACCIO_ATTEMPT_NO"],
        "key": os.environ["ACCIO_IDEMPOTENCY_KEY"],
        "child": subprocess.run(
            ["sh", "-c", "echo $ACCIO_RUN"], capture_output=True, text=True, check=True
        ).stdout.strip(),
        "token": os.environ.get("ACCIO_TOKEN", ""),
        "hash": os.environ["PYTHONHASHSEED"],
        "tz": os.environ["TZ"],
        "threads": os.environ["OMP_NUM_THREADS"],
        "pid": str(os.getpid()),
    }


@operator(version="1")
def Scribble(form: str) -> int:
    """Writes into every file that it didn't open."""
    written = (
        b"\xff" * 4096 if form == "noise" else b"".join(struct.pack("<IB", 8, kind) + b"[1,2,3]x" for kind in range(12))
    )
    for fd in range(3, 64):
        with contextlib.suppress(OSError):
            os.write(fd, written)
    time.sleep(1)
    return 1


@operator(version="1")
def ScribbleOnPages() -> int:
    """Overwrites all memory that is shared with other processes."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        parts = line.split()
        if len(parts) > 5 and parts[1] == "rw-s":
            start, end = (int(each, 16) for each in parts[0].split("-"))
            ctypes.memset(start, 0xFF, end - start)
    return 1


@operator(version="1")
def StopParent(seconds: float) -> int:
    os.kill(os.getppid(), signal.SIGSTOP)
    time.sleep(seconds)
    return os.getpid()


@operator(version="1")
def Litter() -> int:
    Path("litter").mkdir()
    Path("litter/file").write_text("x")
    return os.getpid()


@operator(version="1")
def LeaveThread() -> int:
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    return os.getpid()


@operator(version="1")
def LeaveProcess() -> int:
    subprocess.Popen(["sleep", "300"])
    return os.getpid()


@operator(version="1")
def Escape(marker: str) -> int:
    """Starts processes that do what they can to outlive it, and writes down their numbers."""
    script = f"echo $$ >> {marker}; exec sleep 300"
    subprocess.Popen(["sh", "-c", script])
    subprocess.Popen(["sh", "-c", script], start_new_session=True)
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execvp("sh", ["sh", "-c", script])
        os._exit(0)
    while len(Path(marker).read_text().split() if Path(marker).exists() else []) < 3:
        os.sched_yield()
    time.sleep(300)
    return 0


@operator(version="1")
def Pid() -> int:
    return os.getpid()


@operator(version="1", isolated=True)
def IsolatedPid() -> int:
    return os.getpid()


@operator(version="1", memory="64MiB")
def Eat(mib: int) -> int:
    data = bytearray(mib << 20)
    for place in range(0, len(data), 4096):
        data[place] = 1
    return len(data)


@operator(version="1")
def Make(ctx: OperatorContext, text: str) -> Dataset:
    data = ctx.dataset()
    (data / "a.txt").write_text(text)
    (data / "sub").mkdir()
    (data / "sub" / "b.txt").write_text(text * 2)
    return data


@operator(version="1")
def MakeFifo(ctx: OperatorContext) -> Dataset:
    """Write what no dataset may hold."""
    made = ctx.dataset()
    os.mkfifo(made / "fifo")
    return made


@operator(version="1")
def MakeScript(name: str, answer: str) -> Dataset:
    path = Path(name)
    path.write_text(f"#!/bin/sh\necho {answer}\n")
    return Dataset(path)


@operator(version="1")
def Execute(data: Dataset) -> str:
    return f"{data.path.name} says {subprocess.check_output([data.path], text=True).strip()}"


@operator(version="1")
def Read(data: Dataset) -> str:
    if data.path.is_file():
        return data.path.read_text()
    return ",".join(f"{path.name}={path.read_text()}" for path in sorted(data.path.rglob("*")) if path.is_file())


@operator(version="1")
def Change(data: Dataset) -> str:
    data.path.write_text("changed")
    return "changed"


@operator(version="1")
def Link(data: Dataset) -> str:
    """Makes a hard link to what it reads, as locks and copies without copying do, and takes it away."""
    file = data.path / "part" if data.path.is_dir() else data.path
    os.link(file, "link")
    Path("link").unlink()
    return file.read_text()


@operator(version="1")
def Index(data: Dataset) -> str:
    """Reads a folder, and leaves an index beside what it read."""
    found = sorted(path.name for path in data.path.iterdir())
    (data.path / "index").write_text("made")
    return ",".join(found)


@operator(version="1")
def Large(size: int) -> str:
    return "x" * size


@operator(version="1")
def Length(text: str) -> Long:
    return Long(len(text))


@operator(version="1")
def Effect(ledger: str, name: str, seconds: float = 0.0, gate: str = "") -> int:
    """Counts its executions in a file; ends when another one, if it is named, is there."""
    fd = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(fd, f"{name}\n".encode())
    os.close(fd)
    time.sleep(seconds)
    while gate and not Path(gate).exists():
        time.sleep(0.01)
    return 1
