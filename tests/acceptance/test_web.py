"""`accio web` with a real daemon and agent: what its calls answer, what they change, and what is told live."""

import csv
import io
import json
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from accio.interpreter import python
from tests.acceptance.processes import Cluster, cluster, token
from tests.acceptance.sweeps import GATED, RATIO, RATIOS
from tests.acceptance.web import PATIENCE_S, WebServer, entered, web_server

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]


class Place:
    """A cluster with a sweep that has ended, three of whose twelve children failed, and its web interface."""

    def __init__(self, made: Cluster, server: WebServer, run: str) -> None:
        self.made = made
        self.server = server
        self.run = run

    def accio(self, *arguments: str) -> dict[str, Any]:
        """Return what the command line prints."""
        command = python("accio_client.cli.main", *arguments, "-json")
        environment = self.made.environment()
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        found = json.loads(done.stdout)
        assert isinstance(found, dict)
        return found


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """One cluster for all tests here: starting one takes longer than any of them."""
    with cluster(tmp_path_factory.mktemp("web") / "made") as made:
        made.start_daemon()
        made.start_agent(operators=("tests.acceptance.ledger_operators", "tests.acceptance.failing_operators"))
        made.agents_are("a1")
        with made.client() as client:
            client.push(RATIO)
            client.push(GATED)
            run = client.submit(RATIOS).run.id
            assert client.wait(run).state == "failed"
        with web_server(made) as server:
            yield Place(made, server, run)


@pytest.fixture(scope="module")
def cookies(place: Place) -> dict[str, str]:
    """One log-in for all tests here: five are allowed within a minute."""
    return entered(place.server)


