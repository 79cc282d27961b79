"""`python -m accio_agent`, which is what `accio agent` starts."""

import sys

from accio.collector import look_rarely

if __name__ == "__main__":
    look_rarely()
    from accio_agent.agent.cli import main  # once the collector lets the imports be

    sys.exit(main())
