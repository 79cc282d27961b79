"""Checking runs: forms, metadata, seeds, and agreement with the operators of today."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from accio.domain.datatypes import parse_type
from accio.domain.issues import Checked
from accio.domain.linking import Use, choices_of
from accio.domain.operators import InputPort, OperatorSpec
from accio.domain.runs import FailurePolicy, OnFailure, RunDefinition, with_overrides
from accio.domain.validation import check_run, check_workflow
from accio.domain.workflows import Workflow
from tests.cases.language import OPERATORS, Library, check_a_run, library
from tests.unit.domain.forms import axis_of, issue_of, texts_of


def good(**keys: Any) -> RunDefinition:
    checked = check_a_run({"workflow": "probe", **keys}, library())
    assert checked.value is not None, checked.errors
    return checked.value


def paths(document: dict[str, Any]) -> list[str]:
    return [issue.path for issue in check_a_run(document, library()).errors]


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"workflow": 5}, "/workflow"),
        ({"workflow": ""}, "/workflow"),
        ({"workflow": "probe:"}, "/workflow"),
        ({"workflow": "prob"}, "/workflow"),
        ({"name": 5}, "/name"),
        ({"notes": None}, "/notes"),
        ({"tags": "a,b"}, "/tags"),
        ({"tags": ["a", 5]}, "/tags/1"),
        ({"tags": [" "]}, "/tags/0"),
        ({"tags": ["x" * 2000]}, "/tags/0"),
        ({"tags": [str(at) for at in range(1001)]}, "/tags"),
        ({"seed": True}, "/seed"),
        ({"seed": 2**63}, "/seed"),
        ({"repeat": 0}, "/repeat"),
        ({"repeat": "3"}, "/repeat"),
        ({"repeat": None}, "/repeat"),
        ({"tags": None}, "/tags"),
        ({"seed": None}, "/seed"),
        ({"seed": 1.5}, "/seed"),
        ({"params": None}, "/params"),
        ({"on_failure": None}, "/on_failure"),
        ({"on_failure": {"max": True}}, "/on_failure/max"),
        ({"nice": None}, "/nice"),
        ({"repeat": 1.5}, "/repeat"),
        ({"repeat": True}, "/repeat"),
        ({"repeat": 10**8}, "/repeat"),
        ({"params": []}, "/params"),
        ({"on_failure": "ignore"}, "/on_failure"),
        ({"on_failure": {"max": -1}}, "/on_failure/max"),
        ({"on_failure": {"max": "3"}}, "/on_failure/max"),
        ({"on_failure": {"most": 3}}, "/on_failure/most"),
        ({"on_failure": {"max": 3, "min": 1}}, "/on_failure/min"),
        ({"nice": "yes"}, "/nice"),
        ({"nice": 1}, "/nice"),
        ({"paramz": {}}, "/paramz"),
        ({"params": {"a": None}}, "/params/a"),
        ({"params": {"a": [1, 2]}}, "/params/a"),
        ({"params": {"a": {}}}, "/params/a"),
        ({"params": {"a": {"val": 1}}}, "/params/a"),
        ({"params": {"a": {"value": 1, "values": [2]}}}, "/params/a/values"),
        ({"params": {"a": {"values": 3}}}, "/params/a/values"),
        ({"params": {"a": {"values": [1, "x"]}}}, "/params/a/values/1"),
        ({"params": {"a": {"value": "x"}}}, "/params/a/value"),
    ],
)
def test_one_mistake_is_one_issue(change: dict[str, Any], path: str) -> None:
    """Each mistake is found at its place and causes no second issue."""
    assert paths({"workflow": "probe", **change}) == [path]


def test_a_workflow_is_no_run() -> None:
    """A workflow in the place of a run is told as what it is, instead of key by key."""
    (issue,) = check_a_run({"id": "w", "graph": [{"op": "A"}]}, library()).errors
    assert "this is a workflow" in issue.message


def test_all_mistakes_are_found_at_once() -> None:
    """Mistakes of all kinds are listed together; without a workflow the rest is still checked."""
    document = {"seed": "x", "repeat": 0, "params": {"epsilom": 1, "a": "b"}, "tags": 1, "on_failure": 1}
    assert paths({**document, "workflow": "probe"}) == [
        "/tags",
        "/seed",
        "/repeat",
        "/on_failure",
        "/params/epsilom",
        "/params/a",
    ]
    assert paths(document) == ["/workflow", "/tags", "/seed", "/repeat", "/on_failure"]


def test_unknown_names_come_with_suggestions() -> None:
    """Workflows, versions and keys that are close to a known one are suggested."""
    workflows = library()
    version = workflows.versions("probe")[0]
    near = version[:-1] + ("0" if version[-1] != "0" else "1")
    for document, suggestion in (
        ({"workflow": "prob"}, "probe"),
        ({"workflow": f"probe:{near}"}, version),
        ({"workflow": "probe", "sed": 1}, "seed"),
    ):
        (issue,) = check_a_run(document, workflows).errors
        assert issue.suggestion == suggestion


def test_unknown_versions_and_parameters_are_told_from_unknown_workflows() -> None:
    """Who knows the workflow's versions but not that one says so; an unknown parameter comes with those there are."""

    class OtherVersions(Library):
        def get(self, workflow_id: str, version: str | None) -> Workflow | None:
            return None

        def versions(self, workflow_id: str) -> list[str]:
            return ["0123456789ab"] if workflow_id == "w" else []

    (version,) = check_a_run({"workflow": "w:nope"}, OtherVersions()).errors
    assert version.message == "workflow 'w' has no version 'nope'"
    (unknown,) = check_a_run({"workflow": "x:nope"}, OtherVersions()).errors
    assert unknown.message == "there is no workflow 'x'"
    (param,) = check_a_run({"workflow": "needy", "params": {"epsilon": 1, "url": "/x", "zz": 1}}, library()).errors
    assert param.message == "workflow 'needy' has no parameter 'zz'; it has epsilon, url"


