"""Which version of Accio this is: the installed distribution's, or that of the checkout that it runs from."""

from functools import lru_cache
from pathlib import Path

DISTRIBUTION = "accio-experiments"
"""The name under which Accio is installed; its packages and its command are called accio."""

UNKNOWN = "0+unknown"


@lru_cache(maxsize=1)
def accio_version() -> str:
    """Return this program's version; UNKNOWN for files that neither an installer nor a checkout vouches for."""
    from importlib import metadata  # it loads all that e-mails may consist of

    try:
        return metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return _of_checkout(Path(__file__).resolve().parents[1]) or UNKNOWN


def _of_checkout(folder: Path) -> str | None:
    """Return the version that the pyproject.toml of *folder* states, if that is Accio's."""
    import tomllib  # only a checkout that isn't installed needs it

    try:
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8")).get("project", {})
    except (OSError, ValueError):
        return None
    return str(project["version"]) if project.get("name") == DISTRIBUTION and "version" in project else None
