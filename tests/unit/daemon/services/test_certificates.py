"""The daemon's certificates: made, renewed, given, refused."""

import os
import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from accio.errors import BadRequest, FailedPrecondition
from accio.handshakes import digest_of
from accio.trust import SERVER_NAME, SYSTEM
from accio_daemon.services.transport.certificates import (
    AUTHORITY,
    CERTIFICATE_LASTS,
    RENEW_AFTER,
    SERVER,
    GivenFiles,
    OwnAuthority,
    Pair,
    read_own,
    trust_of,
    what_is_wrong,
)

NOW = datetime(2026, 11, 28, tzinfo=UTC)
DAY = timedelta(days=1)


class Clock:
    """Says what time it is, as it is told."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def authority(folder: Path, clock: Clock | None = None, names: tuple[str, ...] = ("h1",)) -> OwnAuthority:
    return OwnAuthority(folder / "tls", names, clock or Clock())


def files_of(pair: Pair, folder: Path) -> tuple[Path, Path]:
    """Write a pair as somebody would give it: a certificate and a key."""
    certificate, key = folder / "cert.pem", folder / "key.pem"
    certificate.write_bytes(pair.chain)
    key.touch(mode=0o600)
    key.write_bytes(pair.key)
    return certificate, key


def test_keys_are_their_owners(tmp_path: Path) -> None:
    """The first start makes an authority and a certificate, which nobody else can read."""
    authority(tmp_path)
    assert stat.S_IMODE((tmp_path / "tls").stat().st_mode) == 0o700
    assert [stat.S_IMODE((tmp_path / "tls" / name).stat().st_mode) for name in (AUTHORITY, SERVER)] == [0o600] * 2
    assert sorted(path.name for path in (tmp_path / "tls").iterdir()) == [AUTHORITY, SERVER]


def test_they_stay(tmp_path: Path) -> None:
    """The next start shows the same certificate; what was told of it to others holds."""
    first = authority(tmp_path).current()
    assert authority(tmp_path).current() == first
    assert read_own(tmp_path / "tls") == first


def test_what_a_certificate_says(tmp_path: Path) -> None:
    """It is made out to the daemon's own name, this machine and all names that were given; the authority signs it."""
    pair = authority(tmp_path, names=("h1", "10.1.2.3", "::1")).current()
    own, above = pair.certificates()
    own.verify_directly_issued_by(above)
    named = own.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert named.get_values_for_type(x509.DNSName) == [SERVER_NAME, "localhost", "h1"]
    assert [str(each) for each in named.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "10.1.2.3", "::1"]
    assert above.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert own.not_valid_after_utc == NOW + CERTIFICATE_LASTS
    trust = trust_of(pair, own=True)
    assert trust.digest == digest_of(ssl.PEM_cert_to_DER_cert(trust.authority))


def test_a_certificate_is_renewed_in_time(tmp_path: Path) -> None:
    """After two thirds of its life another one of the same authority is shown, also after the next start."""
    clock = Clock()
    made = authority(tmp_path, clock)
    first = made.current()
    clock.now = NOW + RENEW_AFTER - DAY
    assert made.current() == first
    clock.now = NOW + RENEW_AFTER
    second = made.current()
    assert second != first
    assert trust_of(second, own=True) == trust_of(first, own=True)
    assert second.certificates()[0].not_valid_after_utc == clock.now + CERTIFICATE_LASTS
    assert authority(tmp_path, clock).current() == second


def test_another_name_needs_another_certificate(tmp_path: Path) -> None:
    """A daemon that is told to listen elsewhere gets a certificate for that, of the same authority."""
    first = authority(tmp_path).current()
    second = authority(tmp_path, names=("h2",)).current()
    assert second != first
    assert trust_of(second, own=True) == trust_of(first, own=True)


def test_another_authority_needs_another_certificate(tmp_path: Path) -> None:
    """Without its authority a certificate is of no use: both are made anew."""
    first = authority(tmp_path).current()
    (tmp_path / "tls" / AUTHORITY).unlink()
    second = authority(tmp_path).current()
    assert trust_of(second, own=True) != trust_of(first, own=True)
    second.certificates()[0].verify_directly_issued_by(second.certificates()[1])


