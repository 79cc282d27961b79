"""What a store frees, and why."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accio.content.blobs import Blob
from accio.content.datasets import contents, missing_blobs, put_tree
from accio.content.digest import Digest, digest_bytes, hex_of
from accio.content.gc import Plan, collect, plan
from accio.content.store import FolderStore
from tests.unit.content.trees import NOW_NS, make_tree

OLD_NS = NOW_NS - 1_000_000
NOTHING_REFERS = "nothing refers to it"


def digest(name: str) -> Digest:
    return digest_bytes(name.encode())


def blob(name: str, size: int = 10, last_use_ns: int = OLD_NS) -> Blob:
    return Blob(digest=digest(name), size=size, last_use_ns=last_use_ns)


def names(decided: Plan, *known: Blob) -> list[int]:
    order = [one.digest for one in known]
    return [order.index(freed.digest) for freed in decided.freed]


def test_all_that_nothing_refers_to_is_freed() -> None:
    """Without a quota, what is referred to stays, with a dataset's files, and the rest goes with its reason."""
    result, file, other, loose = blob("m"), blob("f"), blob("g"), blob("loose", size=7)
    blobs = [result, file, other, loose]
    decided = plan(blobs, roots={result.digest}, datasets={result.digest: [file.digest]}, since_ns=NOW_NS)
    assert sorted(names(decided, *blobs)) == [2, 3]
    assert {freed.reason for freed in decided.freed} == {NOTHING_REFERS}
    assert (decided.bytes, decided.kept_bytes, decided.over_quota_bytes) == (17, 20, 0)


def test_a_shared_file_stays_for_the_other_dataset() -> None:
    """A file goes with the last dataset that needs it."""
    kept, gone, shared, own = blob("kept"), blob("gone"), blob("shared"), blob("own")
    blobs = [kept, gone, shared, own]
    datasets = {kept.digest: [shared.digest], gone.digest: [shared.digest, own.digest]}
    assert names(plan(blobs, roots={kept.digest}, datasets=datasets, since_ns=NOW_NS), *blobs) == [1, 3]
    order = names(plan(blobs, roots=set(), datasets=datasets, since_ns=NOW_NS), *blobs)
    assert sorted(order) == [0, 1, 2, 3]
    assert order.index(2) > max(order.index(0), order.index(1))


def test_under_the_quota_nothing_is_freed() -> None:
    """What nothing refers to remains a hit as long as there is room."""
    assert plan([blob("a"), blob("b")], roots=set(), datasets={}, since_ns=NOW_NS, quota=20).freed == ()


def test_over_the_quota_the_least_recently_used_goes_first() -> None:
    """Only as much is freed as the quota asks for, oldest use first; a hit that the database knows of is a use."""
    blobs = [blob("a", last_use_ns=OLD_NS + 3), blob("b", last_use_ns=OLD_NS + 1), blob("c", last_use_ns=OLD_NS + 2)]
    decided = plan(blobs, roots=set(), datasets={}, since_ns=NOW_NS, quota=15)
    assert names(decided, *blobs) == [1, 2]
    assert (
        decided.freed[0].reason
        == "nothing refers to it, and the store is over its quota of 15 bytes: least recently used"
    )
    hit = plan(blobs, roots=set(), datasets={}, since_ns=NOW_NS, quota=25, used_ns={blobs[1].digest: NOW_NS})
    assert names(hit, *blobs) == [2]


def test_the_quota_never_touches_what_is_referred_to() -> None:
    """A quota that can't be kept is said to be exceeded, and by how much."""
    blobs = [blob("a", size=100), blob("b", size=5)]
    decided = plan(blobs, roots={blobs[0].digest}, datasets={}, since_ns=NOW_NS, quota=30)
    assert names(decided, *blobs) == [1]
    assert (decided.kept_bytes, decided.over_quota_bytes) == (100, 70)


def test_a_dataset_is_freed_as_one() -> None:
    """Half a dataset is of no use: with its manifest its files go, also if the quota would be kept earlier."""
    old, file, newer = (
        blob("m", last_use_ns=OLD_NS),
        blob("f", last_use_ns=OLD_NS + 9),
        blob("n", last_use_ns=OLD_NS + 5),
    )
    decided = plan([old, file, newer], roots=set(), datasets={old.digest: [file.digest]}, since_ns=NOW_NS, quota=20)
    assert names(decided, old, file, newer) == [0, 1]


def test_a_manifest_in_a_dataset() -> None:
    """A dataset that holds another's manifest as a file is freed with all that hangs on it."""
    outer, inner, file = blob("outer"), blob("inner"), blob("file")
    datasets = {outer.digest: [inner.digest], inner.digest: [file.digest]}
    assert names(plan([file, inner, outer], roots=set(), datasets=datasets, since_ns=NOW_NS), outer, inner, file) == [
        0,
        1,
        2,
    ]


