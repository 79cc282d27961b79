"""The operators that the agents offer are those that the cases describe."""

from typing import Any

import pytest

from tests.cases.daemon.system import System
from tests.cases.language import OPERATORS


@pytest.mark.acceptance
@pytest.mark.timeout(180)
def test_operators_are_those_of_the_fixtures(system: System) -> None:
    """Every operator of the fixtures is offered, with its ports, defaults, instability and deprecation."""
    offered = {str(operator.name): operator for operator in system.client.list_operators()}
    for name, spec in OPERATORS.items():
        found = offered[name]
        wanted: list[Any] = [(str(port.name), str(port.type), port.optional) for port in spec.inputs]
        assert sorted((port.name, port.type, port.optional) for port in found.inputs) == sorted(wanted)
        assert sum(port.has_default for port in found.inputs) == sum(port.default is not None for port in spec.inputs)
        assert [(p.name, p.type) for p in found.outputs] == [(p.name, str(p.type)) for p in spec.outputs]
        assert (found.unstable, found.deprecated) == (spec.unstable, spec.deprecated)
        assert found.uncacheable is None