@pytest.mark.parametrize("value", [None, "none", "Null"])
def test_no_value_where_one_is_needed_is_told(value: Any) -> None:
    """Where the port has a default, it says how that is had; where there is none, it names the port alone."""
    (issue,) = check_a_run({"workflow": "probe", "params": {"a": {"values": [1, value]}}}, library()).errors
    assert issue.path == "/params/a/values/1"
    assert issue.message.endswith("Probe/a can't do without a value; a run that doesn't mention 'a' has the default")
    (needed,) = check_a_run({"workflow": "needy", "params": {"epsilon": value, "url": "/x"}}, library()).errors
    assert "mention" not in needed.message


def test_what_is_ignored() -> None:
    """`$schema` and keys beginning with x- are for others."""
    run = good(**{"$schema": "s", "x-a": 1, "params": {"x-b": 2, "a": {"value": 1, "x-c": 3}}})
    assert run.sweep.child(0) == {"a": "1"}


def test_metadata_is_kept() -> None:
    """Name, notes and tags are as given; equal tags are one."""
    run = good(name="n", notes="m", tags=["b", "a", "b"], seed="-5", on_failure={"max": 2}, repeat=2)
    assert (run.name, run.notes, run.tags, run.seed, run.repeat) == ("n", "m", ("b", "a"), -5, 2)
    assert run.on_failure == OnFailure(FailurePolicy.MAX, 2)
    assert RunDefinition.from_text(run.to_text()) == run


@pytest.mark.parametrize(
    ("policy", "stopping"),
    [("continue", []), ("stop", [1, 2, 3]), ({"max": 2}, [3]), ({"max": 0}, [1, 2, 3])],
)
def test_failure_policies(policy: Any, stopping: list[int]) -> None:
    """`max` lets so many nodes fail before the rest is stopped; the form reads back."""
    on_failure = good(on_failure=policy).on_failure
    assert [failed for failed in range(4) if on_failure.stops_at(failed)] == stopping
    assert on_failure.to_json() == policy
    assert OnFailure.from_json(on_failure.to_json()) == on_failure


def test_defaults_of_the_workflow_are_effective_values() -> None:
    """Defaults stand behind the values of the run and never vary; what has neither is absent."""
    run = check_a_run({"workflow": "defaulted", "params": {"epsilon": {"values": [0.1, 0.2]}}}, library()).value
    assert run is not None
    assert run.sweep.child(1) == {"epsilon": "0.2", "level": "15"}
    assert [axis.name for axis in run.sweep.varying] == ["epsilon"]


def test_a_written_default_changes_no_seed() -> None:
    """A point has one seed, whether its value was written down or came from the workflow's default."""
    seeds = []
    for params in ({"epsilon": 0.1}, {"epsilon": 0.1, "level": 15}, {"level": {"values": [15, 16]}, "epsilon": 0.1}):
        run = check_a_run({"workflow": "defaulted", "params": params}, library()).value
        assert run is not None
        seeds.append(run.sweep.child_seed(0, 99))
    assert len(set(seeds)) == 1