@pytest.mark.parametrize("quota", [None, 0])
def test_what_has_just_been_used_is_spared(quota: int | None) -> None:
    """What was used since work was begun that goes on may be about to be referred to; so may the files of a dataset."""
    young, file = blob("m", last_use_ns=NOW_NS), blob("f")
    datasets = {young.digest: [file.digest]}
    assert plan([young, file], roots=set(), datasets=datasets, since_ns=NOW_NS, quota=quota).freed == ()
    later = plan([young, file], roots=set(), datasets=datasets, since_ns=NOW_NS + 1, quota=quota)
    assert len(later.freed) == 2


def test_a_recorded_result_can_go() -> None:
    """A result that the database has taken note of can go as soon as no run refers to it, unless it was used since."""
    result, file, touched = (blob(name, last_use_ns=NOW_NS - 10) for name in ("m", "f", "touched"))
    blobs, datasets = [result, file, touched], {result.digest: [file.digest, touched.digest]}
    recorded = {result.digest: NOW_NS - 5}
    assert len(plan(blobs, roots=set(), datasets=datasets, since_ns=OLD_NS, recorded_ns=recorded).freed) == 3
    blobs[2] = blob("touched", last_use_ns=NOW_NS - 1)
    decided = plan(blobs, roots=set(), datasets=datasets, since_ns=OLD_NS, recorded_ns=recorded)
    assert names(decided, *blobs) == [0, 1]


NAMES = st.sampled_from("abcdefgh")
BLOBS = st.dictionaries(NAMES, st.tuples(st.integers(0, 50), st.integers(NOW_NS - 200, NOW_NS)), max_size=8)
DATASETS = st.dictionaries(NAMES, st.lists(NAMES, max_size=4), max_size=4)


@given(facts=BLOBS, inside=DATASETS, roots=st.sets(NAMES), quota=st.one_of(st.none(), st.integers(0, 300)))
def test_invariants(
    facts: Mapping[str, tuple[int, int]], inside: Mapping[str, Sequence[str]], roots: set[str], quota: int | None
) -> None:
    """Nothing referred to or young goes; bytes add up; all else goes, or just enough; nothing is freed twice."""
    blobs = [blob(name, size, used) for name, (size, used) in facts.items()]
    # As with real digests, a manifest can't hold itself, directly or through others.
    datasets = {digest(name): [digest(file) for file in files if file > name] for name, files in inside.items()}
    decided = plan(blobs, roots={digest(name) for name in roots}, datasets=datasets, since_ns=NOW_NS - 100, quota=quota)
    freed = [one.digest for one in decided.freed]
    kept = {one.digest for one in blobs} - set(freed)
    wanted = {digest(name) for name in roots} | {one.digest for one in blobs if one.last_use_ns >= NOW_NS - 100}
    reachable = closure(wanted, datasets)
    assert len(set(freed)) == len(freed)
    assert not reachable & set(freed)
    assert decided.bytes + decided.kept_bytes == sum(one.size for one in blobs)
    if quota is None:
        assert kept <= reachable
    elif decided.kept_bytes > quota:
        assert decided.over_quota_bytes == decided.kept_bytes - quota
        assert kept <= reachable
    for one in kept:  # no half dataset: what is kept and known has all its files that were there
        assert not set(datasets.get(one, ())) & set(freed)


def closure(start: set[Digest], datasets: Mapping[Digest, Sequence[Digest]]) -> set[Digest]:
    reached = set(start)
    while more := {file for one in reached for file in datasets.get(one, ())} - reached:
        reached |= more
    return reached


def make_old(store: FolderStore) -> None:
    for one in store.list():
        os.utime(store.folder / "blobs" / hex_of(one.digest)[:2] / hex_of(one.digest), ns=(0, 1))


def test_collecting_from_a_folder(tmp_path: Path) -> None:
    """The plan, carried out: what was freed is gone, what is referred to is complete; a plan alone changes nothing."""
    with FolderStore(tmp_path / "s") as store:
        kept = put_tree(store, make_tree(tmp_path / "a", {"x": b"shared", "y": b"kept"}), now_ns=NOW_NS).digest
        gone = put_tree(store, make_tree(tmp_path / "b", {"x": b"shared", "z": b"gone"}), now_ns=NOW_NS).digest
        make_old(store)
        before = list(store.list())
        decided = plan(before, roots={kept}, datasets=contents(store, [kept, gone]), since_ns=NOW_NS)
        assert list(store.list()) == before
        assert [freed.digest for freed in collect(store, decided)] == [gone, digest("gone")]
        assert missing_blobs(store, kept) == ()
        assert len(list(store.list())) == 3


def test_a_put_between_plan_and_collection_wins(tmp_path: Path) -> None:
    """A blob that is put again (or relied on) after the plan was made survives it."""
    with FolderStore(tmp_path / "s") as store:
        folder = make_tree(tmp_path / "a", {"x": b"1", "y": b"2"})
        put_tree(store, folder, now_ns=NOW_NS)
        make_old(store)
        decided = plan(store.list(), roots=set(), datasets={}, since_ns=NOW_NS)
        assert len(decided.freed) == 3
        again = put_tree(store, folder, now_ns=NOW_NS)
        assert again.blobs_new == 0
        assert list(collect(store, decided)) == []
        assert missing_blobs(store, again.digest) == ()
