"""`accio completion bash|zsh|fish`: a script made from the catalogue and the options of every command.

That of bash is `completion.bash`, in which blocks between @ signs are filled in.
"""

from importlib.resources import files

import click

from accio_client.cli.catalogue import COMMANDS, load, nouns, verbs
from accio_client.cli.output import out
from accio_client.cli.session import Session, accio_command
from accio_client.cli.text import printable
from accio_client.documents import document

_LISTS = {
    "get runs -quiet -n=100": (
        "get events",
        "get artifact",
        "describe run",
        "describe node",
        "logs",
        "export",
        "table",
        "plot",
        "failures",
        "diff",
        "publish",
        "update",
        "kill",
        "retry",
        "delete run",
        "why",
        "watch",
    ),
    "get workflows -quiet": ("submit", "describe workflow", "delete workflow"),
    "get operators -quiet": ("describe operator",),
    "get agents -quiet": ("agent drain", "agent remove"),
    "pool get -quiet": ("pool why", "pool pause", "pool resume", "pool scale"),
    "window get -quiet": ("window remove",),
    "token get -quiet": ("token revoke",),
    "completion -names=owners": ("cap",),
}
"""Which command lists what may stand after others; it is asked when the key is pressed, and so knows what is new."""

_VALUES = {
    "tags": "completion -names=tags",
    "owner": "completion -names=owners",
    "workflow": "get workflows -quiet",
    "parent": "get runs -quiet -n=100",
    "from": "get runs -quiet -n=100",
    "operator": "get operators -quiet",
    "agents": "get agents -quiet",
    "pool": "pool get -quiet",
}
"""Which command lists the values of options, whose commands are in `_SAYS_SO`."""

_SAYS_SO = {
    "tags": ("get runs", "submit", "run", "optimize", "update"),
    "owner": ("get runs", "token create"),
    "workflow": ("get runs",),
    "parent": ("get runs",),
    "from": ("submit",),
    "operator": ("cache ls", "cache stats", "cache rm"),
    "agents": ("window add",),
    "pool": ("get allocations", "token create"),
}

_LINES = "\\n"  # as $'…' has them

_SEEN_RUNS = 1000
"""Of how many runs, the newest, tags and owners are offered."""


@accio_command
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]), required=False)
@click.option(
    "--names",
    type=click.Choice(["tags", "owners"]),
    help="Print those of the newest 1,000 runs, as the scripts ask for.",
)
def completion(session: Session, shell: str | None, *, names: str | None) -> None:
    """Print a completion script, which asks the daemon for the names of what it has.

    These are runs (the newest 100), workflows, operators, agents, pools, windows, tokens, owners and tags.

    Put it, for bash, into ~/.local/share/bash-completion/completions/accio; for fish, into
    ~/.config/fish/completions/accio.fish; for zsh, as _accio into a folder of fpath.
    """
    if (shell is None) is (names is None):
        raise click.UsageError("expected one of bash, zsh and fish, whose script is to be printed (or -names)")
    if shell is not None:
        script = {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell]()
        session.answer(document({"shell": shell, "script": script}), [script], lambda: out(script))
        return
    found = _tags(session) if names == "tags" else _owners(session)
    session.answer(document({"names": found}), found, lambda: out("\n".join(map(printable, found))) if found else None)


def _tags(session: Session) -> list[str]:
    with session.client() as client:
        return sorted({tag for run in client.list_runs(limit=_SEEN_RUNS).runs for tag in run.tags})


def _owners(session: Session) -> list[str]:
    with session.client() as client:
        people = [run.owner for run in client.list_runs(limit=_SEEN_RUNS).runs]
        people += [each.owner for each in client.list_owners().owners]
    return sorted({key for each in people if (key := each.email or each.name)})


def _options() -> dict[str, list[str]]:
    """Return the options of every command, as they are written with two dashes."""
    return {
        words: sorted(
            name
            for option in load(words).params
            if isinstance(option, click.Option)
            for name in [*option.opts, *option.secondary_opts]
            if name.startswith("--")
        )
        for words, entry in COMMANDS.items()
        if not entry.program
    }


