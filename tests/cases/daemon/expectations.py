"""What cases expect of a scenario: of its runs, nodes and commands, and of the system as a whole."""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from tests.acceptance.processes import eventually
from tests.cases.daemon import facts
from tests.cases.daemon.described import assert_command, assert_described, described, is_command_word
from tests.cases.daemon.exports import Exported
from tests.cases.daemon.facts import Place
from tests.cases.daemon.scenario import Scenario
from tests.cases.daemon.tables import CHECKS
from tests.cases.loader import mentions, only, same

Handler = Callable[[Scenario, Any], None]


def assert_outcome(scenario: Scenario, expect: Mapping[str, Any]) -> None:
    """Check every expectation of a scenario; an unknown one fails."""
    for name, wanted in expect.items():
        if name in _WORDS:
            _WORDS[name](scenario, wanted)
        elif not _assert_pattern(scenario, name, wanted):
            _assert_named(scenario, name, wanted)


def _assert_named(scenario: Scenario, name: str, wanted: Mapping[str, Any]) -> None:
    """Check what is expected of a run, a node, a command or a snapshot by its name."""
    run = name.partition("/")[0]
    if name in scenario.outcomes:
        _assert_command(scenario, name, wanted)
    elif name in scenario.snapshots:
        _assert_facts(scenario, name, scenario.snapshots[name], wanted)
    elif name in scenario.versions:
        only(wanted)
    elif not scenario.is_run(run):
        raise AssertionError(f"the adapter doesn't know {name}")
    elif "/" in name:
        place, words = _node(scenario, name), dict(wanted)
        if "process" in words:
            assert facts.process_of(scenario.system, place) == words.pop("process")
        _assert_facts(scenario, name, facts.node_facts(scenario.system, place), words)
    else:
        _assert_run(scenario, name, wanted)


def _assert_command(scenario: Scenario, name: str, wanted: Mapping[str, Any]) -> None:
    """Check what a command printed, what it exported and, if it made a run, what is expected of that."""
    words, found = dict(wanted), scenario.outcomes[name]
    for word in ("freed", "kept"):
        for phrase in words.pop(word, []):
            digest = _digest_of(scenario, phrase)
            freed = [one["digest"] for one in found.json["freed"]]
            assert (digest in freed) is (word == "freed"), f"{phrase}: {freed}"
    if "runs_created" in words:
        assert scenario.made[name] == words.pop("runs_created")
    of_command = {word: words.pop(word) for word in list(words) if is_command_word(word)}
    assert_command(found, of_command, scenario.words)
    for word in [word for word in words if word in CHECKS]:
        CHECKS[word](scenario.exports[name], words.pop(word), _exported(scenario), [])
    if words:
        assert name in scenario.runs, f"the adapter doesn't know {sorted(words)} of the command {name}"
        _assert_run(scenario, name, words)


def _exported(scenario: Scenario) -> Exported:
    """Return the ids and seeds of all runs, as exports name them."""
    made = Exported()
    for alias, ids in scenario.runs.items():
        made.ids[alias] = ids[-1]
        for single in scenario.singles(ids[-1]):
            made.ids[scenario.alias(single)] = single
            made.seeds[single] = scenario.system.client.get_run(single, nodes=False).run.seed
    return made


def _assert_run(scenario: Scenario, name: str, wanted: Mapping[str, Any]) -> None:
    run, words = scenario.run(name), dict(wanted)
    if "outputs" in words:
        _assert_outputs(scenario, run, words.pop("outputs"))
    if "describe" in words:
        assert words.pop("describe") == "exit 0"
        assert scenario.system.command("describe", "run", run).exit == 0
    if "error" in words:
        text = str(scenario.system.client.events(run)) + str(scenario.system.client.get_run(run).nodes)
        assert mentions(text, words.pop("error"))
    if words:
        _assert_facts(scenario, name, facts.run_facts(scenario.system, run), words)


