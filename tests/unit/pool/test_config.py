"""Files of pools: what is right, what is wrong with others, and that the JSON Schema agrees."""

from typing import Any

import jsonschema
import pytest

from accio.domain.pools import Budget
from accio.domain.windows import parse_windows
from accio.errors import InvalidDefinition
from accio.schemas import load
from accio.wire.pools import description_message, pool_spec
from accio_pool.config import parse_pools

PROVIDERS = {"local": False, "batch": True, "ssh": False}
GOOD: dict[str, Any] = {"name": "cpu", "provider": "batch", "walltime": "4h", "max": 20}
FULL: dict[str, Any] = {
    **GOOD,
    "host": {"cpus": 32, "memory": "120GiB", "gpus": 1, "custom": {"licence": 2}},
    "min": 1,
    "pending": 2,
    "worth": "90s",
    "keep": "10m",
    "options": {"partition": "batch"},
    "directives": ["--constraint=rome"],
    "leave_out": ["--mem"],
    "before": ["module load python/3.11"],
    "agent": ["--no-installed"],
    "join": "~/accio.join",
    "command": "/opt/accio/bin/accio agent",
    "folder": "~/pools",
    "poll": "30s",
    "x-note": "for others",
}


def judge() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(load("pools"))


def test_a_pool_needs_little() -> None:
    """Name, provider, walltime and `max` suffice; the rest has defaults."""
    (pool,) = parse_pools({"pools": [GOOD]}, PROVIDERS)
    spec = pool.spec
    assert (spec.walltime, spec.minimum, spec.maximum, spec.pending) == (14400.0, 0, 20, 5)
    assert (spec.worth, spec.keep, spec.host.milli_cpus, pool.poll) == (120.0, 300.0, 1000, 10.0)
    judge().validate({"pools": [GOOD]})


def test_everything_can_be_said() -> None:
    """Each key is read, and the schema knows it."""
    (pool,) = parse_pools({"pools": [FULL]}, PROVIDERS)
    assert (pool.spec.host.memory, pool.spec.host.custom) == (120 << 30, (("licence", 2),))
    assert (pool.options, pool.directives) == ({"partition": "batch"}, ("--constraint=rome",))
    assert (pool.spec.worth, pool.spec.keep, pool.poll) == (90.0, 600.0, 30.0)
    judge().validate({"pools": [FULL], "$schema": "pools.schema.json"})


DAY = {"name": "new kernel", "from": "2027-01-12T08:00:00+01:00", "to": "2027-01-12T17:00:00Z"}


