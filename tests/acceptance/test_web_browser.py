"""Journeys through the web interface in a real browser, with a real daemon and agent.

Each ends by showing that nothing was complained about, the content policy included, and no other host was asked.
"""

import json

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import expect

from accio_client.cli.text import ranged
from tests.acceptance.processes import Cluster
from tests.acceptance.sweeps import RATIO, THREE
from tests.acceptance.web import FITS, browser_page, on_page, open_part, ratio_cluster, web_server

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]


made = pytest.fixture(scope="module")(ratio_cluster)


async def test_from_the_link_to_a_picture(made: Cluster) -> None:
    """A new user goes by the link to the sweep, reads pictures and failures, narrows them, reads a child's log."""
    with web_server(made) as server:
        async with browser_page(server, expected=("400 (Bad Request)",)) as page:  # a query that is wrong
            await page.get_by_role("link", name="Ratios").click()
            await expect(page.get_by_role("heading", name="Ratios")).to_be_visible()
            await expect(page.get_by_role("heading", name="States by y and x")).to_be_visible()
            line = page.locator("figure", has=page.get_by_role("heading", name="interval of Ratio/value over y"))
            await expect(line).to_contain_text("9 of 12 children, 3 without value")
            await line.get_by_role("button", name="Table").click()
            await expect(line.get_by_role("row")).to_have_count(5)
            await expect(line.get_by_role("row").nth(2)).to_contain_text("2")
            await expect(page.get_by_text("covers 3 of 3 failures")).to_be_visible()
            box = page.get_by_label("Only children where")
            await box.fill("y>0 x<3")
            await box.press("Enter")
            await expect(page.get_by_text("6 of 12 children").first).to_be_visible()
            assert "where=y%3E0+x%3C3" in page.url
            await box.fill("z<1")
            await box.press("Enter")
            await expect(page.get_by_role("alert").first).to_contain_text("z")
            await box.fill("x>1")
            await box.press("Enter")
            await open_part(page, "Children")
            await page.get_by_role("button", name="failed 3").click()
            await page.get_by_role("link", name="x=2 y=0").click()
            await page.get_by_role("link", name="Ratio", exact=True).click()
            await expect(page.get_by_text("ZeroDivisionError").first).to_be_visible()
            await expect(page.get_by_role("log")).to_contain_text("dividing 2 by 0")


async def test_a_sweep_is_submitted(made: Cluster) -> None:
    """The form tells what its fields stand for and what is wrong with them, and submits what its text says."""
    with web_server(made) as server, made.client() as client:
        async with browser_page(server) as page:
            await page.get_by_role("link", name="Submit", exact=True).click()
            await page.get_by_role("link", name="ratio", exact=True).click()
            await expect(page.get_by_text("2 fields are not right yet.")).to_be_visible()
            submit = page.get_by_role("button", name="Submit", exact=True)
            await expect(submit).to_be_disabled()
            y = page.get_by_role("group", name="y", exact=True)
            await page.get_by_label("x", exact=True).get_by_role("textbox").fill("7")
            await y.get_by_role("combobox").select_option("range")
            await y.get_by_label("y: from").fill("1")
            await y.get_by_label("y: to").fill("a")
            await expect(y.get_by_text("expected integer")).to_be_visible()
            await y.get_by_label("y: to").fill("3")
            await expect(y.get_by_text("3 values: 1, 2, 3")).to_be_visible()
            await page.get_by_label("Repetitions").fill("2")
            await expect(page.get_by_text("6 runs, 3 nodes to execute")).to_be_visible()
            text = page.get_by_label("Definition as JSON")
            written = json.loads(await text.input_value())
            assert written == {
                "workflow": "ratio",
                "params": {"x": 7, "y": {"from": 1, "to": 3, "step": 1}},
                "repeat": 2,
            }
            await page.reload()  # the address is the whole state
            await text.fill(json.dumps({**written, "params": {"x": 7, "y": {"values": [1, 2]}}, "name": "By the form"}))
            await expect(y.get_by_role("textbox")).to_have_value("1, 2")
            await expect(page.get_by_text("4 runs, 2 nodes to execute")).to_be_visible()
            await submit.click()
            await expect(page.get_by_role("heading", name="By the form", level=1)).to_be_visible()
            run = client.get_run(page.url.rpartition("/")[2]).run
            assert (run.children, run.repeat) == (4, 2)
            await page.get_by_role("link", name="Submit from this").click()
            await expect(y.get_by_role("textbox")).to_have_value("1, 2")


