"""Test vectors that the documentation publishes: one JSON object per line of its `jsonl` blocks."""

import json
import re
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[3] / "docs"


def published(page: str) -> list[list[dict[str, Any]]]:
    """Return the vectors of a page, block by block."""
    blocks = re.findall(r"```jsonl\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)
    return [[json.loads(line) for line in block.splitlines()] for block in blocks]
