"""`python -m accio_pool`, which is what `accio pool serve` and `accio pool check` start."""

import sys

from accio_pool.cli import main

if __name__ == "__main__":
    sys.exit(main())