@pytest.fixture
async def http(place: Place, cookies: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    """A logged-in page."""
    headers = {"origin": place.server.origin, "sec-fetch-site": "same-origin"}
    async with httpx.AsyncClient(
        base_url=place.server.origin + "/api/v1",
        headers=headers,
        cookies=cookies,
        timeout=PATIENCE_S,
        trust_env=False,
    ) as client:
        client.headers["x-accio-csrf"] = (await client.get("/session")).json()["csrf"]
        yield client


@pytest.mark.parametrize(
    ("picture", "command"),
    [
        ("states", "-kind=states"),
        ("failures", "-kind=failures"),
        ("heat?y=Ratio/value", "-kind=heat -y=Ratio/value"),
        ("line?y=Ratio/value&x=y&by=x", "-kind=line -y=Ratio/value -x=y -by=x"),
        ("line?y=Ratio/value&x=y&median=1", "-kind=line -y=Ratio/value -x=y -median"),
        ("cdf?y=Ratio/value&where=x<3", "-kind=cdf -y=Ratio/value -where=x<3"),
        ("pdf?y=Ratio.wall_us", "-kind=pdf -y=Ratio.wall_us"),
        ("parallel?y=Ratio/value", "-kind=parallel -y=Ratio/value"),
        ("importance?y=Ratio/value", "-kind=importance -y=Ratio/value"),
        ("scatter?y=Ratio/value&x=Ratio/value", "-kind=scatter -y=Ratio/value -x=Ratio/value"),
    ],
)
async def test_pictures_are_those_of_the_command_line(
    place: Place, http: httpx.AsyncClient, picture: str, command: str
) -> None:
    """A picture of the page holds the same numbers as that of `accio plot`, and names a command that draws it."""
    answer = await http.get(f"/runs/{place.run}/pictures/{picture}")
    assert answer.status_code == 200, answer.text
    found = answer.json()["picture"]
    assert found == place.accio("plot", place.run, *command.split())["picture"]
    assert found["head"]["command"].startswith(f"accio plot {place.run} -kind=")


async def test_tables_of_pictures(place: Place, http: httpx.AsyncClient) -> None:
    """The file of a heat map has a row per cell with a value, counting what failed."""
    answer = await http.get(f"/runs/{place.run}/pictures/heat/table.csv?y=Ratio/value&x=x&by=y")
    assert answer.headers["content-disposition"].startswith("attachment")
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert rows[0] == ["x", "y", "Ratio/value", "n", "failed"]
    assert ["3", "2", "1.5", "1", "0"] in rows
    assert len(rows) == 1 + 9


async def test_failures_are_those_of_the_command_line(place: Place, http: httpx.AsyncClient) -> None:
    """Kinds of failures, examples and explanations are those of `accio failures`: y=0 explains them all."""
    found = (await http.get(f"/runs/{place.run}/failures")).json()
    assert found == place.accio("failures", place.run)
    assert [group["count"] for group in found["groups"]] == [3]
    assert found["explained_by"][0]["where"] == "y=0"


async def test_queries_that_are_wrong(place: Place, http: httpx.AsyncClient) -> None:
    """A query that can't be read is refused with the sentence of the command line."""
    answer = await http.get(f"/runs/{place.run}/pictures/states?where=z<1")
    assert answer.status_code == 400
    assert "z" in answer.json()["error"]["message"]


async def test_results_are_named(place: Place, http: httpx.AsyncClient) -> None:
    """A page learns the parameters that vary, and the outputs that are numbers."""
    found = (await http.get(f"/runs/{place.run}/results")).json()
    assert [(axis["name"], axis["values"]) for axis in found["axes"]] == [("x", 3), ("y", 4)]
    assert (found["numbers"], found["nodes"]) == (["Ratio/value"], ["Ratio"])


async def test_a_sweep_and_its_children(place: Place, http: httpx.AsyncClient) -> None:
    """A sweep tells its children by state; its failed ones can be listed, and one of them tells why it failed."""
    run = (await http.get(f"/runs/{place.run}")).json()
    assert run["children"] == {"total": 12, "by_state": {"success": 9, "failed": 3}}
    failed = (await http.get(f"/runs?parent={place.run}&state=failed&limit=2")).json()
    assert [each["label"] for each in failed["runs"]] == ["x=1 y=0", "x=2 y=0"]
    assert failed["next"]
    node = (await http.get(f"/runs/{failed['runs'][0]['id']}/nodes/Ratio")).json()
    assert node["error"]["exception"] == "ZeroDivisionError"
    assert node["why"]["answer"] in ("executed", "failed")


async def test_logs(place: Place, http: httpx.AsyncClient) -> None:
    """A log is streamed until its end, and can be downloaded as a file."""
    async with http.stream("GET", f"/runs/{place.run}.1/logs") as answer:
        told = [line[6:] async for line in answer.aiter_lines() if line.startswith("data: ")]
    assert told[-1] == "[]"
    assert [line["text"] for each in told for line in json.loads(each)] == ["dividing 1 by 1"]
    file = await http.get(f"/runs/{place.run}.1/log.txt?node=Ratio")
    assert file.text == "dividing 1 by 1\n"
    assert file.headers["content-disposition"].startswith("attachment")


async def test_what_is_not_there(place: Place, http: httpx.AsyncClient) -> None:
    """What isn't there is told by status and sentence, also by what streams otherwise."""
    for path in ("/runs/none", "/runs/none/logs", "/runs/none/log.txt", f"/runs/{place.run}.1/nodes/None"):
        answer = await http.get(path)
        assert answer.status_code == 404, path
        assert answer.json()["error"]["kind"] == "NotFound"


async def test_steering(place: Place, http: httpx.AsyncClient) -> None:
    """A run is edited, killed, retried and deleted; each tells what became of it."""
    with place.made.client() as client:
        run = client.submit({"workflow": "gated", "params": {"label": "steered"}}).run.id
    edited = await http.post(f"/runs/{run}/update", json={"name": "<b>", "tags": ["b", "a"]})
    assert (edited.json()["run"]["name"], edited.json()["run"]["tags"]) == ("<b>", ["a", "b"])
    killed = (await http.post("/runs/kill", json={"ids": [run, "none"]})).json()["runs"]
    assert [each["changed"] for each in killed] == [True, False]
    assert killed[1]["error"]
    place.made.open_gate("steered")
    much = (await http.post("/runs/retry", json={"ids": [run], "cpus": "1000"})).json()["runs"]
    assert "1000" in much[0]["error"]
    again = (await http.post("/runs/retry", json={"ids": [run], "cpus": "2x"})).json()["runs"]
    assert [each["changed"] for each in again] == [True]
    assert (await http.get(f"/runs/{run}/nodes/Gate")).json()["demand"]["cpus"] == 2
    with place.made.client() as client:
        assert client.wait(run).state == "success"
    assert (await http.post("/runs/delete", json={"ids": [run]})).json()["runs"][0]["changed"]
    assert (await http.get(f"/runs/{run}")).status_code == 404


async def test_acting_on_what_matches(place: Place, http: httpx.AsyncClient) -> None:
    """An action on all that match touches what was shown, and leaves alone what began to match later."""
    with place.made.client() as client:
        shut = [
            client.submit({"workflow": "gated", "name": "many", "params": {"label": f"m{i}"}}).run.id for i in (1, 2)
        ]
        chosen = (await http.post("/select", json={"action": "kill", "where": "name=many"})).json()
        assert chosen["count"] == 2
        assert {each["id"] for each in chosen["first"]} == set(shut)
        later = client.submit({"workflow": "gated", "name": "many", "params": {"label": "m3"}}).run.id
        done = (await http.post("/runs/kill", json={"selection": chosen["selection"]})).json()
        assert (done["changed"], done["unchanged"], done["refused"], done["runs"]) == (2, 0, 0, [])
        assert client.get_run(later).run.state != "killed"
        tagged = (await http.post("/runs/tag", json={"ids": [*shut, "none"], "add": ["a", "b"], "remove": []})).json()
        assert (tagged["changed"], tagged["refused"]) == (2, 1)
        again = (await http.post("/runs/tag", json={"ids": shut, "add": ["c"], "remove": ["a"]})).json()
        assert again["changed"] == 2
        assert client.get_run(shut[0]).run.tags == ("b", "c")
        children = {"action": "retry", "where": "y<1", "parent": place.run}
        assert (await http.post("/select", json=children)).json()["count"] == 3
        client.delete([*shut, later])
    gone = await http.post("/runs/delete", json={"selection": "invented"})
    assert gone.status_code == 409
    listed = (await http.get("/runs", params={"where": "workflow=ratio", "sort": "-created"})).json()["runs"]
    assert place.run in [each["id"] for each in listed]
    assert (await http.get("/runs", params={"sort": "colour"})).status_code == 400


async def test_queries_are_explained(place: Place, http: httpx.AsyncClient) -> None:
    """A query is told in words, or what is wrong and where; names and values that are there are offered."""
    right = (await http.get("/query", params={"text": "y<1 state=failed", "run": place.run})).json()
    assert right["words"] == "y is below 1, and state is failed"
    assert right["problem"] is None
    assert right["parts"] == [{"text": "y<1", "rest": "state=failed"}, {"text": "state=failed", "rest": "y<1"}]
    many = (await http.get("/query", params={"text": "y<1 " * 100, "run": place.run})).json()
    assert (many["parts"], many["problem"]) == ([], None)
    wrong = (await http.get("/query", params={"text": "y<1 stat=failed", "run": place.run})).json()["problem"]
    assert (wrong["start"], wrong["end"], wrong["suggestion"]) == (4, 8, "state")
    values = (await http.get("/query", params={"text": "y=", "run": place.run})).json()
    assert [each["text"] for each in values["suggestions"]] == ["0", "1", "2", "4"]
    middle = (await http.get("/query", params={"text": "workflow=ra and x=1", "at": len("workflow=ra") + 1})).json()
    assert (middle["start"], [each["text"] for each in middle["suggestions"]]) == (9, ["ratio"])
    unknown = (await http.get("/query", params={"text": "colour=red"})).json()
    assert unknown["words"] == "the parameter colour is red"
    assert "there is no 'colour' here" in unknown["problem"]["message"]


async def test_comparisons_are_those_of_the_command_line(place: Place, http: httpx.AsyncClient) -> None:
    """What differs between two sweeps is what `accio diff` says; a third one is compared with the first, too."""
    with place.made.client() as client:
        params = {"x": {"values": [1, 2]}, "y": {"values": [1, 2, 8]}}
        other = client.submit({"workflow": "ratio", "seed": 2, "params": params}).run.id
        client.wait(other)
        found = (await http.get("/compare", params={"run": [place.run, other, place.run[:-1]]})).json()
        assert [each["id"] for each in found["runs"]] == [place.run, other, place.run]
        assert found["runs"][0]["params"]["x"] == {"values": [1, 2, 3]}
        assert found["numbers"] == [["Ratio/value"]] * 3
        told = place.accio("diff", place.run, other)
        assert found["differences"][0] == {name: value for name, value in told.items() if name != "schema"}
        assert (found["differences"][0]["only_first"], found["differences"][0]["only_second"]) == (8, 2)
        assert found["differences"][1]["same"]
        client.delete([other])
    assert (await http.get("/compare", params={"run": [place.run, "none"]})).status_code == 404


async def test_workflows_have_a_picture(place: Place, http: httpx.AsyncClient) -> None:
    """A workflow is told with the places of its nodes and what its operators say of themselves."""
    found = (await http.get("/workflows/ratio", params={"operators": "1"})).json()
    assert [each["name"] for each in found["layout"]["nodes"]] == ["Ratio"]
    assert found["operators"]["Ratio"]["outputs"][0]["name"] == "value"


async def test_storage(place: Place, http: httpx.AsyncClient) -> None:
    """The memo is told by operator; looking what would be freed frees nothing, and invalidating forgets results."""
    with place.made.client() as client:
        spare = client.submit({"workflow": "ratio", "params": {"x": 50, "y": 7}}).run.id
        client.wait(spare)
    rows = {each["operator"]: each for each in (await http.get("/storage")).json()["operators"]}
    assert rows["Ratio"]["results"] >= 10
    looked = (await http.post("/storage/collect", json={"dry_run": True})).json()
    assert looked["dry_run"]
    assert looked["pieces"] == len(looked["freed"])
    assert (await http.post("/storage/invalidate", json={"operator": "Ratio"})).json()["removed"] >= 10
    rows = {each["operator"]: each for each in (await http.get("/storage")).json()["operators"]}
    assert rows["Ratio"]["results"] == 0


async def test_owners_and_usage(place: Place, http: httpx.AsyncClient) -> None:
    """Whose work there is, and what it used, are told as the command line does; a cap is set, and taken away."""
    with place.made.client() as client:
        client.wait(client.submit({"workflow": "ratio", "params": {"x": 60, "y": 7}}).run.id)
        used = (await http.get("/usage", params={"by": ["owner", "day"], "days": "2"})).json()["usage"]
        assert [each["owner"] for each in used] == ["me@example.org"]
        assert used[0]["nodes"] == sum(each.nodes for each in client.usage().usage) >= 1
        set_to = await http.post("/owners/cap", json={"owner": "me@example.org", "nodes": "3", "cpus": "1.5"})
        assert set_to.json()["cap"] == {"nodes": 3, "cpus": 1.5, "during": None}
        mine = next(each for each in client.list_owners().owners if each.owner.email == "me@example.org")
        assert (str(mine.cap), mine.own_cap) == ("1.5 CPUs and 3 nodes", True)
        told = next(each for each in (await http.get("/owners")).json()["owners"])
        assert (told["owner"]["email"], told["cap"]) == ("me@example.org", {"nodes": 3, "cpus": 1.5, "during": None})
        assert (await http.post("/owners/cap", json={"owner": "me@example.org", "none": True})).json()["cap"] is None
        assert not any(each.own_cap for each in client.list_owners().owners)


async def test_submitting(place: Place, http: httpx.AsyncClient) -> None:
    """A definition is checked without creating anything, and submitted once for a key, however often it is sent."""
    wrong = {"workflow": "ratio", "params": {"x": {"values": [1, "a"]}, "y": 2}}
    checked = (await http.post("/check", json={"definition": wrong})).json()
    assert not checked["valid"]
    assert checked["dry_run"] is None
    assert [issue["path"] for issue in checked["errors"]] == ["/params/x/values/1"]
    assert checked["params"] == {"y": {"values": 1, "text": "2"}}
    right = {"workflow": "ratio", "seed": 99, "params": {"x": {"from": 1, "to": 3, "step": 1}, "y": 2}}
    checked = (await http.post("/check", json={"definition": right})).json()
    assert checked["valid"]
    assert checked["dry_run"]["children"] == 3
    assert checked["params"]["x"] == {"values": 3, "text": "1, 2, 3"}
    with place.made.client() as client:
        before = client.list_runs(limit=1).total
        made = [(await http.post("/submit", json={"definition": right, "key": "mine"})).json() for _ in range(2)]
        assert client.list_runs(limit=1).total == (before or 0) + 1
        assert client.wait(made[0]["id"]).state == "success"
    assert made[0]["id"] == made[1]["id"]
    assert [each["created"] for each in made] == [True, False]
    refused = await http.post("/submit", json={"definition": wrong, "key": "other"})
    assert refused.status_code == 422
    listed = (await http.get("/workflows")).json()["workflows"]
    assert {each["id"] for each in listed} == {"ratio", "gated"}
    assert (await http.get("/workflows/ratio")).json()["params"][0] == {"name": "x", "kind": "integer"}
    assert (await http.get("/workflows/none")).status_code == 404


async def test_draining(place: Place, http: httpx.AsyncClient) -> None:
    """An agent is drained, and gets nodes again when that is undone."""
    drained = await http.post("/agents/a1/drain", json={})
    assert drained.json()["agent"]["state"] == "draining"
    undone = await http.post("/agents/a1/drain", json={"undo": True})
    assert undone.json()["agent"]["state"] == "connected"
    assert [agent["name"] for agent in (await http.get("/cluster")).json()["agents"]] == ["a1"]


async def test_the_workload(place: Place, http: httpx.AsyncClient) -> None:
    """The first page tells what failed last, and the workflows that there are."""
    found = (await http.get("/workload")).json()
    assert [each["id"] for each in found["failed"]] == [place.run]
    assert {each["id"] for each in found["workflows"]} == {"ratio", "gated"}
    assert found["cluster"]["agents"] == 1


async def test_changes_are_told(place: Place, http: httpx.AsyncClient) -> None:
    """A stream tells what is so, then what changes: here the end of a run, which is asked for by its topic."""
    with place.made.client() as client:
        run = client.submit({"workflow": "gated", "params": {"label": "told"}}).run.id
        states: list[str] = []
        async with http.stream("GET", f"/live?topic=run/{run}&topic=cluster") as answer:
            async for line in answer.aiter_lines():
                told = json.loads(line[6:]) if line.startswith("data: ") else {}
                if told.get("topic") == f"run/{run}":
                    states.append(told["content"]["state"])
                    place.made.open_gate("told")
                    if states[-1] == "success":
                        break
    assert states[0] in ("scheduled", "running")


async def test_a_token_logs_in_and_a_wrong_one_does_not(place: Place) -> None:
    """The daemon decides whether a token is one; what it says of another is told."""
    headers = {"origin": place.server.origin}
    async with httpx.AsyncClient(base_url=place.server.origin, headers=headers, timeout=PATIENCE_S) as stranger:
        right = await stranger.post("/api/v1/login", json={"token": token(place.made)})
        wrong = await stranger.post("/api/v1/login", json={"token": "invented"})
    assert (right.status_code, wrong.status_code) == (200, 401)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    """Where starlette isn't installed, `accio web` says in a sentence what to install."""
    (tmp_path / "starlette.py").write_text("raise ModuleNotFoundError(name='starlette')\n", encoding="utf-8")
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    done = subprocess.run(
        python("accio_web"), env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 1
    assert "pip install 'accio-experiments[web]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken(place: Place) -> None:
    """A port that somebody listens at already is refused with a sentence."""
    command = python("accio_web", f"--port={place.server.port}")
    done = subprocess.run(
        command, env=place.made.environment(), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 1
    assert f"port {place.server.port} of 127.0.0.1 can't be listened at" in done.stderr