@pytest.mark.parametrize(
    ("change", "path", "message"),
    [
        ({"name": "Cpu"}, "/pools/0/name", "expected a pool's name"),
        ({"provider": "slrm"}, "/pools/0/provider", "expected one of the providers batch, local, ssh"),
        ({"max": 0}, "/pools/0/max", "from 1 to"),
        ({"min": 21}, "/pools/0/min", "at most 20"),
        ({"pending": 0}, "/pools/0/pending", "from 1 to"),
        ({"walltime": "soon"}, "/pools/0/walltime", "expected"),
        ({"keep": "0s"}, "/pools/0/keep", "expected a time"),
        ({"host": {"cpus": 0}}, "/pools/0/host/cpus", "above 0"),
        ({"host": {"cpu": 1}}, "/pools/0/host/cpu", "there is no resource"),
        ({"options": {"partition": 3}}, "/pools/0/options", "expected a text"),
        ({"before": ["a\nb"]}, "/pools/0/before", "one line each"),
        ({"agents": []}, "/pools/0/agents", "there is no key"),
        ({"agent": ["--owners=ana@example.org"]}, "/pools/0/agent", "under `owners` of the pool"),
        ({"owners": []}, "/pools/0/owners", "expected owners"),
        ({"owners": ["everybody"]}, "/pools/0/owners", "found 'everybody'"),
        ({"operators": []}, "/pools/0/operators", "patterns of operators' names"),
        ({"operators": "Train"}, "/pools/0/operators", "expected a list"),
        ({"during": "Mon-Fry"}, "/pools/0/during", "expected a day"),
        ({"during": 5}, "/pools/0/during", "expected a text"),
        ({"maintenance": {}}, "/pools/0/maintenance", "expected a list of at most 100 objects with `name`, `from`"),
        ({"maintenance": [{"name": "x"}]}, "/pools/0/maintenance", "expected an object with `name`, `from` and `to`"),
        ({"maintenance": [DAY | {"why": 1}]}, "/pools/0/maintenance", "there is no key"),
        ({"maintenance": [DAY | {"name": ""}]}, "/pools/0/maintenance", "expected a name of 1 to 200"),
        ({"maintenance": [DAY | {"to": "2027-01-12"}]}, "/pools/0/maintenance", "which has none"),
        ({"maintenance": [DAY | {"to": "soon"}]}, "/pools/0/maintenance", "expected a time with its zone"),
        ({"maintenance": [DAY | {"to": "2026-01-12T08:00Z"}]}, "/pools/0/maintenance", "to end behind its beginning"),
        ({"budget": 100}, "/pools/0/budget", "expected an object"),
        ({"budget": {}}, "/pools/0/budget", "of a `day`, in `total`, or both"),
        ({"budget": {"day": -1}}, "/pools/0/budget/day", "core-hours from 0"),
        ({"budget": {"total": "100h"}}, "/pools/0/budget/total", "core-hours from 0"),
        ({"budget": {"day": 1, "month": 1}}, "/pools/0/budget/month", "there is no key"),
        ({"hosts": ["h1", "h2"]}, "/pools/0/max", "at most 2"),
        ({"provider": "ssh"}, "/pools/0/hosts", "names of the machines"),
    ],
)
def test_what_is_wrong_is_said(change: dict[str, Any], path: str, message: str) -> None:
    """A wrong value is told by its place, with what was expected."""
    with pytest.raises(InvalidDefinition) as raised:
        parse_pools({"pools": [GOOD | change]}, PROVIDERS)
    (issue,) = raised.value.issues
    assert issue.path == path
    assert message in issue.message


def test_everything_wrong_is_said_at_once() -> None:
    """All pools are looked at; what lacks is told, too, and so are names that stand there twice."""
    with pytest.raises(InvalidDefinition) as raised:
        parse_pools(
            {"pools": [{"name": "a", "provider": "batch"}, {"name": "a", "provider": "local", "max": 1}]}, PROVIDERS
        )
    assert [issue.path for issue in raised.value.issues] == ["/pools/0/walltime", "/pools/0/max", "/pools/1/name"]
    with pytest.raises(InvalidDefinition, match="at least one pool"):
        parse_pools({"pools": []}, PROVIDERS)


@pytest.mark.parametrize("change", [{"agents": []}, {"max": 0}, {"name": "Cpu"}, {"host": {"cpu": 1}}, {"before": "x"}])
def test_the_schema_refuses_what_is_refused(change: dict[str, Any]) -> None:
    """Shapes that reading refuses, the schema refuses."""
    assert not judge().is_valid({"pools": [GOOD | change]})


def test_what_a_pool_is_for_is_read() -> None:
    """Operators, owners, times and a budget; a star is everything."""
    limits = {
        "operators": ["Train*"],
        "owners": ["Ana <Ana@example.org>", "group:lab"],
        "during": "Sat-Sun",
        "maintenance": [DAY],
        "budget": {"day": 2.5, "total": 100},
    }
    (found,) = parse_pools({"pools": [GOOD | limits]}, PROVIDERS)
    assert found.spec.operators == ("Train*",)
    assert found.spec.owners == {"ana@example.org", "group:lab"}
    assert found.spec.during == parse_windows("Sat-Sun")
    (day,) = found.spec.maintenance
    assert (day.name, day.ends_ms - day.begins_ms) == ("new kernel", 10 * 3_600_000)
    assert judge().is_valid({"pools": [GOOD | limits]})
    assert found.spec.budget == Budget(day=2.5, total=100.0)
    assert pool_spec(description_message(found.spec)) == found.spec
    (found,) = parse_pools({"pools": [GOOD | {"operators": ["*"], "owners": ["*"]}]}, PROVIDERS)
    assert (found.spec.operators, found.spec.owners) == ((), frozenset())
