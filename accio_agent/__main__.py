"""`python -m accio_agent`, which is what `accio agent` starts."""

import sys

from accio_agent.cli import main

if __name__ == "__main__":
    sys.exit(main())
