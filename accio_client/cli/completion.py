"""`accio completion bash|zsh|fish`: a script made from the catalogue and the options of every command."""

import click

from accio_client.cli.catalogue import COMMANDS, load, nouns, verbs
from accio_client.cli.output import out
from accio_client.cli.session import Session, accio_command
from accio_client.documents import document


@accio_command
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(session: Session, shell: str) -> None:
    """Print a completion script. For bash: put it into ~/.local/share/bash-completion/completions/accio."""
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
            "    else",
            '        COMPREPLY=($(compgen -f -- "$current"))',
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
            f"complete -c accio -n '__fish_seen_subcommand_from {verb}' -a {noun} -d "
            + _quoted(COMMANDS[f"{verb} {noun}"].summary)
            for noun in nouns(verb)
        ]
    for words, names in _options().items():
        condition = " ; and ".join(f"__fish_seen_subcommand_from {word}" for word in words.split(" "))
        lines += [f"complete -c accio -n '{condition}' -l {name.removeprefix('--')}" for name in names]
    lines.append("complete -c accio -n '__fish_seen_subcommand_from push validate submit' -F")
    return "\n".join(lines)


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
