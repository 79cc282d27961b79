"""Area run-query: which runs a list has, by what it is filtered, in which order."""

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from accio.domain.datatypes import TIMESTAMP
from accio.domain.values import parse_text
from accio_client import Client
from accio_daemon import bootstrap
from accio_daemon.config import read_config
from tests.cases.daemon.scripted import ScriptedAgent
from tests.cases.daemon.system import System
from tests.cases.loader import FIXTURES, Case, checks, daemon_cases, only
from tests.fakes import FakeClock

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]

USERS = {"me": "Me <me@example.org>", "him": "Him <him@example.org>", "her": "Her <her@example.org>"}
OPTIONS = {
    "tags": "tags",
    "tag": "tags",
    "owner": "owner",
    "state": "state",
    "name": "name",
    "workflow": "workflow",
    "text": "text",
    "notes": "notes",
    "params": "param",
    "parent": "parent",
    "created_after": "since",
    "created_before": "until",
    "limit": "limit",
    "n": "limit",
    "active": "active",
}


@pytest.mark.parametrize("case", daemon_cases("run-query"))
def test_query(case: Case, system: System, tmp_path: Path) -> None:
    """A list has exactly the runs that match, in this order."""
    for given, expect in checks(case):
        only(given, "runs", "query")
        only(expect, "list")
        system.begin_case()  # without the runs and the closed gates of the check before
        if any("created" in run for run in given["runs"]):
            found = _at_given_times(system, given, tmp_path)
        else:
            names = {_made(system, run): run["as"] for run in given["runs"]}
            answer = system.command("get", "runs", "--json", *_options(given["query"], names))
            assert answer.exit == 0, answer
            found = [names[run["id"]] for run in answer.json["runs"]]
        assert found == expect["list"]


def _options(query: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
    """Return the options that say what to filter by."""
    options: list[str] = []
    for word, value in query.items():
        assert word in OPTIONS, f"the adapter doesn't know the filter {word}"
        option = OPTIONS[word]
        match word, value:
            case "params", dict():
                options += [f"-{option}={name}={text}" for name, text in value.items()]
            case "active", _:
                options += ["-active"] * bool(value)
            case "owner", _:
                options.append(f"-{option}={USERS.get(value, value).partition(' <')[0]}")
            case "parent", _:
                options.append(f"-{option}={next(run for run, name in names.items() if name == value)}")
            case _, list():
                options.append(f"-{option}={','.join(map(str, value))}")
            case _:
                options.append(f"-{option}={value}")
    return options


# ---------------------------------------------------------------------------------------------------- making the runs


def _made(system: System, run: Mapping[str, Any]) -> str:
    """Make a run as it is described, and bring it to its state."""
    only(run, "as", "tags", "params", "name", "notes", "owner", "state", "workflow", "seed")
    state = run.get("state", "")
    workflow = run.get("workflow", {"failed": "boom", "killed": "gated", "running": "gated"}.get(state, "probe"))
    definition = {"workflow": workflow, **{key: run[key] for key in _DEFINED if key in run}}
    if state in ("killed", "running", "scheduled"):
        system.close_gate(run["as"])
    token = (system.cluster.data / "token").read_text(encoding="utf-8").split()[0]
    owner = run.get("owner", "me")
    with Client(system.cluster.address, token=token, user=USERS.get(owner, owner)) as client:
        made = client.submit(system.real(definition)).run.id
    _bring_to(system, made, state)
    return made


_DEFINED = ("tags", "params", "name", "notes", "seed")


def _bring_to(system: System, run: str, state: str) -> None:
    match state:
        case "":
            return
        case "killed":
            system.client.kill([run])
            assert system.client.wait(run, patience=60).state == state
        case "success" | "failed":
            assert system.client.wait(run, patience=60).state == state
        case "running":
            for update in system.client.watch(run, patience=60):
                if update.run.state == state:
                    return
        case _:
            raise AssertionError(f"the adapter doesn't know how to make a run {state}")


def _at_given_times(system: System, given: Mapping[str, Any], folder: Path) -> list[str]:
    """Make runs at given times, in a daemon of this process whose clock the test sets; list those that match."""
    clock = FakeClock()
    with (
        _daemon(folder, clock) as (address, token),
        Client(address, token=token) as client,
        ScriptedAgent(address, token, [_probe()]),
    ):
        client.push(next(document for document in FIXTURES["workflows"] if document["id"] == "probe"))
        names: dict[str, str] = {}
        for run in given["runs"]:
            only(run, "as", "created", "tags", "params", "name", "notes")
            clock.wall_ms = parse_text(TIMESTAMP, run["created"]).epoch_ms
            definition = {"workflow": "probe", **{key: run[key] for key in _DEFINED if key in run}}
            names[client.submit(definition).run.id] = run["as"]
        environment: dict[str, str | None] = {"ACCIO_ADDR": address, "ACCIO_TOKEN": token}
        options = _options(given["query"], names)
        answer = system.command("get", "runs", "--json", *options, environment=environment)
        assert answer.exit == 0, answer
        return [names[run["id"]] for run in answer.json["runs"]]


def _probe() -> Any:
    from accio.wire.operators import operator_message
    from tests.cases.language import OPERATORS

    return operator_message(OPERATORS["Probe"])


@contextmanager
def _daemon(folder: Path, clock: FakeClock) -> Iterator[tuple[str, str]]:
    """Run a daemon in a thread of this process, with a clock of its own; give its address and token."""
    config = read_config(listen="127.0.0.1:0", data_dir=str(folder / "data"), environment={})
    loop = asyncio.new_event_loop()
    ready, stop, addresses = threading.Event(), asyncio.Event(), list[str]()

    def serving(daemon: bootstrap.Daemon) -> None:
        addresses.append(daemon.address)
        ready.set()

    thread = threading.Thread(target=loop.run_until_complete, args=(bootstrap.serve(config, stop, serving, clock),))
    thread.start()
    assert ready.wait(30), "the daemon doesn't start"
    try:
        yield addresses[0], config.token.read_text(encoding="utf-8").split()[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)
        loop.close()
