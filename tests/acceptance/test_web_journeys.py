"""Ways through the web interface beside those of test_web_browser: a child, a node, agents, storage, keys."""

import asyncio

import pytest
from playwright.async_api import Route, expect

from accio.domain.states import NodeState, RunState
from tests.acceptance.processes import Cluster, eventually
from tests.acceptance.sweeps import SQUARE
from tests.acceptance.web import browser_page, on_page, ratio_cluster, web_server

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]


made = pytest.fixture(scope="module")(ratio_cluster)


def ratios_of(made: Cluster) -> str:
    with made.client() as client:
        return next(each.id for each in client.list_runs(limit=50).runs if each.name == "Ratios")


async def test_keys_wait_for_the_children_beside_one(made: Cluster) -> None:
    """What is pressed before they are known leads on when they are, one child for each key; nobody is moved later."""
    run = ratios_of(made)
    with web_server(made) as server:
        async with browser_page(server) as page:
            answered = asyncio.Event()

            async def hold(route: Route) -> None:
                await answered.wait()
                await route.continue_()

            await page.route("**/neighbours", hold)
            await page.goto(server.page(f"/runs/{run}.4"))
            where = page.get_by_role("navigation", name="Where this is")
            await expect(where).to_contain_text("child 4: x=2 y=0")
            for key in "]][":
                await page.keyboard.press(key)
            answered.set()
            await expect(where).to_contain_text("child 5: x=2 y=1")
            await page.wait_for_url(f"**/runs/{run}.5")
            answered.clear()
            await page.goto(server.page(f"/runs/{run}.6"))
            await page.keyboard.press("]")
            await where.get_by_role("link", name="The sweep").click()
            answered.set()
            await expect(page.get_by_role("heading", name="Ratios", level=1)).to_be_visible()
            await page.go_back()
            await expect(where.get_by_role("link", name="Next child")).to_be_visible()
            await expect(where).to_contain_text("child 6: x=2 y=2")


async def test_a_node_says_whose_execution_it_shares(made: Cluster) -> None:
    """While it runs: on its page, in the table of its run, by `describe node` and by `why`."""
    with web_server(made) as server, made.client() as client:
        first, second = (client.submit({"workflow": "gated", "params": {"label": "shared"}}).run.id for _ in range(2))
        try:
            eventually(lambda: client.get_node(first, "Gate").node.state == "running", what="the first one to run")
            assert client.get_node(first, "Gate").node.shares == ""
            assert client.get_node(second, "Gate").node.shares == f"{first}/Gate"
            (why,) = client.why(second)
            assert f"{first}/Gate" in why.reason
            async with browser_page(server) as page:
                await page.goto(server.page(f"/runs/{second}"))
                await expect(page.get_by_role("row", name="Gate")).to_contain_text(f"shares {first}/Gate")
                await page.goto(server.page(f"/runs/{second}/Gate"))
                shared = page.get_by_role("region", name="Shared")
                await shared.get_by_role("link", name=f"{first}/Gate").click()
                await page.wait_for_url(f"**/runs/{first}/Gate")
        finally:
            made.open_gate("shared")
        assert [client.wait(run).state for run in (first, second)] == [RunState.SUCCESS] * 2


async def test_a_child_and_its_neighbours(made: Cluster) -> None:
    """A child says which it is, by its values and its seed, and leads to the ones beside it and to its sweep."""
    run = ratios_of(made)
    with web_server(made) as server, made.client() as client:
        seed = client.get_run(f"{run}.5").run.seed
        async with browser_page(server) as page:
            await page.goto(server.page(f"/runs/{run}.4"))
            where = page.get_by_role("navigation", name="Where this is")
            await expect(where).to_contain_text("child 4: x=2 y=0")
            await where.get_by_role("link", name="Next child").click()
            await expect(where).to_contain_text("child 5: x=2 y=1")
            await expect(page.get_by_role("definition").filter(has_text=str(seed)).first).to_be_visible()
            nodes = page.get_by_role("table", name="Nodes")
            await expect(nodes.get_by_role("row", name="Ratio")).to_contain_text("success")
            results = page.get_by_role("table", name="Results")
            await expect(results.get_by_role("row", name="Ratio/value")).to_contain_text("2")
            await where.get_by_role("link", name="Previous child").click()
            await expect(page.get_by_role("row", name="Ratio")).to_contain_text("ZeroDivisionError")
            await expect(results).to_have_count(0)
            along = page.get_by_role("navigation", name="Along each parameter")
            await expect(along).to_contain_text("← 1 x=2 3 →")
            await along.get_by_role("link", name="3 →").click()
            await expect(where).to_contain_text("child 8: x=3 y=0")
            await expect(along).to_contain_text("← 2 x=3")  # what the key goes along is there
            await page.keyboard.press("[")
            await expect(where).to_contain_text("child 4: x=2 y=0")
            await page.goto(server.page(f"/runs/{run}.11"))
            await expect(where).to_contain_text("child 11: x=3 y=4")
            await expect(where.get_by_role("link", name="Previous child")).to_be_visible()
            await expect(where.get_by_role("link", name="Next child")).to_have_count(0)
            await page.keyboard.press("[")
            await expect(where).to_contain_text("child 10: x=3 y=2")
            await where.get_by_role("link", name="The sweep").click()
            await expect(page.get_by_role("heading", name="Ratios", level=1)).to_be_visible()


