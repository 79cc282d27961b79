"""structlog, loaded as if rich weren't installed: rich draws tracebacks that nothing here shows, and takes longer to
load than structlog itself. Import it before anything that imports structlog.
"""

import sys

if not {"structlog", "rich"} & sys.modules.keys():
    sys.modules["rich"] = None  # type: ignore[assignment]  # the documented way of making an import fail
    try:
        import structlog
    finally:
        del sys.modules["rich"]
else:
    import structlog

__all__ = ["structlog"]
