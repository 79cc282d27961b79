"""Operators as the database has them."""

from typing import Any

import orjson

from accio.domain.operators import OperatorSpec
from accio.domain.problems import ValueProblem
from accio.domain.resources import ONE_CPU


def read_operator(text: str) -> OperatorSpec:
    """Read an operator as it was stored; a demand that is none, which earlier versions let in, is that of one CPU."""
    document: dict[str, Any] = orjson.loads(text)
    try:
        return OperatorSpec.from_json(document)
    except ValueProblem:
        return OperatorSpec.from_json({**document, "resources": ONE_CPU.to_json()})
