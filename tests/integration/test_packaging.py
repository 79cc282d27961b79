"""Facts about what `pip install` gives."""

import zipfile
from pathlib import Path

import pytest

from tests.wheels import build_wheel, tracked

PACKAGES = ("accio", "accio_agent", "accio_client", "accio_daemon", "accio_locapriv", "accio_pool", "accio_web")


@pytest.mark.slow
def test_a_wheel_from_a_clean_clone_is_complete(tmp_path: Path) -> None:
    """The wheel holds every tracked file of the packages (SQL and schemas too), the contract, and stubs made of it."""
    wheel, clone = build_wheel(tmp_path), tmp_path / "clone"
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    wanted = {name for name in tracked(*PACKAGES) if (clone / name).is_file()}
    stubs = {
        f"accio/v1/{proto.stem}_pb2{end}"
        for proto in (clone / "protos/accio/v1").glob("*.proto")
        for end in (".py", ".pyi", "_grpc.py", "_grpc.pyi")
    }
    contract = {f"accio/{name}" for name in tracked("protos") if name.endswith(".proto")}
    assert stubs
    assert contract
    assert held >= wanted | stubs | contract
    assert {name.split("/")[0] for name in held if ".dist-info/" not in name} == set(PACKAGES)
