"""An agent of a later version, which speaks none of today's protocols."""

import sys

from accio_agent import session
from accio_agent.cli import main

session.PROTOCOLS = range(3, 5)

if __name__ == "__main__":
    sys.exit(main())
