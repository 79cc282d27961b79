"""`accio web`: serves the web interface in the foreground until it is told to stop."""

import os
import socket
import sys
from collections.abc import Sequence

import click

from accio import logs, web_door
from accio.errors import AccioError
from accio.exits import SUCCESS, USAGE, exit_code
from accio.version import DISTRIBUTION
from accio_client.settings import Settings as ClientSettings
from accio_web.settings import LOOPBACK, Settings, base_path

INSTALL = f"pip install '{DISTRIBUTION}[web]'"


@click.command(context_settings={"help_option_names": ["-h", "-help", "--help"]})
@click.option("-addr", "--addr", metavar="HOST:PORT", help="The daemon's address.")
@click.option("-cluster", "--cluster", metavar="NAME", help="A cluster of clusters.json.")
@click.option(
    "-port", "--port", type=click.IntRange(0, 65535), help=f"Where to listen; {web_door.PORT}, or the next free one."
)
@click.option("-host-name", "--host-name", "names", multiple=True, metavar="NAME", help="Answer to this name, too.")
@click.option("-base-path", "--base-path", default="", metavar="PATH", help="Serve below this path, behind a proxy.")
@click.option("-read-only", "--read-only", is_flag=True, help="Change nothing.")
@click.option("--inherited", type=int, hidden=True, help="A listening socket of the parent process.")
def command(
    addr: str | None,
    cluster: str | None,
    port: int | None,
    names: tuple[str, ...],
    base_path: str,
    read_only: bool,
    inherited: int | None,
) -> int:
    """Serve the web interface on this machine, and print a link that logs in once."""
    found = ClientSettings.load(address=addr, cluster=cluster)
    listening = web_door.listen(port) if inherited is None else socket.socket(fileno=inherited)
    return serve(_settings(found, listening, names, base_path, read_only=read_only), listening)


def _settings(
    found: ClientSettings, listening: socket.socket, names: tuple[str, ...], prefix: str, *, read_only: bool
) -> Settings:
    return Settings(
        daemon=found.address,
        token=found.token,
        user=found.user,
        port=listening.getsockname()[1],
        base_path=base_path(prefix),
        read_only=read_only,
        host_names=LOOPBACK | {name.lower() for name in names},
    )


def serve(settings: Settings, listening: socket.socket) -> int:
    """Serve until a signal ends it."""
    from accio_web.clock import now
    from accio_web.serving import run
    from accio_web.sessions import Sessions

    sessions = Sessions()
    code = sessions.offer(settings.token, settings.user, now(), os.environ.pop(web_door.CODE, ""))
    click.echo(f"the web interface of the daemon at {settings.daemon}; this link logs in once, within 10 minutes:")
    click.echo(web_door.link(listening, code, settings.base_path))
    sys.stdout.flush()
    run(settings, sessions, listening)
    return SUCCESS


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `accio web` and return its exit code. Shows no traceback for what a user can mend."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    logs.set_up()
    try:
        import starlette
        import uvicorn
    except ModuleNotFoundError as missing:
        click.echo(f"accio: the web interface needs {missing.name}: {INSTALL}", err=True)
        return USAGE
    del starlette, uvicorn
    try:
        return int(command.main(arguments, prog_name="accio web", standalone_mode=False) or SUCCESS)
    except AccioError as error:
        click.echo(f"accio: {error.message}", err=True)
        return exit_code(error)
    except click.ClickException as error:
        error.show()
        return USAGE
    except (click.Abort, KeyboardInterrupt):
        return 130


if __name__ == "__main__":
    sys.exit(main())
