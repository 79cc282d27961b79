"""An agent of a later version, which speaks none of today's protocols."""

import sys

from accio_agent.agent.cli import main
from accio_agent.agent.link import session

session.PROTOCOLS = range(3, 5)

if __name__ == "__main__":
    sys.exit(main())
