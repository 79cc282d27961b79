"""What is written to the wire is read as it was: each pair of `accio.wire`, there and back."""

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from accio.domain.attempts import Holding, Report
from accio.domain.cache_mode import CacheMode
from accio.domain.datatypes import parse_type
from accio.domain.failures import Failure
from accio.domain.ids import AttemptNo
from accio.domain.issues import Issue
from accio.domain.operators import InputPort, OperatorSpec, OutputPort
from accio.domain.resources import MAX_AMOUNT, Resources, sorted_counters
from accio.domain.states import Cause, NodeState, RunState
from accio.v1 import accio_pb2, agents_pb2, runs_pb2, values_pb2, workflows_pb2
from accio.wire.cache_modes import CACHE_MODE_MESSAGES, CACHE_MODES
from accio.wire.failures import failure_message, failure_of
from accio.wire.issues import issue_message, issue_of, issues_of
from accio.wire.metrics import metrics_message, metrics_of
from accio.wire.operators import input_message, input_of, operator_message, operator_of, output_message, output_of
from accio.wire.reports import (
    held_message,
    held_of,
    numbered,
    reports_of,
    result_report,
    together,
    with_log,
    with_tails,
)
from accio.wire.resources import resources_message, resources_of
from accio.wire.states import NODE_STATE_MESSAGES, NODE_STATES, RUN_STATE_MESSAGES, RUN_STATES

TEXTS = st.text(max_size=40)
NAMES = st.from_regex(r"[a-zA-Z][a-zA-Z0-9_]{0,11}", fullmatch=True)
AMOUNTS = st.integers(0, MAX_AMOUNT)
NUMBERS = st.integers(0, 2**63 - 1)
DIGESTS = st.binary(min_size=32, max_size=32).map(lambda raw: f"blake3:{raw.hex()}")
TYPES = st.sampled_from(("integer", "double", "string", "list(double)", "map(string,integer)", "dataset")).map(
    parse_type
)

RESOURCES = st.builds(
    Resources,
    milli_cpus=st.integers(1, 2**49),
    memory=AMOUNTS,
    disk=AMOUNTS,
    gpus=st.integers(0, 2**31 - 1),
    custom=st.dictionaries(NAMES, st.integers(1, MAX_AMOUNT), max_size=3).map(sorted_counters),
)
FAILURES = st.builds(
    Failure,
    cause=st.sampled_from([cause for cause in Cause if cause is not Cause.EXIT_CODE]),
    message=TEXTS,
    exit_code=st.none() | st.integers(1, 255),
    signal=st.none() | st.integers(1, 64),
    exception=TEXTS,
    traceback=TEXTS,
    stdout_tail=TEXTS,
    stderr_tail=TEXTS,
    predecessor=TEXTS,
) | st.builds(Failure, cause=st.just(Cause.EXIT_CODE), message=TEXTS, exit_code=st.integers(0, 255))
METRICS = st.tuples(
    *[NUMBERS] * 6,
    st.just("") | st.dictionaries(TEXTS, st.none() | st.floats(allow_nan=False, allow_infinity=False)).map(json.dumps),
)
INPUTS = st.builds(
    InputPort, name=NAMES, type=TYPES, default=st.none(), optional=st.booleans(), help=TEXTS
) | st.builds(
    InputPort, name=NAMES, type=st.just(parse_type("integer")), default=st.integers(0, 9).map(str), help=TEXTS
)
OUTPUTS = st.builds(OutputPort, name=NAMES, type=TYPES, help=TEXTS)


def by_name(port: InputPort | OutputPort) -> str:
    return port.name


OPERATORS = st.builds(
    OperatorSpec,
    name=NAMES.map(str.capitalize),
    digest=DIGESTS,
    uncacheable=st.none() | TEXTS.filter(bool),
    category=TEXTS,
    help=TEXTS,
    unstable=st.booleans(),
    deprecated=st.none() | TEXTS.filter(bool),
    inputs=st.lists(INPUTS, max_size=3, unique_by=by_name).map(tuple),
    outputs=st.lists(OUTPUTS, max_size=3, unique_by=by_name).map(tuple),
    resources=RESOURCES,
    timeout_ms=st.none() | st.integers(1, 2**40),
    retries=st.integers(0, 99),
    retry_backoff_ms=st.integers(0, 2**40),
    retry_memory=st.none(),
    memory_limit=st.none(),
    draws=st.lists(TEXTS, max_size=3).map(tuple),
    isolated=st.booleans(),
    components=st.dictionaries(TEXTS, TEXTS, max_size=3).map(lambda found: tuple(sorted(found.items()))),
    distribution=TEXTS,
)
ISSUES = st.builds(
    Issue,
    path=TEXTS,
    message=TEXTS,
    suggestion=st.none() | TEXTS.filter(bool),
    line=st.none() | st.integers(1, 2**31 - 1),
    column=st.none() | st.integers(1, 2**31 - 1),
)


@given(RESOURCES)
def test_resources(resources: Resources) -> None:
    """Resources survive the way."""
    message = values_pb2.Resources.FromString(resources_message(resources).SerializeToString())
    assert resources_of(message) == resources


@given(FAILURES)
def test_failures(failure: Failure) -> None:
    """A failure survives the way; an exit code of 0 is told only where the cause is one."""
    message = runs_pb2.Failure.FromString(failure_message(failure).SerializeToString())
    assert failure_of(message) == failure


