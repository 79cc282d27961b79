"""`accio completion bash|zsh|fish`: a script made from the catalogue and the options of every command."""

import click

from accio_client.cli.catalogue import COMMANDS, load, nouns, verbs
from accio_client.cli.output import out
from accio_client.cli.session import Session, accio_command
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
}
"""Which command lists what may stand after others; it is asked when the key is pressed, and so knows what is new."""


@accio_command
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(session: Session, shell: str) -> None:
    """Print a completion script, which asks the daemon for the ids of runs, workflows, operators, agents and pools.

    Put it, for bash, into ~/.local/share/bash-completion/completions/accio; for fish, into
    ~/.config/fish/completions/accio.fish; for zsh, as _accio into a folder of fpath.
    """
    script = {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell]()
    session.answer(document({"shell": shell, "script": script}), [script], lambda: out(script))


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


def _bash() -> str:
    cases = [f'        "{verb}") words="{" ".join(nouns(verb))}" ;;' for verb in verbs() if nouns(verb)]
    cases.append(f'        "help") words="{" ".join(verbs())}" ;;')
    listed = [f'        "{words} "*) listed=({by}) ;;' for by, commands in _LISTS.items() for words in commands]
    options = [f'        "{words}") options="{" ".join(names)}" ;;' for words, names in _options().items()]
    return "\n".join(
        [
            "# bash completion for accio",
            "_accio() {",
            '    local current="${COMP_WORDS[COMP_CWORD]}" words="" options="" command="${COMP_WORDS[1]}"',
            '    if [ "$COMP_CWORD" -eq 1 ]; then',
            f'        COMPREPLY=($(compgen -W "{" ".join(verbs())}" -- "$current"))',
            "        return",
            "    fi",
            '    case "$command" in',
            *cases,
            "    esac",
            '    if [ "$COMP_CWORD" -eq 2 ] && [ -n "$words" ] && [ "${current:0:1}" != - ]; then',
            '        COMPREPLY=($(compgen -W "$words" -- "$current"))',
            "        return",
            "    fi",
            '    case "$command ${COMP_WORDS[2]}" in',
            *options,
            "    esac",
            '    if [ -z "$options" ]; then',
            '        case "$command" in',
            *(f"    {line}" for words, line in zip(_options(), options, strict=True) if " " not in words),
            "        esac",
            "    fi",
            '    if [ "${current:0:1}" = - ]; then',
            '        COMPREPLY=($(compgen -W "$options" -- "$current"))',
            "        return",
            "    fi",
            "    local -a listed",
            '    case "$command ${COMP_WORDS[2]} " in',
            *listed,
            "    esac",
            '    if [ "${#listed[@]}" -gt 0 ]; then',
            '        words="$(accio "${listed[@]}" 2>/dev/null | cut -d: -f1)"',
            '        COMPREPLY=($(compgen -W "$words" -- "$current"))',
            "    fi",
            '    if [ "${#listed[@]}" -eq 0 ] || [ "$command" = submit ]; then',
            '        COMPREPLY+=($(compgen -f -- "$current"))',
            "    fi",
            "}",
            "complete -o filenames -F _accio accio",
        ]
    )


def _zsh() -> str:
    """Zsh runs completions that were written for bash."""
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
        condition = " ; and ".join(f"__fish_seen_subcommand_from {word}" for word in words.split(" "))
        lines += [f"complete -c accio -n '{condition}' -l {name.removeprefix('--')}" for name in names]
    for by, commands in _LISTS.items():
        for words in commands:
            condition = " ; and ".join(f"__fish_seen_subcommand_from {word}" for word in words.split(" "))
            lines.append(f"complete -c accio -n '{condition}' -a '(accio {by} 2>/dev/null | string split -f1 :)'")
    lines.append("complete -c accio -n '__fish_seen_subcommand_from push validate submit' -F")
    return "\n".join(lines)


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
