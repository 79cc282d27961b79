"""The daemon's certificate: made by an authority of its own, or given; renewed while it serves.

The authority is made at the first start and lasts ten years; it signs nothing but this daemon's certificates, each for
a year. Keys are in the data folder, for its owner alone. Time is an argument.
"""

import os
import socket
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from threading import Lock
from typing import Protocol

import grpc
import structlog
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from accio.errors import BadRequest, FailedPrecondition
from accio.handshakes import digest_of
from accio.late import dataclass
from accio.sockets import user_name
from accio.trust import SERVER_NAME, SYSTEM, Trust

AUTHORITY = "authority.pem"
SERVER = "server.pem"
AUTHORITY_LASTS = timedelta(days=3653)
CERTIFICATE_LASTS = timedelta(days=365)
RENEW_AFTER = CERTIFICATE_LASTS * 2 / 3
ENDS_SOON = timedelta(days=14)
"""From so long before its end on, a certificate that somebody else renews is said to end."""
SLACK = timedelta(days=1)
"""By how much a clock elsewhere may be behind."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A key and its certificate with those above it, in PEM."""

    key: bytes
    chain: bytes

    def certificates(self) -> Sequence[x509.Certificate]:
        return x509.load_pem_x509_certificates(self.chain)


class Certificates(Protocol):
    """Where the certificate to show comes from."""

    def current(self) -> Pair:
        """Return what to show now; it is asked at each handshake, in a thread of gRPC's."""
        ...


class OwnAuthority:
    """Certificates of a private authority in *folder*, made out to *names* (hosts and addresses)."""

    def __init__(self, folder: Path, names: Sequence[str], now: Callable[[], datetime]) -> None:
        self._folder = folder
        self._names = names
        self._now = now
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            authority = _read(folder / AUTHORITY)
            self._authority = authority or self._found()
        except OSError as error:
            raise FailedPrecondition(f"can't keep certificates in {folder}: {error.strerror}") from None
        kept = _read(folder / SERVER)
        self._pair = kept if kept is not None and self._fits(kept) else self._issue()

    def current(self) -> Pair:
        if self._now() >= _certificate(self._pair).not_valid_before_utc + SLACK + RENEW_AFTER:
            self._renew()
        return self._pair

    def _renew(self) -> None:
        try:
            self._pair = self._issue()
        except OSError as error:  # the old one holds for months yet
            log.warning("the certificate can't be renewed", folder=str(self._folder), reason=error.strerror)
        else:
            log.info("the certificate was renewed", until=_certificate(self._pair).not_valid_after_utc.isoformat())

    def _found(self) -> Pair:
        """Make the authority."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Accio on {socket.gethostname()}"[:64])])
        builder = self._builder(name, name, key.public_key(), AUTHORITY_LASTS)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        pair = _pair(key, builder.sign(key, hashes.SHA256()))
        _write(self._folder / AUTHORITY, pair)
        return pair

    def _issue(self) -> Pair:
        """Make a certificate for the daemon."""
        key = ec.generate_private_key(ec.SECP256R1())
        above = _certificate(self._authority)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, SERVER_NAME)])
        builder = self._builder(name, above.subject, key.public_key(), CERTIFICATE_LASTS)
        builder = builder.add_extension(x509.SubjectAlternativeName(self._alternatives()), critical=False)
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        signer = load_pem_private_key(self._authority.key, None)
        assert isinstance(signer, ec.EllipticCurvePrivateKey)
        pair = _pair(key, builder.sign(signer, hashes.SHA256()), above)
        _write(self._folder / SERVER, pair)
        return pair

    def _builder(
        self, subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, lasts: timedelta
    ) -> x509.CertificateBuilder:
        begins = self._now() - SLACK
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
        builder = builder.serial_number(x509.random_serial_number())
        return builder.not_valid_before(begins).not_valid_after(begins + SLACK + lasts)

    def _alternatives(self) -> list[x509.GeneralName]:
        return [_general_name(each) for each in dict.fromkeys((SERVER_NAME, "localhost", "127.0.0.1", *self._names))]

    def _fits(self, pair: Pair) -> bool:
        """Return whether a certificate is of this authority, and made out to all names."""
        own, above = _certificate(pair), _certificate(self._authority)
        named = own.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return (
            own.issuer == above.subject and pair.certificates()[-1] == above and set(self._alternatives()) <= set(named)
        )


class GivenFiles:
    """A certificate and a key that somebody else renews: both files are read again when they have changed."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self._files = (certificate, key)
        try:
            self._seen = self._stamps()
        except OSError as error:
            raise FailedPrecondition(f"--tls: can't read {error.filename}: {error.strerror}") from None
        self._pair = read_given(certificate, key)

    def current(self) -> Pair:
        with suppress(OSError):  # one of them is just being replaced
            if (seen := self._stamps()) != self._seen:
                self._take(seen)
        return self._pair

    def _take(self, seen: Sequence[tuple[int, int]]) -> None:
        self._seen = seen
        try:
            self._pair = read_given(*self._files)
        except (BadRequest, FailedPrecondition) as error:  # the second of the two comes in a moment, maybe
            log.warning("the new certificate can't be used; the old one stays", reason=error.message)
        else:
            log.info("the certificate was renewed", until=_certificate(self._pair).not_valid_after_utc.isoformat())

    def _stamps(self) -> Sequence[tuple[int, int]]:
        found = [path.stat() for path in self._files]
        return [(each.st_mtime_ns, each.st_ino) for each in found]


