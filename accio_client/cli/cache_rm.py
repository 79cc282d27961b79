"""`accio cache rm`"""

import click

from accio_client.cli.session import Session, accio_command, out
from accio_client.documents import document


@accio_command
@click.argument("keys", nargs=-1, metavar="[KEY]...")
@click.option("--operator", "operators", multiple=True, metavar="NAME", help="All results of this operator.")
def command(session: Session, keys: tuple[str, ...], *, operators: tuple[str, ...]) -> None:
    """Invalidate memoized results, by key (`accio cache ls` has them) or by operator. Runs keep their results."""
    if not keys and not operators:
        raise click.UsageError("nothing to invalidate: give keys, or -operator=NAME")
    with session.client() as client:
        removed = sum(client.remove_from_cache(key=key) for key in keys)
        removed += sum(client.remove_from_cache(operator=operator) for operator in operators)
    session.answer(document({"removed": removed}), [], lambda: out(f"{removed} results invalidated"))
