"""`accio schema workflow|run`"""

from importlib.resources import files

import click
import orjson

from accio_client.cli.session import Session, accio_command, out


@accio_command
@click.argument("kind", type=click.Choice(["workflow", "run"]))
def command(session: Session, kind: str) -> None:
    """Print the JSON Schema of workflow or run files, for editors that complete and check them."""
    text = files("accio.schemas").joinpath(f"{kind}.schema.json").read_text(encoding="utf-8")
    session.answer(orjson.loads(text), [kind], lambda: out(text.rstrip("\n")))
