"""`python -m accio_agent.worker`, which agents start as templates and, where a fork would be unsafe, as workers."""

import sys

from accio.collector import look_rarely

if __name__ == "__main__":
    usual = look_rarely()
    from accio_agent.worker.program import main  # once the collector lets the imports be

    main(sys.argv[1:], usual)
