"""What packages keep for the whole process in tables, and how it is put back."""

from types import ModuleType, SimpleNamespace

import pytest

from accio_agent.worker.restoring.package_state import OF_MODULES


@pytest.mark.parametrize(
    ("name", "attribute", "way"),
    [
        ("fsspec.implementations.memory", "MemoryFileSystem", "store"),
        ("matplotlib.units", "registry", ""),
        ("xarray.core.options", "OPTIONS", ""),
    ],
)
def test_a_table_is_put_back(name: str, attribute: str, way: str) -> None:
    """It stays the same table, with what was in it; these packages aren't installed here, but for Matplotlib."""
    table: dict[str, object] = {"kept": 1}
    module = ModuleType(name)
    setattr(module, attribute, SimpleNamespace(**{way: table}) if way else table)
    (found,) = OF_MODULES[name](module)
    kept = found.read()
    table.update(kept=2, added=3)
    assert found.read() != kept
    found.restore(kept)
    assert table == {"kept": 1}
