"""Handshakes beside gRPC, which says of one that failed only that the socket was closed: what the other side speaks,
who it says it is, and what is wrong with that.
"""

import hashlib
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from accio.errors import AccioError, Unavailable
from accio.trust import SERVER_NAME, SYSTEM, Trust

PATIENCE_S = 5.0

_EXPIRED = 10  # verify codes of X.509, as OpenSSL has them
_NOT_YET = 9
_OTHER_NAMES = (62, 64)  # of a host, of an address


def digest_of(certificate: bytes) -> str:
    """Return by what a join token names a certificate: half of the SHA-256 of its DER."""
    return hashlib.sha256(certificate).hexdigest()[:32]


def fetch_authority(address: str, trust: Trust) -> Trust:
    """Return *trust* with the authority that it names by digest, as the daemon shows it. Blocks; tells it nothing."""
    try:
        with _connected(address) as plain, _trusting_anybody().wrap_socket(plain) as encrypted:
            chain = _chain(encrypted)
    except ssl.SSLError:
        raise not_encrypted(address) from None
    except OSError as error:
        raise Unavailable(
            f"no daemon answers at {address} ({_words(error)}): start it, or say where it is in ACCIO_ADDR"
        ) from None
    found = next((each for each in chain if digest_of(each) == trust.digest), None)
    if found is None:
        raise wrong_authority(address)
    return replace(trust, authority=ssl.DER_cert_to_PEM_cert(found), name=SERVER_NAME if _has_name(chain[0]) else "")


def explain(address: str, trust: Trust | None) -> AccioError | None:
    """Return why no connection comes about, where encryption is to blame; None otherwise. Blocks."""
    try:
        with _connected(address) as plain:
            if trust is None:
                return _explain_unknown(plain, address)
            return _explain_known(plain, address, trust)
    except OSError:  # nobody is there: gRPC says so itself
        return None


def not_encrypted(address: str) -> Unavailable:
    """Return the error of a daemon that was to speak TLS, and doesn't."""
    return Unavailable(
        f"what answers at {address} doesn't speak TLS, and was told no token: expected the daemon that a join file or "
        "token names. Start it without --insecure and with an address beyond this machine, or leave ACCIO_JOIN away "
        "and use its plain token"
    )


def wrong_authority(address: str) -> Unavailable:
    """Return the error of a daemon that isn't the one which was meant."""
    return Unavailable(
        f"what answers at {address} isn't the daemon that was meant (its certificate is of another authority), and was "
        "told no token: somebody else listens there, or the daemon's folder `tls` was made anew; in that case get a "
        "new join file or token from its machine (`accio daemon join-file`)"
    )


def _explain_unknown(plain: socket.socket, address: str) -> AccioError | None:
    try:
        with _trusting_anybody().wrap_socket(plain):
            pass
    except OSError:
        return None
    return Unavailable(
        f"the daemon at {address} speaks TLS, and nothing here says how to know it: get a join file from its machine "
        "(`accio daemon join-file`) and name it in ACCIO_JOIN; on its own machine leave ACCIO_ADDR away"
    )


def _explain_known(plain: socket.socket, address: str, trust: Trust) -> AccioError | None:
    context = ssl.create_default_context() if trust.authority == SYSTEM else _trusting(trust.authority)
    context.set_alpn_protocols(["h2"])
    try:
        with context.wrap_socket(plain, server_hostname=trust.name or host_of(address)):
            return None
    except ssl.SSLCertVerificationError as error:
        return _explain_certificate(error, address, trust)
    except OSError:
        return not_encrypted(address)


def _explain_certificate(error: ssl.SSLCertVerificationError, address: str, trust: Trust) -> AccioError:
    if error.verify_code in (_EXPIRED, _NOT_YET):
        when = "has expired" if error.verify_code == _EXPIRED else "isn't valid yet"
        return Unavailable(
            f"the certificate of the daemon at {address} {when}: compare the clocks of both machines (`date`); if they "
            "are right, give the daemon a new one (--tls CERT KEY), or restart it if it makes its own"
        )
    if error.verify_code in _OTHER_NAMES:
        return Unavailable(
            f"the certificate of the daemon at {address} isn't made out to {trust.name or host_of(address)!r}: use the "
            "name that it has, or a certificate with this one"
        )
    return wrong_authority(address)


def host_of(address: str) -> str:
    """Return the host in HOST:PORT."""
    return address.rpartition(":")[0].strip("[]")


@contextmanager
def _connected(address: str) -> Iterator[socket.socket]:
    port = int(address.rpartition(":")[2])
    with socket.create_connection((host_of(address), port), timeout=PATIENCE_S) as plain:
        yield plain


def _trusting_anybody() -> ssl.SSLContext:
    """Return a context for a handshake that only asks who is there, and after which nothing is said."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    return context


def _trusting(authority: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=authority)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # as gRPC does
    return context


def _chain(encrypted: ssl.SSLSocket) -> Sequence[bytes]:
    """Return the certificates that the other side sent, in DER, its own first."""
    public: Callable[[], Sequence[bytes]] | None = getattr(encrypted, "get_unverified_chain", None)
    if public is not None:
        return public()
    inner: Any = getattr(encrypted, "_sslobj")  # noqa: B009 - before Python 3.13 only the inner object tells
    return [ssl.PEM_cert_to_DER_cert(each.public_bytes()) for each in inner.get_unverified_chain() or ()]


def _has_name(certificate: bytes) -> bool:
    from cryptography import x509

    try:
        names = x509.load_der_x509_certificate(certificate).extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        )
    except (ValueError, x509.ExtensionNotFound):
        return False
    return SERVER_NAME in names.value.get_values_for_type(x509.DNSName)


def _words(error: OSError) -> str:
    return (error.strerror or str(error) or type(error).__name__).lower()
