"""What `accio help` and mistyped commands show; imports nothing that takes time."""

import sys
from difflib import get_close_matches

from accio_client.cli.catalogue import COMMANDS, nouns, verbs

_FOOT = """
Options are written -x=value, -x value, --x=value or --x value; switches -x, -nox or --no-x; `--` ends them.
`accio help COMMAND` explains a command. Every command takes -json and -quiet.
"""


def overview() -> int:
    lines = ["Run experiments on a cluster: workflows, sweeps, memoized results.", "", "usage: accio COMMAND ...", ""]
    width = max(map(len, COMMANDS))
    lines += [f"  {words:<{width}}  {entry.summary}" for words, entry in COMMANDS.items()]
    sys.stdout.write("\n".join(lines) + "\n" + _FOOT)
    return 0


def of_verb(verb: str, *, asked: bool) -> int:
    """Print the commands that begin with *verb*; an error unless help was asked for."""
    stream = sys.stdout if asked else sys.stderr
    if not asked:
        stream.write(f"accio {verb}: what? Say one of: {', '.join(nouns(verb))}\n\n")
    for words, entry in COMMANDS.items():
        if words == verb or words.startswith(f"{verb} "):
            stream.write(f"  accio {words:<20}  {entry.summary}\n")
    return 0 if asked else 1


def unknown(words: str) -> int:
    """Report that there is no such command, and what may have been meant."""
    verb, _, noun = words.partition(" ")
    known = [f"{verb} {each}" for each in nouns(verb)] or verbs()
    close = [f"{verb} {each}" for each in get_close_matches(noun, nouns(verb), n=1, cutoff=0.5)]
    if not nouns(verb):
        close = _named(verb) or get_close_matches(verb, known, n=1, cutoff=0.5)
    elif not close and (lists := [each for each in nouns("get") if each in (noun, f"{noun}s")]):
        close = [f"get {lists[0]}"]  # `describe agent`: there is a list of them, and no more
    elif not close and noun and "run" in nouns(verb):
        close = [_plain(f"{verb} run {noun}")]  # `describe last`, or an id: runs are what is looked at most
    meant = f"; did you mean `accio {close[0]}`?" if close else f"; there are: {', '.join(known)}"
    sys.stderr.write(f"accio: there is no command {_plain(words)!r}{meant}\n")
    return 1


def _named(noun: str) -> list[str]:
    """Return the commands whose last word is *noun*, as of `accio runs`; what lists things comes first."""
    found = [words for words in COMMANDS if noun and words.split()[1:] == [noun]]
    return sorted(found, key=lambda words: not words.startswith("get "))


def _plain(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode()