async def test_forms_are_read_and_written(made: Cluster) -> None:
    """What is typed becomes the value that is meant, and each form can be edited without losing anything."""
    with web_server(made) as server:
        async with browser_page(server) as page:
            found = await page.evaluate(FORMS)
    assert found == {
        "values": [0.1, "1e400", "0x10", "9007199254740993", True, " a ", [1, 2], "[1,", "2.km"],
        "modes": ["default", "value", "value", None, "values", "range", "log", "count", None],
        "list": [1, 2, "x"],
        "lines": ["a, b", "c"],
        "changed": [{"values": [1]}, {"from": 1, "to": "", "log": True}, 1, None],
        "issues": ["/params/a~1b", "/params/a~1b/values/0"],
        "none": [[1, None], "1, null", "null", None, "null\n:=null"],
    }


FORMS = """async () => {
    const base = document.querySelector('script[src]').src.replace('start.js', '');
    const forms = await import(base + 'forms.js');
    const { valueOf } = forms;
    return {
        values: [valueOf('double', '0.1'), valueOf('double', '1e400'), valueOf('integer', '0x10'),
                 valueOf('long', '9007199254740993'), valueOf('boolean', 'true'), valueOf('string', ' a '),
                 valueOf('list(integer)', '[1, 2]'), valueOf('list(integer)', '[1,'), valueOf('distance', ' 2.km ')],
        modes: [undefined, 3, { value: [1] }, [1], { values: [1] }, { from: 1, to: 2, step: 1 },
                { from: 1, to: 2, log2: true }, { from: 1, to: 2, count: 3 }, { steps: 1 }].map(forms.modeOf),
        list: forms.listOf('integer', '1, 2,, x'),
        lines: forms.listOf('string', 'a, b\\nc\\n'),
        changed: ['values', 'log', 'value', 'default'].map((mode) => forms.changed({ kind: 'double' }, 1, mode))
            .map((form) => form ?? null),
        issues: forms.issuesAt([{ path: '/params/a~1b' }, { path: '/params/a~1b/values/0' }, { path: '/params/a~1bc' }],
                               forms.pointerOf('a/b')).map((each) => each.path),
        none: [forms.listOf('double', '1, null'), forms.listText('double', [1, null]), valueOf('string', 'null'),
               valueOf('string', ':=null'), forms.listText('string', ['null', null])],
    };
}"""


TAKEN_AT_ONCE = """(text) => {
    const option = [...document.querySelectorAll('[role=option]')].find((each) => each.textContent.includes(text));
    option.dispatchEvent(new MouseEvent('mousedown', { bubbles: true, cancelable: true }));
    const box = document.querySelector('[role=combobox]');
    return [box.value, box.selectionStart];
}"""
"""Accepts what is offered, and returns the box's text and caret before anything else, such as a key, has come."""


