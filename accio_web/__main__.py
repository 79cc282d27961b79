"""`accio web`: serves the web interface in the foreground until it is told to stop."""

import os
import socket
import ssl
import sys
from collections.abc import Sequence

import click

from accio import logs, places, sockets, web_door, web_links
from accio.command_line import run_command
from accio.errors import BadRequest, FailedPrecondition
from accio.exits import SUCCESS, USAGE
from accio.interpreter import fork_only_to_exec
from accio.version import DISTRIBUTION
from accio_client.settings import Settings as ClientSettings
from accio_web.forwarded import Proxies, proxies
from accio_web.settings import LOOPBACK, Settings, base_path

INSTALL = f"pip install '{DISTRIBUTION}[web]'"


_HELP = {"help_option_names": ["-h", "-help", "--help"]}


def _without_port(_context: click.Context, option: click.Parameter, host: str | None) -> str | None:
    """Return where to listen; UsageError if a port stands behind it, which has an option of its own."""
    name, colon, port = (host or "").rpartition(":")
    bracketed = name.startswith("[") and name.endswith("]")
    if colon and port.isdigit() and not (host or "").startswith(sockets.PREFIX) and (bracketed or ":" not in name):
        meant = f"--listen={name.strip('[]')} --port={port}" if name else f"--port={port}"
        raise click.BadParameter(f"expected a host alone, found {host}; say {meant}", param=option)
    return host


@click.group(invoke_without_command=True, context_settings=_HELP)
@click.option("-addr", "--addr", metavar="HOST:PORT", help="The daemon's address.")
@click.option("-cluster", "--cluster", metavar="NAME", help="A cluster of clusters.json.")
@click.option(
    "-port", "--port", type=click.IntRange(0, 65535), help=f"Where to listen; {web_door.PORT}, or the next free one."
)
@click.option(
    "-listen",
    "--listen",
    "host",
    default=web_door.HOST,
    callback=_without_port,
    metavar="HOST|unix:PATH",
    help="Listen at this address, with --tls also beyond this machine; or at a file that only you may open.",
)
@click.option("-tls", "--tls", type=(str, str), metavar="CERT KEY", help="Speak TLS, with this certificate.")
@click.option("-host-name", "--host-name", "names", multiple=True, metavar="NAME", help="Answer to this name, too.")
@click.option("-base-path", "--base-path", default="", metavar="PATH", help="Serve below this path, behind a proxy.")
@click.option(
    "-behind-proxy",
    "--behind-proxy",
    is_flag=True,
    help="Believe X-Forwarded-Host, -Proto and -For of a proxy on this machine.",
)
@click.option(
    "-proxy-address",
    "--proxy-address",
    "addresses",
    multiple=True,
    metavar="ADDRESS",
    help="Of a proxy at this address or network, and of no other; with --behind-proxy.",
)
@click.option("-read-only", "--read-only", is_flag=True, help="Change nothing.")
@click.option("--inherited", type=int, hidden=True, help="A listening socket of the parent process.")
@click.option("--known-for", type=float, default=0.0, hidden=True, help="Seconds for which the link is known already.")
@click.pass_context
def command(
    context: click.Context,
    /,
    addr: str | None,
    cluster: str | None,
    port: int | None,
    host: str,
    tls: tuple[str, str] | None,
    names: tuple[str, ...],
    base_path: str,
    behind_proxy: bool,
    addresses: tuple[str, ...],
    read_only: bool,
    inherited: int | None,
    known_for: float,
) -> int:
    """Serve the web interface on this machine, and print a link that logs in once."""
    if context.invoked_subcommand is not None:
        return SUCCESS
    if addresses and not behind_proxy:
        raise click.UsageError("--proxy-address says where a proxy is whose headers count: give --behind-proxy, too")
    found = ClientSettings.load(address=addr, cluster=cluster)
    trusted = proxies(addresses) if behind_proxy else None
    certificate = None if tls is None else checked(tls)
    listening = _door(port, host, encrypted=tls is not None) if inherited is None else socket.socket(fileno=inherited)
    named = names if host == web_door.HOST or host.startswith(sockets.PREFIX) else (*names, host)
    return serve(
        _settings(found, listening, named, base_path, certificate, trusted, read_only=read_only),
        listening,
        known_for,
        inherited=inherited is not None,
    )


@command.command("link", context_settings=_HELP)
@click.option("-port", "--port", type=int, help="That of the web interface, if several run.")
@click.option(
    "-listen",
    "--listen",
    "host",
    metavar="HOST|unix:PATH",
    callback=_without_port,
    help="Where it listens, if several run.",
)
def further_link(port: int | None, host: str | None) -> int:
    """Print another link that logs in once, to a web interface of yours that runs on this machine."""
    doors = [door for door in web_links.open_doors() if port in (None, door.port) and host in (None, door.host)]
    if not doors:
        asked = "" if (port, host) == (None, None) else " and listens there"
        raise FailedPrecondition(f"no web interface of yours runs on this machine{asked}: start one by `accio web`")
    if len(doors) > 1:
        running = ", ".join(f"{_named(door)} (the daemon at {door.daemon})" for door in doors)
        raise BadRequest(f"several web interfaces run here, say which one: {running}")
    click.echo(doors[0].new_link())
    return SUCCESS


