"""What a look at every page brought up: titles of what isn't there, what to do next, how agents and ticks are shown."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Route, expect

from accio.domain.states import RunState
from accio_client.views import RunFilter
from tests.acceptance.processes import Cluster, cluster
from tests.acceptance.web import browser_page, ratio_cluster, web_server

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

made = pytest.fixture(scope="module")(ratio_cluster)


async def test_a_new_installation_tells_the_next_step(tmp_path: Path) -> None:
    """Without agents and workflows, each page that needs them names the commands, with this daemon's address."""
    with cluster(tmp_path) as empty:
        empty.start_daemon()
        with web_server(empty) as server:
            async with browser_page(server) as page:
                await expect(page.get_by_text(f"accio agent --daemon={empty.address}", exact=True)).to_be_visible()
                for path in ("/", "/workflows", "/submit"):
                    await page.goto(server.page(path))
                    await expect(page.get_by_text("accio init", exact=True)).to_be_visible()


async def test_pages_of_what_is_not_there_have_a_title(made: Cluster) -> None:
    """A run, a node or a workflow that isn't there is named as such, with a way to those that are."""
    with web_server(made) as server:
        async with browser_page(server, expected=("404 (Not Found)",)) as page:
            for path, what, others in (
                ("/runs/1234567890abcdef", "Run", "Runs that there are"),
                ("/runs/1234567890abcdef/Node", "Node", "The run"),
                ("/workflows/nothing", "Workflow", "Workflows that there are"),
            ):
                await page.goto(server.page(path))
                await expect(page.get_by_role("heading", name=f"{what} not found", level=1)).to_be_visible()
                await expect(page.get_by_role("link", name=others)).to_be_visible()


async def test_a_child_shows_its_parameters_and_a_failed_node_can_be_retried(made: Cluster) -> None:
    """What a run was computed with stands on its first page; the page of a node that failed offers to retry it."""
    with made.client() as client:
        run = next(each.id for each in client.list_runs(limit=50).runs if each.name == "Ratios")
        failed = client.list_runs(RunFilter(parent=run, states=(RunState.FAILED,)), limit=1).runs[0].id
    with web_server(made) as server:
        async with browser_page(server) as page:
            await page.goto(server.page(f"/runs/{failed}"))
            shown = page.get_by_role("region", name="Parameters").get_by_role("definition")
            await expect(shown).to_have_text(["1", "0"])
            await page.goto(server.page(f"/runs/{failed}/Ratio"))
            await page.get_by_role("button", name="Retry …").click()
            await expect(page.get_by_role("dialog")).to_contain_text("accio retry")
            await page.get_by_role("button", name="Cancel").click()


@pytest.mark.parametrize(
    ("sweep", "kept"),
    [
        ({"where": "x<3"}, {"where": "x<3"}),
        ({"zip": [["x", "y"]]}, {"zip": [["x", "y"]]}),
        ({"sample": {"method": "lhs", "n": 2}}, {"sample": {"method": "lhs", "n": 2}}),
        ({"points": [{"x": 1, "y": 1}, {"x": 2, "y": 3}]}, None),
    ],
    ids=["where", "zip", "sample", "points"],
)
async def test_a_run_is_submitted_again_with_the_points_that_it_had(
    made: Cluster, sweep: dict[str, Any], kept: dict[str, Any] | None
) -> None:
    """The form takes along what said which points there were; where it can't, it says so."""
    params = {} if "points" in sweep else {"params": {"x": {"values": [1, 2, 3]}, "y": {"values": [2, 4, 5]}}}
    with made.client() as client:
        run = client.submit({"workflow": "ratio", **params, **sweep}).run.id
    with web_server(made) as server:
        async with browser_page(server) as page:
            await page.goto(server.page(f"/submit?from={run}"))
            text = page.get_by_label("Definition as JSON")
            await expect(text).to_have_value(re.compile('"x"'))
            definition = json.loads(await text.input_value())
            told = page.get_by_role("alert").filter(has_text="all combinations of their values")
            await expect(told).to_have_count(0 if kept else 1)
            assert {key: each for key, each in definition.items() if key in sweep} == (kept or {})


