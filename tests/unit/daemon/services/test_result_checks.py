"""What is made of a success that can't be a result."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from accio.content.datasets import put_tree
from accio.content.errors import StoreUnusable
from accio.content.store import FolderStore
from accio.domain.datatypes import parse_type
from accio.domain.operators import OperatorSpec, OutputPort
from accio.domain.states import Cause
from accio_daemon.core.commands import Report
from accio_daemon.core.terms import AttemptNo
from accio_daemon.services.sessions.result_checks import Pinned, ResultChecks

ABSENT = "blake3:" + "ab" * 32


def _spec(**ports: str) -> OperatorSpec:
    outputs = tuple(OutputPort(name=name, type=parse_type(kind)) for name, kind in ports.items())
    return OperatorSpec(name="Op", digest="blake3:" + "0" * 64, outputs=outputs)


def _report(outputs: dict[str, str], attempt: int = 1, **fields: object) -> Report:
    report = Report(
        seq=1,
        attempt=AttemptNo(attempt),
        outputs=outputs,
        blobs=None,
        failure=None,
        metrics=(0, 0, 0, 0, 0, 0, ""),
        started_ms=1,
        ended_ms=2,
        log_bytes=0,
        contents=[],
    )
    for name, value in fields.items():
        setattr(report, name, value)
    return report


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FolderStore]:
    """Return an empty store."""
    with FolderStore(tmp_path / "store") as opened:
        yield opened


def _checks(store: FolderStore, spec: OperatorSpec) -> ResultChecks:
    known: dict[AttemptNo, Pinned] = {AttemptNo(1): (7, spec)}
    return ResultChecks(known.get, store)


async def _judged(store: FolderStore, spec: OperatorSpec, report: Report) -> Report:
    checks = _checks(store, spec)
    if with_content := checks.judge([report]):
        await checks.require_content(with_content)
    return report


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("integer", "7"),
        ("double", "1.5"),
        ("double", "1"),
        ("double", '"NaN"'),
        ("string", '"é"'),
        ("boolean", "true"),
        ("list(double)", "[1.0,2.0]"),
        ("list(double)", '[1.0,"Infinity",2]'),
        ("list(string)", "[]"),
        ("map(string,list(integer))", '{"a":[1]}'),
        ("location", "[46.5,6.6]"),
    ],
)
async def test_an_output_of_its_type_stays(store: FolderStore, kind: str, text: str) -> None:
    """A success whose outputs are of their types is passed on as it is."""
    report = await _judged(store, _spec(value=kind), _report({"value": text}))
    assert (report.failure, report.outputs, report.known) == (None, {"value": text}, True)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("integer", '"text"'),
        ("integer", "1.0"),
        ("integer", str(2**40)),
        ("integer", "[" * 900 + "]" * 900),
        ("double", "true"),
        ("string", "1"),
        ("list(double)", '[1.0,"x"]'),
        ("list(double)", "{}"),
        ("map(integer,double)", '{"x":1.0}'),
        ("location", "[91.0,0.0]"),
        ("dataset", '"/some/path"'),
        ("list(dataset)", '["blake3:xyz"]'),
        ("integer", ""),
        ("integer", "{"),
        ("integer", "NaN"),
        ("integer", "1 2"),
        ("string", '"?",'),
    ],
)
async def test_an_output_of_another_type_fails_its_attempt(store: FolderStore, kind: str, text: str) -> None:
    """What isn't JSON, or isn't of the port's type, is a bad output and no result."""
    report = await _judged(store, _spec(value=kind), _report({"value": text}))
    assert report.outputs is None
    assert report.failure is not None
    assert report.failure.cause is Cause.BAD_OUTPUT
    assert "value" in report.failure.message or "as a dataset" in report.failure.message


@pytest.mark.parametrize(
    ("report", "mentioned"),
    [
        (_report({}), "no output 'value'"),
        (_report({"value": "1", "other": "2"}), "'other', which Op doesn't have"),
        (_report({"value": "1"}, blobs={"other": (ABSENT, 70_000)}), "'other', which Op doesn't have"),
        (_report({"value": "1"}, blobs={"value": (ABSENT, 70_000)}), "'value' of Op twice"),
    ],
)
async def test_outputs_are_those_of_the_operator(store: FolderStore, report: Report, mentioned: str) -> None:
    """No output is missing, none comes twice, and there is no other."""
    await _judged(store, _spec(value="integer"), report)
    assert (report.outputs, report.blobs) == (None, None)
    assert report.failure is not None
    assert report.failure.cause is Cause.BAD_OUTPUT
    assert mentioned in report.failure.message


async def test_content_that_the_store_lacks_fails_its_attempt(store: FolderStore, tmp_path: Path) -> None:
    """Large values and whole datasets must be there, of the size that was reported."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "file").write_text("content")
    dataset = put_tree(store, folder, now_ns=0)
    large = store.put(b"9" * 70_000)
    spec = _spec(data="dataset", big="string")

    def reported(digest: str, blob: tuple[str, int]) -> Report:
        return _report({"data": f'"{digest}"'}, contents=[(digest, 7)], blobs={"big": blob})

    good = await _judged(store, spec, reported(dataset.digest, (large.digest, large.size)))
    assert good.failure is None
    for bad in (
        reported(ABSENT, (large.digest, large.size)),
        reported(large.digest, (large.digest, large.size)),  # a blob, but no dataset
        reported(dataset.digest, (ABSENT, large.size)),
        reported(dataset.digest, (large.digest, large.size + 1)),
    ):
        await _judged(store, spec, bad)
        assert (bad.outputs, bad.blobs, bad.contents) == (None, None, [])
        assert bad.failure is not None
        assert bad.failure.cause is Cause.STAGING
        assert "the store lacks" in bad.failure.message
    for blob in list(store.list()):
        if blob.digest not in (dataset.digest, large.digest):
            assert store.delete(blob)  # the file of the dataset
    halved = await _judged(store, spec, reported(dataset.digest, (large.digest, large.size)))
    assert halved.failure is not None


async def test_what_is_said_of_an_attempt_that_does_not_go_on_is_no_result(store: FolderStore) -> None:
    """A success for a number that nobody was given is marked, whatever becomes of that number meanwhile."""
    report = await _judged(store, _spec(value="integer"), _report({"value": "1"}, attempt=2))
    assert not report.known


async def test_nothing_is_judged_by_a_store_that_was_moved_away(tmp_path: Path, store: FolderStore) -> None:
    """What others put at its place isn't in the folder that is still open here: results wait until it is put back."""
    (tmp_path / "out").write_text("result")
    digest = put_tree(store, tmp_path / "out", now_ns=0).digest
    store.folder.rename(tmp_path / "elsewhere")
    spec = _spec(value="dataset")
    with pytest.raises(StoreUnusable, match="was moved, removed or replaced"):
        await _judged(store, spec, _report({"value": f'"{digest}"'}))
    (tmp_path / "elsewhere").rename(store.folder)
    assert (await _judged(store, spec, _report({"value": f'"{digest}"'}))).failure is None
