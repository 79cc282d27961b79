"""Run definitions after validation, and the inline form of the command line."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import field
from enum import StrEnum
from typing import Any

from accio.domain.datatypes import DataType
from accio.domain.ids import WorkflowVersion
from accio.domain.inline_sweeps import inline_form
from accio.domain.issues import Issue, pointer
from accio.domain.jsontext import canonical_dump
from accio.domain.jsontypes import JsonObject
from accio.domain.problems import ValueProblem
from accio.domain.studies import Sampler
from accio.domain.sweeps import Sweep
from accio.errors import InvalidDefinition
from accio.late import dataclass


class FailurePolicy(StrEnum):
    """What a failed node does to the rest of the run (of the sweep, for a parent)."""

    CONTINUE = "continue"
    STOP = "stop"
    MAX = "max"


@dataclass(frozen=True, slots=True)
class OnFailure:
    """A failure policy; `limit` belongs to MAX: more failed nodes than that stop the rest."""

    policy: FailurePolicy = FailurePolicy.CONTINUE
    limit: int = 0

    def stops_at(self, failed: int) -> bool:
        """Return whether the rest is stopped once *failed* nodes have failed."""
        match self.policy:
            case FailurePolicy.CONTINUE:
                return False
            case FailurePolicy.STOP:
                return failed > 0
            case FailurePolicy.MAX:
                return failed > self.limit

    def to_json(self) -> str | JsonObject:
        """Return the form of a run definition."""
        return {"max": self.limit} if self.policy is FailurePolicy.MAX else self.policy.value

    @classmethod
    def from_json(cls, document: Any) -> "OnFailure":
        """Read what `to_json` gave."""
        if isinstance(document, str):
            return cls(FailurePolicy(document))
        return cls(FailurePolicy.MAX, document["max"])


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDefinition:
    """A valid run: a pinned workflow version, a sweep of effective parameters, metadata. Seed None: a random one."""

    workflow_id: str
    version: WorkflowVersion
    name: str | None = None
    notes: str | None = None
    tags: tuple[str, ...] = ()
    seed: int | None = None
    repeat: int = 1
    sweep: Sweep = field(default_factory=lambda: Sweep(()))
    on_failure: OnFailure = OnFailure()
    nice: bool = False  # whether it stands behind all runs that aren't

    def to_text(self) -> str:
        """Return an exact form for the database; `from_text` reads it."""
        return canonical_dump(
            {
                "workflow": self.workflow_id,
                "version": self.version,
                "name": self.name,
                "notes": self.notes,
                "tags": list(self.tags),
                "seed": self.seed,
                "sweep": self.sweep.to_json(),
                "on_failure": self.on_failure.to_json(),
                "nice": self.nice,
            },
        )

    @classmethod
    def from_text(cls, text: str) -> "RunDefinition":
        """Read what `to_text` gave."""
        document = json.loads(text)
        sweep = Sweep.from_json(document["sweep"])
        return cls(
            workflow_id=document["workflow"],
            version=WorkflowVersion(document["version"]),
            name=document["name"],
            notes=document["notes"],
            tags=tuple(document["tags"]),
            seed=document["seed"],
            repeat=sweep.repeat,
            sweep=sweep,
            on_failure=OnFailure.from_json(document["on_failure"]),
            nice=document.get("nice", False),  # which texts of earlier versions don't say
        )


def with_overrides(
    document: Mapping[str, Any],
    *,
    params: Sequence[tuple[str, str | None]] = (),
    name: str | None = None,
    notes: str | None = None,
    tags: Sequence[str] | None = None,
    repeat: int | Mapping[str, Any] | None = None,
    seed: int | None = None,
    nice: bool | None = None,
    types: Mapping[str, DataType] | None = None,
    words: Mapping[str, Collection[str]] | None = None,
    sweep: Mapping[str, Any] | None = None,
) -> JsonObject:
    """Return a run document with what the command line said: `name=value` pairs and options; None leaves as it is.

    A parameter replaces whatever the document gave for it and keeps its place; one given several times becomes a list
    of values, and one whose type is among *types*, or whose *words* are listed, may be written in short
    (`accio.domain.inline_sweeps`; InvalidDefinition if it can't be read). Values stay text, and None is no value: the
    daemon reads them by the parameter's type. *sweep* has the keys that say which points there are.
    """
    changed: JsonObject = dict(document) | dict(sweep or {})
    texts: dict[str, list[str | None]] = {}
    for param, text in params:
        texts.setdefault(param, []).append(text)
    given = document.get("params", {})
    study = changed.get("optimize")
    drawn = "sample" in changed or (isinstance(study, Mapping) and study.get("sampler") != Sampler.GRID)
    if texts and isinstance(given, Mapping):  # anything else is an error that validation will tell
        changed["params"] = dict(given) | _forms(texts, types or {}, words or {}, sampled=drawn)
        if isinstance(parts := changed.get("union"), list):
            changed["union"] = [_without(part, texts.keys()) for part in parts]
    options = {
        "name": name,
        "notes": notes,
        "tags": None if tags is None else list(tags),
        "repeat": repeat,
        "seed": seed,
        "nice": nice,
    }
    changed |= {key: value for key, value in options.items() if value is not None}
    return changed


def _without(part: Any, names: Collection[str]) -> Any:
    """Return a part of a union without values of its own for some parameters."""
    if not isinstance(part, Mapping) or not isinstance(own := part.get("params"), Mapping):
        return part
    return {**part, "params": {name: form for name, form in own.items() if name not in names}}


def _forms(
    texts: Mapping[str, Sequence[str | None]],
    types: Mapping[str, DataType],
    words: Mapping[str, Collection[str]],
    *,
    sampled: bool,
) -> JsonObject:
    """Return the forms that the texts of parameters mean; InvalidDefinition with everything that is wrong."""
    forms: JsonObject = {}
    wrong: list[Issue] = []
    for param, given in texts.items():
        try:
            forms[param] = inline_form(types.get(param), given, continuous=sampled, words=words.get(param, ()))
        except ValueProblem as problem:
            wrong.append(Issue(pointer("params", param), f"parameter '{param}': {problem.message}"))
    if wrong:
        raise InvalidDefinition(wrong)
    return forms
