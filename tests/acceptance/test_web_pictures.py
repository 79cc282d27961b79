"""Pictures in a real browser: what they draw, what is saved of them, and how they are worked with."""

import asyncio
import csv
import json
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from playwright.async_api import Page, Route, expect

from accio.interpreter import python
from tests.acceptance.processes import Cluster
from tests.acceptance.sweeps import RATIO_AND_SQUARE, RATIOS, THREE
from tests.acceptance.web import browser_page, ratio_cluster, web_server

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]


made = pytest.fixture(scope="module")(ratio_cluster)


@pytest.mark.parametrize("kind", ["states", "heat", "line", "parallel", "importance"])
async def test_pictures_are_files(made: Cluster, kind: str) -> None:
    """A picture is saved as SVG that stands by itself, as PNG, and as CSV with what its table shows."""
    with web_server(made) as server, made.client() as client:
        run = next(each.id for each in client.list_runs(limit=50).runs if each.name == "Ratios")
        async with browser_page(server) as page:
            await page.goto(server.page(f"/runs/{run}?tab=Pictures&kind={kind}"))
            files: dict[str, bytes] = {}
            for name, role in (("SVG", "button"), ("PNG", "button"), ("CSV", "link")):
                async with page.expect_download() as started:
                    await page.locator("figure").get_by_text(name, exact=True).click()
                found = await started.value
                saved = await found.path()
                files[name] = await asyncio.to_thread(saved.read_bytes)
                assert role == "link" or found.suggested_filename == f"{kind}.{name.lower()}"
            await page.get_by_role("button", name="Table").click()
            shown = await page.locator(".twin tbody tr").count()
    drawing = ElementTree.fromstring(files["SVG"])  # noqa: S314 - what our own page wrote
    tags = [each.tag.rpartition("}")[2] for each in drawing.iter()]
    assert tags.count("rect") + tags.count("path") + tags.count("circle") >= 5
    texts = [each.text for each in drawing.iter() if each.tag.endswith("}text")]
    assert any(text and "y" in text for text in texts)
    assert b"var(--" not in files["SVG"]
    assert files["PNG"].startswith(b"\x89PNG\r\n")
    assert len(files["CSV"].decode().splitlines()) == shown + 1


async def test_nodes_of_a_run_are_files(made: Cluster, tmp_path: Path) -> None:
    """The graph and the timeline of a run are saved as SVG and as CSV, which is that of `accio plot`; a timeline shows
    less, and the rest again.
    """
    with web_server(made) as server, made.client() as client:
        client.push(THREE)
        run = client.submit({"workflow": "three", "params": {"x": 4}}).run.id
        client.wait(run)
        rows: dict[str, list[list[str]]] = {}
        async with browser_page(server) as page:
            for tab, name in (("Nodes", "graph"), ("Timeline", "timeline")):
                await page.goto(server.page(f"/runs/{run}?tab={tab}"))
                async with page.expect_download() as started:
                    await page.get_by_role("button", name="CSV").click()
                found = await started.value
                assert found.suggested_filename == f"{name}.csv"
                text = await asyncio.to_thread((await found.path()).read_text, encoding="utf-8")
                rows[name] = list(csv.reader(text.splitlines()))
                async with page.expect_download() as started:
                    await page.get_by_role("button", name="SVG").click()
                saved = await (await started.value).path()
                drawing = await asyncio.to_thread(ElementTree.parse, saved)
                await expect(page.get_by_text(f"accio plot {run} -kind={name}")).to_be_visible()
                assert drawing.getroot().tag == "{http://www.w3.org/2000/svg}svg"
            bars = page.locator(".timeline a")
            await expect(bars).to_have_count(3)
            last = bars.last.locator("rect")
            place = {name: await last.get_attribute(name) or "" for name in ("x", "width")}
            await page.get_by_role("button", name="Show less").click()
            await page.get_by_role("button", name="Show less").click()
            await expect(page.get_by_role("button", name="Show more")).to_be_enabled()
            await page.get_by_role("region", name="When the nodes ran").press("0")
            await expect(bars).to_have_count(3)
            for name, value in place.items():
                await expect(last).to_have_attribute(name, value)
    assert rows["graph"][0] == ["node", "operator", "state", "cached", "takes from"]
    assert rows["graph"][3] == ["Total", "Total", "success", "false", "Noise Square"]
    assert rows["timeline"][0] == ["run", "node", "agent", "lane", "state", "began", "ended", "seconds"]
    assert sorted(row[1] for row in rows["timeline"][1:]) == ["Noise", "Square", "Total"]
    for name, shown in rows.items():
        drawn = tmp_path / f"{name}.csv"
        command = python("accio_client.cli.main", "plot", run, f"-kind={name}", f"-out={drawn}")
        await asyncio.to_thread(subprocess.run, command, env=made.environment(), check=True, timeout=120)
        written = list(csv.reader(drawn.read_text(encoding="utf-8").splitlines()))
        if name == "timeline":  # whole seconds are written in two ways
            assert [float(row.pop()) for row in written[1:]] == [float(row.pop()) for row in shown[1:]]
        assert written == shown


