"""What a query can ask about: fields of runs, children and nodes, and the context that says which there are."""

from collections.abc import Mapping
from dataclasses import field
from enum import Enum, auto
from typing import TypeAlias

from accio.domain.datatypes import DataType, Kind
from accio.domain.names import MEASURED_METRICS, Suggestions, is_node_name, is_parameter_name
from accio.domain.states import Cause, NodeState, RunState
from accio.domain.sweeps import Sweep
from accio.late import dataclass

PARAM = "param."
TEXT_KINDS = frozenset({Kind.STRING, Kind.DATASET})


class Reads(Enum):
    """How the values of a field are written and compared."""

    TEXT = auto()
    CHOICE = auto()  # one of a few words
    WORKFLOW = auto()  # ID, or ID:VERSION with as much of the version as tells it
    TIME = auto()  # milliseconds since 1970; a duration means that long ago
    SHARE = auto()  # 0 to 1, or a percentage
    NUMBER = auto()
    BYTES = auto()
    MICROSECONDS = auto()
    ANY = auto()  # a parameter of runs that differ: as the value that is met


Reading: TypeAlias = Reads | DataType


@dataclass(frozen=True, slots=True)
class Field:
    """A field that all rows of a kind have."""

    name: str
    reads: Reads
    help: str
    choices: tuple[str, ...] = ()


class Of(Enum):
    """What a subject belongs to."""

    FIELD = auto()
    PARAMETER = auto()
    OUTPUT = auto()
    METRIC = auto()


@dataclass(frozen=True, slots=True)
class Subject:
    """What a predicate is about. `key` is its place in a row: a parameter's is `param.NAME`, the others' their name."""

    of: Of
    name: str
    reads: Reading
    choices: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return PARAM + self.name if self.of is Of.PARAMETER else self.name


def _fields(*fields: Field) -> dict[str, Field]:
    return {each.name: each for each in fields}


_RUN_STATES = tuple(state.value for state in RunState)
RUN_FIELDS: Mapping[str, Field] = _fields(
    Field("state", Reads.CHOICE, "where the run is", _RUN_STATES),
    Field("owner", Reads.TEXT, "who submitted it: a name or an address"),
    Field("tag", Reads.TEXT, "one of its tags"),
    Field("workflow", Reads.WORKFLOW, "its workflow: ID, or ID:VERSION"),
    Field("name", Reads.TEXT, "its name"),
    Field("notes", Reads.TEXT, "its notes"),
    Field("created", Reads.TIME, "when it was submitted"),
    Field("started", Reads.TIME, "when its first node began"),
    Field("ended", Reads.TIME, "when it ended"),
    Field("progress", Reads.SHARE, "how much of it has ended"),
    Field("kind", Reads.CHOICE, "single, parent or child", ("single", "parent", "child")),
    Field("cause", Reads.CHOICE, "why a node of it failed", tuple(cause.value for cause in Cause)),
    Field("agent", Reads.TEXT, "the agent that ran a node of it"),
    Field("operator", Reads.TEXT, "the operator of a node of it"),
)
CHILD_FIELDS: Mapping[str, Field] = {
    **RUN_FIELDS,
    **_fields(
        Field("index", Reads.NUMBER, "the child's number, from 0"),
        Field("repeat", Reads.NUMBER, "the child's repetition, from 1"),
        Field("seed", Reads.NUMBER, "the child's seed"),
    ),
}
NODE_FIELDS: Mapping[str, Field] = {
    **RUN_FIELDS,
    **_fields(
        Field("state", Reads.CHOICE, "where the node is", tuple(state.value for state in NodeState)),
        Field("node", Reads.TEXT, "the node's name"),
    ),
}
SEARCHED = ("name", "notes", "tag", "workflow", "label")
"""The fields in which words are searched for, besides parameters that are texts."""

_MEASURED = {
    name: Reads.MICROSECONDS if name.endswith("_us") else Reads.BYTES for name in MEASURED_METRICS
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a query may ask about, and when it is asked.

    `parameters` None: those of all runs, which aren't known. `outputs` None: results can't be asked for here. `metrics`
    None: whatever the nodes in `nodes` measured.
    """

    fields: Mapping[str, Field]
    now_ms: int
    parameters: Mapping[str, DataType] | None = None
    outputs: Mapping[str, DataType] | None = None
    metrics: frozenset[str] | None = None
    nodes: frozenset[str] = field(default_factory=frozenset)

    def names(self) -> list[str]:
        """Return every name that is known, as it is written in a query, for suggestions and completion."""
        parameters = [PARAM + name if name in self.fields else name for name in self.parameters or ()]
        measured = [f"{node}.{metric}" for node in sorted(self.nodes) for metric in MEASURED_METRICS]
        custom = sorted(self.metrics or ())
        return [
            *self.fields,
            *parameters,
            *(self.outputs or ()),
            *(measured if self.outputs is not None else ()),
            *custom,
        ]

    def find(self, name: str) -> Subject | None:
        """Return the subject of that name, or None."""
        if name.startswith(PARAM):
            return self._parameter(name.removeprefix(PARAM))
        if (known := self.fields.get(name)) is not None:
            return Subject(Of.FIELD, name, known.reads, known.choices)
        if self.parameters is not None and name in self.parameters:
            return self._parameter(name)
        if self.outputs is not None:
            if name in self.outputs:
                return Subject(Of.OUTPUT, name, self.outputs[name])
            if (metric := self._metric(name)) is not None:
                return metric
        return self._parameter(name) if self.parameters is None else None

    def _parameter(self, name: str) -> Subject | None:
        if self.parameters is None:
            return Subject(Of.PARAMETER, name, Reads.ANY) if is_parameter_name(name) else None
        datatype = self.parameters.get(name)
        return None if datatype is None else Subject(Of.PARAMETER, name, datatype)

    def _metric(self, name: str) -> Subject | None:
        node, _, metric = name.rpartition(".")
        if node not in self.nodes or not metric:
            return None
        known = metric in _MEASURED or self.metrics is None or name in self.metrics
        return Subject(Of.METRIC, name, _MEASURED.get(metric, Reads.NUMBER)) if known else None

    def why_not(self, name: str) -> tuple[str, str | None]:
        """Return why there is no such subject, and which was probably meant."""
        suggestion = Suggestions(self.names()).closest(name)
        looks_like_result = "/" in name or ("." in name and is_node_name(name) and not name.startswith(PARAM))
        if self.outputs is None and looks_like_result:
            why = "results and metrics can be asked for inside one sweep only, not over all runs"
            return f"'{name}': {why}", None
        if name.startswith(PARAM):
            return f"there is no parameter '{name.removeprefix(PARAM)}'", suggestion
        if self.outputs is not None:
            what = "a field, a parameter, Node/port or Node.metric"
        elif self.fields:
            what = "a field or a parameter"
        else:  # which points a sweep has
            what = f"a parameter that has values: {', '.join(self.parameters or ()) or 'none has'}"
        return f"there is no '{name}' here; expected {what}", suggestion


def sweep_context(
    sweep: Sweep,
    *,
    now_ms: int,
    outputs: Mapping[str, DataType] | None = None,
    nodes: frozenset[str] = frozenset(),
    metrics: frozenset[str] | None = None,
) -> Context:
    """Return the context of queries over the children of a sweep; *outputs* are called `Node/port`."""
    return Context(
        fields=CHILD_FIELDS,
        now_ms=now_ms,
        parameters={axis.name: axis.type for axis in sweep.axes},
        outputs={} if outputs is None else outputs,
        metrics=metrics,
        nodes=nodes,
    )
