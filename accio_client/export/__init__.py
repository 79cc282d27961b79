"""Results as tables: files of CSV, Parquet or JSON lines, and tables for Arrow, pandas and polars.

    columns     what a column holds, and cells from values       selection   which artifacts and metrics are wanted
    rows        export chunks as rows                            spool       chunks kept until all columns are known
    tables      one table per artifact or metric                 aggregate   statistics over repetitions
    wide        one table with a row per run                     statistics  mean, deviation, Student's t
    points      the same statistics from packed columns
    files       writing without ever leaving half a file         formats     CSV, JSON lines, Parquet
    frames      tables in memory                                 exporting   all of it together

Nothing here talks to the daemon.
"""