async def test_a_node_says_why_and_what_it_printed(made: Cluster) -> None:
    """A node says why it was executed, or whose result it has; its log is searched, and is a file."""
    run = ratios_of(made)
    with web_server(made) as server, made.client() as client:
        again = client.submit({"workflow": "ratio", "params": {"x": 2, "y": 1}}).run.id
        client.wait(again)
        async with browser_page(server) as page:
            await page.goto(server.page(f"/runs/{run}.5/Ratio"))
            why = page.get_by_role("region", name="Why", exact=True)
            await expect(why).to_contain_text("It was executed")
            await expect(
                page.get_by_role("table", name="Outputs").get_by_role("row", name="value double")
            ).to_contain_text("2")
            reproduce = page.get_by_role("region", name="Reproduce")
            await expect(reproduce).to_contain_text(f"accio submit -from={run}.5 -wait --no-cache")
            search, log = page.get_by_role("searchbox", name="Search"), page.get_by_role("log")
            await search.fill("DIVIDING")
            await expect(page.get_by_text("1 of 1 line")).to_be_visible()
            await expect(log).to_contain_text("dividing 2 by 1")
            await search.fill("multiplying")
            await expect(page.get_by_text("0 of 1 line")).to_be_visible()
            await expect(log).not_to_contain_text("dividing")
            async with page.expect_download() as started:
                await page.get_by_role("link", name="Download all").click()
            assert (await (await started.value).path()).read_text() == "dividing 2 by 1\n"
            await page.goto(server.page(f"/runs/{again}/Ratio"))
            await expect(why).to_contain_text("It was taken from an earlier execution")
            await expect(why).to_contain_text(f"From {run}.5")


async def test_an_agent_is_drained_and_forgotten(made: Cluster) -> None:
    """An agent is drained after its consequence was said, taken back, and forgotten once it is gone."""
    agent = made.start_agent("second")
    made.agents_are("a1", "second")
    with web_server(made) as server, made.client() as client:
        async with browser_page(server) as page:
            await page.goto(server.page("/cluster"))
            row = page.get_by_role("table", name="Agents").get_by_role("row", name="second")
            for label, consequence, state in (
                ("Drain", "second gets no further nodes", "draining"),
                ("Undo drain", "second gets nodes again", "connected"),
            ):
                await row.get_by_role("button", name=label).click()
                dialog = page.get_by_role("dialog")
                await expect(dialog).to_contain_text(consequence)
                await dialog.get_by_role("button", name=label, exact=True).click()
                await expect(row).to_contain_text(state)
            agent.kill()
            agent.ended()
            await row.get_by_role("button", name="Remove").click()
            await expect(page.get_by_role("dialog")).to_contain_text("accio agent remove second")
            await page.get_by_role("dialog").get_by_role("button", name="Remove", exact=True).click()
            await expect(row).to_have_count(0)
        assert [each.name for each in client.list_agents()] == ["a1"]


async def test_results_are_invalidated(made: Cluster) -> None:
    """The results of an operator are forgotten after its consequence was said: the next node of it is executed."""
    with web_server(made) as server, made.client() as client:
        client.push(SQUARE)
        first = client.submit({"workflow": "square", "params": {"x": 12}}).run.id
        client.wait(first)
        async with browser_page(server) as page:
            await page.goto(server.page("/storage"))
            row = page.get_by_role("row", name="Square")
            await row.get_by_role("button", name="Invalidate").click()
            await expect(page.get_by_role("dialog")).to_contain_text("the next nodes of it are executed")
            await page.get_by_role("dialog").get_by_role("button", name="Invalidate", exact=True).click()
            await expect(row.get_by_role("button", name="Invalidate")).to_be_disabled()
        second = client.submit({"workflow": "square", "params": {"x": 12}}).run.id
        client.wait(second)
        assert not client.get_run(second).nodes[0].cached


