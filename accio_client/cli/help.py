"""`accio help [COMMAND]`"""

import click

from accio_client.cli import help_text
from accio_client.cli.catalogue import COMMANDS, SAME, nouns, verbs
from accio_client.cli.session import Session, accio_command, out


@accio_command
@click.argument("words", nargs=-1, metavar="[COMMAND]...")
def command(session: Session, words: tuple[str, ...]) -> int:
    """List the commands, or explain one."""
    asked = " ".join(words)
    asked = SAME.get(asked, asked)
    if session.json or session.quiet:
        found = {name: entry.summary for name, entry in COMMANDS.items() if _within(name, asked)}
        if not found:
            return help_text.unknown(asked)
        listed = [{"command": name, "summary": summary} for name, summary in found.items()]
        session.answer({"schema": "accio/v1", "commands": listed}, found, lambda: None)
        return 0
    if not asked:
        return help_text.overview()
    if asked in verbs() and nouns(asked):
        return help_text.of_verb(asked, asked=True)
    return _explain(asked) if asked in COMMANDS else help_text.unknown(asked)


def _within(name: str, asked: str) -> bool:
    return not asked or name == asked or name.startswith(f"{asked} ")


def _explain(words: str) -> int:
    from accio_client.cli.main import become, load

    if COMMANDS[words].program:
        become(COMMANDS[words].module, ["--help"])
    explained = load(words)
    with click.Context(explained, info_name=f"accio {words}") as context:
        out(explained.get_help(context))
    return 0
