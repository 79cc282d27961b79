"""Python's collector of cycles, in processes that live long and free what they make by its reference counts.

With its own thresholds it would walk everything that is alive again and again.
"""

import gc


def spare_imported(*thresholds: int) -> None:
    """Make the collector never look at what is there now, all that was imported, and at what comes by *thresholds*:
    objects of each generation, as `gc.set_threshold` takes them.
    """
    gc.freeze()
    gc.set_threshold(*thresholds)