def _named(door: web_links.Door) -> str:
    return f"-listen={door.host}" if door.port == 0 else f"-port={door.port} -listen={door.host}"


def _door(port: int | None, host: str, *, encrypted: bool) -> socket.socket:
    if host.startswith(sockets.PREFIX):
        return web_door.listen_at_file(host.removeprefix(sockets.PREFIX))
    if not (encrypted or places.is_loopback(f"{host}:0")):
        raise BadRequest(
            f"--listen {host}: beyond this machine only with --tls CERT KEY; or listen at {web_door.HOST}, behind a "
            "proxy on this machine that ends TLS, or a tunnel"
        )
    return web_door.listen(port, host)


def checked(tls: tuple[str, str]) -> tuple[str, str]:
    """Return the files of a certificate and its key; BadRequest if they are none."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*tls)
    except (OSError, ssl.SSLError) as error:
        why = (
            error.strerror if isinstance(error, FileNotFoundError) else "a certificate and its key in PEM are expected"
        )
        raise BadRequest(f"--tls {tls[0]} {tls[1]}: {why or error}") from None
    return tls


def _settings(
    found: ClientSettings,
    listening: socket.socket,
    names: tuple[str, ...],
    prefix: str,
    certificate: tuple[str, str] | None,
    trusted: Proxies | None,
    *,
    read_only: bool,
) -> Settings:
    in_file = listening.family == socket.AF_UNIX
    return Settings(
        daemon=found.address,
        token=found.token,
        user=found.user,
        port=web_door.PORT if in_file else listening.getsockname()[1],
        base_path=base_path(prefix),
        read_only=read_only,
        host_names=LOOPBACK | {f"[{name}]" if ":" in name else name.lower() for name in names},
        name=names[0] if names else web_door.HOST,
        certificate=certificate,
        proxies=trusted,
        links=web_links.folder_of(listening),
    )


def serve(settings: Settings, listening: socket.socket, known_for: float = 0.0, *, inherited: bool = False) -> int:
    """Serve until a signal ends it; *known_for*: how many seconds ago a parent process printed the link, by which the
    socket was *inherited*.
    """
    import accio_client.grpc_connection  # noqa: F401 - loads gRPC before anybody waits for a page
    from accio_web.clock import now
    from accio_web.serving import run
    from accio_web.sessions import Sessions

    sessions = Sessions()
    code = sessions.offer(settings.token, settings.user, now() - known_for, os.environ.pop(web_door.CODE, ""))
    opens = _opens(settings, listening)
    click.echo(f"the web interface of the daemon at {settings.daemon}; this link logs in once, within 10 minutes:")
    click.echo(opens + code)
    if settings.proxies is not None:
        click.echo(f"the proxy finds it at {_found_at(settings, listening)}")
    elif listening.family == socket.AF_UNIX:
        click.echo(f"through a tunnel: ssh -L {web_door.PORT}:{listening.getsockname()} HOST")
    sys.stdout.flush()
    doorway = None if inherited else web_links.Doorway(listening, opens, settings.daemon)  # it is the parent's then
    try:
        run(settings, sessions, listening)
    finally:
        if doorway is not None:
            doorway.close()
    return SUCCESS


def _opens(settings: Settings, listening: socket.socket) -> str:
    """Return what links begin with; behind a proxy by whose name pages are asked for, at its port for TLS."""
    if settings.proxies is not None and settings.name not in LOOPBACK:
        return f"https://{settings.name}{settings.base_path}/login#code="
    return web_door.link(
        listening, base_path=settings.base_path, name=settings.name, encrypted=settings.certificate is not None
    )


def _found_at(settings: Settings, listening: socket.socket) -> str:
    if listening.family == socket.AF_UNIX:
        return f"{sockets.PREFIX}{listening.getsockname()}"
    host = listening.getsockname()[0]
    return web_door.link(
        listening, base_path=settings.base_path, name=host, encrypted=settings.certificate is not None
    ).partition("/login")[0]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `accio web` and return its exit code. Shows no traceback for what a user can mend."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    fork_only_to_exec()
    logs.set_up()
    try:
        import starlette
        import uvicorn
    except ModuleNotFoundError as missing:
        click.echo(f"accio: the web interface needs {missing.name}: {INSTALL}", err=True)
        return USAGE
    del starlette, uvicorn
    return run_command(command, arguments, "accio web")


if __name__ == "__main__":
    sys.exit(main())