@given(METRICS)
def test_metrics(metrics: tuple[int, int, int, int, int, int, str]) -> None:
    """Metrics survive the way, custom ones as the text that they are."""
    message = runs_pb2.Metrics.FromString(metrics_message(metrics).SerializeToString())
    assert metrics_of(message) == metrics


@given(INPUTS, OUTPUTS)
def test_ports(given_in: InputPort, given_out: OutputPort) -> None:
    """Ports survive the way: no default isn't an empty one."""
    assert input_of(input_message(given_in)) == given_in
    assert output_of(output_message(given_out)) == given_out


@given(OPERATORS)
def test_operators(spec: OperatorSpec) -> None:
    """What an agent announces arrives as it was declared."""
    message = values_pb2.Operator.FromString(operator_message(spec).SerializeToString())
    assert operator_of(message) == spec


@given(st.lists(ISSUES, max_size=3))
def test_issues(issues: list[Issue]) -> None:
    """Issues survive the way, in their order."""
    sent = workflows_pb2.ValidateResponse(errors=map(issue_message, issues))
    message = workflows_pb2.ValidateResponse.FromString(sent.SerializeToString())
    assert issues_of(message.errors) == tuple(issues) == tuple(map(issue_of, message.errors))


def test_states() -> None:
    """Each state has its number and each number its state; none is left over on either side."""
    assert {RUN_STATES[RUN_STATE_MESSAGES[state]] for state in RunState} == set(RunState)
    assert set(RUN_STATES) == set(runs_pb2.RunState.values()) - {runs_pb2.RUN_STATE_UNSPECIFIED}
    assert {NODE_STATES[NODE_STATE_MESSAGES[state]] for state in NodeState} == set(NodeState)
    assert set(NODE_STATES) == set(runs_pb2.NodeState.values()) - {runs_pb2.NODE_STATE_UNSPECIFIED}


def test_cache_modes() -> None:
    """Each use of the memo has its number and each number its use."""
    assert {CACHE_MODES[CACHE_MODE_MESSAGES[mode]] for mode in CacheMode} == set(CacheMode)
    assert set(CACHE_MODES) == set(accio_pb2.CacheMode.values())


@given(st.dictionaries(NUMBERS.map(AttemptNo), st.sampled_from(Holding)))
def test_what_an_agent_holds(held: dict[AttemptNo, Holding]) -> None:
    """The daemon reads of each attempt what the agent holds of it."""
    hello = agents_pb2.Hello.FromString(agents_pb2.Hello(held=held_message(held.items())).SerializeToString())
    assert held_of(hello.held) == held


def test_a_holding_of_a_later_version() -> None:
    """An attempt of which an agent says what this daemon doesn't know counts as gone."""
    message = agents_pb2.HeldAttempt(attempt=7)
    assert held_of([message]) == {7: Holding.GONE}


@st.composite
def reports(draw: st.DrawFn) -> Report:
    """Draw what a worker may say of an attempt that succeeded or failed."""
    failure = draw(st.none() | FAILURES)
    metrics = draw(st.tuples(st.integers(0, 2**40), *[NUMBERS] * 5, METRICS.map(lambda found: found[-1])))
    blobs = draw(st.dictionaries(NAMES, st.tuples(DIGESTS, NUMBERS), max_size=2)) if failure is None else {}
    started_ms = draw(st.integers(0, 2**40))
    return Report(
        seq=draw(NUMBERS),
        attempt=AttemptNo(draw(NUMBERS)),
        outputs=draw(st.dictionaries(NAMES, TEXTS, max_size=3)) if failure is None else None,
        blobs=blobs or None,
        failure=failure,
        metrics=metrics,
        started_ms=started_ms,
        ended_ms=started_ms + metrics[0] // 1000,
        log_bytes=draw(NUMBERS),
        contents=draw(st.lists(st.tuples(DIGESTS, NUMBERS), max_size=2)),
    )


def written(report: Report) -> bytes:
    """Write a report as worker and agent do together."""
    content = result_report(
        attempt=report.attempt,
        outputs=report.outputs,
        failure=report.failure,
        large=[(port, digest, size) for port, (digest, size) in (report.blobs or {}).items()],
        contents=report.contents,
        metrics=report.metrics,
        started_ms=report.started_ms,
    )
    return numbered(report.seq, with_log(content, report.log_bytes))


@given(st.lists(reports(), max_size=4))
def test_reports(told: list[Report]) -> None:
    """Reports put together from parts, and into one message, are read as workers and agent meant them."""
    message = agents_pb2.AgentMessage.FromString(together([written(each) for each in told]))
    assert message.WhichOneof("kind") == "reports"
    assert reports_of(message.reports) == told


@given(FAILURES, TEXTS, TEXTS)
def test_the_last_lines_of_a_failure(failure: Failure, stdout: str, stderr: str) -> None:
    """Last lines that are added to a failure's report leave the rest as it was."""
    content = result_report(
        attempt=1, outputs=None, failure=failure, large=(), contents=(), metrics=(0, 0, 0, 0, 0, 0, ""), started_ms=5
    )
    (read,) = reports_of(
        agents_pb2.Reports(reports=[agents_pb2.Report.FromString(with_tails(content, (stdout, stderr)))])
    )
    assert read.failure == replace(failure, stdout_tail=stdout, stderr_tail=stderr)
