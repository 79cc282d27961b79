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
    for name in ("r", "j", "k", "S", "N", "v", "o", "q"):
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
    number = 1 + len(list(folder.glob("*.pbs")))
    job = folder / f"{number}.pbs"
    job.mkdir()
    variables = {"PBS_JOBID": job.name, "PBS_O_HOST": os.uname().nodename}
    variables |= dict(each.partition("=")[::2] for each in given.v.split(","))
    put(job / "script", sys.stdin.read())
    facts = {
        "Job_Name": given.N,
        "exec_host": f"{os.uname().nodename}/0",
        "walltime": int(hours) * 3600 + int(minutes) * 60 + int(seconds),
        "ncpus": chunk["ncpus"],
        "output": given.o,
        _VARIABLE: variables,
    }
    put(job / "facts", json.dumps(facts))
    subprocess.Popen(
        [sys.executable, __file__, str(folder), "look-after", job.name],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    sys.stdout.write(f"{job.name}\n")
    return 0


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


def qstat(folder: Path, _: list[str]) -> int:
    """List the jobs that haven't ended, as `qstat -f -F json` does."""
    jobs = {}
    for job in sorted(folder.glob("*.pbs")):
        if not (job / "exit").exists() and (job / "facts").exists():
            facts = json.loads((job / "facts").read_text(encoding="utf-8"))
            state = "R" if (job / "pid").exists() else "Q"
            jobs[job.name] = {
                "job_state": state,
                **{name: facts[name] for name in ("Job_Name", "exec_host", _VARIABLE)},
            }
    sys.stdout.write(json.dumps({"timestamp": 0, "pbs_version": "23.06.06"} | ({"Jobs": jobs} if jobs else {})) + "\n")
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
