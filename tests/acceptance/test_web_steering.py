"""What is done to runs from a page: its consequence is told before, its outcome after, and nothing that isn't known."""

import pytest
from playwright.async_api import expect

from tests.acceptance.processes import Cluster, eventually
from tests.acceptance.web import browser_page, ratio_cluster, web_server

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]


made = pytest.fixture(scope="module")(ratio_cluster)


async def test_what_was_picked_is_steered(made: Cluster) -> None:
    """Of a mixed pick it is told how many are meant, and afterwards what became of them; a list doesn't know how many
    nodes run, and says so. Where all refuse, the pick stays.
    """
    with web_server(made) as server, made.client() as client:
        gate = client.submit({"workflow": "gated", "name": "Held", "params": {"label": "held"}}).run.id
        eventually(lambda: client.get_node(gate, "Gate").node.state == "running", what="Held to run")
        async with browser_page(server) as page:
            await page.goto(server.page("/runs"))
            dialog = page.get_by_role("dialog")
            actions = page.get_by_role("group", name="Actions")
            await page.get_by_role("button", name="Select all 2 shown").click()
            await actions.get_by_role("button", name="Kill").click()
            await expect(dialog.get_by_role("heading")).to_have_text("Kill 1 of 2 runs")
            await expect(dialog).to_contain_text("Stops 1 run that hasn't ended, with the nodes that run.")
            await dialog.get_by_role("button", name="Kill").click()
            await expect(actions.get_by_role("status")).to_have_text("✓ 1 killed, 1 had ended already")
            assert client.wait(gate).state == "killed"
            await page.get_by_role("button", name="Select all 2 shown").click()
            await actions.get_by_role("button", name="Retry").click()
            await expect(actions.get_by_role("status")).to_have_count(0)
            await page.get_by_text("With more memory, processors or time").click()
            await page.get_by_label("Memory").fill("900TiB")
            await dialog.get_by_role("button", name="Retry").click()
            await expect(dialog).to_contain_text("2 refused")
            await expect(dialog).not_to_contain_text("0 started again")
            await dialog.get_by_role("button", name="Close").click()
            await expect(page.get_by_text("2 selected")).to_be_visible()
            await actions.get_by_role("button", name="Tag").click()
            await dialog.get_by_label("Add, with commas between").fill("steered")
            await dialog.get_by_role("button", name="Tag").click()
            await expect(actions.get_by_role("status")).to_have_text("✓ 2 tagged")


async def test_what_was_refused_is_asked_for_in_another_way(made: Cluster) -> None:
    """A demand that is refused stays in the dialog, which speaks of its own fields, until one is accepted."""
    with web_server(made) as server, made.client() as client:
        run = client.submit({"workflow": "ratio", "name": "Zero", "params": {"x": 8, "y": 0}}).run.id
        assert client.wait(run).state == "failed"
        async with browser_page(server) as page:
            await page.goto(server.page(f"/runs/{run}"))
            dialog, actions = page.get_by_role("dialog"), page.get_by_role("group", name="Actions")
            await actions.get_by_role("button", name="Retry").click()
            await dialog.get_by_text("With more memory, processors or time").click()
            memory, refusals = dialog.get_by_label("Memory"), dialog.get_by_role("listitem")
            await memory.fill("2x")
            await dialog.get_by_role("button", name="Retry").click()
            await expect(refusals).to_contain_text("give a size, such as 8GiB")
            await expect(memory).to_have_value("2x")
            await memory.fill("900TiB")
            await dialog.get_by_role("button", name="Try again").click()
            await expect(refusals).to_contain_text("or force it, if one will come")
            await expect(dialog.locator(".command")).to_have_text(f"accio retry {run} -memory=900TiB")
            await dialog.get_by_label("Force it").check()
            await dialog.get_by_role("button", name="Try again").click()
            await expect(actions.get_by_role("status")).to_have_text("✓ 1 started again")
            await expect(dialog).to_have_count(0)
        client.kill([run])


async def test_what_was_refused_is_forgotten_with_the_edit(made: Cluster) -> None:
    """A name that is too long is refused where it was typed; Esc takes both away."""
    with web_server(made) as server, made.client() as client:
        run = client.submit({"workflow": "ratio", "name": "Short", "params": {"x": 5, "y": 1}}).run.id
        client.wait(run)
        async with browser_page(server, expected=("400",)) as page:
            await page.goto(server.page(f"/runs/{run}"))
            await page.get_by_role("button", name="Edit the name").click()
            name = page.get_by_role("textbox", name="Name")
            await name.fill("x" * 3000)
            await name.press("Enter")
            await expect(page.get_by_role("alert")).to_contain_text("found 3000 bytes")
            await name.press("Escape")
            await expect(name).to_have_count(0)
            await expect(page.get_by_role("alert")).to_have_count(0)