def _assert_outputs(scenario: Scenario, run: str, wanted: Mapping[str, Any]) -> None:
    """Compare artifacts; `{}` means that there are none."""
    if not wanted:
        assert facts.artifacts(scenario.system, run) == {}
    for name, value in wanted.items():
        node, _, port = name.partition("/")
        found = facts.value_of(scenario.system, Place(run, node), port)  # of a dataset: it can be read
        if value != "readable":
            assert_described(found, scenario.words(value), name)


def _assert_facts(scenario: Scenario, name: str, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    for word, value in wanted.items():
        expected = scenario.words(value)
        assert word in found, f"the adapter doesn't know {word} of {name}"
        match word:
            case "mentions":
                assert mentions(found[word], expected), found[word]
            case "stdout" | "stderr" | "traceback":
                assert mentions(found[word] or "", [expected] if isinstance(expected, str) else expected), found[word]
            case "attempts" if isinstance(expected, int):
                assert len(found[word]) == expected, found
            case "workflow":
                text = found[word] if ":" in expected else found[word].partition(":")[0]
                assert text == expected
            case "seed":
                assert described(found[word], expected) or described(str(found[word]), expected), found
            case "tags":
                assert sorted(found[word]) == sorted(expected)
            case _:
                assert_described(found[word], expected, f"{word} of {name}")


# ------------------------------------------------------------------------------------------------------ single values


def _node(scenario: Scenario, name: str) -> Place:
    """Return a node by its name, or by the end of its name if only one ends so."""
    place = scenario.place(name)
    names = [node.name for node in scenario.system.client.get_run(place.run).nodes]
    if place.node in names:
        return place
    ending = [one for one in names if one.endswith(place.node)]
    assert len(ending) == 1, f"there is no node {place.node} among {names}"
    return Place(place.run, ending[0])


def value(scenario: Scenario, name: str) -> Any:
    """Return what a name in `equal` or `different` stands for: an artifact, a version, a seed, a field of a run."""
    seed = re.fullmatch(r"seed received by (\S+) in attempt (\d+)", name)
    if seed:
        place = _node(scenario, seed[1])
        key = f"{place.run}/{place.node}"
        received = [one.text for one in scenario.system.executions() if one.node == key]
        assert len(received) >= int(seed[2]), received
        return received[int(seed[2]) - 1]
    if name in scenario.versions:
        return scenario.versions[name]
    path, _, field = name.partition(".")
    parts = path.split("/")
    match len(parts), field:
        case 1, "":
            return scenario.run(path)
        case 1, _:
            return facts.run_facts(scenario.system, scenario.run(path))[field]
        case 2, _:
            return facts.node_facts(scenario.system, _node(scenario, path))[field or "document"]
        case 3, "":
            return facts.value_of(scenario.system, _node(scenario, "/".join(parts[:2])), parts[2])
        case _:
            raise AssertionError(f"the adapter doesn't know the value {name}")


def _equal(scenario: Scenario, groups: list[list[str]]) -> None:
    for group in groups:
        values = [value(scenario, name) for name in group]
        assert all(same(values[0], other) for other in values), dict(zip(group, values, strict=True))


def _different(scenario: Scenario, wanted: list[Any]) -> None:
    for group in wanted if isinstance(wanted[0], list) else [wanted]:
        values = [value(scenario, name) for name in group]
        for at, one in enumerate(values):
            assert not any(same(one, other) for other in values[at + 1 :]), dict(zip(group, values, strict=True))


# --------------------------------------------------------------------------------------------- executed, cached, stored


def _executed(scenario: Scenario, wanted: list[str]) -> None:
    """Exactly these nodes ran: as the ledger of the operators has it, and as the product says."""
    nodes = {one.node for one in scenario.system.executions()}
    names = {f"{scenario.alias(node.partition('/')[0])}/{node.partition('/')[2]}" for node in nodes}
    assert names == set(wanted), names
    for name in wanted:
        if scenario.place(name).run in scenario.deleted:
            continue
        found = facts.node_facts(scenario.system, scenario.place(name))
        assert not found["cached"], found
        assert found["attempts"], found


def _cached(scenario: Scenario, wanted: list[str]) -> None:
    """Exactly these nodes took a result."""
    cached = set[str]().union(*scenario.deleted.values())
    for run in (run for ids in scenario.runs.values() for run in ids if run not in scenario.deleted):
        cached |= scenario.cached_of(run)
    assert cached == set(wanted), cached


def _executions(scenario: Scenario, wanted: Mapping[str, Any]) -> None:
    found = Counter(one.operator for one in scenario.system.executions())
    assert_described({name: found[name] for name in wanted}, wanted, "executions")


def _digest_of(scenario: Scenario, phrase: str) -> str:
    """Return the content that "the folder made by R1/MakeFile" or "R1/MakeFile/data" means."""
    name = phrase.rpartition(" ")[2]
    found = [digest for key, digest in scenario.digests.items() if key == name or key.startswith(f"{name}/")]
    assert len(found) == 1, f"{phrase}: {scenario.digests}"
    return found[0]


def _gone(scenario: Scenario, wanted: list[str]) -> None:
    for phrase in wanted:
        digest = _digest_of(scenario, phrase)
        eventually(
            lambda digest=digest: not facts.is_stored(scenario.system, digest),  # type: ignore[misc]  # of this turn
            patience=30,
            what=f"the end of {phrase}",
        )


def _everything_stored(scenario: Scenario, wanted: str) -> None:
    assert wanted == "under the folder of ACCIO_DATA_DIR"
    cluster = scenario.system.cluster
    assert (cluster.data / "accio.db").is_file()
    assert (cluster.data / "store").is_dir()
    assert not (cluster.root / "config").exists()
    assert not list((cluster.root / "home").rglob("*"))


# ------------------------------------------------------------------------------------------------------- whole system


def _ids(scenario: Scenario, wanted: Mapping[str, Any]) -> None:
    only(wanted, "matches", "longest", "all_different", "sorted_like_creation")
    ids = [run for runs in scenario.runs.values() for run in runs]
    if "matches" in wanted:
        assert all(re.fullmatch(wanted["matches"], run) for run in ids), ids
    if "longest" in wanted:
        assert max(map(len, ids)) <= wanted["longest"], ids
    if "all_different" in wanted:
        assert (len(set(ids)) == len(ids)) is wanted["all_different"]
    if "sorted_like_creation" in wanted:
        assert (sorted(ids) == ids) is wanted["sorted_like_creation"]


def _workflow_rows(scenario: Scenario, wanted: Mapping[str, Any]) -> None:
    """The workflows of this case as they are listed, each with its latest version; those of the fixtures aside."""
    only(wanted, "rows")
    found = scenario.system.command("get", "workflows", "--json", "--all").json["workflows"]
    assert len({row["id"] for row in found}) == len(found)
    own = {workflow for workflow, _ in scenario.pushed}
    rows = [[row["id"], row["version"]] for row in found if row["id"] in own]
    assert rows == [[workflow, scenario.versions.get(version, version)] for workflow, version in wanted["rows"]]


def _absent(scenario: Scenario, wanted: list[str]) -> None:
    for document in scenario.snapshots.values():
        assert not set(wanted) & document.keys(), document


def _runs_created(scenario: Scenario, wanted: int) -> None:
    assert len(scenario.system.client.list_runs(limit=1000).runs) == wanted


def _answered_before(scenario: Scenario, wanted: str) -> None:
    assert wanted == "any child has run"
    assert scenario.hold_agents  # the submission has been answered while no agent could do anything


def _created(scenario: Scenario, wanted: list[bool]) -> None:
    assert scenario.created == wanted


_WORDS: dict[str, Handler] = {
    "equal": _equal,
    "different": _different,
    "executed": _executed,
    "cached": _cached,
    "executions": _executions,
    "created": _created,
    "ids": _ids,
    "submit_answers_before": _answered_before,
    "everything_stored": _everything_stored,
    "gone_without_a_gc_command": _gone,
    "gone": _gone,
    "get workflows": _workflow_rows,
    "absent": _absent,
    "runs_created": _runs_created,
}


def _assert_pattern(scenario: Scenario, name: str, wanted: Any) -> bool:
    """Check an expectation whose name has a variable part; False if there is none of this name."""
    for form, handler in _PATTERNS:
        found = re.fullmatch(form, name)
        if found:
            handler(scenario, found[1], wanted)
            return True
    return False


def _described_json(scenario: Scenario, name: str, wanted: Any) -> None:
    kind, _, target = name.partition(" ")
    run, slash, node = target.partition("/")
    identifier = scenario.run(run) + slash + node if kind in ("run", "node") else target
    found = scenario.system.command("describe", kind, identifier, "--json")
    assert found.exit == 0, found
    scenario.snapshots[f"json of describe {name}"] = found.json
    assert_described(found.json, scenario.words(wanted), name)


def _described(scenario: Scenario, name: str, wanted: Mapping[str, Any]) -> None:
    """What `describe` shows of a run or a node."""
    environment = scenario.environment
    run, slash, node = name.partition("/")
    kind = "node" if slash else "run"
    arguments = ("describe", kind, scenario.run(run) + slash + node)
    assert scenario.system.command(*arguments, environment=environment).exit == 0
    document = scenario.system.command(*arguments, "--json", environment=environment).json
    words = {word: value for word, value in wanted.items() if word not in ("exit", "tags")}
    assert_described(document, scenario.words(words), name)
    if "tags" in wanted:
        assert sorted(document["tags"]) == sorted(wanted["tags"])


def _why(scenario: Scenario, name: str, wanted: Mapping[str, Any]) -> None:
    only(wanted, "says", "mentions", "differences", "from", "reason_mentions")
    place = _node(scenario, name)
    target = f"{place.run}/{place.node}"
    shown = scenario.system.command("why", target)
    document = scenario.system.command("why", target, "--json").json
    if "says" in wanted:
        assert_described(document["answer"], wanted["says"], f"the answer to why {name}")
    text = shown.stdout + str(document)
    assert mentions(shown.stdout, scenario.words(wanted.get("mentions", []))), text
    assert mentions(document["reason"], scenario.words(wanted.get("reason_mentions", []))), text
    if "from" in wanted:
        assert document["from"].startswith(scenario.run(wanted["from"])), text
    if "differences" in wanted:
        assert_described(document["differences"], wanted["differences"], f"differences of {name}")


def _versions_of(scenario: Scenario, name: str, wanted: int) -> None:
    assert scenario.system.client.get_workflow(name).versions == wanted


def _latest_of(scenario: Scenario, name: str, wanted: str) -> None:
    assert scenario.system.client.get_workflow(name).version == scenario.versions[wanted]


def _children_of(scenario: Scenario, name: str, wanted: int) -> None:
    from accio_client.views import RunFilter

    run = scenario.run(name)
    assert scenario.system.client.get_run(run).run.children == wanted
    listed = [child.id for child in scenario.system.client.iterate_runs(RunFilter(parent=run))]
    assert len(set(listed)) == len(listed) == wanted


def _copies(scenario: Scenario, name: str, wanted: int) -> None:
    """Count the copies of a file of some artifact's in the store."""
    found: set[str] = set()
    for ids in scenario.runs.values():
        for run in ids:
            for artifact in facts.artifacts(scenario.system, run):
                node, _, port = artifact.partition("/")
                content = facts.value_of(scenario.system, Place(run, node), port)
                found |= {content[name]} if isinstance(content, dict) and name in content else set()
    assert len(found) == 1, found
    assert facts.copies_in_store(scenario.system, found.pop().encode()) == wanted


_PATTERNS: tuple[tuple[str, Callable[[Scenario, str, Any], None]], ...] = (
    (r"json of describe (.+)", _described_json),
    (r"describe (.+)", _described),
    (r"why (.+)", _why),
    (r"versions_of_(\w+)", _versions_of),
    (r"latest_of_(\w+)", _latest_of),
    (r"children_of_([\w#]+)", _children_of),
    (r"copies_of_(.+)_in_the_store", _copies),
)