async def test_who_can_change_nothing_is_told_on_every_page(made: Cluster) -> None:
    """What a server that was started with --read-only refuses isn't left to guess, also on a telephone."""
    for options, told in (((), 0), (("--read-only",), 1)):
        with web_server(made, *options) as server:
            async with browser_page(server, width=390) as page:
                await expect(page.get_by_role("banner").get_by_text("read-only")).to_have_count(told)


async def test_pictures_stay_without_a_word_while_the_daemon_is_away(made: Cluster) -> None:
    """One banner says it: a picture that was there isn't covered by the same message, and is asked for again later."""
    with made.client() as client:
        run = next(each.id for each in client.list_runs(limit=50).runs if each.name == "Ratios")
    with web_server(made) as server:
        async with browser_page(server, expected=("503 (Service Unavailable)",)) as page:
            await page.goto(server.page(f"/runs/{run}"))
            figure = page.locator("figure.picture").filter(has_text="States by")
            await expect(figure).to_contain_text("12 of 12 children")
            refusals = 0

            async def refuse(route: Route) -> None:
                nonlocal refusals
                refusals += 1
                body = '{"error": {"kind": "Unavailable", "message": "no daemon answers"}}'
                await route.fulfill(status=503, content_type="application/json", body=body)

            await page.route("**/pictures/**", refuse)
            with made.client() as client:
                client.update(run, notes="told anew")
            await expect(page.get_by_text("told anew")).to_be_visible()
            while not refusals:
                await page.wait_for_event("response", lambda answer: answer.status == 503)
            await page.evaluate("new Promise((done) => setTimeout(done, 200))")  # time passes: nothing may happen
            await expect(figure).to_contain_text("12 of 12 children")
            await expect(page.get_by_text("no daemon answers")).to_have_count(0)


async def test_agents_that_said_good_bye_are_not_away(made: Cluster) -> None:
    """Hosts of pools end with nothing left to do; an agent whose connection broke is another matter."""
    agents = [
        {"state": "lost", "reason": "ended by having nothing to do for 60 s"},
        {"state": "lost", "reason": "connection lost"},
        {"state": "suspect", "reason": None},
        {"state": "draining", "reason": "ended by SIGTERM"},
        {"state": "connected", "reason": None},
    ]
    with web_server(made) as server:
        async with browser_page(server) as page:
            found = await page.evaluate(AGENTS, agents)
    assert found == ["ended/cancelled", "lost/lost", "suspect/lost", "draining/waiting", "connected/success"]


AGENTS = """async (agents) => {
    const base = document.querySelector('script[src]').src.replace('start.js', '');
    const { agentState } = await import(base + 'states.js');
    return agents.map((agent) => agentState(agent)).map(({ word, as }) => `${word}/${as}`);
}"""


async def test_numbers_that_were_drawn_are_short_and_apart(made: Cluster) -> None:
    """A legend leaves out digits that nobody reads; of ticks that would lie over each other some are left out."""
    with web_server(made) as server:
        async with browser_page(server) as page:
            found = await page.evaluate(SHORT)
    assert found["names"] == ["child: rate=0.001715 layers=6", "child: rate=5.02e-5 n=1234567", "epsilon=0.01"]
    assert found["ticks"] == ["1", "500", "1000"]


SHORT = """async () => {
    const base = document.querySelector('script[src]').src.replace('start.js', '');
    const { shortened } = await import(base + 'pictures/lines.js');
    const { ticksOf } = await import(base + 'pictures/parallel.js');
    const drawn = ['child: rate=0.001715100525499753 layers=6', 'child: rate=5.019767356181206e-05 n=1234567'];
    const names = [...drawn, 'epsilon=0.01'];
    const values = [1, 2, 500, 990, 1000];
    const ticks = ticksOf({ values, ticks: values.map(String), scale: 'linear' }).map(([, text]) => text);
    return { names: names.map(shortened), ticks };
}"""
