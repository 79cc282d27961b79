"""`python -m accio_daemon`, which is what `accio daemon` starts."""

import sys

from accio.collector import look_rarely

if __name__ == "__main__":
    look_rarely()
    from accio_daemon.cli import main  # once the collector lets the imports be

    sys.exit(main())
