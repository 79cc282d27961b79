"""What the web interface answers by itself: files, errors, and a daemon that is away."""

import gzip
import re
from dataclasses import replace

import pytest

import accio.errors
from accio.errors import AccioError
from accio_web.errors import STATUS
from scripts import vendor_js
from tests.unit.web.serving import AWAY, OURS, Browser


def test_each_error_has_a_status() -> None:
    """The table of statuses is total over the error tree."""
    kinds = {each for each in vars(accio.errors).values() if isinstance(each, type) and issubclass(each, AccioError)}
    assert set(STATUS) == kinds - {AccioError}


def test_vendored_files_are_those_of_the_manifest() -> None:
    """What is brought along has the digests and versions that the manifest states."""
    assert vendor_js.differing() == []


@pytest.mark.parametrize("prefix", ["", "/some/where"])
async def test_pages_and_files(prefix: str) -> None:
    """Each page's address gives the page, whose files are there, packed or not, and are kept for a year."""
    browser = Browser(replace(AWAY, base_path=prefix))
    pages = [await browser.http.get(prefix + path) for path in ("/", "/runs", "/runs/x.1/Node", "/nowhere")]
    for page in pages:
        assert page.status_code == 200
        assert page.headers["content-type"].startswith("text/html")
    named = re.findall(r'(?:src|href)="([^"]+)"', pages[0].text)
    assert len(named) > 8
    for name in named:
        assert name.startswith(f"{prefix}/static/")
        file = await browser.http.get(name, headers={"accept-encoding": "identity"})
        assert file.status_code == 200
        assert "immutable" in file.headers["cache-control"]
        packed = await browser.http.get(name, headers={"accept-encoding": "gzip"})
        assert packed.headers["content-encoding"] == "gzip"
        assert packed.content == file.content
    assert (await browser.http.get(f"{prefix}/static/old/core.js")).status_code == 404


async def test_imports_lead_somewhere() -> None:
    """Each module imports only modules that are there, by relative names."""
    browser = Browser()
    page = (await browser.http.get("/")).text
    at = re.findall(r'src="([^"]+)/start.js"', page)[0]
    left, seen = ["start.js"], set()
    while left:
        name = left.pop()
        if name in seen:
            continue
        seen.add(name)
        found = await browser.http.get(f"{at}/{name}")
        assert found.status_code == 200, name
        folder = name.rpartition("/")[0]
        for target in re.findall(r"""(?:from|import\()\s*['"]([\w./]+)['"]""", found.text):
            assert target.startswith("."), f"{name} imports {target}"
            parts = folder.split("/") if folder else []
            for part in target.split("/"):
                parts = parts[:-1] if part == ".." else parts if part == "." else [*parts, part]
            left.append("/".join(parts))
    assert "pages/run.js" in seen


async def test_first_visit_is_small() -> None:
    """What a first paint needs is less than 120 kB, packed, in at most 12 files."""
    browser = Browser()
    page = await browser.http.get("/")
    named = set(re.findall(r'(?:src|href)="([^"]+)"', page.text))
    sizes = [len(gzip.compress((await browser.http.get(name)).content)) for name in named]
    assert len(sizes) <= 12
    assert sum(sizes) < 120_000


async def test_a_daemon_that_is_away_is_told() -> None:
    """While the daemon is away, calls say so soon, and the session goes on."""
    browser = Browser()
    await browser.log_in()
    answer = await browser.http.get("/api/v1/workload")
    assert answer.status_code == 503
    assert answer.json()["error"]["kind"] == "Unavailable"
    assert (await browser.http.get("/api/v1/session")).status_code == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/runs?limit=0", 400),
        ("/api/v1/runs?limit=%00", 400),
        ("/api/v1/runs?state=asleep", 400),
        ("/api/v1/runs?after=yesterday", 400),
        ("/api/v1/runs/x/pictures/pie", 400),
        ("/api/v1/runs/x/pictures/heat", 400),
        ("/api/v1/runs/x/pictures/scatter?y=a", 400),
        ("/api/v1/live?topic=weather", 400),
        ("/api/v1/live?topic=run/", 400),
        ("/api/v1/compare", 400),
        ("/api/v1/compare?run=a&run=a", 400),
        ("/api/v1/compare?run=a&run=b&limit=0", 400),
        ("/api/v1/runs/x/neighbours", 400),
        ("/api/v1/runs/x.y/neighbours", 400),
        ("/api/v1/usage?by=week", 400),
        ("/api/v1/usage?days=0", 400),
        ("/api/v1/nothing", 404),
    ],
)
async def test_questions_that_make_no_sense(path: str, status: int) -> None:
    """A question that can't be answered is refused with a sentence, before the daemon is asked."""
    browser = Browser()
    await browser.log_in()
    answer = await browser.http.get(path)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


async def test_changes_that_make_no_sense() -> None:
    """A change whose body isn't as expected is refused with a sentence, before the daemon is asked."""
    browser = Browser()
    await browser.log_in()
    headers = {**OURS, "x-accio-csrf": browser.csrf}
    for path, body in [
        ("/api/v1/runs/kill", {}),
        ("/api/v1/runs/kill", {"ids": "x"}),
        ("/api/v1/runs/delete", {"ids": [1]}),
        ("/api/v1/runs/retry", {"ids": ["x"], "memory": 2}),
        ("/api/v1/runs/retry", {"ids": ["x"], "latest_operators": 1}),
        ("/api/v1/runs/x/update", {"name": 1}),
        ("/api/v1/agents/x/drain", {"undo": "no"}),
        ("/api/v1/runs/kill", {"selection": 1}),
        ("/api/v1/runs/tag", {"ids": ["x"], "add": [], "remove": []}),
        ("/api/v1/select", {"action": "praise", "where": "state=failed"}),
        ("/api/v1/select", {"action": "kill", "where": ""}),
        ("/api/v1/storage/collect", {"dry_run": "yes"}),
        ("/api/v1/storage/invalidate", {}),
        ("/api/v1/owners/cap", {"nodes": "3"}),
        ("/api/v1/owners/cap", {"owner": "ana"}),
        ("/api/v1/owners/cap", {"owner": "ana", "nodes": "3", "none": True}),
        ("/api/v1/owners/cap", {"owner": "ana", "nodes": "-3"}),
        ("/api/v1/owners/cap", {"owner": "ana", "cpus": "many"}),
        ("/api/v1/check", {}),
        ("/api/v1/check", {"definition": []}),
        ("/api/v1/check", {"definition": {}, "cache": "some"}),
        ("/api/v1/submit", {"definition": {}}),
        ("/api/v1/submit", {"definition": {}, "key": ""}),
    ]:
        answer = await browser.http.post(path, json=body, headers=headers)
        assert answer.status_code == 400, path
        assert "expected" in answer.json()["error"]["message"]
