"""The Python form of JSON.

Documents that users wrote are read with exact numbers: whole numbers as int, all others as Decimal.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeAlias

# What JSON text means once read. A recursive alias is more trouble than it is worth with frozen containers,
# so the element types stay open here and each reader checks what it takes.
Json: TypeAlias = bool | int | float | Decimal | str | Sequence[Any] | Mapping[str, Any] | None
JsonObject: TypeAlias = dict[str, Any]
