"""Whether the extras that an entry point names are installed: operators that need them are silent where they aren't."""

from importlib.metadata import EntryPoint, PackageNotFoundError, version

from packaging.requirements import InvalidRequirement, Requirement


def has_extras(point: EntryPoint) -> bool:
    """Return whether everything is there that the extras of an entry point ask for; True if it names none."""
    if not point.extras or point.dist is None:
        return True
    return all(
        _is_installed(text) for extra in point.extras for text in point.dist.requires or () if _is_of(text, extra)
    )


def _is_of(text: str, extra: str) -> bool:
    """Return whether a requirement is one of an extra, and of nothing else, on this machine."""
    try:
        marker = Requirement(text).marker
    except InvalidRequirement:
        return False
    return marker is not None and marker.evaluate({"extra": extra}) and not marker.evaluate({"extra": ""})


def _is_installed(text: str) -> bool:
    try:
        version(Requirement(text).name)
    except PackageNotFoundError:
        return False
    return True
