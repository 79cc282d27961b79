"""Every command: its words, what it does, where it is written. Nothing else is imported before a command is known."""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple, NoReturn

if TYPE_CHECKING:
    import click


class Entry(NamedTuple):
    """A command: where it is written, as "module:function", and a line about it.

    Where `program` is true, the place is a module that is a program of its own, which takes the place of this one with
    all of its arguments, the command's second word among them.
    """

    place: str
    summary: str
    program: bool = False


_HERE = "accio_client.cli."

COMMANDS: dict[str, Entry] = {
    "init": Entry(_HERE + "init:start", "make a starter project that runs as it is"),
    "push": Entry(_HERE + "workflows:push", "store versions of workflows"),
    "validate": Entry(_HERE + "workflows:validate", "check workflow and run files, and store nothing"),
    "run": Entry(_HERE + "run:execute", "run a function or a file, and print the table of its results"),
    "submit": Entry(_HERE + "submit:submit", "create a run or a sweep"),
    "optimize": Entry(_HERE + "optimize:optimize", "look for the parameters with the best results"),
    "get runs": Entry(_HERE + "runs:get", "list runs, newest first"),
    "get workflows": Entry(_HERE + "workflows:get", "list workflows"),
    "get operators": Entry(_HERE + "operators:get", "list operators"),
    "get agents": Entry(_HERE + "agents:get", "list agents, their load and leases"),
    "get workload": Entry(_HERE + "workload:get", "show what is queued and running, and when it will have ended"),
    "get owners": Entry(_HERE + "owners:get", "list whose work there is, and how much may run at a time"),
    "get usage": Entry(_HERE + "owners:usage", "report what nodes used of agents, by owner, pool and time"),
    "get allocations": Entry(_HERE + "pools:allocations", "list the hosts that pools asked for"),
    "get events": Entry(_HERE + "runs:events", "show the history of a run"),
    "get changes": Entry(_HERE + "tokens:changes", "list who changed what"),
    "get artifact": Entry(_HERE + "results:fetch", "fetch an output of a node"),
    "describe run": Entry(_HERE + "runs:describe", "show a run with its nodes or children"),
    "describe node": Entry(_HERE + "nodes:describe", "show a node: attempts, inputs, outputs, metrics"),
    "describe workflow": Entry(_HERE + "workflows:describe", "show a workflow"),
    "describe operator": Entry(_HERE + "operators:describe", "show an operator"),
    "logs": Entry(_HERE + "nodes:logs", "show what a run printed"),
    "export": Entry(_HERE + "results:export", "write results as tables"),
    "table": Entry(_HERE + "tables:show", "show the numbers of a sweep, grouped over repetitions"),
    "plot": Entry(_HERE + "pictures:plot", "draw the results of a sweep"),
    "failures": Entry(_HERE + "failures:show", "show why nodes of a run failed, and what explains it"),
    "diff": Entry(_HERE + "differences:show", "show what differs between two runs, or two versions of a workflow"),
    "publish": Entry(_HERE + "crates:publish", "write a run that has ended as a research object, for others to check"),
    "replay": Entry(_HERE + "crates:replay", "run again what was published, and say what agrees"),
    "update": Entry(_HERE + "changes:update", "edit name, notes and tags of a run"),
    "kill": Entry(_HERE + "changes:kill", "stop runs"),
    "retry": Entry(_HERE + "changes:retry", "run again what did not succeed"),
    "delete run": Entry(_HERE + "changes:delete", "delete runs"),
    "delete workflow": Entry(_HERE + "workflows:delete", "delete workflows that have no runs"),
    "why": Entry(_HERE + "nodes:explain", "explain why a node was executed, cached, or waits"),
    "watch": Entry(_HERE + "watch:watch", "follow a run until it has ended"),
    "gc": Entry(_HERE + "memo:gc", "free stored content that nothing refers to"),
    "cache ls": Entry(_HERE + "memo:ls", "list memoized results"),
    "cache stats": Entry(_HERE + "memo:stats", "show size and hit rate of the memo by operator"),
    "cache rm": Entry(_HERE + "memo:rm", "invalidate memoized results"),
    "up": Entry(_HERE + "daemon:up", "start a daemon and an agent on this machine"),
    "daemon": Entry(
        "accio_daemon", "start the daemon; `accio daemon -help` tells its options and commands", program=True
    ),
    "daemon backup": Entry(_HERE + "daemon:backup", "copy the database of a running daemon"),
    "web": Entry("accio_web", "serve the web interface; `accio web -help` tells its options", program=True),
    "agent": Entry("accio_agent", "start an agent; `accio agent -help` tells its options", program=True),
    "agent drain": Entry(_HERE + "agents:drain", "let an agent's nodes end and send it no more"),
    "agent remove": Entry(_HERE + "agents:remove", "forget an agent that is not connected"),
    "cap": Entry(_HERE + "owners:cap", "set how much of an owner's work may run at a time"),
    "window add": Entry(_HERE + "windows:add", "announce a time at which nothing begins at agents"),
    "window get": Entry(_HERE + "windows:get", "list the times at which nothing begins at agents"),
    "window remove": Entry(_HERE + "windows:remove", "take such times back"),
    "pool serve": Entry("accio_pool", "ask engines for the hosts that a daemon wants", program=True),
    "pool check": Entry("accio_pool", "check a file of pools, and show what would be submitted", program=True),
    "pool get": Entry(_HERE + "pools:get", "list pools, and how many hosts each has"),
    "pool why": Entry(_HERE + "pools:why", "explain why pools have as many hosts as they have"),
    "pool pause": Entry(_HERE + "pools:pause", "ask for no more hosts of a pool"),
    "pool resume": Entry(_HERE + "pools:resume", "ask for hosts of a pool again"),
    "pool scale": Entry(_HERE + "pools:scale", "keep a number of hosts of a pool"),
    "token create": Entry(_HERE + "tokens:create", "make a token and show its secret, once"),
    "token get": Entry(_HERE + "tokens:get", "list tokens"),
    "token revoke": Entry(_HERE + "tokens:revoke", "end tokens at once"),
    "schema": Entry(_HERE + "workflows:schema", "print the JSON Schema of workflow, run or pools files"),
    "version": Entry(_HERE + "about:version", "print the versions of client and daemon"),
    "doctor": Entry(_HERE + "doctor:look", "check installation, daemon, agents and operators, and say what mends them"),
    "help": Entry(_HERE + "about:explain", "explain a command"),
    "completion": Entry(_HERE + "completion:completion", "print a completion script for bash, zsh or fish"),
}