async def test_the_graph_of_a_sweep(made: Cluster, tmp_path: Path) -> None:
    """A sweep's nodes are counted by state over its children, as picture, table and file; the file is that of
    `accio plot`.
    """
    with web_server(made) as server, made.client() as client:
        client.push(RATIO_AND_SQUARE)
        run = client.submit({**RATIOS, "workflow": "both"}).run.id
        client.wait(run)
        async with browser_page(server) as page:
            await page.goto(server.page(f"/runs/{run}?tab=Nodes"))
            await expect(page.get_by_text("12 of 12 children")).to_be_visible()
            graph = page.get_by_role("region", name="Graph of the nodes")
            await expect(graph.get_by_role("link", name="Ratio, 9 of 12, 3 failed")).to_be_visible()
            await expect(graph.get_by_role("link", name="Square, 12 of 12")).to_be_visible()
            table = page.get_by_role("table", name="Nodes over the children")
            await expect(table.get_by_role("row", name="Ratio").get_by_role("img")).to_have_attribute(
                "aria-label", "Ratio by state: 9 success, 3 failed"
            )
            async with page.expect_download() as started:
                await page.get_by_role("button", name="CSV").click()
            saved = await (await started.value).path()
            shown = await asyncio.to_thread(saved.read_text, encoding="utf-8")
    drawn = tmp_path / "graph.csv"
    command = python("accio_client.cli.main", "plot", run, "-kind=graph", f"-out={drawn}")
    await asyncio.to_thread(subprocess.run, command, env=made.environment(), check=True, timeout=120)
    rows = list(csv.reader(shown.splitlines()))
    assert rows[1][:7] == ["Ratio", "Ratio", "9", "0", "0", "0", "3"]
    assert list(csv.reader(drawn.read_text(encoding="utf-8").splitlines())) == rows


async def test_the_timeline_of_a_sweep(made: Cluster, tmp_path: Path) -> None:
    """A sweep's page names the command that draws its timeline, which writes the same rows."""
    with web_server(made) as server, made.client() as client:
        run = next(each.id for each in client.list_runs(limit=50).runs if each.name == "Ratios")
        async with browser_page(server) as page:
            await page.goto(server.page(f"/runs/{run}?tab=Timeline&bars=100"))
            await expect(page.get_by_text(f"accio plot {run} -kind=timeline -limit=100")).to_be_visible()
            await page.get_by_label("At most").select_option("500")
            await expect(page.get_by_text(f"accio plot {run} -kind=timeline", exact=True)).to_be_visible()
            async with page.expect_download() as started:
                await page.get_by_role("button", name="CSV").click()
            found = await started.value
            assert found.suggested_filename == "timeline.csv"
            shown = await asyncio.to_thread((await found.path()).read_text, encoding="utf-8")
            executed = [each for each in await saved_trace(page) if each["ph"] == "X"]
    states = [each["args"]["state"] for each in executed if each["args"]["run"].startswith(f"{run}.")]
    assert (len(executed), sorted(states)) == (12, ["failed"] * 3 + ["success"] * 9)
    drawn = tmp_path / "timeline.csv"
    command = python("accio_client.cli.main", "plot", run, "-kind=timeline", f"-out={drawn}")
    await asyncio.to_thread(subprocess.run, command, env=made.environment(), check=True, timeout=120)
    header, *rows = csv.reader(shown.splitlines())
    same, *written = csv.reader(drawn.read_text(encoding="utf-8").splitlines())
    assert (same, len(rows)) == (header, 12)
    assert [float(row.pop()) for row in written] == [float(row.pop()) for row in rows]
    assert written == rows