async def test_a_cap_is_set(made: Cluster) -> None:
    """What everybody may have at a time is set after its consequence was said; what is no number is refused there."""
    with web_server(made) as server, made.client() as client:
        async with browser_page(server, expected=("400 (Bad Request)",)) as page:
            await page.goto(server.page("/usage"))
            await expect(page.get_by_role("table", name="What was used").get_by_role("row").nth(1)).to_be_visible()
            await page.get_by_role("button", name="Set the cap of everybody").click()
            dialog = page.get_by_role("dialog")
            await expect(dialog).to_contain_text("no more begins until there is less of it than the cap allows")
            await dialog.get_by_label("Processors").fill("some")
            await dialog.get_by_role("button", name="Set the cap").click()
            await expect(dialog.get_by_role("alert")).to_contain_text('found "some"')
            await dialog.get_by_label("Processors").fill("2")
            await expect(dialog).to_contain_text("accio cap everybody -cpus=2")
            await dialog.get_by_role("button", name="Set the cap").click()
            await expect(page.get_by_text("Who has no cap of their own may have 2 processors")).to_be_visible()
            assert str(client.list_owners().everybody) == "2 CPUs"
            await page.get_by_role("button", name="Set the cap of everybody").click()
            await dialog.get_by_label("Processors").fill("")
            await dialog.get_by_role("button", name="Take the cap away").click()
            await expect(page.get_by_text("may have any number of nodes")).to_be_visible()
            assert client.list_owners().everybody is None


async def test_by_keys_alone(made: Cluster) -> None:
    """A run is found, selected, opened and looked at without a mouse; single keys can be switched off."""
    with web_server(made) as server:
        async with browser_page(server) as page:
            keys = page.keyboard
            await keys.press("g")
            await keys.press("r")
            await expect(page.get_by_role("heading", name="Runs", level=1)).to_be_visible()
            box = page.get_by_label("Only runs where")
            await expect(box).to_be_visible()
            await keys.press("/")
            await expect(box).to_be_focused()
            await keys.type("name~ratios")
            await keys.press("Enter")
            await expect(page.get_by_role("table", name="Runs").get_by_role("row")).to_have_count(2)
            await keys.press("Escape")  # what is offered is closed
            await keys.press("Tab")
            await expect(box).not_to_be_focused()
            await keys.press("j")
            await expect(page.get_by_role("link", name="Ratios")).to_be_focused()
            await keys.press("x")
            await expect(page.get_by_label("Select Ratios")).to_be_checked()
            await keys.press("Enter")
            await expect(page.get_by_role("heading", name="Ratios", level=1)).to_be_visible()
            await keys.press("e")
            name = page.get_by_role("textbox", name="Name")
            await expect(name).to_be_focused()
            await keys.press("Escape")
            await expect(name).to_be_hidden()
            await keys.press("?")
            await expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
            await keys.press("Escape")
            await expect(page.get_by_role("dialog")).to_be_hidden()
            await page.goto(server.page("/settings"))
            single = page.get_by_label("Single keys do something")
            for on, place in ((False, "/settings"), (True, "/cluster")):
                await single.set_checked(on)
                await page.evaluate("document.activeElement.blur()")
                await keys.press("g")
                await keys.press("c")
                await on_page(page, f"location.pathname === '{place}'", "keys that do something, or nothing")


async def test_the_help_tells_what_each_state_means(made: Cluster) -> None:
    """No state of runs or nodes is without its meaning."""
    with web_server(made) as server:
        async with browser_page(server) as page:
            await page.goto(server.page("/help"))
            states = page.get_by_role("region", name="States").get_by_role("row")
            await expect(states.first).to_be_visible()
            told = dict([await row.get_by_role("cell").all_inner_texts() for row in (await states.all())[1:]])
            assert {each.split()[-1] for each, meaning in told.items() if meaning} == {*RunState, *NodeState}


async def test_on_a_phone_what_is_open_is_in_sight(made: Cluster) -> None:
    """Where the rows of places and parts are wider than the screen, they are scrolled to the one that is open."""
    run = ratios_of(made)
    with web_server(made) as server:
        async with browser_page(server, width=390) as page:
            for path, place, part in ((f"/runs/{run}?tab=Definition", "Runs", "Definition"), ("/help", "Help", None)):
                await page.goto(server.page(path))
                places = page.get_by_role("navigation", name="Pages")
                await expect(places.get_by_role("link", name=place)).to_be_in_viewport(ratio=0.9)
                if part is not None:
                    parts = page.get_by_role("navigation", name="Parts of this page")
                    await expect(parts.get_by_role("link", name=part)).to_be_in_viewport(ratio=0.9)
                    assert await page.evaluate("scrollX + scrollY") == 0


async def test_on_a_phone_no_name_stands_before_nothing(made: Cluster) -> None:
    """Where rows are cards, a cell that is empty is left out with its name; what there is stays."""
    run = ratios_of(made)
    with web_server(made) as server:
        async with browser_page(server, width=390) as page:
            await page.goto(server.page(f"/runs/{run}?tab=History"))
            first = page.get_by_role("table").locator("tbody tr").first
            await expect(first).to_contain_text("submitted")
            await expect(first.locator("[data-name=Node]")).to_be_hidden()
            await expect(first.locator("[data-name=When]")).to_be_visible()
            failed = page.get_by_role("table").locator("tbody tr", has_text="division by zero").first
            await expect(failed.locator("[data-name=Node]")).to_be_visible()
