-- What nodes demand that were retried with more (or less) than their workflow says.
CREATE TABLE demands (
    run_no     INTEGER NOT NULL,
    idx        INTEGER NOT NULL,
    node       INTEGER NOT NULL,
    resources  TEXT NOT NULL,           -- Resources as JSON, all of them
    timeout_ms INTEGER,                 -- null: none
    PRIMARY KEY (run_no, idx, node)
) STRICT, WITHOUT ROWID;
