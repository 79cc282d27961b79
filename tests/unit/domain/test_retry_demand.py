"""What nodes that are retried demand instead of before."""

import pytest

from accio.domain.problems import ValueProblem
from accio.domain.resources import Resources
from accio.domain.retry_demand import NodeDemand, difference, read_retry_demand

GIB = 1 << 30
BEFORE = NodeDemand(Resources(milli_cpus=1500, memory=GIB), 60_000)


@pytest.mark.parametrize(
    ("typed", "after"),
    [
        ({"memory": "2x"}, NodeDemand(Resources(milli_cpus=1500, memory=2 * GIB), 60_000)),
        ({"memory": "8GiB"}, NodeDemand(Resources(milli_cpus=1500, memory=8 * GIB), 60_000)),
        ({"memory": "1.5X"}, NodeDemand(Resources(milli_cpus=1500, memory=3 * GIB // 2), 60_000)),
        ({"cpus": "4"}, NodeDemand(Resources(milli_cpus=4000, memory=GIB), 60_000)),
        ({"cpus": "0.3333x"}, NodeDemand(Resources(milli_cpus=500, memory=GIB), 60_000)),
        ({"timeout": "30.minutes"}, NodeDemand(Resources(milli_cpus=1500, memory=GIB), 1_800_000)),
        ({"timeout": "2x", "memory": "0.5x"}, NodeDemand(Resources(milli_cpus=1500, memory=GIB // 2), 120_000)),
        ({}, BEFORE),
    ],
)
def test_amounts_replace_and_factors_multiply(typed: dict[str, str], after: NodeDemand) -> None:
    """An amount is taken as it is, a factor multiplies what was demanded, rounded up; the rest stays."""
    wanted = read_retry_demand(**typed)
    assert wanted.apply(BEFORE) == after
    assert bool(wanted) is bool(typed)


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({"memory": "much"}, 'memory: expected a size such as 1048576, "512MiB" or "8GB", found "much", or a factor'),
        ({"memory": "0"}, "memory: expected a size such as 8GiB above 0"),
        ({"memory": "0x"}, "memory: expected a factor such as 2x, up to 1024x"),
        ({"memory": "-2x"}, "memory: expected a factor"),
        ({"cpus": "x"}, "cpus: expected a factor"),
        ({"cpus": "2000x"}, "cpus: expected a factor"),
        ({"timeout": "soon"}, "timeout: "),
        ({"timeout": "0.seconds"}, "timeout: expected a duration such as 30.minutes above 0"),
        ({"timeout": "20000.days"}, "timeout: expected a duration in whole milliseconds, at most ten years"),
    ],
)
def test_what_means_nothing_is_refused(typed: dict[str, str], says: str) -> None:
    """What was expected and what was found is said, under the option's name."""
    with pytest.raises(ValueProblem) as raised:
        read_retry_demand(**typed)
    assert raised.value.message.startswith(says)


def test_nothing_can_be_multiplied_that_has_no_limit() -> None:
    """A node without a memory limit, or a time-out, can be given one, and not twice as much."""
    unlimited = NodeDemand(Resources(), None)
    for typed, says in (({"memory": "2x"}, "no memory limit"), ({"timeout": "2x"}, "no time-out")):
        with pytest.raises(ValueProblem, match=says):
            read_retry_demand(**typed).apply(unlimited)
    assert read_retry_demand(memory="1GiB").apply(unlimited).resources.memory == GIB


def test_a_difference_names_what_changes() -> None:
    """Amounts of before and after are said in words."""
    after = read_retry_demand(memory="2x", cpus="3", timeout="5.minutes").apply(BEFORE)
    assert difference(BEFORE, after) == ("1.0 GiB to 2.0 GiB of memory, 1.5 to 3 CPUs, 60 s to 300 s until it is ended")
    assert difference(BEFORE, BEFORE) == ""
