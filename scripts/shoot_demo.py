"""Make screenshots of a sweep's page: `python scripts/shoot_demo.py ORIGIN RUN FOLDER`, the token in ACCIO_TOKEN.

Where Chromium isn't installed (scripts/setup-system brings it), it says so and takes none; with
ACCIO_REQUIRE_BROWSER=1 that is a failure.
"""

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PARTS = {"overview": "", "picture": "?tab=Pictures&kind=line", "children": "?tab=Children"}


def main(origin: str, run: str, folder: str) -> int:
    """Save pictures of each part of the page, in both themes; return 1 where a browser is missing and required."""
    chromium = next((found for name in ("chromium", "chromium-browser") if (found := shutil.which(name))), None)
    if chromium is None:
        print("no screenshots: there is no Chromium here (scripts/setup-system installs it)", file=sys.stderr)
        return 1 if os.environ.get("ACCIO_REQUIRE_BROWSER") else 0
    from playwright.sync_api import sync_playwright  # scripts/setup installs it for the demo where Chromium is

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for theme in ("light", "dark"):
            _shoot(browser, theme, origin, run, Path(folder))
        browser.close()
    return 0


def _shoot(browser: "Browser", theme: str, origin: str, run: str, folder: Path) -> None:
    context = browser.new_context(
        color_scheme="dark" if theme == "dark" else "light",
        viewport={"width": 1280, "height": 900},
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(f"{origin}/login")
    page.get_by_label("Token").fill(os.environ["ACCIO_TOKEN"])
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Workload").wait_for()
    for name, query in PARTS.items():
        page.goto(f"{origin}/runs/{run}{query}")
        page.get_by_role("heading", level=1).wait_for()
        page.wait_for_function("() => !document.querySelector('.loading')")
        if name != "children":
            page.locator("figure canvas, figure svg").first.wait_for()
        file = folder / f"sweep-{name}-{theme}.png"
        page.screenshot(path=file, full_page=True)
        print(file)
    context.close()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
