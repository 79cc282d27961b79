"""What pictures look like in a real browser: the colours of their regions, in the light and in the dark theme.

Places come from the page or from the geometry that the picture has in its own units, as shares of its size; texts,
whose fonts differ from machine to machine, are no part of any of them.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread
from numpy.typing import NDArray
from playwright.async_api import Locator, Page, expect

from tests.acceptance.processes import Cluster
from tests.acceptance.sweeps import RATIO_AND_SQUARE, RATIOS
from tests.acceptance.web import WebServer, browser_page, on_page, ratios, web_server

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

Box = tuple[float, float, float, float]
"""Left, top, right and bottom, as shares of a picture's size."""
WHOLE: Box = (0, 0, 1, 1)
NEAR = 16
"""How far a channel may be from what is expected: of 255."""
LOWEST, HIGHEST = "#00224e", "#fee838"
"""The ends of the scale of maps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """Colours of the style sheet."""

    surface: str
    sunken: str
    success: str
    failed: str
    first: str  # of series
    second: str


THEMES = {
    False: Theme(
        surface="#ffffff", sunken="#f3f5f8", success="#0b7a4b", failed="#c02600", first="#0a5fd0", second="#b34700"
    ),
    True: Theme(
        surface="#12171e", sunken="#1b222c", success="#4cc38a", failed="#ff8a70", first="#82b6ff", second="#ff9f5a"
    ),
}
both_themes = pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])


@dataclass(frozen=True, slots=True)
class Pixels:
    """What a browser has drawn."""

    array: NDArray[Any]

    def part(self, box: Box) -> NDArray[Any]:
        height, width, _ = self.array.shape
        left, top, right, bottom = box
        found = self.array[int(top * height) : int(bottom * height), int(left * width) : int(right * width)]
        assert found.size, (box, self.array.shape)
        return found

    def near(self, colour: str, box: Box = WHOLE) -> NDArray[Any]:
        """Return which pixels have about a colour."""
        wanted = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
        found: NDArray[Any] = np.abs(self.part(box) - wanted).max(axis=2) <= NEAR
        return found

    def share(self, colour: str, box: Box = WHOLE) -> float:
        """Return which share of the pixels has about a colour."""
        return float(self.near(colour, box).mean())

    def row(self, colour: str, box: Box) -> float:
        """Return how far down a colour lies, on the average."""
        rows, _ = np.nonzero(self.near(colour, box))
        assert rows.size, (colour, box)
        return float(rows.mean())


async def pixels_of(drawn: Locator) -> Pixels:
    image = await asyncio.to_thread(imread, BytesIO(await drawn.screenshot()), format="png")
    return Pixels(np.rint(image[:, :, :3] * 255).astype(int))


def mixed(colour: str, under: str, opacity: float) -> str:
    """Return the colour of something that lets what is under it shine through."""
    pairs = [(int(colour[at : at + 2], 16), int(under[at : at + 2], 16)) for at in (1, 3, 5)]
    return "#" + "".join(f"{round(above * opacity + below * (1 - opacity)):02x}" for above, below in pairs)


async def places(drawn: Locator, of: str) -> list[tuple[float, float]]:
    """Return the middle of each part of a picture that a selector names."""
    found: list[list[float]] = await drawn.evaluate(
        """(svg, of) => {
            const all = svg.getBoundingClientRect();
            return [...svg.querySelectorAll(of)].map((each) => {
                const box = each.getBoundingClientRect();
                return [(box.x + box.width / 2 - all.x) / all.width, (box.y + box.height / 2 - all.y) / all.height];
            });
        }""",
        of,
    )
    return [(x, y) for x, y in found]


def around(place: tuple[float, float], pixels: Pixels, reach: int = 2) -> Box:
    """Return a few pixels about a place."""
    height, width, _ = pixels.array.shape
    x, y = place
    return (x - reach / width, y - reach / height, x + (reach + 1) / width, y + (reach + 1) / height)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster with two sweeps that have ended, each with three failures, at y=0, among twelve children."""
    with ratios(tmp_path_factory.mktemp("pixels")) as running:
        with running.client() as client:
            client.push(RATIO_AND_SQUARE)
            client.wait(client.submit({**RATIOS, "workflow": "both", "name": "Both"}).run.id)
        yield running


def named(made: Cluster, name: str) -> str:
    with made.client() as client:
        return next(each.id for each in client.list_runs(limit=50).runs if each.name == name)


async def drawn(page: Page, server: WebServer, run: str, asked: str) -> Pixels:
    """Open one of a sweep's pictures."""
    await page.goto(server.page(f"/runs/{run}?tab=Pictures&{asked}"))
    canvas = page.locator("figure canvas")
    await expect(canvas).to_be_visible()
    await on_page(page, "document.querySelector('figure canvas')?.width >= 640", "a drawn map")  # 300 before
    return await pixels_of(canvas)


def cell(column: int, row: int) -> Box:
    """Return the inner part of a cell of a map with four columns and three rows, from the left and from the top."""
    width, height, wide, high = 640, 310, 134, 260 / 3
    left, top = 96 + column * wide, 6 + row * high
    return ((left + 16) / width, (top + 12) / height, (left + wide - 16) / width, (top + high - 12) / height)