SAME = {
    "get run": "get runs",
    "get workflow": "get workflows",
    "get operator": "get operators",
    "get agent": "get agents",
    "get owner": "get owners",
    "get allocation": "get allocations",
    "get pools": "pool get",
    "get tokens": "token get",
    "get windows": "window get",
    "get caps": "get owners",
    "describe runs": "describe run",
    "describe nodes": "describe node",
    "describe workflows": "describe workflow",
    "describe operators": "describe operator",
    "delete runs": "delete run",
    "delete workflows": "delete workflow",
}
"""Other ways to say a command."""


def verbs() -> list[str]:
    """Return first words, in the order of the catalogue."""
    return list(dict.fromkeys(words.split(" ")[0] for words in COMMANDS))


def nouns(verb: str) -> list[str]:
    """Return the second words of *verb*; none if it is a command of its own."""
    return [words.split(" ")[1] for words in COMMANDS if words.startswith(f"{verb} ")]


def become(module: str, arguments: Sequence[str]) -> NoReturn:
    """Replace this process by the program *module*: signals and exit code are its own."""
    from accio.interpreter import python, without_working_folder  # no question for help waits for it

    sys.stdout.flush()
    environment = without_working_folder(os.environ)
    os.execve(sys.executable, python(module, *arguments), environment)  # noqa: S606 - a shell has no business here


def load(words: str) -> "click.Command":
    """Return the click command that the catalogue names."""
    module, _, function = COMMANDS[words].place.partition(":")
    command: click.Command = getattr(import_module(module), function)
    return command
