"""By keyboard and by ear: the focus comes back to where it was, all bars are one stop, nothing is said unasked."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.async_api import Page, expect

from accio_client.clock import now
from tests.acceptance.processes import Cluster
from tests.acceptance.web import browser_page, ratios, web_server

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster with a sweep that has ended, three of whose twelve children failed."""
    with ratios(tmp_path_factory.mktemp("keys")) as made:
        yield made


def sweep(made: Cluster) -> str:
    """The id of the sweep."""
    with made.client() as client:
        return next(each.id for each in client.list_runs(limit=50).runs if each.name.startswith("Ratios"))


@pytest.mark.parametrize(
    ("opener", "field", "keys", "text"),
    [
        ("Edit the name", "Name", "Enter", "Ratios again"),
        ("Edit the name", "Name", "Escape", "lost"),
        ("Edit the notes", "Notes", "Control+Enter", "seen"),
        ("+ Tag", "New tags, with commas between", "Enter", "paper"),
        ("+ Tag", "New tags, with commas between", "Escape", "lost"),
    ],
)
async def test_the_focus_comes_back_from_what_is_edited(
    made: Cluster, opener: str, field: str, keys: str, text: str
) -> None:
    """Whoever has edited by keyboard goes on from the button that opened the field, kept or not."""
    with web_server(made) as server:
        async with browser_page(server) as page:
            await page.goto(server.page(f"/runs/{sweep(made)}"))
            button = page.get_by_role("button", name=opener)
            await button.focus()
            await page.keyboard.press("Enter")
            await expect(page.get_by_role("textbox", name=field)).to_be_focused()
            await page.keyboard.type(text)
            await page.keyboard.press(keys)
            await expect(button).to_be_focused()


async def test_whoever_goes_elsewhere_stays_there(made: Cluster) -> None:
    """A field that is left for another place keeps what was typed, and doesn't take the focus back."""
    with web_server(made) as server:
        async with browser_page(server) as page:
            await page.goto(server.page(f"/runs/{sweep(made)}"))
            await page.get_by_role("button", name="+ Tag").click()
            await page.keyboard.type("elsewhere")
            elsewhere = page.get_by_role("link", name="Pictures", exact=True)
            await elsewhere.focus()
            await expect(page.get_by_role("link", name="elsewhere", exact=True)).to_be_visible()
            await expect(elsewhere).to_be_focused()


async def test_a_timeline_is_one_stop_and_its_bars_are_reached_by_keys(made: Cluster) -> None:
    """Who tabs along meets all bars once; n and p go from one to the next, Enter opens it, Esc goes back to all."""
    with web_server(made) as server:
        async with browser_page(server) as page:
            await page.goto(server.page("/cluster"))
            lanes = page.get_by_role("region", name="What ran when, and where: +")
            bars = lanes.get_by_role("link")
            await expect(bars.nth(1)).to_be_visible()
            await lanes.focus()
            await page.keyboard.press("Tab")
            await expect(page.get_by_role("button", name="SVG")).to_be_focused()
            await lanes.focus()
            for key, at in (("n", 0), ("n", 1), ("p", 0), ("p", 0)):
                await page.keyboard.press(key)
                await expect(bars.nth(at)).to_be_focused()
            await page.keyboard.press("Escape")
            await expect(lanes).to_be_focused()
            await page.keyboard.press("n")
            await page.keyboard.press("Enter")
            await expect(page.get_by_role("heading", name="Ratio", level=1)).to_be_visible()


async def test_a_map_says_the_cell_that_is_read_and_not_its_legend(made: Cluster) -> None:
    """What is told aloud is empty until somebody reads a cell."""
    with web_server(made) as server:
        async with browser_page(server) as page:
            await page.goto(server.page(f"/runs/{sweep(made)}"))
            cells = page.get_by_role("img", name="Mean of Ratio/value by")
            said = page.locator("figure.picture").filter(has=cells).locator("[aria-live]")
            await cells.focus()
            await expect(said).to_have_text("")
            await page.keyboard.press("ArrowRight")
            await expect(said).to_contain_text("y=")


async def _shifted(page: Page, hours: int) -> None:
    """Set the clock of the browser wrong."""
    await page.add_init_script(f"const real = Date.now; Date.now = () => real() + {hours * 3_600_000};")


@pytest.mark.parametrize("hours", [-5, 5])
async def test_a_wrong_clock_of_the_browser_is_made_up_for(made: Cluster, hours: int) -> None:
    """How long ago something was is told by the clock of the server."""
    with web_server(made) as server:
        async with browser_page(server) as page:
            await _shifted(page, hours)
            await page.goto(server.page("/runs"))
            ended = page.get_by_role("row").filter(has_text="Ratios").locator("time")
            await expect(ended).to_have_text(re.compile(r"^(just now|[\d.]+ (s|min) ago)$"))


async def test_windows_are_told_to_the_minute(made: Cluster) -> None:
    """An agent's window stands on the Cluster page with its name; the exact times are titles."""
    begins = now() + timedelta(days=2)
    with made.client() as client:
        client.add_window("patch day", begins_at=begins, ends_at=begins + timedelta(hours=1))
    with web_server(made) as server:
        async with browser_page(server) as page:
            await page.goto(server.page("/cluster"))
            row = page.get_by_role("row").filter(has_text="patch day")
            times = row.locator("time[datetime]")
            await expect(times.first).to_have_text(f"{begins.astimezone():%Y-%m-%d %H:%M}")
