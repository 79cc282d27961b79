"""Short ways to make the values that tests of the daemon's core need: operators, workflows, runs, offers, reports."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from accio.domain.axes import Axis
from accio.domain.datatypes import DataType, parse_type
from accio.domain.failures import Failure
from accio.domain.ids import ALPHABET, ID_LENGTH, RunId
from accio.domain.jsontext import json_string
from accio.domain.layouts import Block, Digit, Layout, Listed
from accio.domain.operators import InputPort, OperatorSpec, OutputPort
from accio.domain.resources import ResourceChanges, Resources
from accio.domain.runs import FailurePolicy, OnFailure, RunDefinition
from accio.domain.states import Cause
from accio.domain.studies import Objective, Sampler, Study
from accio.domain.sweeps import Sweep
from accio.domain.workflows import Constant, FromNode, FromParam, NodeDefinition, Param, Source, Workflow
from accio_daemon.core.commands import Report, SubmitRun
from accio_daemon.core.on_agents import identity_of
from accio_daemon.core.terms import Announced, AttemptNo
from accio_daemon.core.world import World

STRING = parse_type("string")
INTEGER = parse_type("integer")
DATASET = parse_type("dataset")

STOP = OnFailure(FailurePolicy.STOP)

# Inputs of a Step that take outputs of predecessors.
PREDECESSORS = tuple(f"p{number}" for number in range(1, 9))


def at_most(failures: int) -> OnFailure:
    """Make the policy that stops a run once more nodes than that have failed."""
    return OnFailure(FailurePolicy.MAX, failures)


def step(
    name: str = "Step",
    *,
    digest: str | None = "1",
    unstable: bool = False,
    retries: int = 0,
    backoff_ms: int = 0,
    retry_memory: float | None = None,
    memory_limit: int | None = None,
    demand: Resources | None = None,
    kind: DataType = STRING,
) -> OperatorSpec:
    """Make an operator with a text `label`, an optional input per predecessor, and one output `data`."""
    optional = tuple(InputPort(name=port, type=kind, optional=True) for port in PREDECESSORS)
    return OperatorSpec(
        name=name,
        digest=None if digest is None else f"blake3:{digest * 64}"[:71],
        uncacheable=None if digest is not None else "the test says so",
        unstable=unstable,
        retries=retries,
        retry_backoff_ms=backoff_ms,
        retry_memory=retry_memory,
        memory_limit=memory_limit,
        resources=demand or Resources(),
        inputs=(InputPort(name="label", type=STRING), InputPort(name="x", type=INTEGER, optional=True), *optional),
        outputs=(OutputPort(name="data", type=kind),),
    )


def offer(cpus: float = 1, *, memory: int = 0, disk: int = 0, gpus: int = 0, **counters: int) -> Resources:
    """Make an amount of resources."""
    return Resources(
        milli_cpus=int(cpus * 1000), memory=memory, disk=disk, gpus=gpus, custom=tuple(sorted(counters.items()))
    )


def graph(
    shape: Mapping[str, Sequence[str]],
    *,
    id: str = "w",
    op: str | Mapping[str, str] = "Step",
    swept: Iterable[str] = (),
    labels: Mapping[str, str] | None = None,
    demands: Mapping[str, Resources] | None = None,
) -> Workflow:
    """Make a workflow of Steps from node -> predecessors; the nodes of *swept* take the parameter `x` besides.

    No two nodes are equal unless *labels* gives them the same text.
    """
    nodes: list[NodeDefinition] = []
    for name, predecessors in shape.items():
        inputs: dict[str, Source] = {"label": Constant(STRING, json_string((labels or {}).get(name, name)))}
        inputs |= {PREDECESSORS[at]: FromNode(before, "data") for at, before in enumerate(predecessors)}
        if name in swept:
            inputs["x"] = FromParam("x")
        demand = (demands or {}).get(name)
        nodes.append(
            NodeDefinition(
                op=op if isinstance(op, str) else op.get(name, "Step"),
                name=name,
                inputs=inputs,
                resources=None if demand is None else _changes(demand),
            )
        )
    params = (Param(name="x", type=INTEGER, default="0"),)
    return Workflow(id=id, params=params, graph=tuple(nodes))


def _changes(demand: Resources) -> ResourceChanges:
    return ResourceChanges(
        milli_cpus=demand.milli_cpus, memory=demand.memory, disk=demand.disk, gpus=demand.gpus, custom=demand.custom
    )


def sweep_of(children: int, *, repeat: int = 1) -> Sweep:
    """Make a sweep of the parameter `x` over 0, 1, …; one child makes a single run."""
    return Sweep((Axis("x", INTEGER, tuple(str(value) for value in range(children))),), repeat)


def study_of(trials: int, *, at_once: int = 2, repeat: int = 1) -> Sweep:
    """Make a study of `x` over 0 to 49 by an output of A, with the trials that are there before anything is known."""
    axis = Axis("x", INTEGER, tuple(str(value) for value in range(50)))
    layout = Layout([Block([Digit((0,), Listed([list(range(40, 40 + at_once))]))])])
    study = Study(objectives=(Objective("A", "data"),), trials=trials, sampler=Sampler.TPE, at_once=at_once)
    return Sweep((axis,), repeat, layout).studied(study)


def definition(
    workflow: Workflow, *, sweep: Sweep | None = None, on_failure: OnFailure | None = None, **fields: Any
) -> RunDefinition:
    """Make a run of a workflow."""
    return RunDefinition(
        workflow_id=workflow.id,
        version=workflow.version,
        sweep=sweep or sweep_of(1),
        on_failure=on_failure or OnFailure(),
        **fields,
    )


def run_id(number: int) -> RunId:
    """Make the run id with this number; ids sort by it."""
    text = ""
    for _ in range(ID_LENGTH):
        number, digit = divmod(number, 32)
        text = ALPHABET[digit] + text
    return RunId(text)


def success(
    seq: int, attempt: AttemptNo, outputs: Mapping[str, str], *, wall_us: int = 1_000_000, **rest: Any
) -> Report:
    """Make the report of a success."""
    fields: dict[str, Any] = {
        "blobs": None,
        "failure": None,
        "metrics": (wall_us, 0, 0, 0, 0, 0, ""),
        "started_ms": 1,
        "ended_ms": 2,
        "log_bytes": 0,
        "contents": [],
    }
    return Report(seq=seq, attempt=attempt, outputs=dict(outputs), **(fields | rest))


def failure(
    seq: int, attempt: AttemptNo, cause: Cause = Cause.EXCEPTION, message: str = "boom", *, wall_us: int = 1_000
) -> Report:
    """Make the report of a failure."""
    return Report(
        seq=seq,
        attempt=attempt,
        outputs=None,
        blobs=None,
        failure=Failure(cause=cause, message=message),
        metrics=(wall_us, 0, 0, 0, 0, 0, ""),
        started_ms=1,
        ended_ms=2,
        log_bytes=0,
        contents=[],
    )


def announced(world: World, spec: OperatorSpec) -> Announced:
    """Return an operator that was announced to a World, with its number."""
    return Announced(no=world.operators[(spec.name, identity_of(spec))], spec=spec)


def keyed(command: SubmitRun, idempotency: tuple[str, str, bytes], number: int) -> SubmitRun:
    """Return a submission under an idempotency key, as another call that chose another run id."""
    return replace(command, idempotency=idempotency, id=run_id(1000 + number))