@both_themes
async def test_maps(made: Cluster, dark: bool) -> None:
    """Cells have the colour of their state, of their mean from the lowest to the highest, or of their share of
    failures; those without a value are hatched.
    """
    theme, run = THEMES[dark], named(made, "Both")
    with web_server(made) as server:
        async with browser_page(server, dark=dark) as page:
            states = await drawn(page, server, run, "kind=states&x=y&by=x")
            heat = await drawn(page, server, run, "kind=heat&y=Ratio%2Fvalue&x=y&by=x")
            failures = await drawn(page, server, run, "kind=failures&x=y&by=x")
    for row in range(3):
        assert states.share(theme.failed, cell(0, row)) > 0.85
        assert failures.share(HIGHEST, cell(0, row)) > 0.85
        assert 0.4 < heat.share(theme.sunken, cell(0, row)) < 0.97, "a hatched cell"
        for column in (1, 2, 3):
            assert states.share(theme.success, cell(column, row)) > 0.85
            assert failures.share(LOWEST, cell(column, row)) > 0.85
    assert heat.share(HIGHEST, cell(1, 0)) > 0.85, "3/1 is the largest"
    assert heat.share(LOWEST, cell(3, 2)) > 0.85, "1/4 is the smallest"
    assert heat.share(LOWEST, cell(1, 0)) == heat.share(HIGHEST, cell(3, 2)) == 0


async def chart(page: Page, server: WebServer, run: str, asked: str) -> tuple[Locator, Pixels]:
    """Open one of a sweep's pictures that is drawn as SVG."""
    await page.goto(server.page(f"/runs/{run}?tab=Pictures&{asked}"))
    svg = page.locator("figure svg.chart")
    await expect(svg).to_be_visible()
    return svg, await pixels_of(svg)


@both_themes
async def test_lines_and_points(made: Cluster, dark: bool) -> None:
    """Lines and points have the colours of their series, and go where the numbers go; children that no other one beats
    have a colour of their own; lines of parallel coordinates go from the first axis to the last.
    """
    theme, run = THEMES[dark], named(made, "Both")
    left, right = (0.12, 0, 0.35, 0.85), (0.7, 0, 0.97, 0.85)
    with web_server(made) as server:
        async with browser_page(server, dark=dark) as page:
            svg, line = await chart(page, server, run, "kind=line&y=Ratio%2Fvalue&x=y")
            marks = await places(svg, ".mark circle")
            assert len(marks) == 3
            assert all(line.share(theme.first, around(each, line)) > 0.8 for each in marks)
            assert line.row(theme.first, left) < line.row(theme.first, right), "the mean falls as y grows"
            _, cdf = await chart(page, server, run, "kind=cdf&y=Ratio%2Fvalue")
            assert cdf.row(theme.first, left) > cdf.row(theme.first, right), "what is cumulated rises"
            _, pdf = await chart(page, server, run, "kind=pdf&y=Ratio%2Fvalue")
            assert 0.0003 < pdf.share(theme.first, (0.11, 0, 1, 0.86)) < 0.3
            assert pdf.share(theme.first, (0, 0.9, 1, 1)) == 0, "nothing is drawn under the axis"
            svg, scatter = await chart(page, server, run, "kind=scatter&x=Ratio%2Fvalue&y=Square%2Fvalue")
            best, others = await places(svg, "circle.best"), await places(svg, "circle.dot")
            assert len(best) + len(others) == 9
            assert best
            assert all(scatter.share(theme.second, around(each, scatter)) > 0.8 for each in best)
            through = mixed(theme.first, theme.surface, 0.55)
            assert all(scatter.share(through, around(each, scatter, 1)) > 0.3 for each in others)
            svg, parallel = await chart(page, server, run, "kind=parallel&y=Ratio%2Fvalue")
            axes = [x for x, _ in await places(svg, "line.axis")]
            assert len(axes) == 3
            for one, other in ((axes[0], axes[1]), (axes[1], axes[2])):
                between = (one + 0.02, 0.15, other - 0.09, 0.9)  # ticks stand before an axis
                assert parallel.share(theme.surface, between) < 0.995
            assert parallel.share(theme.surface, (axes[2] + 0.02, 0.15, 1, 0.9)) > 0.999


@both_themes
async def test_bars_nodes_and_times(made: Cluster, dark: bool) -> None:
    """Bars are as long as their shares: of importance, of states over children, and of time; colours tell operators."""
    theme, both, alone = THEMES[dark], named(made, "Both"), named(made, "Ratios")
    with web_server(made) as server:
        async with browser_page(server, dark=dark) as page:
            await page.goto(server.page(f"/runs/{both}?tab=Pictures&kind=importance&y=Ratio%2Fvalue"))
            for name in ("x", "y"):
                row = page.locator("table.bars tr", has=page.get_by_role("rowheader", name=name, exact=True))
                share = float((await row.locator("td.n").inner_text()).removesuffix(" %")) / 100
                bar = await pixels_of(row.locator(".bar"))
                assert bar.share(theme.first, (0, 0.4, 1, 0.6)) == pytest.approx(share, abs=0.05)
            await page.goto(server.page(f"/runs/{both}?tab=Nodes"))
            states = page.locator(".graph .states")
            await expect(states).to_have_count(2)
            ratio, square = await pixels_of(states.first), await pixels_of(states.last)
            middle = (0.02, 0.4, 0.98, 0.6)
            assert ratio.share(theme.success, middle) == pytest.approx(0.75, abs=0.05)
            assert ratio.share(theme.failed, middle) == pytest.approx(0.25, abs=0.05)
            assert square.share(theme.success, middle) > 0.95
            for child, colour in ((0, theme.failed), (5, theme.first)):
                await page.goto(server.page(f"/runs/{alone}.{child}?tab=Timeline"))
                bars = page.locator(".timeline rect.bar-of")
                await expect(bars).to_have_count(1)
                assert (await pixels_of(bars)).share(colour) > 0.2, "it may be a hair, or have a name in it"