@pytest.mark.parametrize(
    ("kind", "form", "texts"),
    [
        ("integer", 5, ["5"]),
        ("integer", "5", ["5"]),
        ("string", "5", ['"5"']),
        ("string", {"values": ["b", "a"]}, ['"b"', '"a"']),
        ("list(integer)", {"value": [1, 2]}, ["[1,2]"]),
        ("list(integer)", "[1,2]", ["[1,2]"]),
        ("map(string,double)", {"value": {"a": 1}}, ['{"a":1.0}']),
        ("map(string,double)", {"values": [{"a": 1}, {"a": 1.0}]}, ['{"a":1.0}']),
        ("double", {"values": [1, "1.0", 2]}, ["1.0", "2.0"]),
        ("dataset", "rel", ['"/base/rel"']),
        ("boolean", {"values": [False, "no", True]}, ["false", "true"]),
    ],
)
def test_forms(kind: str, form: Any, texts: list[str]) -> None:
    """Bare scalars, explicit values and lists of values; equal values collapse."""
    assert texts_of(kind, form) == texts


@pytest.mark.parametrize(
    ("kind", "form", "mentioned"),
    [
        ("map(string,double)", {"a": 1}, '{"value": {..}}'),
        ("list(integer)", [1, 2], 'one list(integer) is written {"value": [..]}'),
        ("integer", {"vals": [1]}, 'an object with "vals" (did you mean values?)'),
        ("integer", {str(key): 1 for key in range(9)}, '"0", "1", "2", "3" and others'),
        ("integer", [1, 2], '{"values": [..]}'),
        ("integer", {}, "empty object"),
    ],
)
def test_the_message_shows_the_right_form(kind: str, form: Any, mentioned: str) -> None:
    """A value in the wrong form comes with the form that was probably meant."""
    assert mentioned in str(issue_of(kind, form))


def half(kind: str, form: Any) -> Checked[RunDefinition]:
    """Check a run in which a parameter of *kind* feeds a double."""
    workflows = Library()
    params = [{"name": "n", "kind": kind}]
    workflows.push({"id": "h", "params": params, "graph": [{"op": "Half", "inputs": {"x": {"param": "n"}}}]})
    return check_a_run({"workflow": "h", "params": {"n": form}}, workflows)


@pytest.mark.parametrize(
    ("form", "fits"),
    [
        (2**53, True),
        (2**53 + 1, False),
        ({"values": [1, 2**53 + 1]}, False),
        ({"from": 2**53, "to": 2**53 + 4, "step": 2}, True),
        ({"from": 2**53, "to": 2**53 + 4, "step": 1}, False),
        ({"from": -(2**62), "to": 0, "step": 2**40}, True),
        ({"from": 1, "to": 2**53, "step": 2**33}, True),
    ],
)
def test_longs_meet_doubles_exactly_or_not_at_all(form: Any, fits: bool) -> None:
    """A long that its double port can't hold is refused when the run is checked, in lists and ranges."""
    checked = half("long", form)
    assert checked.valid is fits
    assert fits or ("double" in checked.errors[0].message and checked.errors[0].path == "/params/n")


def test_a_workflow_that_no_longer_fits_is_refused() -> None:
    """Operators may change after a push: the run's issue says where in the workflow, and how."""
    workflows = library()
    twice = OPERATORS["Twice"]
    workflows.push({"id": "t", "graph": [{"op": "Twice", "inputs": {"x": 1}}]})

    def errors(spec: OperatorSpec) -> list[str]:
        checked = check_run({"workflow": "t"}, workflows=workflows, operators={"Twice": spec})
        return [f"{issue.path} {issue.message}" for issue in checked.errors]

    assert errors(twice) == []
    assert errors(replace(twice, inputs=(InputPort(name="x", type=parse_type("double")),))) == []
    (changed,) = errors(replace(twice, inputs=(InputPort(name="x", type=parse_type("string")),)))
    assert changed.startswith("/workflow")
    assert "/graph/0/inputs/x" in changed
    assert len(errors(replace(twice, inputs=(InputPort(name="z", type=parse_type("integer")),)))) == 2


