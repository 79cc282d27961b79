"""How a parameter's value looks in a label: short, and different for different values."""

import json
import re

from accio.domain.absence import NO_VALUE
from accio.domain.datatypes import INTEGRAL, DataType, Kind
from accio.domain.jsontext import json_string
from accio.domain.values import display

LONGEST = 60
_AS_THEY_ARE = INTEGRAL | {Kind.DOUBLE, Kind.BOOLEAN}
# Text that could be mistaken for more of the label (or for a shortened value) is put in quotation marks.
_PLAIN = re.compile(r"[^\s\"'#=…\[\]{}\x00-\x1f\x7f]+")


def label_text(datatype: DataType, text: str, index: int) -> str:
    """Render a value, or `null` for none; one too long is shortened and told from others by its *index* on the axis."""
    if datatype.kind in _AS_THEY_ARE or text == NO_VALUE:
        return text
    shown = display(datatype, text)
    if isinstance(shown, str):
        rendered = shown if _PLAIN.fullmatch(shown) and shown != NO_VALUE else json_string(shown)
    else:
        rendered = json.dumps(shown, ensure_ascii=False, separators=(",", ":"))
    if len(rendered) <= LONGEST:
        return rendered
    return f"{rendered[:20]}…{rendered[-20:]}[{index}]"
