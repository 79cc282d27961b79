"""What is large enough to be read and hit: targets, letters, and pictures that stand beside each other; few words."""

import pytest
from playwright.async_api import expect

from tests.acceptance.processes import Cluster
from tests.acceptance.web import FITS, browser_page, on_page, ratio_cluster, web_server

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

made = pytest.fixture(scope="module")(ratio_cluster)


def ratios_of(made: Cluster) -> str:
    with made.client() as client:
        return next(each.id for each in client.list_runs(limit=50).runs if each.name == "Ratios")


@pytest.mark.parametrize("width", [1280, 390])
async def test_boxes_that_select_runs_are_large_enough(made: Cluster, width: int) -> None:
    """WCAG 2.2 asks for 24 by 24 pixels of what is hit with a pointer."""
    with web_server(made) as server:
        async with browser_page(server, width=width) as page:
            await page.goto(server.page("/runs"))
            box = await page.get_by_role("checkbox", name="Select Ratios").bounding_box()
    assert box is not None
    assert min(box["width"], box["height"]) >= 24


async def test_pictures_stand_in_pairs(made: Cluster) -> None:
    """Beside no picture of a sweep is a gap: where their number is odd, a distribution is added."""
    with web_server(made) as server:
        async with browser_page(server) as page:
            await page.goto(server.page(f"/runs/{ratios_of(made)}"))
            pictures = page.locator(".pictures > figure:not(.wide)")
            await expect(pictures.filter(has_text="Importance")).to_have_count(1)
            assert await pictures.count() % 2 == 0


@pytest.mark.parametrize("tab", ["Timeline", "Pictures&kind=parallel"])
async def test_letters_are_no_smaller_on_telephones(made: Cluster, tab: str) -> None:
    """A picture that is scrolled sideways is drawn at full size."""
    with web_server(made) as server:
        async with browser_page(server, width=390) as page:
            await page.goto(server.page(f"/runs/{ratios_of(made)}?tab={tab}"))
            await page.locator(".scroll > svg.chart").wait_for()
            scale = await page.evaluate(
                "(() => { const svg = document.querySelector('.scroll > svg.chart');"
                " return svg.getBoundingClientRect().width / svg.viewBox.baseVal.width; })()"
            )
    assert scale >= 0.99


async def test_words_of_forecasts_lines_and_trials(made: Cluster) -> None:
    """Nothing is "at most less than" something; a compared run is called what it is called; digits end."""
    with web_server(made) as server:
        async with browser_page(server) as page:
            found = await page.evaluate(WORDS)
    assert found == {
        "short": "less than 1 s of processor time",
        "long": "at most 2 to 5 min of processor time",
        "unknown": None,
        "run": "A Rates and layers",
        "axis": "epsilon=0.1",
        "child": "child: x=1 y=2",
    }


WORDS = """async () => {
    const base = document.querySelector('script[src]').src.replace('start.js', '');
    const { cpuTime } = await import(base + 'forecast.js');
    const { seriesName } = await import(base + 'pictures/lines.js');
    const { merged } = await import(base + 'pictures/overlay.js');
    const forecast = (low, high) => ({ low_s: low, cpu_low_s: low, cpu_high_s: high });
    const x = { name: 'x', values: [1], ticks: ['1'] };
    const picture = { x, y: { name: 'y' }, series: [{ name: '' }], series_name: 'x' };
    const both = merged([picture, picture], ['A Rates and layers', 'B']);
    return {
        short: cpuTime(forecast(0.1, 0.4)), long: cpuTime(forecast(120, 300)), unknown: cpuTime(forecast(null, null)),
        run: seriesName(both, both.series[0]), axis: seriesName({ series_name: 'epsilon' }, { name: '0.1' }),
        child: seriesName({ series_name: 'child' }, { name: 'x=1 y=2' }),
    };
}"""


async def test_four_times_as_large_nothing_is_cut_off(made: Cluster) -> None:
    """At 400 % a window of 1280 pixels has room for 320: pages get longer, not wider (WCAG 1.4.10)."""
    run = ratios_of(made)
    paths = ("", "?tab=Nodes", "?tab=Failures", "?tab=Children", "?tab=Pictures&kind=parallel", "/4/Ratio")
    with web_server(made) as server:
        async with browser_page(server, width=320) as page:
            for path in (
                *(f"/runs/{run}{each}".replace("/4/", ".4/") for each in paths),
                "/runs",
                "/submit",
                "/cluster",
            ):
                await page.goto(server.page(path))
                await page.locator("h1").wait_for()
                await on_page(page, "!document.querySelector('.loading')", f"all of {path}")
                assert await page.evaluate(FITS), path


async def test_targets_of_a_run_are_large_enough(made: Cluster) -> None:
    """Tags, the crosses that take them away, links of cells and facts: 24 pixels high, so that fingers hit them."""
    run = ratios_of(made)
    with made.client() as client:
        client.update(run, tags=["demo"])
    with web_server(made) as server:
        async with browser_page(server, width=390) as page:
            await page.goto(server.page(f"/runs/{run}?tab=Failures"))
            await page.locator("td a.row").first.wait_for()
            await page.get_by_role("button", name="Take away the tag demo").wait_for()
            low = await page.evaluate(
                "[...document.querySelectorAll('main :is(a[href], button, summary)')]"
                ".filter((each) => !each.closest('svg, p, li') && each.getBoundingClientRect().height < 24)"
                ".map((each) => each.textContent)"
            )
    assert low == []
