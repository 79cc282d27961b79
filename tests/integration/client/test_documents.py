"""Every document of --json, as the command line prints it, held against its JSON Schema."""

import math
from importlib.resources import files
from pathlib import Path
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from accio.domain.issues import Issue
from accio.domain.series import Point, pack
from accio.errors import InvalidDefinition
from accio.v1 import accio_pb2, pools_pb2, runs_pb2, values_pb2, workflows_pb2, workload_pb2
from accio.wire.packing import pack_doubles, pack_places
from accio_client.cli.main import main
from accio_client.crate import archive
from tests.integration.client.fake_daemon import RUN, FakeDaemon, refuse, run

FOLDER = files("accio.schemas.documents")
SCHEMAS: dict[str, Any] = {
    place.name.removesuffix(".schema.json"): orjson.loads(place.read_bytes()) for place in FOLDER.iterdir()
}
REGISTRY: Registry[Any] = Registry().with_resources(
    [(f"{name}.schema.json", Resource.from_contents(schema)) for name, schema in SCHEMAS.items()]
)

ISSUE = values_pb2.Issue(path="/params/x", message="unused", suggestion="y")
RESOURCES = values_pb2.Resources(milli_cpus=1500, memory=1 << 30, disk=5, gpus=1, custom={"licence": 2})
FAILURE = runs_pb2.Failure(cause="exit code", message="it ended with 3", exit_code=3, stderr_tail="oh", traceback="T")
PARAMETERS = [
    runs_pb2.RunParameter(
        name="epsilon", type="double", json="0.1", values=2, form_json='{"from":0.1,"to":1,"log":true}'
    ),
    runs_pb2.RunParameter(name="size", type="distance", json="250.5", values=1),
    runs_pb2.RunParameter(name="absent", type="integer", values=1),
]
NODE = runs_pb2.Node(
    run=RUN,
    name="Geo-I",
    operator="GeoI",
    state=runs_pb2.NODE_STATE_FAILED,
    attempts=2,
    agent="here",
    started_at_ms=1_388_707_110_000,
    ended_at_ms=1_388_707_112_345,
    failure=FAILURE,
)
WAITING = runs_pb2.Node(run=RUN, name="B", operator="Op", state=runs_pb2.NODE_STATE_WAITING, reason="waits for Geo-I")
OPERATOR = values_pb2.Operator(
    name="GeoI",
    digest="blake3:00",
    category="lppm",
    help="Noise.",
    unstable=True,
    deprecated="use another",
    inputs=[
        values_pb2.InputPort(name="data", type="dataset"),
        values_pb2.InputPort(name="e", type="double", default_json="0.5"),
    ],
    outputs=[values_pb2.OutputPort(name="data", type="dataset", help="The result.")],
    resources=RESOURCES,
    components={"function f": "00"},
)
WORKFLOW = workflows_pb2.Workflow(
    id="w",
    version="0123456789ab",
    owner=values_pb2.Person(name="Ada", email="ada@example.org"),
    created_at_ms=1_388_707_109_120,
    params=[
        workflows_pb2.Parameter(name="p", kind="duration", default_json="900000"),
        workflows_pb2.Parameter(name="q", kind="byte"),
    ],
    definition_json='{"graph":[{"op":"GeoI","inputs":{"e":{"param":"p"},"x":1,"d":{"reference":"A/data"}}}]}',
    versions=2,
)
AGENT = accio_pb2.Agent(
    name="here",
    state="connected",
    resources=RESOURCES,
    reserved=RESOURCES,
    running=1,
    last_seen_ms=1_388_707_109_000,
    operators=3,
)
RESTRICTED = accio_pb2.Agent(
    name="there",
    state="connected",
    owners=["ada@example.org", "group:lab"],
    window=workload_pb2.AgentWindow(name="patch", begins_at_ms=5, ends_at_ms=3_600_000),
)
WHY = accio_pb2.WhyAnswer(
    run=RUN,
    node="A",
    answer="executed",
    **{"from": f"{RUN}/A"},
    differences=[accio_pb2.Difference(component="input epsilon", before="0.1", after="0.01")],
    reason="epsilon 0.1 → 0.01",
    computed_at_ms=5,
    agent="here",
)
PARENT = run(
    kind=runs_pb2.RUN_KIND_PARENT,
    children=4,
    repeat=2,
    params=PARAMETERS,
    children_by_state=[runs_pb2.StateCount(state="success", count=4)],
)
CHILD = run(
    f"{RUN}.3",
    kind=runs_pb2.RUN_KIND_CHILD,
    parent=RUN,
    index=3,
    label="epsilon=1.0 #2",
    repeat=2,
    params=PARAMETERS[1:],
)
DIFFERENCES = accio_pb2.CompareOperatorsResponse(
    nodes=[
        accio_pb2.OperatorDifference(
            node="A",
            first="GeoI",
            second="GeoI",
            components=[accio_pb2.Difference(component="function _noise", before="1", after="2")],
        )
    ]
)
OUTCOMES = accio_pb2.RunsResponse(
    runs=[accio_pb2.RunOutcome(id=RUN, changed=True), accio_pb2.RunOutcome(id="zzz", error="there is no run zzz")]
)
LOSS = runs_pb2.NodeSeries(
    run=f"{RUN}.3",
    node="A",
    attempt=1,
    series=runs_pb2.Series(name="loss", total=9, points=pack([Point(0, 1.0, 0.1), Point(8, math.nan, 0.2)])),
)
DETAILS = runs_pb2.NodeDetails(
    node=NODE,
    attempts=[runs_pb2.Attempt(id=7, agent="here", state="failed", started_at_ms=1, ended_at_ms=2, failure=FAILURE)],
    inputs={"epsilon": values_pb2.Value(type="double", json="0.1")},
    artifacts=[
        runs_pb2.Artifact(port="m", type="map(string,distance)", json='{"a":1.5}', size=9),
        runs_pb2.Artifact(port="big", type="list(double)", blob="blake3:00", size=10**7),
    ],
    metrics=runs_pb2.Metrics(wall_us=5, peak_memory=1 << 20, custom_json='{"hits":2.5}'),
    seed=-5,
    operator_digest="blake3:00",
    key="blake3:11",
    checkpoint=runs_pb2.Checkpoint(digest="blake3:22", bytes=5, attempt=1, saved_at_ms=7),
    measured=[LOSS],
)
CACHE = accio_pb2.GetCacheResponse(
    operators=[
        accio_pb2.CacheStatistics(operator="GeoI", results=1, bytes=5, hits=3, misses=1),
        accio_pb2.CacheStatistics(operator="X"),
    ],
    entries=[accio_pb2.CacheEntry(key="blake3:00", operator="GeoI", **{"from": f"{RUN}/A"}, computed_at_ms=5, bytes=5)],
)
TOKEN = accio_pb2.Token(
    id=3,
    kind=accio_pb2.TOKEN_KIND_USER,
    owner=values_pb2.Person(name="Ada", email="ada@example.org"),
    groups=["lab"],
    created_at_ms=1_388_707_109_120,
    expires_at_ms=1_488_707_109_120,
)
MADE = accio_pb2.CreateTokenResponse(token=TOKEN, secret="accio_u_none")
POOL = pools_pb2.Pool(
    description=pools_pb2.PoolDescription(
        name="cpu", provider="slurm", host=values_pb2.Resources(milli_cpus=8000), walltime_ms=14_400_000, max=20
    ),
    state="backing off",
    kept=1,
    allocations={"pending": 2, "running": 1},
    offers=values_pb2.Resources(milli_cpus=8000, memory=1 << 34),
    decision=["3 asked for"],
    problem="allocation 7: no such partition",
)
POOLS = pools_pb2.ListPoolsResponse(
    pools=[POOL, pools_pb2.Pool(state="away")], unservable=["2 queued nodes of A have no pool"]
)
ALLOCATIONS = pools_pb2.ListAllocationsResponse(
    allocations=[
        pools_pb2.Allocation(number=8, pool="cpu", state="pending", job="77", requested_ms=5, cancelling=True),
        pools_pb2.Allocation(number=7, pool="cpu", state="ended", agent="h-1", requested_ms=1, began_ms=2, ended_ms=3),
    ],
    next="7",
)
OWNERS = workload_pb2.ListOwnersResponse(
    owners=[
        workload_pb2.Owner(
            owner=values_pb2.Person(name="Ada", email="ada@example.org"),
            runs=1,
            queued=7,
            nodes=2,
            milli_cpus=2500,
            cap=workload_pb2.Cap(nodes=2),
            own_cap=True,
            lately=1.5,
        ),
        workload_pb2.Owner(owner=values_pb2.Person(email="bo@example.org"), cap=workload_pb2.Cap(milli_cpus=500)),
        workload_pb2.Owner(owner=values_pb2.Person(name="Cy"), runs=1),
    ],
    everybody=workload_pb2.Cap(nodes=10, milli_cpus=8000),
    policy="fair",
)
USAGE = workload_pb2.GetUsageResponse(
    usage=[
        workload_pb2.Usage(owner="ada@example.org", pool="cpu", period="2026-11", nodes=5, core_hours=2.5, gpu_hours=1),
        workload_pb2.Usage(nodes=1),
    ],
    until_ms=3_600_000,
)
CAP = workload_pb2.ChangeCapResponse(owner="ada@example.org", cap=workload_pb2.Cap(nodes=2))
WINDOW = workload_pb2.AgentWindow(name="patch", begins_at_ms=5, ends_at_ms=3_600_000, agents=["lab1", "gpu*"])
ADDED = workload_pb2.AddWindowResponse(window=WINDOW, warnings=["no agent is called lab1 now; known agents: none"])
CHANGES = accio_pb2.ListChangesResponse(
    changes=[accio_pb2.Change(at_ms=5, by="Ada", token=3, what="drain agent", subject="here")], next="7"
)
CLUSTER = accio_pb2.ClusterState(
    version="0.1.0", epoch=2, resources=RESOURCES, reserved=RESOURCES, agents=1, started_at_ms=5
)
WORKLOAD = workload_pb2.Workload(
    agents=1,
    resources=RESOURCES,
    active_runs=1,
    runs=[workload_pb2.RunLoad(run=RUN, workflow_id="w", children=4, forecast=workload_pb2.Forecast(why="nothing"))],
    demands=[
        workload_pb2.DemandLoad(operator="GeoI", queued=3, took=workload_pb2.Took(low_s=1, high_s=2, measured=5)),
        workload_pb2.DemandLoad(operator="X", resources=RESOURCES, waits="waits", never="needs more"),
    ],
    owners=[workload_pb2.OwnerLoad(owner=values_pb2.Person(name="Ada"), runs=1)],
    forecast=workload_pb2.Forecast(known=True, low_s=5, high_s=300),
)
HEALTHY = {
    "GetClusterState": CLUSTER,
    "ListAgents": accio_pb2.ListAgentsResponse(agents=[accio_pb2.Agent(name="here", state="connected")]),
    "ListOperators": accio_pb2.ListOperatorsResponse(operators=[OPERATOR]),
}
LOG = accio_pb2.LogChunk(run=RUN, node="A", attempt=1, note="cut", lines=[runs_pb2.LogLine(data=b"x\n", at_ms=1)])
CHUNK = accio_pb2.ExportChunk(
    run=run(),
    index=[0],
    seed=[1],
    repetition=[1],
    nodes=[
        accio_pb2.NodeColumn(
            node="S", outputs=[values_pb2.OutputPort(name="x", type="double")], row=[0], outputs_json=['{"x":1.0}']
        )
    ],
)

