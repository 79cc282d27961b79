from tests.benchmarks.rows import Row

ROWS: tuple[Row, ...] = ()
