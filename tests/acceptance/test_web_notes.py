"""Notes on pages: paragraphs, lists, code and web addresses, and no other markup."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import expect

from tests.acceptance.processes import Cluster
from tests.acceptance.web import FITS, PATIENCE_S, browser_page, on_page, ratios, web_server

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]
expect.set_options(timeout=PATIENCE_S * 1000)

NOTES = """Compares `Ratio` at two levels,
as <b>in</b> (https://example.org/paper_(2024)).

- first, see http://example.org/a?b=1&c.
- second
  goes on
3. step

```
x = 1
  y = <2>
```
javascript:alert(1) https://"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster with a sweep that has ended."""
    with ratios(tmp_path_factory.mktemp("notes")) as running:
        yield running


@pytest.mark.parametrize(("dark", "width"), [(False, 1280), (True, 390)])
async def test_notes_have_paragraphs_lists_code_and_addresses(made: Cluster, *, dark: bool, width: int) -> None:
    """Each is an element of its own, whatever else looks like markup is text, and what is edited is what was typed."""
    with web_server(made) as server, made.client() as client:
        run = next(each.id for each in client.list_runs(limit=50).runs if each.name == "Ratios")
        client.update(run, notes=NOTES)
        async with browser_page(server, dark=dark, width=width) as page:
            await page.goto(server.page(f"/runs/{run}"))
            notes = page.locator(".notes")
            await expect(notes.locator("p")).to_have_count(2)
            await expect(notes.locator("p").first).to_contain_text("as <b>in</b> (https://example.org/paper_(2024)).")
            assert await notes.locator("p code").all_inner_texts() == ["Ratio"]
            assert await notes.locator("a").evaluate_all("links => links.map((each) => each.getAttribute('href'))") == [
                "https://example.org/paper_(2024)",
                "http://example.org/a?b=1&c",
            ]
            assert await notes.locator("ul > li").all_inner_texts() == [
                "first, see http://example.org/a?b=1&c.",
                "second\ngoes on",
            ]
            await expect(notes.locator("ol")).to_have_attribute("start", "3")
            await expect(notes.locator("pre")).to_have_text("x = 1\n  y = <2>", use_inner_text=True)
            await on_page(page, FITS, "a page as wide as its window")
            assert (await Axe().run(page)).response["violations"] == []
            await page.get_by_role("button", name="Edit the notes").click()
            await expect(page.get_by_role("textbox", name="Notes")).to_have_value(NOTES)


async def test_long_notes_stay_small(made: Cluster) -> None:
    """Notes of very many lines are one text: a page's elements don't grow with them. Code that never ends is none."""
    with web_server(made) as server:
        async with browser_page(server) as page:
            found = await page.evaluate(BLOCKS)
    assert found == [["text"], ["text", "list"], []]


BLOCKS = """async () => {
    const base = document.querySelector('script[src]').src.replace('start.js', '');
    const { blocksOf } = await import(base + 'notes.js');
    return ['- a\\n'.repeat(501), '```\\nopen\\n- a', '\\n \\n'].map((text) => blocksOf(text).map((each) => each.kind));
}"""