def read_given(certificate: Path, key: Path) -> Pair:
    """Read the files of `--tls`; BadRequest if they don't belong together."""
    pair = Pair(key=_bytes(key), chain=_bytes(certificate))
    try:
        found = pair.certificates()
    except ValueError:
        raise BadRequest(f"--tls: expected certificates in PEM in {certificate}, the daemon's first") from None
    try:
        private = load_pem_private_key(pair.key, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadRequest(f"--tls: expected a private key in PEM, without a password, in {key}") from None
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if private.public_key().public_bytes(*form) != found[0].public_key().public_bytes(*form):
        raise BadRequest(f"--tls: the key {key} isn't that of the first certificate in {certificate}")
    if key.stat().st_mode & stat.S_IRWXO:
        raise FailedPrecondition(f"--tls: everybody can read the key {key}: chmod o= {key}")
    return pair


def what_is_wrong(pair: Pair, now: datetime) -> str:
    """Return why nobody trusts a certificate at this time, or won't soon; empty if neither is so."""
    own = _certificate(pair)
    begins, ends = own.not_valid_before_utc, own.not_valid_after_utc
    if now < begins:
        return f"it begins to hold at {begins:%Y-%m-%d %H:%M} UTC: nobody connects until then"
    if now > ends:
        return f"it has expired at {ends:%Y-%m-%d %H:%M} UTC: nobody connects any more; give another one"
    return f"it expires at {ends:%Y-%m-%d %H:%M} UTC" if ends - now < ENDS_SOON else ""


def trust_of(pair: Pair, *, own: bool) -> Trust:
    """Return by what clients know a daemon that shows this: the authority in its chain, if that is there."""
    last = pair.certificates()[-1]
    if own:
        return Trust(authority=_pem(last).decode(), digest=digest_of(last.public_bytes(Encoding.DER)), name=SERVER_NAME)
    if last.issuer != last.subject:
        return Trust(authority=SYSTEM)
    return Trust(authority=_pem(last).decode(), digest=digest_of(last.public_bytes(Encoding.DER)))


def read_own(folder: Path) -> Pair:
    """Return what a daemon has made in *folder*; FailedPrecondition if it has made nothing yet."""
    pair = _read(folder / SERVER)
    if pair is None:
        raise FailedPrecondition(
            f"there is no certificate in {folder} yet: start the daemon once with an address beyond this machine "
            "(accio daemon --listen 0.0.0.0:7615)"
        )
    return pair


def server_credentials(certificates: Certificates) -> grpc.ServerCredentials:
    """Return what makes gRPC ask for the current certificate at each handshake."""
    one_at_a_time = Lock()
    shown = certificates.current()
    configuration = _configuration(shown)

    def fetch() -> grpc.ServerCertificateConfiguration:
        nonlocal shown, configuration
        with one_at_a_time:
            found = certificates.current()
            if found is not shown:
                shown, configuration = found, _configuration(found)
            return configuration

    return grpc.dynamic_ssl_server_credentials(configuration, fetch)


def _configuration(pair: Pair) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration([(pair.key, pair.chain)])


def _certificate(pair: Pair) -> x509.Certificate:
    return pair.certificates()[0]


def _pair(key: ec.EllipticCurvePrivateKey, *chain: x509.Certificate) -> Pair:
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Pair(key=private, chain=b"".join(_pem(each) for each in chain))


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def _general_name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _write(path: Path, pair: Pair) -> None:
    """Keep a pair in one file, for its owner alone, there as a whole or not at all."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pair.key + pair.chain)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _read(path: Path) -> Pair | None:
    try:
        content = path.read_bytes()
        found = path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FailedPrecondition(f"can't read {path}: {error.strerror}") from None
    if found.st_uid != os.geteuid() or found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise FailedPrecondition(
            f"the key {path} isn't the daemon's alone (of {user_name(found.st_uid)}, mode "
            f"{stat.S_IMODE(found.st_mode):04o}): remove the folder {path.parent}, and give new join files to all"
        )
    begin = content.find(b"-----BEGIN CERTIFICATE")
    pair = Pair(key=content[:begin], chain=content[begin:])
    try:
        pair.certificates()
        load_pem_private_key(pair.key, None)
    except (ValueError, TypeError):
        raise FailedPrecondition(
            f"{path} is damaged: remove it; without {AUTHORITY}, join files have to be made anew"
        ) from None
    return pair


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise FailedPrecondition(f"--tls: can't read {path}: {error.strerror}") from None
