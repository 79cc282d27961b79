"""The canonical form of a dataset."""

import pytest

from accio.content.digest import Digest, digest_bytes, parse_digest
from accio.content.errors import InvalidManifest
from accio.content.manifest import FileEntry, Manifest, Shape, decode, of_file, of_folder
from accio.errors import BadRequest

HELLO = digest_bytes(b"hello\n")
HEX = b"8e4c7c1b99dbfd50e7a95185fead5ee1448fa904a2fdd778eaf5f2dbfd629a99"
HEAD = b"accio/dataset/1 folder\n"


def entry(path: str) -> FileEntry:
    return FileEntry(path=path, size=6, digest=HELLO)


VECTORS = {
    "4bc2c95c5ef5be91e50955196fd8139d1c03f5657e7ff44a580c9da66b822ebd": of_file(size=0, digest=digest_bytes(b"")),
    "0d18bea007747ebd1e73ef2e79e5efecc08bcd67c06a6768cf125f1c743417b2": of_file(size=6, digest=HELLO),
    "3280d00c8de9aa7e1e5c196224a6b05e55aa3796b71fde7c8bb3f0b96418fc42": of_folder([]),
    "db561bfcd8d95f38f37f2dc72d6d7ebd49f0fa6026ef707a69f66f300dc32606": of_folder([entry("a.txt")]),
    "f68a308614608070c66cca14aad0909a34443733b2c457c741bdd9644805f381": of_folder(
        [entry(path) for path in ("a/b", "a-b", "a.txt", "é", "e\u0301", "\U0001f600", "\uffee")], ["z/empty", "a/c"]
    ),
}


@pytest.mark.parametrize("expected", VECTORS)
def test_published_vectors(expected: str) -> None:
    """The digests in docs/artifacts.md hold; changing one of them makes every remembered result unreachable."""
    assert VECTORS[expected].digest == f"blake3:{expected}"


def test_bytes_of_a_manifest() -> None:
    """The bytes are those that docs/artifacts.md describes: sorted by the paths' bytes, NUL at each end."""
    manifest = of_folder([entry("a/b"), entry("a-b")], ["a/c"])
    assert manifest.encoded == HEAD + b"f 6 %b a-b\0f 6 %b a/b\0d a/c\0" % (HEX, HEX)


@pytest.mark.parametrize("manifest", VECTORS.values(), ids=range(len(VECTORS)))
def test_decode_inverts_encode(manifest: Manifest) -> None:
    """Decoding gives back what was encoded."""
    assert decode(manifest.encoded) == manifest


def test_file_differs_from_folder_with_one_file() -> None:
    """A dataset that is a file isn't a folder that holds only this file."""
    assert of_file(size=6, digest=HELLO).digest != of_folder([entry("a")]).digest


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "begins with"),
        (b"hello", "begins with"),
        (b"accio/dataset/2 folder\n", "begins with"),
        (b"accio/dataset/1 folder", "begins with"),
        (b"accio/dataset/1 link\n", "begins with"),
        (HEAD + b"f 6 " + HEX + b" a", "cut off"),
        (HEAD + b"x a\0", "neither"),
        (HEAD + b"f 06 " + HEX + b" a\0", "neither"),
        (HEAD + b"f -1 " + HEX + b" a\0", "neither"),
        (HEAD + b"f 6 " + HEX.upper() + b" a\0", "neither"),
        (HEAD + b"f 6 " + HEX[:-1] + b" a\0", "neither"),
        (HEAD + b"d b\0d a\0", "canonical"),
        (HEAD + b"f 6 %b a\0f 6 %b a\0" % (HEX, HEX), "twice"),
        (HEAD + b"f 6 %b a\0d a\0" % HEX, "twice"),
        (HEAD + b"f 6 %b a\0f 6 %b a/b\0" % (HEX, HEX), "'a' is both"),
        (HEAD + b"d a\0d a/b\0", "'a' is both"),
        (HEAD + b"d a\xff\0", "UTF-8"),
        (b"accio/dataset/1 file\n", "one entry"),
        (b"accio/dataset/1 file\nf 6 %b a\0" % HEX, "without a path"),
        (b"accio/dataset/1 file\nd a\0", "one entry"),
    ],
)
def test_anything_else_is_refused(data: bytes, says: str) -> None:
    """Bytes that aren't the canonical manifest of anything are refused, with the reason."""
    with pytest.raises(InvalidManifest, match=says):
        decode(data)


@pytest.mark.parametrize(
    "path",
    [
        "../x",
        "a/../../x",
        "/etc/passwd",
        "",
        ".",
        "a/.",
        "a//b",
        "a/",
        "x" * 256,
        "é" * 128,
        "a/" * 2048 + "b",
        "..",
        "a\udc80",
    ],
)
def test_paths_that_lead_out_or_are_too_long_are_refused(path: str) -> None:
    """No manifest can name a place outside its folder, nor one that the file system couldn't hold."""
    with pytest.raises(InvalidManifest):
        of_folder([entry(path)])
    with pytest.raises(InvalidManifest):
        of_folder([], [path])


@pytest.mark.parametrize("name", ["CON", "a b", "a\nb", "-rf", "~", "a\\..\\b", "x" * 255, ".hidden", "...", "\x01"])
def test_odd_but_harmless_names_are_kept(name: str) -> None:
    """Names that are only odd are kept as they are."""
    assert decode(of_folder([entry(name)]).encoded).files[0].path == name


def test_a_nul_never_gets_into_a_path() -> None:
    """NUL ends an entry, so it can't be part of a name."""
    with pytest.raises(InvalidManifest):
        of_folder([entry("a\0b")])


@pytest.mark.parametrize(
    "text",
    ["", "blake3:", "blake3:" + "a" * 63, "blake3:" + "A" * 64, "sha256:" + "a" * 64, "blake3:" + "a" * 64 + "\n"],
)
def test_only_digests_are_digests(text: str) -> None:
    """Text that isn't exactly a digest is refused, before it can become part of a path."""
    with pytest.raises(BadRequest, match="expected a digest"):
        parse_digest(text)


def test_a_manifest_knows_its_blobs_and_size() -> None:
    """Equal files are one blob; the size counts each."""
    manifest = of_folder([entry("a"), entry("b")])
    assert manifest.blobs == {Digest(f"blake3:{HEX.decode()}"): 6}
    assert (manifest.size, manifest.shape) == (12, Shape.FOLDER)
