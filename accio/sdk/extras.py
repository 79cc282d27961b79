"""Whether the extras that an entry point names are installed: operators that need them are silent where they aren't."""

import re
from importlib.metadata import EntryPoint, PackageNotFoundError, version

_PLAIN = re.compile(r"""\s*([A-Za-z0-9][A-Za-z0-9._-]*)[^;@]*;\s*extra\s*==\s*(["'])([A-Za-z0-9._-]+)\2\s*""")
"""A requirement of one extra wherever it is installed, which is what most are."""


def has_extras(point: EntryPoint) -> bool:
    """Return whether everything is there that the extras of an entry point ask for; True if it names none."""
    if not point.extras or point.dist is None:
        return True
    return all(
        _is_installed(name)
        for extra in point.extras
        for text in point.dist.requires or ()
        if (name := _name_of(text, extra)) is not None
    )


def _name_of(text: str, extra: str) -> str | None:
    """Return what a requirement asks for if it is one of an extra, and of nothing else, on this machine; else None."""
    if plain := _PLAIN.fullmatch(text):
        return plain[1] if _normal(plain[3]) == _normal(extra) else None
    condition = text.partition(";")[2]
    if "extra" not in condition or _normal(extra) not in _normal(condition):  # it may be one of another extra
        return None
    from packaging.requirements import InvalidRequirement, Requirement  # an agent's start seldom needs to load it

    try:
        found = Requirement(text)
    except InvalidRequirement:
        return None
    marker = found.marker
    if marker is None or not marker.evaluate({"extra": extra}) or marker.evaluate({"extra": ""}):
        return None
    return found.name


def _normal(extra: str) -> str:
    return re.sub("[-_.]+", "-", extra).lower()


def _is_installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True
