"""The JSON Schemas (draft 2020-12) of what users write, shipped with the package."""

import json
from importlib.resources import files

from accio.domain.jsontypes import JsonObject


def load(name: str) -> JsonObject:
    """Return a schema by its name (`workflow`, `run`, `pools`); FileNotFoundError if there is none."""
    text = files(__name__).joinpath(f"{name}.schema.json").read_text(encoding="utf-8")
    schema: JsonObject = json.loads(text)
    return schema
