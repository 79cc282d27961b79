"""Memo keys: the bytes whose hash tells whether two nodes compute the same. docs/keys.md has test vectors.

    key = BLAKE3 of {"digest":DIGEST,"format":1,"inputs":{PORT:FRAGMENT,…},"operator":NAME,"seed":SEED}

in canonical JSON; `seed` is there for unstable operators only, absent optional ports are left out, but for those
that would get a default then: theirs is `null`. A port's *fragment*
is its canonical text, with two exceptions that keep keys short and free of paths:

- a dataset is `{"dataset":"blake3:HEX"}`, HEX being the digest of its content, also inside collections;
- a fragment of more than FRAGMENT_LIMIT bytes is replaced by `{"blake3":"HEX"}`, HEX being the hash of its bytes. So is
  a shorter one that begins like such a replacement: no map can be made that is taken for another value.

A change to any of this changes KEY_FORMAT, and with it every key.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
from blake3 import blake3

from accio.domain.absence import NO_VALUE
from accio.domain.datatypes import DataType, Kind
from accio.domain.jsontext import json_string, object_text
from accio.domain.operators import OperatorSpec
from accio.domain.values import canonical, decode

KEY_FORMAT = 1
FRAGMENT_LIMIT = 65_536
_RESERVED = '{"blake3":'
SURELY_SHORT = FRAGMENT_LIMIT // 4
"""Characters of a text that is its own fragment unless it begins with a brace: it has four bytes for each at most."""


def fragment(text: str) -> str:
    """Return the fragment of a value without datasets from its canonical text."""
    # A text of n characters has at most 4n bytes, and at least n: most needn't be encoded to be measured.
    short = len(text) <= SURELY_SHORT or len(text.encode()) <= FRAGMENT_LIMIT
    if short and not text.startswith(_RESERVED):
        return text
    return f'{_RESERVED}"{blake3(text.encode()).hexdigest()}"}}'


def blob_fragment(digest: str) -> str:
    """Return the fragment of a value that is so long that it is kept as a blob, from that blob's `blake3:HEX`."""
    return f'{_RESERVED}"{digest.removeprefix("blake3:")}"}}'


def dataset_fragment(digest: str) -> str:
    """Return the fragment of a dataset from the digest of its content (`blake3:HEX`)."""
    return f'{{"dataset":{json_string(digest)}}}'


def fragment_with_datasets(datatype: DataType, text: str, digests: Mapping[str, str]) -> str:
    """Return the fragment of a value whose type contains dataset; *digests* maps each dataset's text to its digest.

    KeyError names a dataset whose digest is missing.
    """
    if datatype.kind is Kind.DATASET:
        return dataset_fragment(digests[orjson.loads(text)])
    return fragment(_replaced(datatype, decode(datatype, text), digests))


def datasets_of(datatype: DataType, text: str) -> tuple[str, ...]:
    """Name the datasets inside a value, each once, sorted."""
    if text == NO_VALUE or not datatype.contains(Kind.DATASET):
        return ()
    return tuple(sorted(set(_datasets(datatype, decode(datatype, text)))))


def _datasets(datatype: DataType, value: Any) -> Iterable[str]:
    match datatype.kind:
        case Kind.DATASET:
            yield value
        case Kind.LIST | Kind.SET:
            for element in value:
                yield from _datasets(datatype.args[0], element)
        case Kind.MAP:
            for key, member in value.items():
                yield from _datasets(datatype.args[0], key)
                yield from _datasets(datatype.args[1], member)
        case _:
            return


def _replaced(datatype: DataType, value: Any, digests: Mapping[str, str]) -> str:
    """Render a value with its datasets replaced; sets and maps are sorted by what then stands there."""
    if not datatype.contains(Kind.DATASET):
        return canonical(datatype, value)
    match datatype.kind:
        case Kind.LIST:
            return "[" + ",".join(_replaced(datatype.args[0], element, digests) for element in value) + "]"
        case Kind.SET:
            # Two paths of equal content stay two elements: the operator sees two.
            elements = [_replaced(datatype.args[0], element, digests) for element in value]
            return "[" + ",".join(sorted(elements, key=str.encode)) + "]"
        case Kind.MAP:
            return _replaced_map(datatype, value, digests)
        case _:
            return dataset_fragment(digests[value])


def _replaced_map(datatype: DataType, value: Mapping[Any, Any], digests: Mapping[str, str]) -> str:
    key_type, value_type = datatype.args
    members = [(key, _replaced(value_type, member, digests)) for key, member in value.items()]
    if not key_type.contains(Kind.DATASET):
        texts = {key if key_type.kind is Kind.STRING else canonical(key_type, key): text for key, text in members}
        return object_text(texts)
    # Keys that hold datasets may become equal: all pairs stay, as a list.
    pairs = sorted(f"[{_replaced(key_type, key, digests)},{text}]" for key, text in members)
    return "[" + ",".join(pairs) + "]"


class KeyTemplate:
    """Computes the keys of one operator; what doesn't depend on the inputs is prepared once."""

    __slots__ = ("_end", "head", "ports", "tail")

    def __init__(self, operator: str, digest: str, ports: Iterable[str]) -> None:
        """Prepare for an operator with a digest, and the names of its inputs."""
        self.ports = tuple(sorted(ports))
        self.head = f'{{"digest":{json_string(digest)},"format":{KEY_FORMAT},"inputs":'
        self.tail = f',"operator":{json_string(operator)}'
        self._end = f"{self.tail}}}"  # of nodes without a seed, which most are

    @classmethod
    def of(cls, spec: OperatorSpec) -> "KeyTemplate | None":
        """Return the template of an operator; None if its digest isn't known, so that nothing is cached."""
        if spec.digest is None:
            return None
        return cls(spec.name, spec.digest, (port.name for port in spec.inputs))

    def document(self, fragments: Sequence[str | None], seed: int | None = None) -> str:
        """Return what is hashed; *fragments* are in the order of `ports`, None for an absent one."""
        end = self._end if seed is None else f'{self.tail},"seed":{seed}}}'
        return f"{self.head}{self._inputs(fragments)}{end}"

    def key(self, fragments: Sequence[str | None], seed: int | None = None) -> bytes:
        """Return the 32 bytes of the key; *seed* for unstable operators only."""
        return self.key_of(self._inputs(fragments), seed)

    def key_of(self, inputs: str, seed: int | None = None) -> bytes:
        """Return the key from the object of the fragments by port, in the order of `ports`, absent ones left out."""
        end = self._end if seed is None else f'{self.tail},"seed":{seed}}}'
        return blake3(f"{self.head}{inputs}{end}".encode()).digest()

    def _inputs(self, fragments: Sequence[str | None]) -> str:
        members = zip(self.ports, fragments, strict=True)
        return "{" + ",".join([f'"{port}":{text}' for port, text in members if text is not None]) + "}"