REPLAYED: dict[str, Any] = {
    "PushWorkflow": workflows_pb2.PushWorkflowResponse(workflow=WORKFLOW, created=True),
    "Submit": accio_pb2.SubmitResponse(run=run(), created=True),
    "Watch": [accio_pb2.RunUpdate(run=run())],
    "ListOperators": accio_pb2.ListOperatorsResponse(operators=[OPERATOR]),
    "Export": [CHUNK],
}
_PUBLISHED = {
    "workflow.json": {"id": "w", "graph": []},
    "run.json": {"workflow": "w", "seed": 1},
    "operators.json": [{"name": "GeoI", "digest": "blake3:00", "components": {}, "from": ""}],
    "outputs.jsonl": {"params": {}, "repeat": 1, "seed": "1", "state": "success", "outputs": {"S/x": 1.0, "S/y": 2}},
}

COLUMNS = [
    accio_pb2.ColumnsChunk(
        head=accio_pb2.ColumnsHead(
            run=run(kind=runs_pb2.RUN_KIND_PARENT, children=4),
            sweep_json='{"axes":[{"name":"p","type":"double","values":["1.0","2.0"]}],"repeat":2}',
            implied=runs_pb2.RUN_STATE_SCHEDULED,
            outputs=[accio_pb2.ColumnOutput(node="A", port="m", type="distance")],
            nodes=["A"],
        )
    ),
    accio_pb2.ColumnsChunk(
        first=0,
        states=bytes([3, 3, 3, 4]),
        columns=[
            accio_pb2.PackedColumn(name="A/m", rows=pack_places([0, 1, 2]), doubles=pack_doubles([1.5, 2.5, math.nan]))
        ],
        failures=accio_pb2.PackedFailures(
            rows=pack_places([3]),
            nodes=pack_places([0]),
            codes=pack_places([0]),
            reasons=[accio_pb2.FailureReason(cause="exception", exception="ValueError", message="it was 5")],
        ),
    ),
    accio_pb2.ColumnsChunk(end=accio_pb2.ColumnsEnd()),
]
POINT = workflows_pb2.Point(
    values=[workflows_pb2.PointValue(name="x", value=values_pb2.Value(type="long", json="9007199254740993"))]
)
CASES: list[tuple[str, str, dict[str, Any]]] = [
    (
        "push",
        "push ok.json",
        {"PushWorkflow": workflows_pb2.PushWorkflowResponse(workflow=WORKFLOW, created=True, warnings=[ISSUE])},
    ),
    ("push", "push ok.json", {"PushWorkflow": refuse(InvalidDefinition([Issue("", "bad", None, 1, 2)]))}),
    (
        "validate",
        "validate ok.json",
        {"ValidateWorkflow": workflows_pb2.ValidateResponse(valid=True, warnings=[ISSUE])},
    ),
    (
        "validate",
        "validate run.json",
        {"Validate": workflows_pb2.ValidateResponse(valid=True, children=6, points=[POINT])},
    ),
    ("validate", "validate ok.json ok.json", {"ValidateWorkflow": workflows_pb2.ValidateResponse(errors=[ISSUE])}),
    ("validate", "submit w", {"Submit": refuse(InvalidDefinition([Issue("/params/x", "bad", "y")]))}),
    ("submit", "submit w", {"Submit": accio_pb2.SubmitResponse(run=PARENT, warnings=[ISSUE], created=True)}),
    ("submit", "submit -wait w", {"SubmitAndWatch": [accio_pb2.RunUpdate(run=run(), warnings=[ISSUE])]}),
    (
        "dry-run",
        "submit -dry-run w",
        {"DryRun": accio_pb2.DryRunResponse(children=4, nodes=8, distinct_nodes=5, sampled=True)},
    ),
    ("runs", "get runs", {"List": accio_pb2.ListResponse(runs=[PARENT, run()], total=2)}),
    ("runs", "get runs -all", {"List": accio_pb2.ListResponse(runs=[PARENT, run()], total=2)}),
    ("runs", "get runs -all", {"List": accio_pb2.ListResponse(total=0)}),
    ("runs", "get runs -parent=x", {"List": accio_pb2.ListResponse(runs=[CHILD], next="c")}),
    ("run", "describe run x", {"Get": accio_pb2.GetResponse(run=PARENT)}),
    ("run", "describe run x", {"Get": accio_pb2.GetResponse(run=PARENT, nodes=[NODE, WAITING])}),
    ("run", "describe run x", {"Get": accio_pb2.GetResponse(run=CHILD, nodes=[NODE, WAITING])}),
    ("run", "describe run x", {"Get": accio_pb2.GetResponse(run=run(name="N", notes="multi\nline"), nodes=[NODE])}),
    ("node", "describe node x/A", {"GetNode": DETAILS}),
    ("node", "describe node x/A", {"GetNode": runs_pb2.NodeDetails(node=WAITING)}),
    ("operators", "get operators", {"ListOperators": accio_pb2.ListOperatorsResponse(operators=[OPERATOR])}),
    ("operator", "describe operator GeoI", {"GetOperator": OPERATOR}),
    ("workflows", "get workflows", {"ListWorkflows": workflows_pb2.ListWorkflowsResponse(workflows=[WORKFLOW])}),
    ("workflow", "describe workflow w", {"GetWorkflow": WORKFLOW}),
    ("agents", "get agents", {"ListAgents": accio_pb2.ListAgentsResponse(agents=[AGENT])}),
    ("workload", "get workload", {"GetWorkload": WORKLOAD}),
    ("workload", "get workload", {"GetWorkload": workload_pb2.Workload()}),
    ("agents", "get agents", {"ListAgents": accio_pb2.ListAgentsResponse(agents=[AGENT, RESTRICTED])}),
    ("agent", "agent drain here", {"DrainAgent": AGENT}),
    ("agent-remove", "agent remove here", {"RemoveAgent": accio_pb2.RemoveAgentResponse()}),
    (
        "events",
        "get events x",
        {"Events": accio_pb2.EventsResponse(events=[accio_pb2.Event(at_ms=1, kind="killed", run=RUN)])},
    ),
    ("logs", "logs x", {"Logs": [LOG]}),
    ("export", "export x", {"Export": [CHUNK]}),
    ("export", "export x -series=loss", {"Measure": [accio_pb2.MeasureChunk(series=[LOSS])]}),
    ("table", "table x", {"Columns": COLUMNS}),
    ("table", "table x -points", {"Columns": COLUMNS}),
    ("plot", "plot x -y=A/m", {"Columns": COLUMNS}),
    (
        "plot",
        "plot x -metric=loss",
        {
            "Get": accio_pb2.GetResponse(run=PARENT),
            "Columns": COLUMNS,
            "Measure": [accio_pb2.MeasureChunk(series=[LOSS])],
        },
    ),
    ("failures", "failures x", {"Columns": COLUMNS}),
    ("diff", "diff x y", {"Columns": COLUMNS, "CompareOperators": DIFFERENCES}),
    (
        "publish",
        "publish x -out=made.zip -force",
        {
            "Get": accio_pb2.GetResponse(run=run()),
            "GetWorkflow": WORKFLOW,
            "ListOperators": accio_pb2.ListOperatorsResponse(operators=[OPERATOR]),
            "Export": [CHUNK],
        },
    ),
    ("replay", "replay crate.zip", REPLAYED),
    ("replay", "replay crate.zip -verify", REPLAYED),
    ("outcomes", "kill a b", {"Kill": OUTCOMES}),
    ("outcomes", "retry a b", {"Retry": OUTCOMES, "Get": accio_pb2.GetResponse(run=run())}),
    ("outcomes", "delete run a b", {"Delete": OUTCOMES}),
    ("outcomes", "update x -name=y", {"UpdateMetadata": accio_pb2.UpdateMetadataResponse(run=run(), changed=True)}),
    ("delete-workflow", "delete workflow w", {"DeleteWorkflow": workflows_pb2.DeleteWorkflowResponse()}),
    ("watch", "watch x", {"Watch": [accio_pb2.RunUpdate(run=run())]}),
    ("why", "why x/A", {"Get": accio_pb2.GetResponse(run=CHILD), "Why": accio_pb2.WhyResponse(answers=[WHY])}),
    ("why", "why x", {"Get": accio_pb2.GetResponse(run=run()), "Why": accio_pb2.WhyResponse(answers=[WHY, WHY])}),
    (
        "why",
        "why x/A",
        {
            "Get": accio_pb2.GetResponse(run=PARENT),
            "List": accio_pb2.ListResponse(runs=[CHILD]),
            "Why": accio_pb2.WhyResponse(answers=[WHY]),
        },
    ),
    (
        "gc",
        "gc -dry-run",
        {
            "CollectGarbage": accio_pb2.CollectGarbageResponse(
                freed=[accio_pb2.Freed(digest="d", bytes=1, reason="r")], dry_run=True
            )
        },
    ),
    ("cache", "cache ls", {"GetCache": CACHE}),
    ("cache", "cache stats", {"GetCache": CACHE}),
    ("cache-rm", "cache rm -operator=GeoI", {"RemoveFromCache": accio_pb2.RemoveFromCacheResponse(removed=2)}),
    ("artifact", "get artifact x/A/m", {"GetNode": DETAILS}),
    ("backup", "daemon backup file", {"Backup": accio_pb2.BackupResponse(path="/x/file", bytes=5)}),
    ("changes", "get changes", {"ListChanges": CHANGES}),
    ("pools", "pool get", {"ListPools": POOLS}),
    ("pools", "pool get", {"ListPools": pools_pb2.ListPoolsResponse()}),
    ("pools", "pool why", {"ListPools": POOLS}),
    ("pools", "pool why cpu", {"ListPools": POOLS}),
    ("pool", "pool pause cpu", {"ChangePool": POOL}),
    ("pool", "pool resume cpu", {"ChangePool": POOL}),
    ("pool", "pool scale cpu 3", {"ChangePool": POOL}),
    ("pool", "pool scale cpu auto", {"ChangePool": POOL}),
    ("owners", "get owners", {"ListOwners": OWNERS}),
    ("owners", "get owners", {"ListOwners": workload_pb2.ListOwnersResponse()}),
    ("usage", "get usage", {"GetUsage": USAGE}),
    ("usage", "get usage -by=owner,pool,month -since=30d", {"GetUsage": USAGE}),
    ("cap", "cap ada@example.org -nodes=2", {"ChangeCap": CAP}),
    ("cap", "cap everybody -none", {"ChangeCap": workload_pb2.ChangeCapResponse(owner="everybody")}),
    ("window", "window add patch -to=2h", {"AddWindow": ADDED}),
    (
        "window",
        "window add patch -from=2027-01-12T08:00Z -to=2027-01-12T09:00Z -agents=lab1,gpu*",
        {"AddWindow": ADDED},
    ),
    ("windows", "window get", {"ListWindows": workload_pb2.ListWindowsResponse(windows=[WINDOW])}),
    ("windows", "window get", {"ListWindows": workload_pb2.ListWindowsResponse()}),
    ("window-remove", "window remove patch", {"RemoveWindow": workload_pb2.RemoveWindowResponse()}),
    ("allocations", "get allocations", {"ListAllocations": ALLOCATIONS}),
    ("token-create", "token create -kind=user -owner=Ada", {"CreateToken": MADE}),
    ("tokens", "token get", {"ListTokens": accio_pb2.ListTokensResponse(tokens=[TOKEN])}),
    ("tokens", "token revoke 3", {"RevokeToken": TOKEN}),
    ("version", "version", {"GetClusterState": CLUSTER}),
    ("version", "version -client", {}),
    ("init", "init project", {}),
    ("doctor", "doctor", HEALTHY),
    ("help", "help", {}),
    ("completion", "completion bash", {}),
    ("error", "describe run", {}),
    ("error", "submit missing.json", {}),
]


