"""Checking run definitions: everything that is wrong, in one pass."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from accio.domain.findings import Findings
from accio.domain.issues import Checked, pointer
from accio.domain.limits import Limits
from accio.domain.linking import Operators, check_fit
from accio.domain.names import Suggestions, is_workflow_id
from accio.domain.numbers import seed_number
from accio.domain.param_forms import ParamForms
from accio.domain.problems import ValueProblem, quote
from accio.domain.repeat_check import RepeatCheck, check_points
from accio.domain.runs import FailurePolicy, OnFailure, RunDefinition
from accio.domain.study_check import StudyCheck
from accio.domain.sweep_check import SWEEP_KEYS, SweepCheck
from accio.domain.sweeps import Sweep
from accio.domain.workflows import FromParam, Workflow

_RUN_KEYS = ("workflow", "name", "notes", "tags", "seed", "repeat", *SWEEP_KEYS, "optimize", "on_failure", "nice")


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
    fit: Callable[[Workflow], Findings] | None = None,
) -> Checked[RunDefinition]:
    """Check a run definition; relative dataset paths are joined to *base_path*.

    *fit* says what `check_fit` finds of a workflow and *operators*, for callers that keep it.
    """
    checker = _Checker(workflows, operators, limits or Limits(), base_path, fit)
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
        fit: Callable[[Workflow], Findings] | None,
    ) -> None:
        self.findings = Findings()
        self._fit = fit
        self._workflows = workflows
        self._operators = operators
        self._limits = limits
        # Without a folder, relative paths are refused: nobody could tell later what they meant.
        self._base_path = base_path or ""

    def check(self, value: Any) -> RunDefinition | None:
        document = self.findings.object(value, "", "a run")
        if document is None:
            return None
        if "graph" in document and "workflow" not in document:
            self.findings.error(
                "",
                "this is a workflow: push it (`accio push FILE`) and submit it by its id, or both by `accio run FILE`",
            )
            return None
        self.findings.known_keys(document, _RUN_KEYS, "", "a run")
        workflow = self._workflow(document)
        name = self.findings.text(document, "name", "", self._limits.name_bytes)
        notes = self.findings.text(document, "notes", "", self._limits.notes_bytes)
        tags = self._tags(document)
        seed = self._seed(document)
        repeat, until = RepeatCheck(self.findings, self._operators).read(document, workflow)
        studies = StudyCheck(self.findings, self._operators)
        study = studies.read(document, workflow, until)
        on_failure = self._on_failure(document)
        nice = self._nice(document)
        if workflow is None:
            self.findings.object(document.get("params", {}), "/params", "parameters by name")
            return None
        forms = ParamForms(workflow, self._operators, self.findings, self._base_path)
        check = SweepCheck(forms, self.findings, self._limits)
        if study is not None:
            sweep = studies.sweep(check, document, repeat, study)
        else:
            sweep = check.sweep(document, repeat) if "optimize" not in document else None
        if sweep is None:
            return None
        self._varies_in_parent(workflow, sweep)
        if until is not None:
            check_points(sweep, self.findings)
            sweep = sweep.repeated_until(until)
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
            nice=nice,
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
        if self._fit is None:
            found = Findings()
            check_fit(workflow, self._operators, found)
        else:
            found = self._fit(workflow)
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

    def _varies_in_parent(self, workflow: Workflow, sweep: Sweep) -> None:
        """Report parameters that vary although a node takes them that the sweep has once."""
        varying = {axis.name for axis in sweep.varying}
        for node in workflow.graph[workflow.per_child :]:
            for source in node.inputs.values():
                if isinstance(source, FromParam) and source.param in varying:
                    message = (
                        f"parameter '{source.param}' varies, and node '{node.name}' takes it, which runs once for the "
                        "whole sweep, as it gathers: give it one value"
                    )
                    self.findings.error(pointer("params", source.param), message)

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
            return seed_number(document["seed"])
        except ValueProblem as problem:
            self.findings.problem("/seed", problem)
            return None

    def _on_failure(self, document: Mapping[str, Any]) -> OnFailure:
        value = document.get("on_failure", "continue")
        if value in ("continue", "stop"):
            return OnFailure(FailurePolicy(value))
        if isinstance(value, Mapping) and "max" in value:
            self.findings.known_keys(value, ("max",), "/on_failure", "'on_failure'")
            limit = self.findings.whole_number(value, "max", "/on_failure", least=0, most=2**63 - 1, otherwise=0)
            return OnFailure(FailurePolicy.MAX, limit)
        before = len(self.findings.errors)
        if isinstance(value, Mapping):
            self.findings.known_keys(value, ("max",), "/on_failure", "'on_failure'")
        if len(self.findings.errors) == before:
            self.findings.error("/on_failure", f'expected "continue", "stop" or {{"max": n}}, found {quote(value)}')
        return OnFailure()

    def _nice(self, document: Mapping[str, Any]) -> bool:
        value = document.get("nice", False)
        if not isinstance(value, bool):
            self.findings.error("/nice", f"expected true or false, found {quote(value)}")
        return value is True