async def test_the_query_box(made: Cluster) -> None:
    """The box offers what may be written, says what it means and where it is wrong, and its answer is acted on."""
    with web_server(made) as server, made.client() as client:
        runs = [
            client.submit({"workflow": "gated", "name": f"Boxed {i}", "params": {"label": f"b{i}"}}).run.id
            for i in (1, 2)
        ]
        async with browser_page(server) as page:
            await page.goto(server.page("/runs"))
            box = page.get_by_label("Only runs where")
            await box.press_sequentially("workfl")
            for offered in ("workflow", "workflow="):
                await expect(page.get_by_role("option").first).to_contain_text(offered)
                await box.press("ArrowDown")
                await box.press("Enter")
                await expect(box).to_have_value(offered)
            await box.press_sequentially("ga")
            await page.get_by_role("option", name="gated").wait_for()
            assert await page.evaluate(TAKEN_AT_ONCE, "gated") == ["workflow=gated", 14]
            await box.press_sequentially(" name~boxed")
            await expect(page.get_by_text('workflow is gated, and name contains "boxed"')).to_be_visible()
            await box.press("Enter")
            await expect(page.get_by_role("row")).to_have_count(3)
            await page.get_by_role("button", name="Select all 2 shown").click()
            await page.get_by_role("button", name="Tag").click()
            await page.get_by_label("Add, with commas between").fill("boxed, <i>")
            await page.get_by_role("dialog").get_by_role("button", name="Tag").click()
            await expect(page.get_by_role("row").nth(1)).to_contain_text("<i>")
            await page.goto(server.page("/runs?where=tag=boxed&state=running&state=scheduled"))
            await box.fill("stat=failed")
            await expect(page.get_by_text("did you mean state?")).to_be_visible()
            await page.get_by_role("button", name="state", exact=True).click()
            await expect(page.get_by_text("state is failed")).to_be_visible()
            run = next(each.id for each in client.list_runs(limit=50).runs if each.name == "Ratios")
            await page.goto(server.page(f"/runs/{run}?tab=Children&where=y%3C1"))
            await page.get_by_role("button", name="Delete").nth(1).click()
            dialog = page.get_by_role("dialog")
            await expect(dialog).to_contain_text("Deletes 3 runs")
            await expect(dialog).to_contain_text("x=1 y=0")
            await expect(dialog).to_contain_text(f"accio delete run {run} '-where=y<1'")
            await dialog.get_by_role("button", name="Cancel").click()
        client.kill(runs)


async def test_parts_of_a_query_and_views(made: Cluster) -> None:
    """A part of a query is left out by its cross; a view is saved by a name, opened from elsewhere, and forgotten."""
    with web_server(made) as server:
        async with browser_page(server) as page:
            await page.goto(server.page("/runs?where=name~ratios+(state=failed+or+state=killed)&sort=-took"))
            await page.get_by_label("Name of this view").fill("Mine <b>")
            await page.get_by_role("button", name="Save view").click()
            views = page.get_by_role("group", name="Saved views")
            await expect(views.get_by_role("link", name="Mine <b>")).to_have_attribute("aria-current", "page")
            await page.get_by_role("button", name="Without name~ratios").click()
            await expect(page.get_by_label("Only runs where")).to_have_value("state=failed or state=killed")
            await page.goto(server.page("/runs"))
            await views.get_by_role("link", name="Mine <b>").click()
            await expect(page.get_by_label("Only runs where")).to_have_value(
                "name~ratios (state=failed or state=killed)"
            )
            assert "sort=-took" in page.url
            found = (await Axe().run(page)).response["violations"]
            assert not found, found
            await page.get_by_role("button", name="Forget the view Mine <b>").click()
            await expect(views.get_by_role("link")).to_have_count(0)


async def test_editing_in_place(made: Cluster) -> None:
    """Name, notes and tags are edited where they stand, by mouse and by keys; Esc keeps what was."""
    with web_server(made) as server, made.client() as client:
        run = client.submit({"workflow": "ratio", "name": "Before", "params": {"x": 1, "y": 1}}).run.id
        client.wait(run)
        async with browser_page(server) as page:
            await page.goto(server.page(f"/runs/{run}"))
            await expect(page.get_by_role("heading", name="Before")).to_be_visible()
            await page.keyboard.press("e")
            name = page.get_by_role("textbox", name="Name")
            await name.fill("Not kept")
            await name.press("Escape")
            await expect(page.get_by_role("heading", name="Before")).to_be_visible()
            await page.get_by_role("button", name="Edit the name").click()
            await name.fill("After <b>")
            await name.press("Enter")
            await expect(page.get_by_role("heading", name="After <b>")).to_be_visible()
            await page.get_by_role("button", name="Edit the notes").click()
            await page.get_by_role("textbox", name="Notes").fill("two\nlines")
            await page.get_by_role("textbox", name="Notes").press("Control+Enter")
            await expect(page.get_by_text("two lines")).to_be_visible()
            await page.get_by_role("button", name="+ Tag").click()
            await page.get_by_role("textbox", name="New tags").fill("one, two")
            await page.get_by_role("textbox", name="New tags").press("Enter")
            await page.get_by_role("button", name="Take away the tag one").click()
            await expect(page.get_by_role("link", name="one", exact=True)).to_be_hidden()
            await expect(page.get_by_role("link", name="two", exact=True)).to_be_visible()
        found = client.get_run(run).run
        assert (found.name, found.notes, found.tags) == ("After <b>", "two\nlines", ("two",))