async def saved_trace(page: Page) -> list[dict[str, Any]]:
    """Return the events of the trace that a page hands out."""
    async with page.expect_download() as started:
        await page.get_by_role("link", name="Perfetto trace").click()
    found = await started.value
    assert found.suggested_filename == "timeline.trace.json"
    events: list[dict[str, Any]] = json.loads(await asyncio.to_thread((await found.path()).read_bytes))["traceEvents"]
    return events


async def test_traces_of_pages_are_those_of_the_command_line(made: Cluster, tmp_path: Path) -> None:
    """The trace that a single run's page hands out is that of `accio plot`; without a run it is the whole cluster's."""
    with web_server(made) as server, made.client() as client:
        client.push(THREE)
        run = client.submit({"workflow": "three", "params": {"x": 5}}).run.id
        client.wait(run)
        traces: dict[str, list[dict[str, Any]]] = {}
        async with browser_page(server) as page:
            for words, path in (((run,), f"/runs/{run}?tab=Timeline"), ((), "/cluster?bars=2000")):
                await page.goto(server.page(path))
                traces[" ".join(words)] = shown = await saved_trace(page)
                target = tmp_path / f"{len(traces)}.trace.json"
                limit = () if words else ("-limit=2000",)
                command = python("accio_client.cli.main", "plot", *words, "-kind=timeline", *limit, f"-out={target}")
                await asyncio.to_thread(subprocess.run, command, env=made.environment(), check=True, timeout=120)
                assert json.loads(target.read_bytes())["traceEvents"] == shown
    assert sorted(each["name"] for each in traces[run] if each["ph"] == "X") == ["Noise", "Square", "Total"]
    assert next(each for each in traces[run] if each["ph"] == "X")["ts"] == 0
    assert len(traces[""]) > len(traces[run])
    assert {each["args"]["name"] for each in traces[""] if each["name"] == "process_name"} == {"a1"}


async def test_lanes_of_the_cluster(made: Cluster) -> None:
    """The cluster's page shows what failed, succeeded and goes on, when and at which agent, and leads to it."""
    with web_server(made) as server, made.client() as client:
        waiting = client.submit({"workflow": "gated", "params": {"label": "lanes"}}).run.id
        async with browser_page(server) as page:
            await page.goto(server.page("/cluster"))
            lanes = page.get_by_role("region", name="What ran when, and where")
            await expect(lanes.get_by_role("link", name="Ratio, failed").first).to_be_visible()
            await expect(lanes.get_by_role("link", name="Ratio, success")).to_have_count(9)
            await lanes.get_by_role("link", name="Gate, running").click()
            await expect(page.get_by_role("heading", name="Gate", level=1)).to_be_visible()
            assert page.url.endswith(f"/runs/{waiting}/Gate")
        client.kill([waiting])


async def test_what_a_timeline_shows_is_narrowed_and_moved(made: Cluster) -> None:
    """Steps stay within the whole, a narrower part keeps its middle; cells of a file are quoted where it is needed."""
    with web_server(made) as server:
        async with browser_page(server) as page:
            found = await page.evaluate(ZOOMED)
    assert found["views"] == [[0.25, 0.75], [0.375, 0.625], [0.4375, 0.6875], [0.3125, 0.8125], [0, 1], [0, 1]]
    assert found["csv"] == 'a,"b,c"\n,"say ""no"""\n"two\nlines",0\n'


ZOOMED = """async () => {
    const base = document.querySelector('script[src]').src.replace('start.js', '');
    const { WHOLE, stepped } = await import(base + 'pictures/zoom.js');
    const { csvOf } = await import(base + 'pictures/saving.js');
    let view = WHOLE;
    const views = ['in', 'in', 'right', 'out', 'out', 'left'].map((step) => {
        view = stepped(view, step);
        return [view.from, view.to];
    });
    return { views, csv: csvOf([['a', 'b,c'], [null, 'say "no"'], ['two\\nlines', 0]]) };
}"""


