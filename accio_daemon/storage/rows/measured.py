"""What children measured: an output that is a number, or a member of a map of numbers."""

import orjson

from accio.domain.datatypes import DataType
from accio.domain.filters.literals import comparable_text
from accio.domain.members import key_shown


def measured_number(datatype: DataType, member: str | None, text: str) -> float | None:
    """Return the number that an output is, in its unit; of a map that of the wanted member, None if there is none.

    *datatype* is the output's type, *text* its canonical JSON, *member* the key as it is shown.
    """
    if member is None:
        return float(comparable_text(datatype, text))
    of_keys, of_values = datatype.args
    for key, value in orjson.loads(text).items():
        if key_shown(of_keys, key) == member:
            return float(comparable_text(of_values, orjson.dumps(value).decode()))
    return None