@pytest.fixture
def workplace(daemon: FakeDaemon, tmp_path: Path) -> FakeDaemon:
    """A folder with a file to push, and a crate."""
    (tmp_path / "ok.json").write_text('{"graph": []}')
    parts = tmp_path / "parts"
    parts.mkdir()
    for name, content in _PUBLISHED.items():
        (parts / name).write_bytes(orjson.dumps(content))
    archive.write(tmp_path / "crate.zip", {name: parts / name for name in _PUBLISHED}, force=False)
    (tmp_path / "run.json").write_text('{"workflow": "w"}')
    return daemon


@pytest.mark.parametrize(
    ("schema", "words", "answers"), CASES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_documents_fit_their_schemas(
    workplace: FakeDaemon, capsys: pytest.CaptureFixture[str], schema: str, words: str, answers: dict[str, Any]
) -> None:
    """--json prints exactly one document on stdout, and it is what its JSON Schema says."""
    workplace.answers.update(answers)
    main([*words.split(" "), "--json"])
    document = orjson.loads(capsys.readouterr().out)
    Draft202012Validator(SCHEMAS[schema], registry=REGISTRY).validate(document)


@pytest.mark.parametrize(
    ("schema", "words", "answers"), CASES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_everything_is_shown_to_people_too(
    workplace: FakeDaemon, capsys: pytest.CaptureFixture[str], schema: str, words: str, answers: dict[str, Any]
) -> None:
    """The same answers make a text, or with -quiet ids only, without an internal error."""
    workplace.answers.update(answers)
    for option in ("-noquiet", "-quiet"):
        code = main([*words.split(" "), option, *(["-force"] if schema == "export" else [])])
        out, err = capsys.readouterr()
        assert code in (0, 1, 2, 3), err
        assert "internal error" not in err
        assert out or err or option == "-quiet"


def test_every_schema_is_used_and_right() -> None:
    """Each schema is a valid one, and each but that of `up` (which starts processes) is tried above."""
    for schema in SCHEMAS.values():
        Draft202012Validator.check_schema(schema)
    assert {name for name, _, _ in CASES} == set(SCHEMAS) - {"common", "up"}


def test_unused_keys_would_be_noticed() -> None:
    """The schemas refuse a document that lacks a key: RUN without its seed."""
    validator = Draft202012Validator(SCHEMAS["submit"], registry=REGISTRY)
    assert not validator.is_valid({"schema": "accio/v1", "run": {"id": "x"}, "warnings": []})