@pytest.mark.parametrize("name", [AUTHORITY, SERVER])
def test_a_loose_or_damaged_key_is_refused(tmp_path: Path, name: str) -> None:
    """A key that others can read, or that can't be read, is refused with what to do."""
    authority(tmp_path)
    path = tmp_path / "tls" / name
    path.chmod(0o644)
    with pytest.raises(FailedPrecondition, match=r"mode 0644.*remove"):
        authority(tmp_path)
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(FailedPrecondition, match="damaged: remove"):
        authority(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a key of somebody else")
@pytest.mark.root
def test_a_key_of_somebody_else_is_refused(tmp_path: Path) -> None:
    """Whoever made the authority could pass for this daemon."""
    authority(tmp_path)
    os.chown(tmp_path / "tls" / AUTHORITY, 65534, 65534)
    with pytest.raises(FailedPrecondition, match="65534"):
        authority(tmp_path)


def test_a_renewal_without_space_keeps_the_old_one(tmp_path: Path) -> None:
    """If the new certificate can't be kept, the old one is shown; it holds for months yet."""
    clock = Clock()
    made = authority(tmp_path, clock)
    first = made.current()
    (tmp_path / "tls").rename(tmp_path / "away")
    clock.now = NOW + RENEW_AFTER
    assert made.current() == first
    (tmp_path / "away").rename(tmp_path / "tls")
    assert made.current() != first


def test_nothing_is_told_before_there_is_something(tmp_path: Path) -> None:
    """A join file needs a certificate; the message says how one is made."""
    with pytest.raises(FailedPrecondition, match="--listen"):
        read_own(tmp_path)


def test_given_files_are_followed(tmp_path: Path) -> None:
    """What somebody else renews is shown from then on; what doesn't fit is not, and a moment without a file is none."""
    old, new = authority(tmp_path).current(), authority(tmp_path, names=("h2",)).current()
    certificate, key = files_of(old, tmp_path)
    given = GivenFiles(certificate, key)
    assert given.current() == old
    certificate.write_bytes(new.chain)
    assert given.current() == old
    key.unlink()
    assert given.current() == old
    files_of(new, tmp_path)
    assert given.current() == new


def test_wrong_files_are_refused(tmp_path: Path) -> None:
    """Files that don't belong together, that are no PEM, that everybody can read or that aren't there are named."""
    pair, other = authority(tmp_path).current(), authority(tmp_path, names=("h2",)).current()
    certificate, key = files_of(pair, tmp_path)
    for content, mentions in ((other.key, "isn't that of the first"), (b"nothing", "private key in PEM")):
        key.write_bytes(content)
        with pytest.raises(BadRequest, match=mentions):
            GivenFiles(certificate, key)
    key.write_bytes(pair.key)
    key.chmod(0o644)
    with pytest.raises(FailedPrecondition, match="chmod"):
        GivenFiles(certificate, key)
    key.chmod(0o640)
    certificate.write_bytes(b"nothing")
    with pytest.raises(BadRequest, match="certificates in PEM"):
        GivenFiles(certificate, key)
    with pytest.raises(FailedPrecondition, match="can't read"):
        GivenFiles(tmp_path / "none", key)


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (-2, "it begins to hold at 2026-11-2"),
        (1, ""),
        (CERTIFICATE_LASTS.days - 3, "it expires at 2027-11-2"),
        (CERTIFICATE_LASTS.days + 1, "it has expired at 2027-11-2"),
    ],
)
def test_a_certificate_that_does_not_hold_is_told(tmp_path: Path, days: int, words: str) -> None:
    """Before it begins, once it has ended, and a while before that; who starts the daemon reads it there."""
    pair = authority(tmp_path).current()
    said = what_is_wrong(pair, NOW + days * DAY)
    assert said.startswith(words)
    assert bool(said) == bool(words)


def test_what_others_know_a_given_certificate_by(tmp_path: Path) -> None:
    """The authority at the end of the chain, if it is there; else those that machines know anyway."""
    pair = authority(tmp_path).current()
    known = trust_of(pair, own=False)
    assert (known.authority, known.name) == (trust_of(pair, own=True).authority, "")
    first, end, _ = pair.chain.partition(b"-----END CERTIFICATE-----\n")
    alone = Pair(key=pair.key, chain=first + end)
    assert trust_of(alone, own=False).authority == SYSTEM
