"""`accio init [DIR]`: a starter project, which runs as it is."""

import shlex
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import click

from accio.errors import AlreadyExists, BadRequest
from accio_client.cli.output import out
from accio_client.cli.session import Session, accio_command
from accio_client.cli.text import printable
from accio_client.documents import document

_SUFFIX = ".in"  # so that nothing takes the templates for parts of the client
COMMANDS = (
    "accio run run.json -operators=operators.py",
    "accio run run.json -operators=operators.py noise=1,2 -repeat=10",
    "python -m unittest",
)


@accio_command
@click.argument("folder", metavar="[DIR]", default=".")
def start(session: Session, folder: str) -> None:
    """Make a starter project in DIR, by default here: operators, a workflow, a run, tests, a README.

    Overwrites nothing, and needs no daemon.
    """
    place = Path(folder)
    written = _write(place, _starter())
    commands = [*([] if place.resolve() == Path.cwd() else [f"cd {shlex.quote(folder)}"]), *COMMANDS]
    content = document({"folder": str(place.resolve()), "files": written, "commands": commands})
    session.answer(content, (str(place / name) for name in written), lambda: _show(folder, written, commands))


def _starter() -> dict[str, str]:
    """Return the files of the project by their names."""
    templates = files("accio_client.starter").iterdir()
    found = [each for each in templates if each.name.endswith(_SUFFIX)]
    return {each.name.removesuffix(_SUFFIX): each.read_text(encoding="utf-8") for each in sorted(found, key=str)}


def _write(folder: Path, content: Mapping[str, str]) -> list[str]:
    """Write all files, or none if one of them is there."""
    if there := [name for name in content if (folder / name).exists()]:
        raise AlreadyExists(
            f"{folder / there[0]} is there already, and nothing is overwritten: name a folder of its own, as in "
            "`accio init experiment`"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in content.items():
            with (folder / name).open("x", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        raise BadRequest(f"the project can't be written to {folder}: {error.strerror or error}") from None
    return list(content)


def _show(folder: str, written: list[str], commands: list[str]) -> None:
    out(printable(f"wrote to {folder}: {', '.join(written)}"))
    out("now try")
    for command in commands:
        out(printable(f"  {command}"))