def _choices() -> dict[tuple[str, str], list[str]]:
    """Return the values of options that have few, by command and option."""
    return {
        (words, name.removeprefix("--")): list(option.type.choices)
        for words, entry in COMMANDS.items()
        if not entry.program
        for option in load(words).params
        if isinstance(option, click.Option) and isinstance(option.type, click.Choice)
        for name in option.opts
        if name.startswith("--")
    }


def _pattern(words: str, option: str) -> str:
    """Return what bash compares a command's first two words and an option with."""
    return f'"{words} {option}"' if " " in words else f'"{words} "*" {option}"'


def _bash_values() -> list[str]:
    """Return the cases that say which values an option of a command has."""
    listed = [
        f"        {_pattern(words, option)}) listed=({by}) ;;"
        for option, by in _VALUES.items()
        for words in _SAYS_SO[option]
    ]
    return [
        *listed,
        *(
            f"        {_pattern(words, option)}) words=$'{_LINES.join(values)}' ;;"
            for (words, option), values in _choices().items()
        ),
    ]


def _bash() -> str:
    """Return `completion.bash` with its blocks filled in."""
    cases = [f'        "{verb}") words="{" ".join(nouns(verb))}" ;;' for verb in verbs() if nouns(verb)]
    options = [f'        "{words}") options="{" ".join(names)}" ;;' for words, names in _options().items()]
    blocks = {
        "verbs": [" ".join(verbs())],
        "cases": [*cases, f'        "help") words="{" ".join(verbs())}" ;;'],
        "options": options,
        "options of a verb alone": [
            f"    {line}" for words, line in zip(_options(), options, strict=True) if " " not in words
        ],
        "values": _bash_values(),
        "listed": [
            f'            "{words} "*) listed=({by}) ;;' for by, commands in _LISTS.items() for words in commands
        ],
    }
    script = files("accio_client.cli").joinpath("completion.bash").read_text(encoding="utf-8")
    for name, lines in blocks.items():
        script = script.replace(f"@{name}@", "\n".join(lines))
    return script.rstrip("\n")


def _zsh() -> str:
    """Return the one of bash, which zsh can run."""
    return "#compdef accio\nautoload -U +X bashcompinit && bashcompinit\n" + _bash()


def _fish() -> str:
    lines = ["# fish completion for accio", "complete -c accio -f"]
    for verb in verbs():
        summary = _quoted(COMMANDS[verb].summary if verb in COMMANDS else f"{verb} {', '.join(nouns(verb))}")
        lines.append(f"complete -c accio -n __fish_use_subcommand -a {verb} -d {summary}")
        lines += [
            f"complete -c accio -n '__fish_seen_subcommand_from {verb}; and not __fish_seen_subcommand_from "
            f"{' '.join(nouns(verb))}' -a {noun} -d " + _quoted(COMMANDS[f"{verb} {noun}"].summary)
            for noun in nouns(verb)
        ]
    for words, names in _options().items():
        lines += [f"{_fish_after(words)} -l {name.removeprefix('--')}" for name in names]
    for by, commands in _LISTS.items():
        lines += [f"{_fish_after(words)} -a '(accio {by} 2>/dev/null | string split -f1 :)'" for words in commands]
    values = {
        (words, option): f"(accio {by} 2>/dev/null | string split -f1 :)"
        if "workflows" in by
        else f"(accio {by} 2>/dev/null)"
        for option, by in _VALUES.items()
        for words in _SAYS_SO[option]
    } | {key: " ".join(choices) for key, choices in _choices().items()}
    lines += [f"{_fish_after(words)} -l {option} -x -a '{listed}'" for (words, option), listed in values.items()]
    lines.append("complete -c accio -n '__fish_seen_subcommand_from push validate submit' -F")
    return "\n".join(lines)


def _fish_after(words: str) -> str:
    """Return how an offer begins that stands after the words of a command."""
    condition = " ; and ".join(f"__fish_seen_subcommand_from {word}" for word in words.split(" "))
    return f"complete -c accio -n '{condition}'"


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
