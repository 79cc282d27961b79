"""What changes in an agent, and what doesn't, when the code of its operators does."""

from pathlib import Path

import pytest

from accio.domain.attempts import Holding
from accio.sdk.catalogue import discover, renew
from accio_agent.agent.core.decisions import AgentCore
from accio_agent.agent.core.work import Assignment, WorkClass
from accio_agent.agent.offer import Offers
from tests.unit.sdk.packages import write

OPS = "from accio import operator\n\n@operator\ndef {name}() -> int:\n    return {value}\n"
OTHER = "@operator\ndef Other() -> int:\n    return 1\n"
OLD, NEW = WorkClass(pool="p", operator=0), WorkClass(pool="p", operator=1)


def _assignment(no: int, work_class: WorkClass, *, reserved: bool = True, ready: bool = True) -> Assignment:
    return Assignment(attempt=no, work_class=work_class, task=None, reserved=reserved, ready=ready)


def _core(*assignments: Assignment) -> AgentCore:
    core = AgentCore()
    core.welcome((), ())
    core.assign(assignments)
    return core


def test_what_waits_for_a_replaced_operator_is_given_back() -> None:
    """What a lane has been handed goes on; what waits is withdrawn, and so is what has its inputs only later."""
    core = _core(
        _assignment(1, OLD), _assignment(2, OLD, reserved=False), _assignment(3, OLD, reserved=False, ready=False)
    )
    (lane,) = core.take().opened
    core.offer([1], ["p"])
    assert core.take().withdrawn == [2]
    core.staged(3)
    assert core.take().withdrawn == [3]
    assert core.held() == [(1, Holding.RUNNING)]
    core.executed(lane.no, 1, 50_000)
    core.ended(1, b"a report")
    assert core.take().closed == [lane.no]
    assert core.idle


def test_new_work_gets_new_lanes() -> None:
    """A lane whose code has changed is given nothing more, idle or not, and ends once it holds nothing."""
    core = _core(_assignment(1, OLD), _assignment(2, OLD))
    idle, busy = core.take().opened
    core.executed(idle.no, 1, 50_000)
    core.ended(1, b"a report")
    core.take()
    core.offer([0, 1], ["p"])
    core.assign([_assignment(3, NEW), _assignment(4, OLD)])
    effects = core.take()
    assert effects.closed == [idle.no]
    assert [each.lane for each in effects.begun] == [each.no for each in effects.opened]
    assert len({idle.no, busy.no, *(each.no for each in effects.opened)}) == 4
    core.executed(busy.no, 2, 50_000)
    core.ended(2, b"a report")
    assert core.take().closed == [busy.no]


def test_an_operator_that_is_offered_again_begins_again() -> None:
    """An edit that is undone: what is assigned to the operator as it was runs."""
    core = _core(_assignment(1, OLD))
    core.take()
    core.offer([1], ["p"])
    core.take()
    core.offer([0], ["p"])
    core.assign([_assignment(2, OLD)])
    effects = core.take()
    assert not effects.withdrawn
    assert len(effects.begun) == 1


def test_an_operator_keeps_its_place(tmp_path: Path) -> None:
    """Each version has one place for as long as the agent lives: attempts of one version are of one class."""
    path = tmp_path / "placed_ops.py"
    path.write_text(OPS.format(name="Placed", value=1) + OTHER)
    first = discover([path.name], folder=tmp_path, cache=None, installed=False)
    offers = Offers(first)
    before = {offers[place].spec.name: place for place in offers.current}
    path.write_text(OPS.format(name="Placed", value=2) + OTHER)
    second, failures = renew(first, {str(path)}, cache=None)
    assert not failures
    assert offers.differ_from(second)
    offers.renew(second)
    assert {offers[place].spec.name: place for place in offers.current} == {"Other": before["Other"], "Placed": 2}
    offers.renew(first)
    assert offers.current == (0, 1)
    assert len(offers) == 3


@pytest.mark.parametrize("wrong", ["def Late(:\n", "raise RuntimeError('half')\n", OPS.format(name="Steady", value=1)])
def test_what_cannot_be_loaded_stays_as_it_was(tmp_path: Path, wrong: str) -> None:
    """A mistake, or a name that another file has, too, is told of its file; others are renewed all the same."""
    files = {"steady_ops.py": OPS.format(name="Steady", value=1), "late_ops.py": OPS.format(name="Late", value=1)}
    write(tmp_path, files)
    before = discover(list(files), folder=tmp_path, cache=None, installed=False)
    write(tmp_path, {"steady_ops.py": OPS.format(name="Steady", value=2), "late_ops.py": wrong})
    after, failures = renew(before, {str(tmp_path / name) for name in files}, cache=None)
    late = str(tmp_path / "late_ops.py")
    assert list(failures) == [late]
    old, new = ({each.spec.name: each for each in found.offers} for found in (before, after))
    assert old.keys() == new.keys()
    assert old["Late"] == new["Late"]
    assert old["Steady"].spec.digest != new["Steady"].spec.digest
    assert [after.is_current(source) for source in after.sources] == [
        source.distribution != late for source in after.sources
    ]
