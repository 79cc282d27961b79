"""The program that describes the operators of one source, as `accio.sdk.describe` says.

    python -m accio.sdk.describing RESULT_FILE CACHE DISTRIBUTION REFERENCE…

The catalogue runs it as a process of its own, so that an agent never imports what operators import. The result is
written to a file, because imports may print anything. CACHE is a folder, or an empty text for none.
"""

import sys

from accio.collector import look_rarely
from accio.interpreter import give_back_path

if __name__ == "__main__":
    given, sys.argv[1:] = sys.argv[1:], []  # operators must not find them
    look_rarely()
    give_back_path()
    from accio.sdk.describe import main  # once the collector lets the imports be

    main(given)
