"""The commands of PBS for tests, as OpenPBS 23.06 printed them: `fake_pbs.py FOLDER qsub|qstat|qsig|qdel ARGUMENT...`.

PBS is in no package registry. There is no server: a job is a folder, and a real process that runs its script and looks
after it until its end or its walltime. With the file `down` in FOLDER the commands find no server.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

KILL_DELAY_S = 10.0
_LOOK_S = 0.05
_VARIABLE = "Variable_List"


def main(folder: Path, command: str, arguments: list[str]) -> int:
    """Run one of the commands."""
    if command == "look-after":
        look_after(folder / arguments[0])
        return 0
    if (folder / "down").exists():
        complain("Connection refused")
        complain(f"{command}: cannot connect to server {os.uname().nodename} (errno=111)")
        return 255
    return {"qsub": qsub, "qstat": qstat, "qsig": qsig, "qdel": qdel}[command](folder, arguments)


def complain(words: str) -> None:
    """Say what is wrong."""
    sys.stderr.write(f"{words}\n")


def put(path: Path, text: str) -> None:
    """Write a file at once."""
    draft = path.with_suffix(".draft")
    draft.write_text(text, encoding="utf-8")
    draft.rename(path)


def qsub(folder: Path, arguments: list[str]) -> int:
    """Accept a job, whose script is the standard input, and start it."""
    options = argparse.ArgumentParser(prog="qsub")
    for name in ("r", "j", "k", "S", "N", "v", "o", "q", "J"):
        options.add_argument(f"-{name}", dest=name, default="")
    options.add_argument("-V", action="store_true")
    options.add_argument("-l", action="append", default=[])
    given = options.parse_args(arguments)
    if given.q and given.q != "workq":
        complain("qsub: Unknown queue")
        return 170
    wanted = dict(each.partition("=")[::2] for each in given.l)
    chunk = dict(each.partition("=")[::2] for each in wanted["select"].split(":")[1:])
    hours, minutes, seconds = wanted["walltime"].split(":")
    number = 1 + len({path.name.partition("[")[0].partition(".")[0] for path in folder.glob("*.pbs")})
    variables = {"PBS_O_HOST": os.uname().nodename} | dict(each.partition("=")[::2] for each in given.v.split(","))
    facts = {
        "Job_Name": given.N,
        "exec_host": f"{os.uname().nodename}/0",
        "walltime": int(hours) * 3600 + int(minutes) * 60 + int(seconds),
        "ncpus": chunk["ncpus"],
        "output": given.o,
        _VARIABLE: variables,
    }
    script = sys.stdin.read()
    if not given.J:
        begin(folder / f"{number}.pbs", script, facts)
        sys.stdout.write(f"{number}.pbs\n")
        return 0
    if given.r == "n":
        complain("qsub: job arrays are rerunnable")  # as PBS has it: "automatically marked"
        return 168
    first, last = map(int, given.J.split("-"))
    array = folder / f"{number}[].pbs"
    array.mkdir()
    put(array / "facts", json.dumps(facts))
    for index in range(first, last + 1):
        placed = {**facts, _VARIABLE: {**variables, "PBS_ARRAY_INDEX": str(index), "PBS_ARRAY_ID": array.name}}
        begin(folder / f"{number}[{index}].pbs", script, placed)
    sys.stdout.write(f"{array.name}\n")
    return 0


def begin(job: Path, script: str, facts: dict[str, Any]) -> None:
    """Make a job's folder, and start what looks after it."""
    job.mkdir()
    put(job / "script", script)
    put(job / "facts", json.dumps({**facts, _VARIABLE: {**facts[_VARIABLE], "PBS_JOBID": job.name}}))
    subprocess.Popen(
        [sys.executable, __file__, str(job.parent), "look-after", job.name],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def look_after(job: Path) -> None:
    """Run a job's script, and end it: by SIGTERM to it alone at its walltime or by qdel, a while later by SIGKILL."""
    facts = json.loads((job / "facts").read_text(encoding="utf-8"))
    environment = {**os.environ, **facts[_VARIABLE], "NCPUS": facts["ncpus"], "OMP_NUM_THREADS": facts["ncpus"]}
    with Path(facts["output"]).open("wb") as output:
        process = subprocess.Popen(
            ["/bin/sh", str(job / "script")],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    put(job / "pid", str(process.pid))
    ends, killed = time.monotonic() + facts["walltime"], None
    while process.poll() is None:
        now = time.monotonic()
        if killed is None and (now > ends or (job / "deleted").exists()):
            process.send_signal(signal.SIGTERM)
            killed = now + KILL_DELAY_S
        if killed is not None and now > killed:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_LOOK_S)
    put(job / "exit", str(process.returncode))


def qstat(folder: Path, arguments: list[str]) -> int:
    """List the jobs that haven't ended, as `qstat -f -F json` does; with `-t` each of an array, too, also over ones."""
    said: dict[str, Any] = {"timestamp": 0, "pbs_version": "23.06.06"}
    if "-B" in arguments:
        limits = folder / "max_array_size"
        server = {"server_state": "Active"} | ({"max_array_size": int(limits.read_text())} if limits.exists() else {})
        return tell(said | {"Server": {"pbs": server}})
    ended = {job.name: (job / "exit").exists() for job in folder.glob("*.pbs")}
    jobs = {}
    for job in sorted(folder.glob("*.pbs")):
        number, bracket, place = job.name.partition("[")
        place = place.partition("]")[0]
        members = [over for name, over in ended.items() if name.startswith(f"{number}[") and "[]" not in name]
        over = all(members) if bracket else ended[job.name]
        if over or not (job / "facts").exists() or (place and "-t" not in arguments):
            continue
        facts = json.loads((job / "facts").read_text(encoding="utf-8"))
        state = "B" if bracket and not place else "X" if ended[job.name] else "R" if (job / "pid").exists() else "Q"
        jobs[job.name] = {"job_state": state, **{name: facts[name] for name in ("Job_Name", "exec_host", _VARIABLE)}}
    return tell(said | ({"Jobs": jobs} if jobs else {}))


def tell(said: dict[str, Any]) -> int:
    """Print an answer."""
    sys.stdout.write(json.dumps(said) + "\n")
    return 0


def qsig(folder: Path, arguments: list[str]) -> int:
    """Signal a job's script, `-s SIGNAL JOB`."""
    job = folder / arguments[2]
    if not (job / "pid").exists() or (job / "exit").exists():
        complain(f"qsig: Request invalid for state of job {job.name}")
        return 168
    with suppress(ProcessLookupError):
        os.kill(int((job / "pid").read_text(encoding="utf-8")), getattr(signal, arguments[1]))
    return 0


def qdel(folder: Path, arguments: list[str]) -> int:
    """End jobs."""
    for name in arguments:
        if not (folder / name).exists():
            complain(f"qdel: Unknown Job Id {name}")
            return 153
        (folder / name / "deleted").touch()
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:]))
