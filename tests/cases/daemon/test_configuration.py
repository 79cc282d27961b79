"""Area config: the files that name clusters, and which of them is the default."""

import json
from pathlib import Path

import pytest

from accio import places
from accio.errors import AccioError
from tests.cases.loader import Case, checks, daemon_cases, mentions, only


@pytest.mark.parametrize("case", daemon_cases("config"))
def test_config(case: Case, tmp_path: Path) -> None:
    """The clusters of the system's and the user's file, the first being the default; or an error."""
    for number, (given, expect) in enumerate(checks(case)):
        only(given, "system", "user", "env", "cluster")
        only(expect, "clusters", "default", "error", "mentions", "addr", "address")
        folder = tmp_path / str(number)
        for name in ("system", "user"):
            (folder / name).mkdir(parents=True)
            content = given.get(name)
            if content is not None:
                text = content if isinstance(content, str) else json.dumps(content)
                (folder / name / places.CLUSTERS).write_text(text, encoding="utf-8")
        environment = {"ACCIO_CONFIG_ROOT": str(folder / "user"), **given.get("env", {})}
        system = folder / "system"
        if expect.get("error"):
            with pytest.raises(AccioError) as refused:
                places.clusters(environment, system)
            wanted = expect["error"] if isinstance(expect["error"], list) else []
            assert mentions(refused.value.message, [*wanted, *expect.get("mentions", [])])
            continue
        found = places.clusters(environment, system)
        if "clusters" in expect:
            assert [{"name": one.name, "addr": one.addr} for one in found] == expect["clusters"]
        if "default" in expect:
            assert found[0].name == expect["default"]
            assert "ACCIO_ADDR" in environment or places.daemon_address(environment, system) == found[0].addr
        for word in ("addr", "address"):
            if word in expect and "cluster" in given:
                assert places.cluster_address(given["cluster"], environment, system) == expect[word]
            elif word in expect:
                assert places.daemon_address(environment, system) == expect[word]
