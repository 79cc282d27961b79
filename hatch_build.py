"""The build hook: a wheel, and an editable install, generate accio/v1 from protos/ first."""

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parent


class GenerateStubs(BuildHookInterface):  # type: ignore[type-arg]  # the parameter is the builder's configuration, unused
    """Runs the same function as scripts/gen-protos."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Generate the stubs before hatchling collects the files of a wheel (an sdist holds the protos only)."""
        if self.target_name == "wheel":
            sys.path.insert(0, str(ROOT))  # the builder starts in any folder, and scripts/ is no installed package
            from scripts import protos

            protos.generate(ROOT)
