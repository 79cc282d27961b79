"""The crate's description of itself: RO-Crate 1.1, with the profile Workflow Run Crate 0.5.

https://www.researchobject.org/ro-crate/specification/1.1 and https://w3id.org/ro/wfrun/workflow/0.5. Nothing here
depends on when it is written: a run has one description.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from accio.domain.states import RunState
from accio.late import dataclass
from accio.version import accio_version
from accio_client.crate.contents import OPERATORS, OUTPUTS, RUN, WORKFLOW
from accio_client.crate.data import Included, described
from accio_client.views import RunView, WorkflowView

METADATA = "ro-crate-metadata.json"
_CRATE = "https://w3id.org/ro/crate/1.1"
_WORKFLOW_CRATE = "https://w3id.org/workflowhub/workflow-ro-crate/1.0"
_PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    _WORKFLOW_CRATE: ("Workflow RO-Crate", "1.0"),
}
_LANGUAGE = "https://pypi.org/project/accio-experiments/"
_PARAMETER = "https://bioschemas.org/profiles/FormalParameter/1.0-RELEASE"
_NO_LICENSE = "#no-license"
_PARTS = {
    RUN: ("The run's definition", "application/json"),
    OPERATORS: ("Versions of the operators", "application/json"),
    OUTPUTS: ("What each child gave, a line of JSON each", "application/jsonl"),
    "runs.csv": ("A row per child: parameters, state, numbers and texts", "text/csv"),
    "runs.parquet": ("As runs.csv", "application/vnd.apache.parquet"),
}
_ADDITIONAL = {"integer": "Integer", "long": "Integer", "double": "Float", "boolean": "Boolean", "string": "Text"}

Entity = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What is described."""

    run: RunView
    workflow: WorkflowView
    parts: Sequence[str]
    license: str
    anonymous: bool
    datasets: Sequence[Included] = ()

    @property
    def contents(self) -> list[str]:
        """What there is besides the workflow: files, and the folders of datasets."""
        return [*self.parts, *(each.folder for each in self.datasets)]

    @property
    def name(self) -> str:
        return self.run.name or f"{self.workflow.id} {self.run.id}"


def metadata(of: Described) -> dict[str, Any]:
    """Return the document `ro-crate-metadata.json`."""
    graph: list[Entity] = [_descriptor(), _root(of), *_profiles(), *_workflow(of), *_action(of)]
    graph += [_file(name) for name in of.parts if name in _PARTS]
    graph += described(of.datasets)
    graph.append(_license(of.license))
    return {"@context": f"{_CRATE}/context", "@graph": graph}


def _is(identity: str) -> Entity:
    return {"@id": identity}


def _all(identities: Iterable[str]) -> list[Entity]:
    return [_is(each) for each in identities]


def _time(at: datetime | None) -> str:
    return (at or datetime.fromtimestamp(0, UTC)).astimezone(UTC).isoformat(timespec="milliseconds")


def _descriptor() -> Entity:
    return {
        "@id": METADATA,
        "@type": "CreativeWork",
        "conformsTo": _all((_CRATE, _WORKFLOW_CRATE)),
        "about": _is("./"),
    }


def _root(of: Described) -> Entity:
    run = of.run
    children = f"{run.children:,} children" if run.children is not None else "one run"
    return {
        "@id": "./",
        "@type": "Dataset",
        "name": of.name,
        "description": (not of.anonymous and run.notes) or f"Workflow {of.workflow.id} with {children}, by Accio.",
        "datePublished": _time(run.ended_at),
        "license": _is(of.license or _NO_LICENSE),
        "conformsTo": _all(_PROFILES),
        "mainEntity": _is(WORKFLOW),
        "hasPart": _all((WORKFLOW, *of.contents)),
        "mentions": _is("#run"),
        **({} if of.anonymous or not run.owner.name else {"author": _is("#author")}),
        **({"keywords": ", ".join(run.tags)} if run.tags else {}),
    }


def _profiles() -> list[Entity]:
    return [
        {"@id": identity, "@type": "CreativeWork", "name": name, "version": version}
        for identity, (name, version) in _PROFILES.items()
    ]


def _license(license_: str) -> Entity:
    if license_:
        return {
            "@id": license_,
            "@type": "CreativeWork",
            "name": license_,
            "description": "What may be done with this.",
        }
    text = "No licence is stated: ask the author."
    return {"@id": _NO_LICENSE, "@type": "CreativeWork", "name": "No licence stated", "description": text}


def _workflow(of: Described) -> list[Entity]:
    outputs = [f"#output-{name}" for name in of.parts]
    main: Entity = {
        "@id": WORKFLOW,
        "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
        "name": of.workflow.name or of.workflow.id,
        "version": of.workflow.version,
        "encodingFormat": "application/json",
        "programmingLanguage": _is(_LANGUAGE),
        "license": _is(of.license or _NO_LICENSE),
        "input": _all(f"#param-{param.name}" for param in of.workflow.params),
        "output": _all(outputs),
    }
    language: Entity = {
        "@id": _LANGUAGE,
        "@type": "ComputerLanguage",
        "name": "Accio",
        "alternateName": "Accio workflow definition",
        "identifier": _is(_LANGUAGE),
        "url": _is(_LANGUAGE),
        "version": accio_version(),
    }
    inputs = [
        _parameter(f"#param-{param.name}", param.name, _ADDITIONAL.get(param.kind, "Text"))
        for param in of.workflow.params
    ]
    results = [_parameter(f"#output-{name}", name, "File") for name in of.parts]
    return [main, language, *inputs, *results]


def _parameter(identity: str, name: str, kind: str) -> Entity:
    return {
        "@id": identity,
        "@type": "FormalParameter",
        "conformsTo": _is(_PARAMETER),
        "name": name,
        "additionalType": kind,
    }


def _action(of: Described) -> list[Entity]:
    run = of.run
    status = "CompletedActionStatus" if run.state is RunState.SUCCESS else "FailedActionStatus"
    action: Entity = {
        "@id": "#run",
        "@type": "CreateAction",
        "name": of.name,
        "description": f"Run {run.id} of workflow {of.workflow.id}:{of.workflow.version}, seed {run.seed}",
        "startTime": _time(run.started_at),
        "endTime": _time(run.ended_at),
        "actionStatus": f"http://schema.org/{status}",
        "instrument": _is(WORKFLOW),
        "object": _all(f"#value-{name}" for name in run.params),
        "result": _all(of.contents),
        **({} if of.anonymous or not run.owner.name else {"agent": _is("#author")}),
    }
    values = [_value(name, run.params[name].value) for name in run.params]
    author = {"@id": "#author", "@type": "Person", "name": run.owner.name}
    return [action, *values, *([] if of.anonymous or not run.owner.name else [author])]


def _value(name: str, value: Any) -> Entity:
    return {
        "@id": f"#value-{name}",
        "@type": "PropertyValue",
        "name": name,
        "value": value
        if isinstance(value, str | int | float)
        else orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode(),
        "exampleOfWork": _is(f"#param-{name}"),
    }


def _file(name: str) -> Entity:
    text, kind = _PARTS[name]
    return {
        "@id": name,
        "@type": "File",
        "name": text,
        "encodingFormat": kind,
        "exampleOfWork": _is(f"#output-{name}"),
    }
