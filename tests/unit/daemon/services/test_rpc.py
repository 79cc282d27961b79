"""How rpcs find their methods."""

import pytest

from accio_daemon.services.transport.rpc import methods_of, snake
from accio_daemon.services.transport.server import ARTIFACTS


@pytest.mark.parametrize(("rpc", "method"), [("PushWorkflow", "push_workflow"), ("Get", "get"), ("DryRun", "dry_run")])
def test_a_method_is_named_after_its_rpc(rpc: str, method: str) -> None:
    """The name of an rpc in snake case is that of its method."""
    assert snake(rpc) == method


class Whole:
    """Offers the service Artifacts."""

    async def missing(self) -> None: ...
    async def write(self) -> None: ...
    async def read(self) -> None: ...
    async def locate(self) -> None: ...


def test_parts_share_a_service() -> None:
    """Each rpc is found wherever it is offered."""
    whole = Whole()
    assert set(methods_of(ARTIFACTS, (object(), whole))) == {"Missing", "Write", "Read", "Locate"}


def test_a_missing_rpc_is_found_at_once() -> None:
    """A contract that isn't kept stops the start."""
    with pytest.raises(LookupError, match="Missing is offered by 0 parts"):
        methods_of(ARTIFACTS, ())
