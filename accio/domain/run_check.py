"""Checking run definitions: everything that is wrong, in one pass."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from accio.domain.datatypes import DataType, Kind
from accio.domain.findings import Findings, is_ignored
from accio.domain.issues import Checked, pointer
from accio.domain.limits import Limits
from accio.domain.linking import Operators, Use, check_fit, reading_type, uses_of_params
from accio.domain.names import Suggestions, is_workflow_id
from accio.domain.numbers import integer
from accio.domain.problems import ValueProblem, quote
from accio.domain.range_forms import RANGE_KEYS, read_range
from accio.domain.runs import FailurePolicy, OnFailure, RunDefinition
from accio.domain.sweeps import Axis, Sweep
from accio.domain.values import cast, caster, parse_to_canonical
from accio.domain.workflows import Param, Workflow

_RUN_KEYS = ("workflow", "name", "notes", "tags", "seed", "repeat", "params", "on_failure")
_FORMS = '{"value": x}, {"values": [..]} or {"from": x, "to": y, "step": z}'
_FORM_KEYS = ("value", "values", *RANGE_KEYS)
_ARRAYS = frozenset({Kind.LIST, Kind.SET})


class WorkflowLookup(Protocol):
    """Where stored workflows are found."""

    def get(self, workflow_id: str, version: str | None) -> Workflow | None:
        """Find a version of a workflow, None being the latest."""
        ...

    def ids(self) -> Iterable[str]:
        """Name all workflows."""
        ...

    def versions(self, workflow_id: str) -> Iterable[str]:
        """Name the versions of a workflow; none if there is no such workflow."""
        ...


def check_run(
    document: Any,
    *,
    workflows: WorkflowLookup,
    operators: Operators,
    limits: Limits | None = None,
    base_path: str | None = None,
) -> Checked[RunDefinition]:
    """Check a run definition; relative dataset paths are joined to *base_path*."""
    checker = _Checker(workflows, operators, limits or Limits(), base_path)
    run = checker.check(document)
    findings = checker.findings
    return Checked(
        value=None if findings.errors else run,
        errors=tuple(findings.errors),
        warnings=tuple(findings.warnings),
    )


class _Checker:
    def __init__(
        self,
        workflows: WorkflowLookup,
        operators: Operators,
        limits: Limits,
        base_path: str | None,
    ) -> None:
        self.findings = Findings()
        self._workflows = workflows
        self._operators = operators
        self._limits = limits
        # Without a folder, relative paths are refused: nobody could tell later what they meant.
        self._base_path = base_path or ""

    def check(self, value: Any) -> RunDefinition | None:
        document = self.findings.object(value, "", "a run")
        if document is None:
            return None
        self.findings.known_keys(document, _RUN_KEYS, "", "a run")
        workflow = self._workflow(document)
        name = self.findings.text(document, "name", "", self._limits.name_bytes)
        notes = self.findings.text(document, "notes", "", self._limits.notes_bytes)
        tags = self._tags(document)
        seed = self._seed(document)
        repeat = self._repeat(document)
        on_failure = self._on_failure(document)
        params = self.findings.object(document.get("params", {}), "/params", "parameters by name")
        if workflow is None or params is None:
            return None
        sweep = Sweep(self._axes(workflow, params), repeat)
        self._size(sweep)
        return RunDefinition(
            workflow_id=workflow.id,
            version=workflow.version,
            name=name,
            notes=notes,
            tags=tags,
            seed=seed,
            repeat=repeat,
            sweep=sweep,
            on_failure=on_failure,
        )

    # ------------------------------------------------------------------------------------------------------- workflow

    def _workflow(self, document: Mapping[str, Any]) -> Workflow | None:
        if "workflow" not in document:
            self.findings.error("/workflow", "expected the id of a workflow, found none")
            return None
        text = self.findings.text(document, "workflow", "")
        if text is None:
            return None
        workflow_id, colon, version = text.partition(":")
        if not is_workflow_id(workflow_id) or ":" in version or (colon and not version):
            self.findings.error("/workflow", f'expected "id" or "id:version" of a workflow, found {quote(text)}')
            return None
        workflow = self._workflows.get(workflow_id, version or None)
        if workflow is None:
            self._unknown_workflow(workflow_id, version)
            return None
        found = Findings()
        check_fit(workflow, self._operators, found)
        for issue in found.errors:
            message = f"workflow {workflow.id}:{workflow.version} doesn't fit the operators of today: {issue.path}: "
            self.findings.error("/workflow", message + issue.message, issue.suggestion)
        for issue in found.warnings:
            self.findings.warn("/workflow", f"{issue.path} of {workflow.id}: {issue.message}")
        return workflow

    def _unknown_workflow(self, workflow_id: str, version: str) -> None:
        versions = tuple(self._workflows.versions(workflow_id)) if version else ()
        if versions:
            suggestion = Suggestions(versions).closest(version)
            self.findings.error("/workflow", f"workflow '{workflow_id}' has no version '{version}'", suggestion)
            return
        suggestion = Suggestions(self._workflows.ids()).closest(workflow_id)
        self.findings.error("/workflow", f"there is no workflow '{workflow_id}'", suggestion)

    # ------------------------------------------------------------------------------------------------------- metadata

    def _tags(self, document: Mapping[str, Any]) -> tuple[str, ...]:
        listed = self.findings.array(document.get("tags", []), "/tags", "a list of tags") or []
        tags: dict[str, None] = {}
        for at, tag in enumerate(listed):
            if not isinstance(tag, str) or not tag.strip():
                self.findings.error(
                    pointer("tags", at), f"expected a tag (a text that isn't empty), found {quote(tag)}"
                )
            elif len(tag.encode()) > self._limits.name_bytes:
                message = f"expected a tag of at most {self._limits.name_bytes} bytes, found {len(tag.encode())}"
                self.findings.error(pointer("tags", at), message)
            else:
                tags[tag] = None
        if len(tags) > self._limits.tags:
            self.findings.error("/tags", f"expected at most {self._limits.tags} tags, found {len(tags)}")
        return tuple(tags)

    def _seed(self, document: Mapping[str, Any]) -> int | None:
        if "seed" not in document:
            return None
        try:
            return integer(Kind.LONG, document["seed"])
        except ValueProblem as problem:
            self.findings.error("/seed", f"expected a seed (a 64-bit integer): {problem.message}")
            return None

    def _repeat(self, document: Mapping[str, Any]) -> int:
        repeat = document.get("repeat", 1)
        if not isinstance(repeat, int) or isinstance(repeat, bool) or repeat < 1:
            self.findings.error("/repeat", f"expected a whole number of repetitions, 1 or more, found {quote(repeat)}")
            return 1
        return repeat

    def _on_failure(self, document: Mapping[str, Any]) -> OnFailure:
        value = document.get("on_failure", "continue")
        if value in ("continue", "stop"):
            return OnFailure(FailurePolicy(value))
        if isinstance(value, Mapping) and "max" in value:
            self.findings.known_keys(value, ("max",), "/on_failure", "'on_failure'")
            limit = value["max"]
            if isinstance(limit, int) and not isinstance(limit, bool) and 0 <= limit < 2**63:
                return OnFailure(FailurePolicy.MAX, limit)
            self.findings.error("/on_failure/max", f"expected a whole number, 0 or more, found {quote(limit)}")
            return OnFailure()
        self.findings.error("/on_failure", f'expected "continue", "stop" or {{"max": n}}, found {quote(value)}')
        return OnFailure()

    # ----------------------------------------------------------------------------------------------------- parameters

    def _axes(self, workflow: Workflow, params: Mapping[str, Any]) -> tuple[Axis, ...]:
        uses = uses_of_params(workflow.graph, self._operators)
        names = Suggestions(param.name for param in workflow.params)
        axes: list[Axis] = []
        for name, form in params.items():
            if is_ignored(name):
                continue
            path = pointer("params", name)
            param = workflow.param(name)
            if param is None:
                known = ", ".join(each.name for each in workflow.params)
                message = f"workflow '{workflow.id}' has no parameter '{name}'; it has {known or 'none'}"
                self.findings.error(path, message, names.closest(name))
                continue
            axis = self._axis(param, form, path, uses.get(name, []))
            if axis is not None:
                self._meets_ports(axis, uses.get(name, []), path)
                axes.append(axis)
        for param in workflow.params:
            if param.name in params:
                continue
            if param.default is not None:
                axes.append(Axis(param.name, param.type, (param.default,)))
            else:
                self._may_be_absent(param, uses.get(param.name, []))
        return tuple(axes)

    def _may_be_absent(self, param: Param, uses: list[Use]) -> None:
        needy = [f"{use.node}/{use.port.name}" for use in uses if use.port.required]
        if needy:
            ports = f"{', '.join(needy[:3])}{' and others' if len(needy) > 3 else ''}"
            message = f"parameter '{param.name}' ({param.type}) needs a value: {ports} can't do without one"
            self.findings.error(pointer("params", param.name), message)

    def _axis(self, param: Param, form: Any, path: str, uses: list[Use]) -> Axis | None:
        """Read one of the parameter forms."""
        datatype = reading_type(param.type, uses)
        if isinstance(form, list):
            one = f'one {param.type} is written {{"value": [..]}}; ' if param.type.kind in _ARRAYS else ""
            hint = f'; {one}several values are written {{"values": [..]}}'
            self.findings.error(path, f"expected a value or {_FORMS}, found {quote(form)}{hint}")
            return None
        if not isinstance(form, Mapping):
            return self._listed(param, datatype, [form], lambda at: path)
        keys = [key for key in form if not is_ignored(key)]
        if "value" in keys:
            self.findings.known_keys(form, ("value",), path, "a parameter with 'value'")
            return self._listed(param, datatype, [form["value"]], lambda at: path + "/value")
        if "values" in keys:
            self.findings.known_keys(form, ("values",), path, "a parameter with 'values'")
            return self._values(param, datatype, form["values"], path + "/values")
        if any(key in RANGE_KEYS for key in keys):
            self.findings.known_keys(form, RANGE_KEYS, path, "a range")
            return read_range(param.name, param.type, form, path, self.findings)
        hint = '; a map is written {"value": {..}}' if param.type.kind is Kind.MAP else ""
        self.findings.no_form(form, _FORM_KEYS, path, f"expected a value or {_FORMS}{hint}")
        return None

    def _values(self, param: Param, datatype: DataType, values: Any, path: str) -> Axis | None:
        listed = self.findings.array(values, path, "'values', the list of values")
        if listed is None:
            return None
        if not listed:
            self.findings.error(path, "expected at least one value in 'values', found an empty list")
            return None
        return self._listed(param, datatype, listed, lambda at: path + pointer(at))

    def _listed(
        self,
        param: Param,
        datatype: DataType,
        values: list[Any],
        place: Callable[[int], str],
    ) -> Axis | None:
        """Read listed values; equal ones collapse, and the order of the first ones stays. *place* points at a value."""
        texts: dict[str, None] = {}
        good = True
        for at, value in enumerate(values):
            try:
                texts[parse_to_canonical(datatype, value, base_path=self._base_path)] = None
            except ValueProblem as problem:
                self.findings.error(place(at), f"parameter '{param.name}': {problem.message}")
                good = False
        return Axis(param.name, param.type, tuple(texts)) if good else None

    def _meets_ports(self, axis: Axis, uses: list[Use], path: str) -> None:
        """Report values that can't go to a port whose type is right: longs that a double can't hold, empty paths."""
        for target in {use.port.type for use in uses}:
            if target == axis.type or caster(axis.type, target) is None:
                continue
            # Of a computed axis, only the ends are looked at if they tell about all of it.
            few = axis.bounds() if axis.all_are_doubles() else axis.values()
            for text in few:
                try:
                    cast(axis.type, target, text)
                except ValueProblem as problem:
                    self.findings.error(path, f"parameter '{axis.name}': {problem.message}")
                    break

    def _size(self, sweep: Sweep) -> None:
        if sweep.size <= self._limits.max_children:
            return
        factors = [f"{axis.name}: {_amount(axis.size)}" for axis in sweep.varying]
        if sweep.repeat > 1:
            factors.append(f"repeat: {_amount(sweep.repeat)}")
        path = "/params" if sweep.varying else "/repeat"
        message = (
            f"the sweep has {_amount(sweep.size)} children ({' × '.join(factors)}), "
            f"and this daemon takes at most {_amount(self._limits.max_children)}"
        )
        self.findings.error(path, message)


def _amount(number: int) -> str:
    """Write a size; one of more than 18 digits as a power of ten."""
    return str(number) if number < 10**18 else f"about 10^{number.bit_length() * 30103 // 100000}"