async def test_lanes_of_a_timeline(made: Cluster) -> None:
    """Bars of one lane don't overlap, cached nodes have none, and the axis is marked in steps that people count in."""
    with web_server(made) as server:
        async with browser_page(server) as page:
            found = await page.evaluate(LANES)
    assert found["lanes"] == [["a1", ["first", "third"]], ["a1", ["second"]], ["a2", ["other"]]]
    assert found["marks"] == [
        [0],
        [0, 0.2, 0.4, 0.6, 0.8, 1],
        [0, 10, 20, 30, 40, 50, 60],
        [0, 600, 1200, 1800, 2400, 3000, 3600],
    ]


LANES = """async () => {
    const base = document.querySelector('script[src]').src.replace('start.js', '');
    const { lanesOf, marks } = await import(base + 'pictures/timeline.js');
    const text = (at) => (at === null ? null : new Date(at).toISOString());
    const node = (name, agent, from, to, cached = false) => ({ name, agent, cached,
        started_at: text(from), ended_at: text(to) });
    const nodes = [node('first', 'a1', 0, 10), node('second', 'a1', 5, null), node('third', 'a1', 10, 20),
                   node('other', 'a2', 1, 2), node('taken', 'a1', 0, 1, true), node('later', null, null, null)];
    return { lanes: lanesOf(nodes, 99).map((lane) => [lane.agent, lane.bars.map((bar) => bar.node.name)]),
             marks: [0, 1, 60, 3600].map((seconds) => marks(seconds).map((mark) => Number(mark.toFixed(6)))) };
}"""


async def test_a_range_is_brushed(made: Cluster) -> None:
    """Dragging along an axis of parallel coordinates writes a range into the query; an axis is turned by a key."""
    with web_server(made) as server, made.client() as client:
        run = next(each.id for each in client.list_runs(limit=50).runs if each.name == "Ratios")
        async with browser_page(server) as page:
            await page.goto(server.page(f"/runs/{run}?tab=Pictures&kind=parallel"))
            await expect(page.get_by_text("9 of 12 children, 3 without value")).to_be_visible()
            turn = page.get_by_role("button", name="Turn x around")
            await turn.press("Enter")
            await expect(turn).to_have_attribute("aria-pressed", "true")
            await turn.press("Enter")
            box = await page.locator(".parallel line.axis").first.bounding_box()
            assert box is not None
            await page.mouse.move(box["x"], box["y"] + box["height"] * 0.4)
            await page.mouse.down()
            await page.mouse.move(box["x"], box["y"] + box["height"], steps=3)
            await page.mouse.up()
            await expect(page.get_by_label("Only children where")).to_have_value("x>=1 x<=2")
            await expect(page.get_by_text("6 of 12 children, 2 without value")).to_be_visible()


async def test_a_sample_is_shown_until_all_children_are_read(made: Cluster) -> None:
    """Where the server answers with a sample, the page shows it and says so, asks for the rest, and shows that."""
    with web_server(made) as server, made.client() as client:
        run = next(each.id for each in client.list_runs(limit=50).runs if each.name == "Ratios")
        seen = asyncio.Event()

        async def answer(route: Route) -> None:
            if "sample=1" not in route.request.url:
                await seen.wait()
                await route.continue_()
                return
            found = await route.fetch()
            document = await found.json()
            assert document["whole"] is True
            document["whole"] = False
            document["picture"]["head"]["counted"]["n"] = 5
            document["picture"]["head"]["remarks"].append("a sample")
            await route.fulfill(response=found, json=document)

        async with browser_page(server) as page:
            await page.route("**/pictures/line?*", answer)
            await page.goto(server.page(f"/runs/{run}?tab=Pictures&kind=line"))
            figure = page.locator("figure")
            await expect(figure).to_contain_text("5 of 12 children")
            await expect(figure).to_contain_text("a sample")
            seen.set()
            await expect(figure).to_contain_text("9 of 12 children, 3 without value")
            await expect(figure).not_to_contain_text("a sample")