def test_values_are_among_the_choices_of_the_ports() -> None:
    """What a port doesn't take is refused before anything runs: constants, values, lists, ranges and defaults."""
    workflows = library()
    kinds = {"Pick": ("string", ('"x"', '"y"')), "Level": ("integer", ("1", "2", "3"))}
    operators = {
        name: OperatorSpec(
            name=name, inputs=(InputPort(name="of", type=parse_type(kind), choices=choices, optional=True),)
        )
        for name, (kind, choices) in kinds.items()
    }
    for name, (kind, _) in kinds.items():
        graph = [{"op": name, "inputs": {"of": {"param": "p"}}}]
        workflows.push({"id": name.lower(), "params": [{"name": "p", "kind": kind}], "graph": graph}, operators)
    fixed = [{"op": "Pick", "inputs": {"of": "z"}}]
    checked = check_workflow({"id": "fixed", "graph": fixed}, operators=operators)
    assert [str(issue.path) for issue in checked.errors] == ["/graph/0/inputs/of"]
    assert 'expected one of "x", "y", found "z"' in checked.errors[0].message

    def wrong(workflow: str, form: Any) -> list[str]:
        document = {"workflow": workflow, "params": {"p": form}}
        return [issue.message for issue in check_run(document, workflows=workflows, operators=operators).errors]

    assert wrong("pick", {"values": ["x", "y", None]}) == []
    assert wrong("pick", {"values": ["x", "z"]}) == ['parameter \'p\': expected one of "x", "y", found "z"']
    assert wrong("level", {"from": 1, "to": 3, "step": 1}) == []
    assert wrong("level", {"from": 1, "to": 10**6, "step": 1}) == ["parameter 'p': expected one of 1, 2, 3, found 4"]
    defaulted = [{"name": "p", "kind": "integer", "default_value": 7}]
    graph = [{"op": "Level", "inputs": {"of": {"param": "p"}}}]
    assert not check_workflow({"id": "old", "params": defaulted, "graph": graph}, operators=operators).valid
    earlier = {"Level": replace(operators["Level"], inputs=(InputPort(name="of", type=parse_type("integer")),))}
    workflows.push({"id": "old", "params": defaulted, "graph": graph}, earlier)
    document = {"workflow": "old"}
    (issue,) = check_run(document, workflows=workflows, operators=operators).errors
    assert (issue.path, issue.message) == ("/params/p", "parameter 'p': expected one of 1, 2, 3, found 7")


def test_choices_of_several_ports() -> None:
    """A parameter takes what all ports take, in the first one's order; ports without choices take any."""
    listed = [("3", "1", "2"), (), ("1", "3", "4")]
    ports = [InputPort(name=f"x{at}", type=parse_type("integer"), choices=each) for at, each in enumerate(listed)]
    assert choices_of(parse_type("integer"), [Use("n", port) for port in ports]) == ("3", "1")
    assert choices_of(parse_type("integer"), [Use("n", ports[1])]) is None


def test_choices_are_values_of_the_parameter() -> None:
    """Ports of wider types list values of theirs: what the parameter can be is written, and compared, as its own."""
    wide = InputPort(name="x", type=parse_type("double"), choices=("0.5", "2.0", "3.0"))
    narrow = InputPort(name="y", type=parse_type("integer"), choices=("3", "2"))
    uses = [Use("n", wide), Use("n", narrow)]
    assert choices_of(parse_type("integer"), uses) == ("2", "3")
    assert choices_of(parse_type("integer"), uses[::-1]) == ("3", "2")
    assert choices_of(parse_type("integer"), [Use("n", replace(wide, choices=("0.5",)))]) == ()


@pytest.mark.parametrize("required", [True, False])
def test_inputs_that_contradict_each_other_are_told(required: bool) -> None:
    """A parameter that no value fits is an error where it needs one, else a warning; in a stored workflow, too."""
    takes = {"Pick": ('"x"', '"y"'), "Choose": ('"z"',)}

    def operators(listed: Mapping[str, tuple[str, ...]]) -> dict[str, OperatorSpec]:
        text = parse_type("string")
        return {
            name: OperatorSpec(
                name=name, inputs=(InputPort(name="of", type=text, choices=choices, optional=not required),)
            )
            for name, choices in listed.items()
        }

    graph = [{"op": name, "inputs": {"of": {"param": "p"}}} for name in takes]
    document = {"id": "w", "params": [{"name": "p", "kind": "string"}], "graph": graph}
    checked = check_workflow(document, operators=operators(takes))
    (issue,) = checked.errors if required else checked.warnings
    assert (issue.path, issue.message) == (
        "/params/0",
        "no value of parameter 'p' (string) fits every input that it feeds: "
        'Pick/of takes "x", "y"; Choose/of takes "z"',
    )
    workflows = library()
    workflows.push(document, operators(takes | {"Choose": ('"z"', '"x"')}))
    found = check_run({"workflow": "w", "params": {"p": "x"}}, workflows=workflows, operators=operators(takes))
    assert [issue.path for issue in found.errors] == ["/workflow", "/params/p"][not required :]
    assert "no value of parameter 'p'" in (found.errors if required else found.warnings)[0].message


