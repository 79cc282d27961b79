"""TLS between real daemons, agents and clients: who is let in, who is turned away, and what they are told."""

import signal
import socket
import ssl
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from accio.domain.states import RunState
from accio.errors import Unavailable
from accio.trust import join_token
from accio_client import Client
from tests.acceptance.joining import accio, by_token, join_file
from tests.acceptance.processes import Cluster, Process, cluster, eventually, token

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(240)]
ELSEWHERE = {"ACCIO_DATA_DIR": "/nonexistent", "ACCIO_ADDR": ""}
DAY = timedelta(days=1)


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Cluster]:
    with cluster(tmp_path) as found:
        yield found


def listen(made: Cluster, *arguments: str) -> Process:
    """Start the daemon where other machines could reach it."""
    return made.start_daemon("--listen", f"0.0.0.0:{made.port}", *arguments)


def works(made: Cluster, **environment: str) -> bool:
    """Whether somebody elsewhere, who has no more than this, gets an answer."""
    return accio(made, "get", "agents", **{**ELSEWHERE, **environment}).returncode == 0


def refusal(made: Cluster, **environment: str) -> str:
    """What somebody elsewhere is told who gets none."""
    done = accio(made, "get", "agents", **{**ELSEWHERE, **environment})
    assert done.returncode == 4
    assert "Traceback" not in done.stderr
    return done.stderr


def test_everything_goes_through_tls(made: Cluster) -> None:
    """Beyond loopback a daemon makes a certificate by itself; with a join file, agent and client get through a run."""
    listen(made)
    path = join_file(made)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    made.start_agent("a1", "--daemon", "", "--cpus", "1", "--join", str(path), **ELSEWHERE)
    assert works(made, ACCIO_JOIN=str(path))
    with Client(made.address, token=by_token(made)) as client:
        eventually(lambda: [each.state for each in client.list_agents()] == ["connected"], what="the agent")
        client.push({"id": "one", "graph": [{"op": "Square", "inputs": {"x": {"value": 3}}}]})
        assert client.wait(client.submit({"workflow": "one"}).run.id).state is RunState.SUCCESS


def test_workers_are_given_no_secrets(made: Cluster) -> None:
    """An operator finds neither token nor join file in its environment, its descriptors, or command lines above it."""
    listen(made)
    path = join_file(made)
    secret = {"ACCIO_TOKEN": by_token(made), "ACCIO_JOIN": str(path)}
    made.start_agent("a1", "--cpus", "1", operators=("tests.acceptance.secret_operators",), **secret)
    with Client(made.address, token=by_token(made)) as client:
        eventually(lambda: [each.state for each in client.list_agents()] == ["connected"], what="the agent")
        look = {"op": "Look", "inputs": {"secrets": {"value": f"{token(made)} {path} accio.db daemon.sock"}}}
        client.push({"id": "look", "graph": [look]})
        run = client.submit({"workflow": "look"}).run.id
        assert client.wait(run).state is RunState.SUCCESS
        assert [each.value for each in client.get_node(run, "Look").artifacts] == [""]


def test_a_join_token_is_enough(made: Cluster) -> None:
    """A join token fetches the authority from the daemon itself; one of another daemon is not sent to it."""
    listen(made)
    assert works(made, ACCIO_ADDR=made.address, ACCIO_TOKEN=by_token(made))
    said = refusal(made, ACCIO_ADDR=made.address, ACCIO_TOKEN=join_token("0" * 32, "secret"))
    assert "isn't the daemon that was meant" in said
    assert "join-file" in said


def test_without_a_join_file_it_is_said_what_is_missing(made: Cluster) -> None:
    """A client or agent that speaks plainly to a daemon with TLS is told that, and where to get what it needs."""
    listen(made)
    said = refusal(made, ACCIO_ADDR=made.address, ACCIO_TOKEN=token(made))
    assert "speaks TLS" in said
    assert "ACCIO_JOIN" in said
    agent = made.start_agent("a1", "--cpus", "1", ACCIO_TOKEN=token(made))
    eventually(lambda: "speaks TLS" in agent.output(), what="the agent's word")
    assert agent.popen.poll() is None  # it dials on: the daemon may be started otherwise
    assert accio(made, "get", "agents", ACCIO_ADDR=made.address).returncode == 4


