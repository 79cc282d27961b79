"""What a node receives, stated once: the value of each input, its fragment in the key, and the key itself.

Asked when a node becomes ready (`readying`), for a dry run (`storage/submitting/dry_run.py`) and to show a node
(`storage/nodes/node_inputs.py`): were there two answers, a dry run would promise hits that never come. What enters a
key is the business of `accio.domain.keys`.
"""

from collections.abc import Callable, Mapping, Sequence

from accio.domain.absence import NO_VALUE
from accio.domain.datatypes import DataType
from accio.domain.keys import SURELY_SHORT, KeyTemplate, blob_fragment, datasets_of, fragment, fragment_with_datasets
from accio.domain.named_content import content_of
from accio.domain.sweeps import Sweep
from accio.domain.values import cast
from accio.late import dataclass
from accio_daemon.core.terms import Gather, Gathered, Pin, Result

Blob = tuple[str, int]  # digest and size of the canonical JSON of a value that is kept as a blob
NOTHING_GATHERED: Mapping[Gather, Gathered] = {}
NO_CONTENTS: Mapping[str, Pin] = {}  # what most nodes receive beside values, as the next
NO_BLOBS: Mapping[str, Blob] = {}
Results = Callable[[int], Result | None]  # a predecessor's result by its place in the graph; None if it has none yet


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """Where the value of one input port comes from: exactly one of text, axis, node, gather."""

    port: str
    label: str  # '"port":', as it stands in the inputs document
    target: DataType
    source: DataType
    has_dataset: bool
    says_none: bool = False  # whether no value must be said, since a port that is left out gets its default
    text: str | None = None  # a constant, cast to the port's type, or NO_VALUE
    axis: int | None = None  # place of the sweep's axis
    node: int | None = None  # place of the predecessor
    node_port: str = ""
    gather: Gather | None = None
    partial: bool = False  # whether what is gathered may lack children


class Inputs:
    """What one node receives, in the forms of the worker and of the key. Complete once nothing is `missing`."""

    __slots__ = ("blobs", "contents", "key_inputs", "missing", "wire")

    def __init__(self) -> None:
        self.wire = ""  # the inputs document: canonical JSON by port
        self.key_inputs = ""  # the same as it enters the key
        self.contents: Mapping[str, Pin] = NO_CONTENTS  # dataset text -> content that the run pinned
        self.blobs: Mapping[str, Blob] = NO_BLOBS  # by port; not in the inputs document
        self.missing: Sequence[str] = ()  # datasets that the run hasn't pinned yet


def value_of(
    binding: Binding,
    sweep: Sweep,
    coordinates: Sequence[int],
    results: Results,
    gathered: Mapping[Gather, Gathered] = NOTHING_GATHERED,
) -> str | Blob | None:
    """Return the text of an input, cast to its port's type (or NO_VALUE), or its blob; None if there is none yet."""
    if binding.text is not None:
        return binding.text
    if binding.gather is not None:
        found = gathered.get(binding.gather)
        return None if found is None else found.text if found.blob is None else found.blob
    if binding.axis is not None:
        text = sweep.axes[binding.axis].value_at(coordinates[binding.axis])
        if text == NO_VALUE:
            return text
    else:
        assert binding.node is not None, "an input has one source"
        result = results(binding.node)
        if result is None:
            return None
        if result.blobs is not None and binding.node_port in result.blobs:
            return result.blobs[binding.node_port]
        text = result.outputs[binding.node_port]
    return text if binding.source is binding.target else cast(binding.source, binding.target, text)


def received(
    bindings: Sequence[Binding],
    sweep: Sweep,
    coordinates: Sequence[int],
    results: Results,
    pins: Mapping[str, Pin],
    gathered: Mapping[Gather, Gathered] = NOTHING_GATHERED,
) -> Inputs | None:
    """Return what a node receives at *coordinates* of its sweep; None if a predecessor has no result, or what it
    gathers isn't among *gathered*.
    """
    inputs = Inputs()
    wire: list[str] = []
    keyed: list[str] | None = None  # the members of the key; None as long as they are those of `wire`
    for binding in bindings:
        value: str | Blob | None = binding.text  # as `value_of` does: here it is asked for each node
        label = binding.label
        if value is None:
            axis = binding.axis
            if axis is not None and binding.source is binding.target:  # so does this
                value = sweep.axes[axis].value_at(coordinates[axis])
            else:
                value = value_of(binding, sweep, coordinates, results, gathered)
            if value is None:
                return None
        if isinstance(value, tuple):
            inputs.blobs = {**inputs.blobs, binding.port: value}
            keyed = [*wire] if keyed is None else keyed
            keyed.append(label + blob_fragment(value[0]))
            continue
        if value == NO_VALUE and not binding.says_none:
            continue
        member = label + value
        if binding.has_dataset:
            shown = _with_datasets(binding, value, pins, inputs)
        else:  # most are their own fragment
            shown = value if len(value) <= SURELY_SHORT and value[:1] != "{" else fragment(value)
        if keyed is None and shown is not value:
            keyed = [*wire]
        if keyed is not None:
            keyed.append(member if shown is value else label + shown)
        wire.append(member)
    inputs.wire = "{" + ",".join(wire) + "}"
    inputs.key_inputs = inputs.wire if keyed is None else "{" + ",".join(keyed) + "}"  # nearly always the same
    return inputs


def _with_datasets(binding: Binding, text: str, pins: Mapping[str, Pin], inputs: Inputs) -> str:
    if text == NO_VALUE:
        return text
    digests: dict[str, str] = {}
    contents: dict[str, Pin] = {}
    missing: list[str] = []
    for name in datasets_of(binding.target, text):
        if (content := content_of(name)) is not None:
            digests[name] = content
        elif (pin := pins.get(name)) is not None:
            contents[name] = pin
            digests[name] = pin.digest
        else:
            missing.append(name)
    if contents:
        inputs.contents = {**inputs.contents, **contents}
    if missing:
        inputs.missing = [*inputs.missing, *missing]
    return "" if inputs.missing else fragment_with_datasets(binding.target, text, digests)


def key_of(template: KeyTemplate, inputs: Inputs, seed: int | None) -> bytes:
    """Return the key of a node that receives complete *inputs*, and (if its operator is unstable) *seed*."""
    return template.key_of(inputs.key_inputs, seed)
