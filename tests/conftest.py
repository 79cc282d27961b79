"""How property tests search: at random at a desk, always the same way where CI is set, without time limits anywhere.

A machine that runs other things too is slow at times; that is no finding. `CI` is set where changes are landed.
"""

import os

from hypothesis import HealthCheck, settings

settings.register_profile("desk", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("desk"), derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "desk")