async def test_runs_are_compared(made: Cluster) -> None:
    """Two sweeps are picked from the list; what differs and both curves are shown, and the base is changed."""
    with web_server(made) as server, made.client() as client:
        params = {"x": {"values": [1, 2]}, "y": {"values": [1, 2, 4]}}
        runs = [
            client.submit({"workflow": "ratio", "name": f"Compared {seed}", "seed": seed, "params": params}).run.id
            for seed in (3, 4)
        ]
        third = {
            "workflow": "ratio",
            "name": "Compared wider",
            "seed": 3,
            "params": {**params, "x": {"values": [2, 3]}},
        }
        for run in (*runs, client.submit(third).run.id):
            client.wait(run)
        async with browser_page(server) as page:
            await page.goto(server.page("/runs?where=name~compared"))
            await page.get_by_label("Select Compared 3").check()
            await page.get_by_label("Select Compared wider").check()
            await page.get_by_role("link", name="Compare", exact=True).click()
            await expect(page.get_by_role("heading", name="Compare", level=1)).to_be_visible()
            definition = page.get_by_role("table", name="What differs of their definitions")
            await expect(definition.get_by_role("row", name="param x")).to_contain_text("1, 2")
            await expect(page.get_by_text("3 points are only in A; 3 points are only in B.")).to_be_visible()
            await expect(page.get_by_text("A: 6 of 6 children · B: 6 of 6 children")).to_have_count(2)
            await expect(page.get_by_role("row", name="Compared wider")).to_contain_text("the base")
            await page.get_by_role("row", name="Compared 3").get_by_role("button", name="Make it the base").click()
            await expect(page.get_by_role("row", name="Compared wider")).to_contain_text("Make it the base")
            await page.goto(server.page(f"/compare?run={runs[0]}"))
            await page.get_by_label("Ids of runs").fill(runs[1])
            await page.get_by_role("button", name="Compare").click()
            await expect(definition.get_by_role("row", name="seed")).to_contain_text("4")
            await expect(page.get_by_text("No output differs on the points that both have.")).to_be_visible()


async def test_a_workflow_and_its_graph(made: Cluster) -> None:
    """A workflow's page shows its graph; that of a run leads from a node of the graph to its page."""
    with web_server(made) as server, made.client() as client:
        client.push(THREE)
        run = client.submit({"workflow": "three", "name": "Graphed", "params": {"x": 3}}).run.id
        client.wait(run)
        async with browser_page(server) as page:
            await page.get_by_role("link", name="Workflows").click()
            await page.get_by_role("link", name="three", exact=True).click()
            await expect(page.get_by_role("region", name="Graph of three").get_by_role("link")).to_have_count(3)
            await expect(page.get_by_role("row", name="Total")).to_contain_text("square ← Square/value")
            await page.get_by_role("link", name="Graphed").click()
            await open_part(page, "Timeline")
            await expect(page.locator("figure").get_by_role("link", name="Square, success")).to_be_visible()
            await open_part(page, "Nodes")
            graph = page.get_by_role("region", name="Graph of the nodes")
            await graph.get_by_role("link", name="Total, success").click()
            await expect(page.get_by_role("heading", name="Total", level=1)).to_be_visible()


