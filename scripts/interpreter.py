"""Prints how the interpreter that executes this file was built, and exits with 0 if profiles guided its optimisation.

Such a build executes Accio a fifth faster and more (docs/performance.md). CPython tells by its configuration; those who
build it for a system's own prefix (Debian, Fedora, Arch …) use profiles, though their packages don't all tell so.
"""

import platform
import sys
import sysconfig

SYSTEM_PREFIX = "/usr"


def is_optimised() -> bool:
    """Return whether profile-guided optimisation was used."""
    configured = sysconfig.get_config_var("CONFIG_ARGS") or ""
    return "--enable-optimizations" in configured or sys.base_prefix == SYSTEM_PREFIX


if __name__ == "__main__":
    build = "optimised build" if is_optimised() else "build without profile-guided optimisation"
    print(f"{platform.python_implementation()} {platform.python_version()}, {build}")
    sys.exit(not is_optimised())
