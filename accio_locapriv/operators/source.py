"""Where data comes from."""

from collections.abc import Sequence

from accio import Dataset, OperatorContext, operator
from accio_locapriv import sources
from accio_locapriv.operators.outputs import DataOutput, traces_output


@operator(category="source")
def EventSource(
    ctx: OperatorContext, url: Dataset, kind: str = "csv", users: Sequence[str] = (), skip_malformed: bool = False
) -> DataOutput:
    """Read recorded traces: CSV, Cabspotting or Geolife.

    Args:
        url: folder of the recorded files
        kind: csv, cabspotting or geolife
        users: read only the traces of these users (default: of all)
        skip_malformed: leave out lines that can't be parsed, and count them in the metric malformed_lines
    """
    loaded = sources.load(url.path, kind, users, skip_malformed=skip_malformed)
    ctx.metric("malformed_lines", loaded.malformed)
    return traces_output(ctx, loaded.traces)