async def test_a_node_from_the_memo_leads_to_its_execution(made: Cluster) -> None:
    """Why and attempts of what wasn't executed name the node whose result it has, as a link."""
    with web_server(made) as server, made.client() as client:
        client.push(RATIO)
        params = {"x": 4, "y": 5}
        first, again = (client.submit({"workflow": "ratio", "params": params}).run.id for _ in range(2))
        for run in (first, again):
            client.wait(run)
        async with browser_page(server) as page:
            await page.goto(server.page(f"/runs/{again}/Ratio"))
            attempts = page.get_by_role("region", name="Attempts")
            await expect(attempts).to_contain_text("None was made for this node: its result is that of")
            await attempts.get_by_role("link", name=f"{first}/Ratio").click()
            await page.wait_for_url(f"**/runs/{first}/Ratio")
            await expect(page.get_by_role("region", name="Attempts").get_by_role("row")).to_have_count(2)


async def test_single_runs_are_compared_in_one_table(made: Cluster) -> None:
    """Outputs that have one value each stand below each other, each with its difference, which has no interval."""
    with web_server(made) as server, made.client() as client:
        client.push(THREE)
        runs = [client.submit({"workflow": "three", "params": {"x": x}}).run.id for x in (3, 5)]
        for run in runs:
            client.wait(run)
        async with browser_page(server) as page:
            await page.goto(server.page(f"/compare?run={runs[0]}&run={runs[1]}"))
            table = page.get_by_role("table", name="Outputs that differ")
            await expect(table.get_by_role("row", name="Square/value")).to_contain_text("+16")
            assert await table.get_by_role("row").count() > 2
            await expect(table.get_by_role("columnheader")).to_have_text(["Output", "A", "B", "Difference", "n"])
            await expect(table.get_by_role("row").nth(1).get_by_role("cell")).to_have_count(5)
            await expect(page.locator("table.intervals")).to_have_count(1)


async def test_a_study_shows_its_best_trials(made: Cluster) -> None:
    """A run that looks for the best values of an output shows what it found, how far it is, and leads there."""
    with web_server(made) as server, made.client() as client:
        optimize = {"objective": "Ratio/value", "direction": "maximize", "sampler": "grid"}
        params = {"x": {"values": [6, 7]}, "y": {"values": [0, 2]}}
        study = {"workflow": "ratio", "name": "Best <b>", "params": params, "optimize": optimize}
        run = client.submit(study).run.id
        client.wait(run)
        async with browser_page(server) as page:
            await page.goto(server.page(f"/runs/{run}"))
            found = page.get_by_role("region", name="Best trial")
            await expect(found).to_contain_text(
                "maximize Ratio/value: 4 of 4 trials ended, 2 without a value", use_inner_text=True
            )
            row = found.get_by_role("row").nth(1)
            assert [await cell.inner_text() for cell in await row.get_by_role("cell").all()] == ["3", "3.5", "7", "2"]
            await row.get_by_role("link", name="3", exact=True).click()
            await expect(page.get_by_text("x=7 y=2").first).to_be_visible()
            await page.go_back()
            figure = page.locator("figure").filter(has_text="the best so far (maximize)")
            await expect(figure).to_contain_text("2 of 4 trials, 2 without value")
            await expect(figure.locator("path.without.failed").first).to_be_visible()
            await expect(figure.get_by_text("without a value", exact=True)).to_be_visible()
            await figure.get_by_role("button", name="Table").click()
            await expect(figure.get_by_role("row")).to_have_count(5)
            rows = [await row.inner_text() for row in await figure.get_by_role("row").all()]
            assert [row.split("\t") for row in rows[1:3]] == [
                ["0", "0", "failed", "", ""],
                ["1", "1", "complete", "3", "3"],
            ]
            await figure.get_by_role("button", name="Picture").click()
            await figure.get_by_role("link", name="trial 3: Ratio/value = 3.5, better than all before").click()
            await expect(page.get_by_text("x=7 y=2").first).to_be_visible()


