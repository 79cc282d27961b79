"""`python -m accio_agent`, which is what `accio agent` starts."""

import sys

from accio_agent.agent.cli import main

if __name__ == "__main__":
    sys.exit(main())
