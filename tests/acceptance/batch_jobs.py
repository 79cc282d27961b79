"""Agents in jobs of real batch systems, which somebody has submitted by hand."""

import shlex
import sys

from accio_client import Client
from tests.acceptance.engines import Engine
from tests.acceptance.processes import Cluster, eventually
from tests.acceptance.sweeps import GATED


def start_agent(engine: Engine, made: Cluster, name: str, *options: str) -> str:
    """Submit a job of one processor in which an agent runs; return its id once the agent is connected."""
    agent = [sys.executable, "-m", "accio_agent", "--name", name, "--state-dir", str(made.root / name)]
    agent += ["--operators", "tests.acceptance.ledger_operators", "--no-installed", "--grace", "3"]
    script = made.root / f"{name}.sh"
    script.write_text(f"#!/bin/sh\nexec {shlex.join(agent)}\n")
    job = engine.submit(script, made.root / f"{name}.log", *options, **made.environment())
    with made.client() as client:
        eventually(
            lambda: any(each.name == name and each.state == "connected" for each in client.list_agents()),
            what=f"the agent of job {job} being connected",
        )
    return job


def begin(made: Cluster, client: Client, label: str) -> str:
    """Submit a run of one node that waits behind a gate; return its id once the node runs."""
    client.push(GATED)
    run = client.submit({"workflow": "gated", "params": {"label": label}}).run.id
    eventually(
        lambda: [line for line in made.executed() if f"Gate {label} begins" in line], what="the node's beginning"
    )
    return run


def ends_well(engine: Engine, made: Cluster, client: Client, run: str, label: str) -> list[str]:
    """Return the states of the attempts of a run that another job's agent brings to an end."""
    start_agent(engine, made, "second")
    made.open_gate(label)
    assert client.wait(run).state == "success"
    return [attempt.state for attempt in client.get_node(run, "Gate").attempts]