async def test_storage_is_looked_at_and_freed(made: Cluster) -> None:
    """The storage page names what would be forgotten before it is, and settings are kept by the browser."""
    with web_server(made) as server:
        async with browser_page(server) as page:
            await page.get_by_role("link", name="Storage").click()
            await expect(page.get_by_role("row", name="Ratio")).to_contain_text("%")
            await page.get_by_role("button", name="Look what would be freed").click()
            await expect(page.get_by_text("would be freed.")).to_be_visible()
            await page.get_by_role("link", name="Settings").click()
            await page.get_by_label("dark").check()
            await page.get_by_label("compact").check()
            await page.reload()
            shown = await page.evaluate(
                "[document.documentElement.dataset.theme, document.documentElement.dataset.density]"
            )
            assert shown == ["dark", "compact"]


async def test_forecasts_are_those_of_the_command_line(made: Cluster) -> None:
    """Ranges of time read as `accio get workload` writes them, and what is queued has a place and an end."""
    seconds = [0, 0.4, 1, 49.6, 89.9, 90.1, 300, 599, 5399, 5401, 86_400, 172_700, 172_900, 3e6]
    pairs = [(low, high) for low in seconds for high in seconds if low <= high]
    with web_server(made) as server, made.client() as client:
        waiting = client.submit({"workflow": "gated", "name": "Waits", "params": {"label": "waits"}}).run.id
        async with browser_page(server) as page:
            said = await page.evaluate(RANGED, pairs)
            assert said == [ranged(low, high) for low, high in pairs]
            await expect(page.get_by_role("row", name="Waits")).to_contain_text("1 of 1")
            await expect(page.get_by_role("table", name="Nodes by operator")).to_contain_text("Gate")
        client.kill([waiting])


RANGED = """async (pairs) => {
    const base = document.querySelector('script[src]').src.replace('start.js', '');
    const { ranged } = await import(base + 'forecast.js');
    return pairs.map(([low, high]) => ranged(low, high));
}"""


@pytest.mark.parametrize(("dark", "width"), [(False, 1280), (True, 390)])
async def test_pages_fit(made: Cluster, dark: bool, width: int) -> None:
    """Every page has one title, fits its width in both themes, keeps nobody out (by axe), and its address is enough."""
    with made.client() as client:
        run = next(each.id for each in client.list_runs(limit=50).runs if each.name == "Ratios")
    paths = [
        "/", "/runs", "/runs?state=failed", "/runs?where=nothing", "/runs?where=workflow%3Dratio&sort=-took",
        f"/runs/{run}", f"/runs/{run}?tab=Pictures&kind=cdf",
        f"/runs/{run}?tab=Pictures&kind=heat", f"/runs/{run}?tab=Nodes",
        f"/runs/{run}?tab=Pictures&kind=parallel", f"/runs/{run}?tab=Failures", f"/runs/{run}?tab=Children",
        f"/runs/{run}?tab=History", f"/runs/{run}?tab=Definition", f"/runs/{run}?tab=Logs", f"/runs/{run}.1",
        f"/runs/{run}.1/Ratio", f"/runs/{run}.1?tab=Timeline",
        f"/runs/{run}?tab=Pictures&kind=scatter", "/pools", "/pools?pool=none&live=1",
        "/cluster", "/help", "/workflows", "/workflows/ratio", "/storage", "/usage", "/usage?by=owner&by=day&days=all",
        "/settings",
        "/compare", f"/compare?run={run}&run={run}.1", "/submit", "/submit?workflow=ratio", f"/submit?from={run}",
    ]  # fmt: skip
    with web_server(made) as server:
        async with browser_page(server, dark=dark, width=width) as page:
            for path in paths:
                await page.goto(server.page(path))
                await expect(page.get_by_role("heading", level=1)).to_have_count(1)
                await expect(page.locator(".loading")).to_have_count(0)
                await on_page(page, FITS, f"{path} within its width")
                assert await page.locator("[role=alert]").count() == 0, path
                found = (await Axe().run(page)).response["violations"]
                assert not found, (
                    path,
                    [(each["id"], [node["html"][:300] for node in each["nodes"]]) for each in found],
                )