def test_a_daemon_that_speaks_plainly_gets_no_token(made: Cluster) -> None:
    """Who was told to expect TLS never falls back: neither with a join file nor with a join token."""
    daemon = listen(made)
    path, word = join_file(made), by_token(made)
    daemon.kill(signal.SIGTERM)
    daemon.ended()
    assert "NOT ENCRYPTED" in listen(made, "--insecure").output()
    loud = accio(made, "get", "agents", ACCIO_ADDR=f"0.0.0.0:{made.port}")
    assert (loud.returncode, "NOT ENCRYPTED" in loud.stderr) == (0, True)
    assert "doesn't speak TLS" in refusal(made, ACCIO_JOIN=str(path))
    assert "doesn't speak TLS" in refusal(made, ACCIO_ADDR=made.address, ACCIO_TOKEN=word)
    agent = made.start_agent("a1", "--daemon", "", "--cpus", "1", "--join", str(path), **ELSEWHERE)
    eventually(lambda: "doesn't speak TLS" in agent.output(), what="the agent's word")


def test_another_daemon_in_its_place_gets_no_token(made: Cluster) -> None:
    """A daemon with another authority at the same address is no replacement."""
    daemon = listen(made)
    path = join_file(made)
    daemon.kill(signal.SIGTERM)
    daemon.ended()
    listen(made, "--data-dir", str(made.root / "impostor"))
    assert "another authority" in refusal(made, ACCIO_JOIN=str(path))
    with pytest.raises(Unavailable, match="another authority"):
        Client(made.address, token=by_token(made))


def given(folder: Path, *, name: str = "localhost", begins: datetime | None = None) -> tuple[str, str]:
    """Write a certificate that is its own authority, valid for ten days, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    begin = begins or datetime.now(UTC) - DAY  # noqa: TID251 - TLS itself looks at the clock
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(begin)
    builder = builder.not_valid_after(begin + 10 * DAY)
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    certificate = builder.sign(key, hashes.SHA256())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for file, content in (("cert.pem", certificate.public_bytes(Encoding.PEM)), ("key.pem", private)):
        (folder / file).touch(mode=0o600)
        (folder / file).write_bytes(content)
    return str(folder / "cert.pem"), str(folder / "key.pem")


def shown(made: Cluster) -> bytes:
    """The certificate that the daemon shows to somebody who dials now."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    with (
        socket.create_connection(("127.0.0.1", made.port), timeout=30) as plain,
        context.wrap_socket(plain) as encrypted,
    ):
        found = encrypted.getpeercert(binary_form=True)
    assert found is not None
    return found


def test_a_certificate_of_ones_own(made: Cluster) -> None:
    """--tls is spoken on loopback, too; the join file says by what it is known, and a name that it lacks is told."""
    files = given(made.root)
    made.start_daemon("--tls", *files)
    path = join_file(made, "--tls", *files)
    by_name = f"localhost:{made.port}"
    assert works(made, ACCIO_JOIN=str(path), ACCIO_ADDR=by_name)
    assert "isn't made out to '127.0.0.1'" in refusal(made, ACCIO_JOIN=str(path))


def test_an_expired_certificate_is_told(made: Cluster) -> None:
    """A certificate whose time is over is refused with what may be done."""
    files = given(made.root, begins=datetime(2020, 1, 1, tzinfo=UTC))
    made.start_daemon("--tls", *files)
    path = join_file(made, "--tls", *files)
    said = refusal(made, ACCIO_JOIN=str(path), ACCIO_ADDR=f"localhost:{made.port}")
    assert "has expired" in said
    assert "clocks" in said


def test_a_certificate_is_renewed_without_a_restart(made: Cluster) -> None:
    """Once the files are replaced, whoever dials is shown the new certificate; who is connected stays so."""
    files = given(made.root)
    daemon = made.start_daemon("--tls", *files)
    before = shown(made)
    with Client(f"localhost:{made.port}", token=join(made, files)) as client:
        assert client.list_agents() == ()
        given(made.root)
        after = eventually(lambda: (found := shown(made)) != before and found, what="the new certificate")
        assert after == ssl.PEM_cert_to_DER_cert((made.root / "cert.pem").read_text())
        assert client.list_agents() == ()
    assert "the certificate was renewed" in daemon.output()


def join(made: Cluster, files: tuple[str, str]) -> str:
    return accio(made, "daemon", "--tls", *files, "join-token").stdout.strip()


@pytest.mark.parametrize("wrong", [("none", "none"), ("key.pem", "cert.pem")])
def test_wrong_files_stop_the_start(made: Cluster, wrong: tuple[str, str]) -> None:
    """What can't be a certificate and its key is told in one line, and nothing listens."""
    given(made.root)
    daemon = made.start_daemon("--tls", *(str(made.root / each) for each in wrong), wait=False)
    assert daemon.ended() == 1
    assert "--tls" in daemon.output()
    assert "Traceback" not in daemon.output()
