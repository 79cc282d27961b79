"""Requirements of extras are told from others without loading what reads all of them."""

import subprocess
import sys

import pytest
from packaging.requirements import InvalidRequirement, Requirement

from accio.sdk import extras

TEXTS = (
    "numpy",
    "numpy>=2 ; extra == 'more'",
    'numpy[a,b] (>=2,<3);extra=="More"',
    "numpy; extra == 'other'",
    "numpy; extra == 'more' and python_version >= '3.8'",
    "numpy; extra == 'more' and python_version < '3'",
    "numpy; extra == 'more' or python_version >= '3'",
    "numpy; python_version >= '3'",
    "numpy @ https://example.org/extra.zip ; extra == 'more'",
    "numpy; 'more' == extra",
    "numpy; extra == 'mo_re'",
    "!; extra == 'more'",
    "numpy; (python_version >= '3' and os_name != '') and extra == 'more'",
    "numpy; (python_version >= '3' and os_name != '') and extra == 'Mo.Re'",
    "numpy; (python_version >= '3' and os_name != '') and extra == 'other'",
)


@pytest.mark.parametrize("extra", ["more", "MORE", "mo-re", "mo.Re", "none"])
@pytest.mark.parametrize("text", TEXTS)
def test_what_is_of_an_extra_is_as_packaging_has_it(text: str, extra: str) -> None:
    """Those that are read without it, too."""
    try:
        found = Requirement(text)
    except InvalidRequirement:
        expected = None
    else:
        marker = found.marker
        of_it = marker is not None and marker.evaluate({"extra": extra}) and not marker.evaluate({"extra": ""})
        expected = found.name if of_it else None
    assert extras._name_of(text, extra) == expected


@pytest.mark.parametrize("text", ["numpy; extra == 'more'", "numpy; python_version >= '3' and extra == 'other'"])
def test_sources_are_found_without_packaging(text: str) -> None:
    """It is a twentieth of what an agent loads as it starts, and other extras don't concern it."""
    code = f"import sys; from accio.sdk import extras; extras._name_of({text!r}, 'more'); "
    code += "sys.exit('packaging' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
