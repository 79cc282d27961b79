"""Every command: its words, what it does, where it is written. Nothing else is imported before a command is known."""

from typing import NamedTuple


class Entry(NamedTuple):
    """A command: the module whose attribute `command` is a click command, and a line about it.

    Where `program` is true, the module is a program of its own, which takes the place of this one with all of its
    arguments.
    """

    module: str
    summary: str
    program: bool = False


_HERE = "accio_client.cli."

COMMANDS: dict[str, Entry] = {
    "push": Entry(_HERE + "push", "store versions of workflows"),
    "validate": Entry(_HERE + "validate", "check workflow and run files, and store nothing"),
    "submit": Entry(_HERE + "submit", "create a run or a sweep"),
    "get runs": Entry(_HERE + "get_runs", "list runs, newest first"),
    "get workflows": Entry(_HERE + "get_workflows", "list workflows"),
    "get operators": Entry(_HERE + "get_operators", "list operators"),
    "get agents": Entry(_HERE + "get_agents", "list agents, their load and leases"),
    "get events": Entry(_HERE + "get_events", "show the history of a run"),
    "get artifact": Entry(_HERE + "get_artifact", "fetch an output of a node"),
    "describe run": Entry(_HERE + "describe_run", "show a run with its nodes or children"),
    "describe node": Entry(_HERE + "describe_node", "show a node: attempts, inputs, outputs, metrics"),
    "describe workflow": Entry(_HERE + "describe_workflow", "show a workflow"),
    "describe operator": Entry(_HERE + "describe_operator", "show an operator"),
    "logs": Entry(_HERE + "logs", "show what a run printed"),
    "export": Entry(_HERE + "export", "write results as tables"),
    "update": Entry(_HERE + "update", "edit name, notes and tags of a run"),
    "kill": Entry(_HERE + "kill", "stop runs"),
    "retry": Entry(_HERE + "retry", "run again what did not succeed"),
    "delete run": Entry(_HERE + "delete_run", "delete runs"),
    "delete workflow": Entry(_HERE + "delete_workflow", "delete workflows that have no runs"),
    "why": Entry(_HERE + "why", "explain why a node was executed, cached, or waits"),
    "watch": Entry(_HERE + "watch", "follow a run until it has ended"),
    "gc": Entry(_HERE + "gc", "free stored content that nothing refers to"),
    "cache ls": Entry(_HERE + "cache_ls", "list memoized results"),
    "cache stats": Entry(_HERE + "cache_stats", "show size and hit rate of the memo by operator"),
    "cache rm": Entry(_HERE + "cache_rm", "invalidate memoized results"),
    "up": Entry(_HERE + "up", "start a daemon and an agent on this machine"),
    "daemon": Entry(
        "accio_daemon", "start the daemon; `accio daemon -help` tells its options and commands", program=True
    ),
    "daemon backup": Entry(_HERE + "daemon_backup", "copy the database of a running daemon"),
    "agent": Entry("accio_agent", "start an agent; `accio agent -help` tells its options", program=True),
    "agent drain": Entry(_HERE + "agent_drain", "let an agent's nodes end and send it no more"),
    "agent remove": Entry(_HERE + "agent_remove", "forget an agent that is not connected"),
    "schema": Entry(_HERE + "schema", "print the JSON Schema of workflow or run files"),
    "version": Entry(_HERE + "version", "print the versions of client and daemon"),
    "help": Entry(_HERE + "help", "explain a command"),
    "completion": Entry(_HERE + "completion", "print a completion script for bash, zsh or fish"),
}

SAME = {
    "get run": "get runs",
    "get workflow": "get workflows",
    "get operator": "get operators",
    "get agent": "get agents",
    "describe runs": "describe run",
    "describe nodes": "describe node",
    "describe workflows": "describe workflow",
    "describe operators": "describe operator",
    "delete runs": "delete run",
    "delete workflows": "delete workflow",
}
"""Other ways to say a command."""


def verbs() -> list[str]:
    """First words, in the order of the catalogue."""
    return list(dict.fromkeys(words.split(" ")[0] for words in COMMANDS))


def nouns(verb: str) -> list[str]:
    """Second words of *verb*; none if it is a command of its own."""
    return [words.split(" ")[1] for words in COMMANDS if words.startswith(f"{verb} ")]