def test_a_condition_leaves_points_out_and_makes_no_value_valid() -> None:
    """A value that a port doesn't list is a mistake, also where 'where' would leave its points out."""
    spec = OperatorSpec(name="Pick", inputs=(InputPort(name="of", type=parse_type("string"), choices=('"x"', '"y"')),))
    workflows = library()
    graph = [{"op": "Pick", "inputs": {"of": {"param": "p"}}}]
    workflows.push({"id": "w", "params": [{"name": "p", "kind": "string"}], "graph": graph}, {"Pick": spec})
    document = {"workflow": "w", "params": {"p": {"values": ["x", "q"]}}, "where": "p=x"}
    (issue,) = check_run(document, workflows=workflows, operators={"Pick": spec}).errors
    assert (issue.path, issue.message) == ("/params/p", 'parameter \'p\': expected one of "x", "y", found "q"')


def test_deprecated_operators_warn_again() -> None:
    """A run of a workflow with a deprecated operator says so."""
    workflows = library()
    workflows.push({"id": "o", "graph": [{"op": "OldOp", "inputs": {"foo": 1}}]})
    (warning,) = check_a_run({"workflow": "o"}, workflows).warnings
    assert "use MakeData instead" in warning.message


def test_without_a_folder_relative_paths_are_refused() -> None:
    """A request that names no folder can't hold relative datasets."""
    document = {"workflow": "needy", "params": {"epsilon": 1, "url": "rel"}}
    (issue,) = check_run(document, workflows=library(), operators=OPERATORS).errors
    assert (issue.path, "relative" in issue.message) == ("/params/url", True)


def test_a_run_is_an_object() -> None:
    """Other JSON is one issue."""
    assert [issue.path for issue in check_run(5, workflows=library(), operators=OPERATORS).errors] == [""]


def test_overrides_replace_and_keep_places() -> None:
    """`name=value` replaces what the file gave in its place; several make a list; options replace keys."""
    document = {"workflow": "probe", "params": {"a": {"values": [1, 2]}, "b": 3}, "tags": ["x"], "name": "old"}
    changed = with_overrides(
        document, params=[("c", "6"), ("a", "7"), ("c", "8")], notes="n", tags=["y"], repeat=2, seed=5
    )
    assert list(changed["params"]) == ["a", "b", "c"]
    assert changed["params"] == {"a": {"value": "7"}, "b": 3, "c": {"values": ["6", "8"]}}
    assert {key: changed[key] for key in ("name", "notes", "tags", "repeat", "seed")} == {
        "name": "old",
        "notes": "n",
        "tags": ["y"],
        "repeat": 2,
        "seed": 5,
    }
    assert document["tags"] == ["x"]
    assert with_overrides({"workflow": "probe"}) == {"workflow": "probe"}


def test_overrides_replace_what_parts_of_a_union_say() -> None:
    """A value of the command line counts for all points: parts lose theirs, and keep the rest."""
    parts = [{"params": {"a": 1, "b": 2}}, {"params": {"b": 3}, "where": "b=3"}, "no part"]
    changed = with_overrides({"workflow": "probe", "union": parts}, params=[("a", "7")])
    assert changed["params"] == {"a": {"value": "7"}}
    assert changed["union"] == [{"params": {"b": 2}}, {"params": {"b": 3}, "where": "b=3"}, "no part"]
    assert parts[0] == {"params": {"a": 1, "b": 2}}, "what was given stays as it was"
    run = check_a_run(with_overrides({"workflow": "probe", "union": parts[:2]}, params=[("a", "7")]), library())
    assert run.value is not None, run.errors
    assert {run.value.sweep.child(at)["a"] for at in range(run.value.sweep.size)} == {"7"}


def test_overrides_leave_mistakes_to_the_check() -> None:
    """A document whose params are no object is told by the check, not by an exception."""
    assert paths(with_overrides({"workflow": "probe", "params": [1]}, params=[("a", "1")])) == ["/params"]


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("integer", "42", 42),
        ("double", "1e-05", 1e-05),
        ("boolean", "true", True),
        ("distance", "3.5km", "3500.meters"),
        ("timestamp", "0", 0),
        ("list(double)", "[1,2]", [1, 2]),
        ("map(string,integer)", '{"a":1}', {"a": 1}),
        ("location", "1,2", "1,2"),
    ],
)
def test_text_means_the_same_as_json(kind: str, text: str, value: Any) -> None:
    """A document whose values are all text means the same."""
    assert axis_of(kind, {"value": text}) == axis_of(kind, {"value": value})
