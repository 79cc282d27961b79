"""A real Grid Engine of one machine, for tests: sge_qmaster and sge_execd as Debian has them, in a folder of its own.

It has a database, ports and a cell of its own, nothing in /etc or /var is read or written, and only processes that were
started here are ended. Its scheduler looks once a second, and jobs get half a minute between a warning and their end.
"""

import os
import re
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar
from xml.etree import ElementTree

from tests.acceptance.engines import Engine
from tests.acceptance.processes import eventually, free_port

_PROGRAMS = Path("/usr/lib/gridengine")
_TEMPLATES = Path("/usr/share/gridengine")
_ROOT = Path("/var/lib/gridengine")  # whose folders of programs are links into the two

_BOOTSTRAP = """\
admin_user root
default_domain none
ignore_fqdn false
spooling_method berkeleydb
spooling_lib libspoolb
spooling_params {folder}/database
binary_path {programs}
qmaster_spool_dir {folder}/qmaster
security_mode none
listener_threads 2
worker_threads 2
scheduler_threads 1
"""
_HOST = """\
hostname {host}
load_scaling NONE
complex_values NONE
user_lists NONE
xuser_lists NONE
projects NONE
xprojects NONE
usage_scaling NONE
report_variables NONE
"""
_HOSTS = "group_name @allhosts\nhostlist {host}\n"
_PARALLEL = """\
pe_name smp
slots 999
user_lists NONE
xuser_lists NONE
start_proc_args NONE
stop_proc_args NONE
allocation_rule $pe_slots
control_slaves FALSE
job_is_first_task TRUE
urgency_slots min
accounting_summary FALSE
qsort_args NONE
"""


class LocalGridEngine(Engine):
    """A running Grid Engine, and its commands."""

    name = "Grid Engine"
    programs = ("sge_qmaster", "sge_execd", "qsub", "qstat", "qdel", "qconf", str(_PROGRAMS / "spoolinit"))
    pool: ClassVar[dict[str, Any]] = {"provider": "sge", "walltime": "10m", "host": {"cpus": 1}}
    shortest = "40s"

    def __init__(self, folder: Path) -> None:
        super().__init__(
            folder,
            SGE_ROOT=str(folder / "root"),
            SGE_CELL="default",
            SGE_QMASTER_PORT=str(free_port()),
            SGE_EXECD_PORT=str(free_port()),
            SGE_ND="1",  # its programs stay in the foreground
        )

    @property
    def controller(self) -> Sequence[str]:
        """The command of the master."""
        return ("sge_qmaster",)

    def submit(self, script: Path, output: Path, *options: str, **environment: str) -> str:
        """Submit a job; return its id."""
        command = ("qsub", "-terse", "-r", "n", "-V", "-S", "/bin/sh", "-j", "y", "-o", str(output))
        return self.run(*command, *options, str(script), **environment)

    def jobs(self) -> list[str]:
        """Return the ids of the jobs that haven't ended."""
        listed = ElementTree.fromstring(self.run("qstat", "-xml", "-u", "*"))  # noqa: S314 - it comes from no stranger
        return [each.findtext("JB_job_number", "") for each in listed.iter("job_list")]

    def cancel(self, *jobs: str) -> None:
        """End jobs by qdel, which has nothing to do where there are none."""
        if found := jobs or tuple(self.jobs()):
            self.says("qdel", *found)

    def start(self) -> None:
        """Make a cluster of this host alone, start it, and wait until its queue has told its load."""
        host = socket.gethostname()
        common = self.folder / "root" / "default" / "common"
        for made in (common, self.folder / "qmaster" / "job_scripts", self.folder / "database", self.folder / "execd"):
            made.mkdir(parents=True)
        for name in ("bin", "lib", "util", "utilbin"):
            (self.folder / "root" / name).symlink_to(_ROOT / name)
        (common / "bootstrap").write_text(_BOOTSTRAP.format(folder=self.folder, programs=_PROGRAMS))
        (common / "act_qmaster").write_text(f"{host}\n")
        if host != "localhost":
            (common / "host_aliases").write_text(f"{host} localhost\n")
        for name in ("jobseqnum", "arseqnum"):
            (self.folder / "qmaster" / name).write_text("0\n")
        self._make_database()
        self.launch(*self.controller)
        eventually(self._answers, what="the master's answer")
        self._configure(host)
        self.launch("sge_execd")
        eventually(self._has_load, what="Grid Engine's host having told its load")

    def _make_database(self) -> None:
        text = (_TEMPLATES / "default-configuration").read_text()
        changes = {"execd_spool_dir": self.folder / "execd", "min_uid": 0, "min_gid": 0}  # root may run jobs
        configuration = self._file("configuration", _changed(text, changes))
        resources = _TEMPLATES / "util" / "resources"
        spool = str(_PROGRAMS / "spooldefaults")
        self.run(str(_PROGRAMS / "spoolinit"), "berkeleydb", "libspoolb", str(self.folder / "database"), "init")
        self.run(spool, "configuration", configuration)
        self.run(spool, "complexes", str(resources / "centry"))
        self.run(spool, "usersets", str(resources / "usersets"))
        self.run(spool, "managers", "root")

    def _configure(self, host: str) -> None:
        if host not in self.says("qconf", "-sh").split():
            self.run("qconf", "-ah", host)
        self.run("qconf", "-as", host)
        schedule = {"schedule_interval": "0:0:1", "flush_submit_sec": 1, "flush_finish_sec": 1}
        self.run("qconf", "-Msconf", self._file("schedule", _changed(self.run("qconf", "-ssconf"), schedule)))
        self.run("qconf", "-Ae", self._file("host", _HOST.format(host=host)))
        self.run("qconf", "-Ahgrp", self._file("hosts", _HOSTS.format(host=host)))
        self.run("qconf", "-Ap", self._file("parallel", _PARALLEL))
        queue = {
            "qname": "main.q",
            "hostlist": "@allhosts",
            "shell": "/bin/sh",
            "slots": os.cpu_count() or 1,
            "load_thresholds": "NONE",
            "notify": "00:00:30",
            "pe_list": "smp",
        }
        self.run("qconf", "-Aq", self._file("queue", _changed(self.run("qconf", "-sq"), queue)))

    def _file(self, name: str, text: str) -> str:
        path = self.folder / name
        path.write_text(text)
        return str(path)

    def _answers(self) -> bool:
        self.are_up()
        return "execd_spool_dir" in self.says("qconf", "-sconf")

    def _has_load(self) -> bool:
        self.are_up()
        queue = ElementTree.fromstring(self.run("qstat", "-f", "-xml"))  # noqa: S314 - it comes from no stranger
        return queue.find(".//load_avg") is not None


def _changed(text: str, values: Mapping[str, object]) -> str:
    """Return a table of names and values with some values of its own."""
    for name, value in values.items():
        text, found = re.subn(rf"^{name}\s.*$", f"{name} {value}", text, flags=re.MULTILINE)
        assert found == 1, f"expected one line {name}, found {found}"
    return text
