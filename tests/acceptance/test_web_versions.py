"""The page that tells what changed between two versions of a workflow, and the command that says the same."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import expect

from accio.interpreter import python
from tests.acceptance.processes import Cluster
from tests.acceptance.sweeps import RATIO_AND_SQUARE
from tests.acceptance.web import FITS, browser_page, on_page, ratios, web_server

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]
CHANGED = {
    **RATIO_AND_SQUARE,
    "id": "ratio",
    "params": [{"name": "x", "kind": "integer", "default_value": 2}, {"name": "y", "kind": "integer"}],
    "graph": [
        {"op": "Ratio", "inputs": {"x": {"param": "y"}, "y": {"param": "x"}}},
        {"op": "Square", "inputs": {"x": {"param": "x"}}},
    ],
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster whose workflow `ratio` has two versions, of which the first has a run."""
    with ratios(tmp_path_factory.mktemp("versions")) as running:
        with running.client() as client:
            client.push(CHANGED)
        yield running


def said_by(made: Cluster, *arguments: str) -> str:
    """Return what a command prints."""
    command = python("accio_client.cli.main", *arguments)
    return subprocess.run(command, env=made.environment(), capture_output=True, text=True, check=True).stdout


def versions_of(made: Cluster) -> tuple[str, str]:
    with made.client() as client:
        found = client.get_workflow("ratio")
    latest, before = (each.version for each in found.history)
    assert latest == found.version
    return before, latest


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("dark", [False, True])
async def test_what_changed_between_two_versions(made: Cluster, *, width: int, dark: bool) -> None:
    """From the workflow's page: the graph of both, then nodes and parameters that differ; the address holds it."""
    before, after = versions_of(made)
    with web_server(made) as server:
        async with browser_page(server, width=width, dark=dark) as page:
            await page.goto(server.page("/workflows/ratio"))
            await page.get_by_role("link", name="one of 2: what changed").click()
            await expect(page.get_by_role("heading", name="What changed in ratio", level=1)).to_be_visible()
            graph = page.get_by_role("region", name=f"Graph of ratio:{before} and ratio:{after}")
            await expect(graph.get_by_role("link", name="Square, added")).to_be_visible()
            await expect(graph.get_by_role("link", name="Ratio, changed, input x, input y")).to_be_visible()
            nodes = page.get_by_role("table", name="Nodes that differ")
            await expect(nodes.get_by_role("row").filter(has_text="Ratio").first).to_contain_text("$x")
            await expect(nodes.get_by_role("row").filter(has_text="Square").first).to_contain_text("added")
            params = page.get_by_role("table", name="Parameters that differ")
            await expect(params.get_by_role("row").filter(has_text="default")).to_contain_text("2")
            await expect(page.get_by_text("one of the two versions has none yet")).to_be_visible()
            await expect(page.get_by_text(f"accio diff ratio:{before} ratio:{after}")).to_be_visible()
            await on_page(page, FITS, "a page as wide as its window")
            assert (await Axe().run(page)).response["violations"] == []
            await page.get_by_role("button", name="Swap").click()
            await expect(graph).to_have_count(0)
            await page.wait_for_url(f"**/workflows/ratio/differences?from={after}&to={before}")
            await page.reload()
            await expect(page.get_by_role("link", name="Square, removed")).to_be_visible()


async def test_runs_of_two_versions_lead_to_what_changed(made: Cluster) -> None:
    """From the comparison of two runs; a workflow with one version says how another one comes about."""
    before, after = versions_of(made)
    with web_server(made) as server, made.client() as client:
        first = next(each.id for each in client.list_runs(limit=50).runs if each.name == "Ratios")
        second = client.submit({"workflow": "ratio", "params": {"x": 1, "y": 3}}).run.id
        client.wait(second)
        async with browser_page(server) as page:
            await page.goto(server.page(f"/compare?run={first}&run={second}"))
            await page.get_by_role("link", name="What changed between their workflows").click()
            await expect(page.get_by_role("combobox", name="From")).to_have_value(before)
            await expect(page.get_by_role("combobox", name="To")).to_have_value(after)
            await expect(page.get_by_role("table", name="Nodes whose operators differ")).to_contain_text("Square")
            await page.goto(server.page("/workflows/gated/differences"))
            await expect(page.get_by_text("There is one version only")).to_be_visible()


def test_the_command_tells_the_same(made: Cluster) -> None:
    """`accio diff` of two versions, in words and as a document; equal ones differ in nothing."""
    before, after = versions_of(made)
    said = said_by(made, "diff", f"ratio:{before}", "ratio")
    assert "node Square is new: operator Square, input x $x" in said
    assert "node Ratio: input x: $x → $y" in said
    assert "param x: default: (nothing) → 2" in said
    document = json.loads(said_by(made, "diff", f"ratio:{before}", f"ratio:{after}", "-json"))
    assert {each["name"]: each["change"] for each in document["nodes"]} == {"Ratio": "changed", "Square": "added"}
    assert said_by(made, "diff", "ratio", f"ratio:{after}").strip() == "no differences between the definitions"
    assert f"{before}" in said_by(made, "describe", "workflow", "ratio")


async def test_a_renamed_node_is_no_other_one(made: Cluster) -> None:
    """The page and the command say how it was called; that its name changed is no change of what takes from it."""
    with web_server(made) as server, made.client() as client:
        versions = [client.push(_taking_from(name)).workflow.version for name in ("First", "Start")]
        async with browser_page(server) as page:
            await page.goto(server.page("/workflows/renaming/differences"))
            graph = page.get_by_role("region", name=f"Graph of renaming:{versions[0]} and renaming:{versions[1]}")
            await expect(graph.get_by_role("link", name="Start, operator Square, renamed, was First")).to_be_visible()
            await expect(graph.get_by_role("link")).to_have_count(2)
            rows = page.get_by_role("table", name="Nodes that differ").get_by_role("row")
            await expect(rows).to_have_count(2)
            await expect(rows.nth(1)).to_contain_text("renamed")
            assert (await Axe().run(page)).response["violations"] == []
    said = said_by(made, "diff", f"renaming:{versions[0]}", "renaming")
    assert said.splitlines() == ["node First is called Start now"]


def _taking_from(name: str) -> dict[str, Any]:
    """Return a workflow of two nodes, the first of which has this name."""
    return {
        "id": "renaming",
        "params": [{"name": "x", "kind": "integer"}],
        "graph": [
            {"op": "Square", "name": name, "inputs": {"x": {"param": "x"}}},
            {"op": "Square", "name": "Again", "inputs": {"x": {"reference": f"{name}/value"}}},
        ],
    }
